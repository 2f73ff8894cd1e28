"""Expected differences between the frameworks, as regions: where a case of `cases/divergences/` shows one.

A sweep meets them by the thousand. One is recognised if it is this framework, this function, this line, and
if the case has a number in the region where the difference is known; anything else is a finding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import FORMATS, Bounded, Format


@dataclass(frozen=True)
class Known:
    """An expected difference.

    Attributes
    ----------
    case
        The case that shows and explains it.
    adapter
        Whose it is.
    function
        The activation or the loss.
    lines
        Where it first shows: "a", "dL/dz" or "dL/da" of the layer, "loss".
    region
        From z of the layer (or ŷ, of a loss), what it may be off by, y and the format: which elements may lie
        where it is known.
    dtypes
        The formats in which it is, all if empty.
    """

    case: str
    adapter: str
    function: str
    lines: tuple[str, ...]
    region: Callable[[Any, Any, Any, Format], Any]
    dtypes: tuple[str, ...] = ()

    def lines_of(self, problem: Problem) -> dict[str, str]:
        """Return each line of a problem at which it may show, with the quantity that tells where."""
        if self.dtypes and problem.dtype not in self.dtypes:
            return {}
        if self.function == problem.loss:
            last = names.a(problem.depth)
            return {line if line == "loss" else f"{line}{problem.depth}": last for line in self.lines}
        layers = [k for k, name in enumerate(problem.activations, start=1) if name == self.function]
        return {f"{line}{k}": names.z(k) for k in layers for line in self.lines}


SOFTPLUS_THRESHOLD: Final = 20
LEAST_LOG: Final = -100
# PyTorch's, as the cases tell.
LEAST_PROBABILITY: Final = 1e-12

KNOWN: Final = (
    Known(
        case="divergences/softplus-threshold",
        adapter="torch",
        function="softplus",
        lines=("a", "dL/dz"),
        region=lambda z, off, *_: z + off > SOFTPLUS_THRESHOLD,
        dtypes=("float64",),
    ),
    Known(
        case="divergences/hardtanh-at-one",
        adapter="jax",
        function="hardtanh",
        lines=("dL/dz",),
        region=lambda z, off, *_: np.abs(np.abs(z) - 1) <= off,
    ),
    Known(
        case="divergences/leaky-relu-at-zero",
        adapter="jax",
        function="leaky_relu",
        lines=("dL/dz",),
        region=lambda z, off, *_: np.abs(z) <= off,
    ),
    Known(
        case="divergences/l1-at-zero",
        adapter="jax",
        function="l1",
        lines=("dL/da",),
        region=lambda a, off, y, _: np.abs(a - y) <= off,
    ),
    Known(
        case="divergences/log-clamped",
        adapter="torch",
        function="binary_cross_entropy",
        lines=("loss",),
        region=lambda a, off, *_: np.minimum(a, 1 - a) - off < np.exp(LEAST_LOG),
    ),
    Known(
        case="divergences/probability-clamped",
        adapter="torch",
        function="binary_cross_entropy",
        lines=("dL/da",),
        region=lambda a, off, *_: np.minimum(a, 1 - a) - off < LEAST_PROBABILITY,
    ),
)


def known(
    adapter: str, problem: Problem, quantity: str, values: Mapping[str, Bounded], *, shown: bool
) -> NDArray[Any]:
    """Say for each case of a stack by which case of `cases/divergences/` a difference is known, or "".

    Parameters
    ----------
    quantity
        The first that differs.
    values
        What is known of that step: the program's own numbers or, where it hides them, bounds on them.
    shown
        Whether the program states all quantities; if not, a difference shows where it is first stated.
    """
    cases, y = np.full(len(problem.x), "", object), np.asarray(problem.y, np.float64)
    for one in KNOWN:
        lines = one.lines_of(problem) if one.adapter == adapter else {}
        for line, argument in lines.items():
            if line == quantity or not shown:
                z = values[argument]
                inside = one.region(z.value, z.error, y, FORMATS[problem.dtype])
                cases[inside.reshape(len(y), -1).any(axis=1) & (cases == "")] = one.case
    return cases
