"""The programs that a sweep judges, and where each is expected to differ.

An expected difference is a region: where a case of `cases/divergences/` shows it. It is recognised by the
framework, the function, the line, and a number in the region; anything else is a finding.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters import Adapter, Program, Unavailable
from cases import Problem, names
from cases.problem import stacked
from reference import Claim, Finding, JudgedStep, judge
from reference.agreement import DIFFERS
from reference.arithmetic import Bounded
from reference.batched import MalformedError, judge_recomputed, known_values, stack_of_one


@dataclass(frozen=True)
class Implementation:
    adapter: Adapter
    program: Program

    @property
    def name(self) -> str:
        return f"{self.adapter.name} {self.program.name}".strip()

    @property
    def framework(self) -> str:
        return self.adapter.framework or self.adapter.name

    def judge(self, problem: Problem, run: Callable[..., Any] | None = None) -> Iterator[JudgedStep]:
        """Judge the program on one case, or what `run` states in its place."""
        promises, accumulators = self.program.promises(problem.depth), self.program.accumulators
        return judge(problem, run or self.program.run, promises, accumulators=accumulators)


def implementations(adapters: Iterable[Adapter | Unavailable], block: int) -> Iterator[Implementation]:
    """Give each adapter's programs for one block; of several that compile a stack, one block each in turn."""
    for adapter in adapters:
        if isinstance(adapter, Adapter):
            stacking = [program for program in adapter.programs if program.stacked]
            several = len(stacking) > 1
            for program in [stacking[block % len(stacking)]] if several else adapter.programs:
                yield Implementation(adapter, program)


# Expected differences


@dataclass(frozen=True)
class ExpectedRegion:
    """Where a difference of a framework's activation or loss is expected, as a case shows and explains it."""

    case: str
    framework: str
    function: str
    lines: tuple[str, ...]  # where it first shows: "a", "dL/dz" or "dL/da" of the layer, "loss"
    # From z of the layer (ŷ, of a loss), what it may be off by, and y: which elements may lie in the region.
    contains: Callable[[Any, Any, Any], Any]
    dtypes: tuple[str, ...] = ()  # all if empty

    def lines_of(self, problem: Problem) -> dict[str, str]:
        """Return each line of a problem at which it may show, with the quantity that decides where."""
        if self.dtypes and problem.dtype not in self.dtypes:
            return {}
        if self.function == problem.loss:
            last = names.a(problem.depth)
            return {line if line == "loss" else f"{line}{problem.depth}": last for line in self.lines}
        layers = [k for k, name in enumerate(problem.activations, start=1) if name == self.function]
        return {f"{line}{k}": names.z(k) for k in layers for line in self.lines}


# PyTorch's numbers are as the cases say.
REGIONS: Final = (
    ExpectedRegion(
        "divergences/softplus-threshold", "torch", "softplus", ("a", "dL/dz"),
        lambda z, off, _: z + off > 20, ("float64",),  # noqa: PLR2004 - its threshold
    ),
    ExpectedRegion(
        "divergences/hardtanh-at-one", "jax", "hardtanh", ("dL/dz",),
        lambda z, off, _: np.abs(np.abs(z) - 1) <= off,
    ),
    ExpectedRegion(
        "divergences/leaky-relu-at-zero", "jax", "leaky_relu", ("dL/dz",), lambda z, off, _: np.abs(z) <= off
    ),
    ExpectedRegion(
        "divergences/l1-at-zero", "jax", "l1", ("dL/da",), lambda a, off, y: np.abs(a - y) <= off
    ),
    ExpectedRegion(
        "divergences/log-clamped", "torch", "binary_cross_entropy", ("loss",),
        lambda a, off, _: np.minimum(a, 1 - a) - off < np.exp(-100),
    ),
    ExpectedRegion(
        "divergences/probability-clamped", "torch", "binary_cross_entropy", ("dL/da",),
        lambda a, off, _: np.minimum(a, 1 - a) - off < 1e-12,  # noqa: PLR2004
    ),
)  # fmt: skip

# XLA may fuse a product into the sums that use it, and compute it once more for the output, in another order;
# in 16 bits it may go on with what it has not rounded yet. So it goes on with another value than it states.
RECOMPUTED: Final = "computed twice by the compiler"


def expected_in_stack(
    implementation: Implementation,
    stack: Problem,
    steps: NDArray[Any],
    quantities: NDArray[Any],
    claims: Sequence[Claim],
) -> NDArray[Any]:
    """Return for each case of a stack why its first difference is expected: a case, `RECOMPUTED`, or "".

    `steps` and `quantities`, (C,), say where each case first differs; the quantity is "" where it does not.
    """
    reasons, differs = np.full(len(stack.x), "", object), quantities != ""
    if not differs.any():
        return reasons
    accumulators = implementation.program.accumulators
    try:
        values = list(known_values(stack, claims, accumulators))
    except MalformedError:  # the claim also holds something that is no quantity of this network
        return reasons
    for step, quantity in {*zip(steps[differs].tolist(), quantities[differs].tolist(), strict=True)}:
        here = (steps == step) & (quantities == quantity)
        reasons[here] = _regions(implementation, stack, quantity, values[step - 1])[here]
    unexpected = differs & (reasons == "")
    if implementation.program.is_compiled and unexpected.any():
        findings = [finding for step in judge_recomputed(stack, claims, accumulators) for finding in step]
        agrees_again = ~np.any([finding.verdicts == DIFFERS for finding in findings], axis=0)
        reasons[unexpected & agrees_again] = RECOMPUTED
    return reasons


def expected_alone(
    implementation: Implementation, problem: Problem, finding: Finding, steps: Sequence[JudgedStep]
) -> str:
    """Return why a finding on one case, in one of its first `steps`, is expected, or ""."""
    stack = replace(stacked([problem]), steps=len(steps))
    where = np.array([finding.step]), np.array([finding.quantity], object)
    claims = [stack_of_one(step.claim) for step in steps]
    return str(expected_in_stack(implementation, stack, *where, claims)[0])


def _regions(
    implementation: Implementation, stack: Problem, quantity: str, values: Mapping[str, Bounded]
) -> NDArray[Any]:
    """Return for each case of a stack the first region that has an element of it, as the name of its case.

    `values` are the program's own numbers or, where it hides them, bounds on them.
    """
    reasons, y = np.full(len(stack.x), "", object), np.asarray(stack.y, np.float64)
    # If it hides any number, a difference shows where it is first stated.
    hides_some = not names.observable(1) <= implementation.program.promises(1)
    for region in REGIONS:
        lines = region.lines_of(stack) if region.framework == implementation.framework else {}
        for line, argument in lines.items():
            if line == quantity or hides_some:
                inside = region.contains(values[argument].value, values[argument].error, y)
                reasons[inside.reshape(len(y), -1).any(axis=1) & (reasons == "")] = region.case
    return reasons
