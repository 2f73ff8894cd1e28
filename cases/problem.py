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
    learning_rate
        η, exactly representable in `dtype`.
    steps
        How many training steps are run, at least one.
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
    steps: int = 1
    not_trained: frozenset[str] = frozenset()
    tolerance: Tolerance | None = None

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.activations)

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
