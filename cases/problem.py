"""One case in one number format: the binary values that every claimant is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from cases.model import Tolerance


@dataclass(frozen=True)
class Rule:
    """A formula that a case names, with the numbers it states for it: an optimizer, a schedule, a clipping.

    Attributes
    ----------
    name
        As the case has it: "adam".
    numbers
        What it is given, by name, each exactly representable in the problem's dtype.
    options
        What is said in words: "nesterov", "centered".
    """

    name: str
    numbers: tuple[tuple[str, float], ...] = ()
    options: frozenset[str] = frozenset()

    def __getitem__(self, number: str) -> float:
        """Return the number of that name.

        Raises
        ------
        KeyError
            If it has none of that name.
        """
        return dict(self.numbers)[number]


SGD = Rule("sgd")


@dataclass(frozen=True)
class Problem:
    """A training problem: a network, its data, its loss and its optimizer, all in one dtype.

    Every array has dtype `dtype`; the learning rate is rounded to it too. Layers count from 1, as in the
    document, so the parameters are named W1, b1, W2, b2, …

    Attributes
    ----------
    case
        The case's name: its path under its folder of cases, without the suffix.
    dtype
        "float64" or "float32".
    activations
        One name for each layer.
    parameters
        W1, b1, W2, b2, …: Wk has shape (n_out, n_in), bk has shape (n_out,).
    x, y
        Inputs (N, n_in) and targets (N, n_out); each row is one example.
    loss, reduction
        The loss's name and how it is reduced: "sum" or "mean".
    loss_numbers
        What else the loss is given, by name ("delta", "label_smoothing"), each a number of `dtype`.
    learning_rate
        η, exactly representable in `dtype`; with a schedule, the first one.
    optimizer, schedule, clipping
        The rule that updates the parameters; how η changes from step to step, and how gradients are clipped
        before the update, or None.
    forms
        "stated": whoever has no form equal to what is stated says so. "defaults": each framework's function
        of that name runs as its defaults have it, so that what they really do can be seen.
    steps
        How many training steps are run at most, at least one.
    until
        Training ends after the first step whose loss, computed before its update, is at most this; if None,
        after `steps`. Each claimant is ended by the loss that it states itself.
    not_trained
        Names of the parameters that the update leaves as they are.
    tolerance
        A conventional rtol and atol that the case asks for beside the derived tolerance, or None.
    """

    case: str
    dtype: str
    activations: tuple[str, ...]
    parameters: Mapping[str, NDArray[Any]]
    x: NDArray[Any]
    y: NDArray[Any]
    loss: str
    reduction: str
    learning_rate: float
    loss_numbers: tuple[tuple[str, float], ...] = ()
    optimizer: Rule = SGD
    schedule: Rule | None = None
    clipping: Rule | None = None
    forms: str = "stated"
    steps: int = 1
    until: float | None = None
    not_trained: frozenset[str] = frozenset()
    tolerance: Tolerance | None = None

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.activations)

    @property
    def trained(self) -> tuple[str, ...]:
        """The parameters that the update changes: W1, b1, …."""
        return tuple(name for name in self.parameters if name not in self.not_trained)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(array.size for array in self.parameters.values())

    @property
    def inputs(self) -> dict[str, NDArray[Any]]:
        """Every array a claimant is given, by name: x, y, W1, b1, …."""
        return {"x": self.x, "y": self.y, **self.parameters}

    def copy(self) -> Problem:
        """Return the same problem in fresh memory: a claimant that writes to it harms nobody else."""
        parameters = {name: array.copy() for name, array in self.parameters.items()}
        return replace(self, parameters=MappingProxyType(parameters), x=self.x.copy(), y=self.y.copy())
