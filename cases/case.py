"""A case: one question put to every implementation, in each number format that its file asks for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.array_forms import Classes, Constant, Normal, Uniform
from cases.draw import draw, one_hot, written
from cases.expectations import Expectation
from cases.model import File
from cases.problem import Problem, Tolerance
from cases.published import Published, read_published
from cases.quantities import quantity_shapes, rules_of, update_shapes
from cases.rounding import rounded_once
from cases.update_forms import clipping_rule, rule


@dataclass(frozen=True, eq=False)
class Case:
    """A valid case file.

    Attributes
    ----------
    name
        Its path under its folder of cases, without the suffix: "worked/document".
    path
        The file itself.
    shapes
        Of x, y, W1, b1, …: x is (N, n_0), y is (N, n_depth), Wk is (n_k, n_{k-1}), bk is (n_k,).
    text
        The file's text, as it was read.
    """

    name: str
    path: Path
    shapes: dict[str, tuple[int, ...]]
    file: File
    text: str

    @property
    def about(self) -> str:
        """What the case is, and what it is there to catch."""
        return self.file.about

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The number formats it runs in."""
        return self.file.dtypes

    @property
    def steps(self) -> int:
        """How many training steps are run, at most."""
        return self.file.steps

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.file.layers)

    @property
    def tolerance(self) -> Tolerance | None:
        """A conventional tolerance that the file asks for beside the derived one."""
        stated = self.file.tolerance
        return None if stated is None else Tolerance(float(stated.rtol), float(stated.atol))

    @cached_property
    def published(self) -> Published | None:
        """The numbers that somebody printed for this problem."""
        if self.file.published is None:
            return None
        widths = [self.shapes[f"b{k}"][0] for k in range(1, self.depth + 1)]
        sizes = (self.shapes["x"][1], *widths)
        problem = self.problem(self.dtypes[0])
        rules = rules_of(problem.optimizer, problem.schedule, problem.clipping, problem.not_trained)
        shapes = quantity_shapes(self.shapes["x"][0], sizes) | update_shapes(sizes, rules)
        return read_published(self.file.published, shapes, self._inputs, self._numbers)

    def expectation(self, adapter: str, dtype: str) -> Expectation | None:
        """Return what is expected of an adapter in one number format, where that is not agreement."""
        expected = self.file.expect.get(adapter)
        return expected if expected is not None and dtype in (expected.dtypes or self.dtypes) else None

    def problem(self, dtype: str) -> Problem:
        """Return the case in one number format: every number rounded once to `dtype`, ties to even.

        Arrays that the file does not write out are drawn once in float64, and rounded for each format. Each
        call returns fresh arrays.

        Parameters
        ----------
        dtype
            "float64", "float32", "bfloat16" or "float16"; one that is not among `dtypes` gives a problem all
            the same, but its numbers have not been checked to be finite there.
        """
        arrays = {name: self._array(name, dtype) for name in self._inputs}
        loss = self.file.loss
        return Problem(
            case=self.name,
            dtype=dtype,
            activations=tuple(layer.activation for layer in self.file.layers),
            x=arrays.pop("x"),
            y=arrays.pop("y"),
            parameters=MappingProxyType(arrays),
            loss=loss.name,
            reduction=loss.reduction,
            loss_numbers=loss.numbers(dtype),
            learning_rate=self.file.optimizer.learning_rate.rounded(dtype),
            optimizer=rule(self.file.optimizer),
            schedule=rule(self.file.schedule) if self.file.schedule else None,
            clipping=clipping_rule(self.file.clipping) if self.file.clipping else None,
            forms=self.file.forms,
            steps=self.steps,
            until=self.file.until.loss.rounded(dtype) if self.file.until else None,
            not_trained=frozenset(self.file.not_trained),
            tolerance=self.tolerance,
        )

    @property
    def _inputs(self) -> dict[str, list[Any] | Normal | Uniform | Constant | Classes]:
        inputs: dict[str, Any] = {"x": self.file.x, "y": self.file.y}
        for k, layer in enumerate(self.file.layers, start=1):
            inputs |= {f"W{k}": layer.W, f"b{k}": layer.b}
        return inputs

    @property
    def _numbers(self) -> dict[str, Any]:
        """The rules' numbers by name, as `Problem.constants` has them."""
        rules = [rule for rule in (self.file.optimizer, self.file.schedule) if rule is not None]
        numbers = {name: getattr(rule, name) for rule in rules for name in type(rule).model_fields}
        if self.file.clipping:
            numbers |= {"max_norm": self.file.clipping.max_norm, "clip_eps": self.file.clipping.eps}
        return numbers

    @cached_property
    def _drawn(self) -> dict[str, NDArray[np.float64]]:
        inputs = self._inputs.items()
        return {name: draw(array) for name, array in inputs if isinstance(array, Normal | Uniform)}

    def _array(self, name: str, dtype: str) -> NDArray[Any]:
        array = self._inputs[name]
        if isinstance(array, Normal | Uniform):
            return rounded_once(self._drawn[name], dtype)
        return one_hot(array, dtype) if isinstance(array, Classes) else written(array, dtype)
