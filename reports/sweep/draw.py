"""The numbers of a block's cases, all drawn at once."""

import math
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.rounding import rounded_once
from reference.arithmetic import FORMATS
from reports.sweep.randomness import Rows
from reports.sweep.structure import Structure

Real: TypeAlias = NDArray[np.float64]

EIGHTHS = 8
# The share of binary targets that are 0 or 1.
MOSTLY = 0.7


@dataclass(frozen=True)
class Drawing:
    """What to draw: some cases of a block, counted from its first.

    Each array is drawn from bits of its own, so a case does not depend on what else is drawn.
    """

    seed: int
    block: int
    cases: range
    structure: Structure

    def problem(self) -> Problem:
        """Return the cases as a stack: every array has the shape (C, …)."""
        one = self.structure
        parameters = {name: rounded_once(array, one.dtype) for name, array in self._parameters().items()}
        return Problem(
            case=f"sweep/{self.seed}/{self.block}",
            dtype=one.dtype,
            activations=one.activations,
            parameters=MappingProxyType(parameters),
            x=rounded_once(self._numbers("x", one.batch, one.widths[0]), one.dtype),
            y=rounded_once(self._targets(), one.dtype),
            loss=one.loss,
            reduction=one.reduction,
            loss_numbers=one.loss_numbers,
            learning_rate=one.learning_rate,
            optimizer=one.update.optimizer,
            schedule=one.update.schedule,
            clipping=one.update.clipping,
            steps=one.steps,
            not_trained=one.not_trained,
        )

    def _parameters(self) -> dict[str, Real]:
        found = {}
        for k, (before, after) in enumerate(pairwise(self.structure.widths), start=1):
            weights = self._numbers(names.W(k), after, before)
            found[names.W(k)] = weights if self.structure.regime.grid else weights / math.sqrt(before)
            found[names.b(k)] = self._numbers(names.b(k), after)
        return found

    def _bits(self, *purpose: str) -> Rows:
        return Rows(self.seed, (self.block, *purpose), self.cases)

    def _numbers(self, name: str, *shape: int) -> Real:
        """Draw numbers of a bell's shape, each case's scaled by a power of 2 of its own."""
        regime = self.structure.regime
        numbers = self._on_grid(self._bits(name).bell(*shape))
        if regime.zeros:
            numbers = np.where(self._bits(name, "zeros").uniform(*shape) < regime.zeros, 0.0, numbers)
        low, high = self._exponents(regime.inputs if name == "x" else regime.weights)
        scale = low + self._bits(name, "scale").below(high - low + 1)
        return np.ldexp(numbers, scale.reshape(-1, *(1,) * len(shape)))

    def _on_grid(self, numbers: Real) -> Real:
        grid = self.structure.regime.grid
        return np.round(numbers / grid) * grid if grid else numbers

    def _exponents(self, given: tuple[float, float]) -> tuple[int, int]:
        reach = math.log2(FORMATS[self.structure.dtype].largest) if self.structure.regime.of_format else 1
        return round(given[0] * reach), round(given[1] * reach)

    def _targets(self) -> Real:
        """Draw targets that the loss makes sense of, each exactly a number of the format if it is a share."""
        batch, outputs, bits = self.structure.batch, self.structure.widths[-1], self._bits("y")
        match self.structure.loss:
            case "softmax_cross_entropy_with_integer_labels":
                return np.eye(outputs)[bits.below(outputs, batch)]
            case "softmax_cross_entropy":
                cuts = np.sort(bits.below(EIGHTHS + 1, batch, outputs - 1), axis=-1)
                ends = [(0, 0), (0, 0), (1, 1)]
                edges = np.pad(cuts, ends, constant_values=((0, 0), (0, 0), (0, EIGHTHS)))
                return np.diff(edges, axis=-1) / EIGHTHS
            case "binary_cross_entropy" | "binary_cross_entropy_with_logits":
                shares = bits.below(EIGHTHS + 1, batch, outputs) / EIGHTHS
                is_sure = self._bits("y", "sure").uniform(batch, outputs) < MOSTLY
                return np.where(is_sure, np.round(shares), shares)
        return self._on_grid(bits.bell(batch, outputs))
