"""A case: one question put to every implementation, in each number format that its file asks for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.case_schema import Expectation, File
from cases.case_values import Classes, Constant, Normal, Uniform
from cases.catalog import DENSE
from cases.names import b
from cases.numbers import rounded_once
from cases.problem import Problem, Tolerance
from cases.published_values import Published, read_published
from cases.skeleton import quantity_shapes
from cases.update_rules import UpdateRules


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
        return self.file.about

    @property
    def dtypes(self) -> tuple[str, ...]:
        return self.file.dtypes

    @property
    def steps(self) -> int:
        return self.file.steps

    @property
    def depth(self) -> int:
        return len(self.file.layers)

    @property
    def tolerance(self) -> Tolerance | None:
        """A conventional tolerance that the file asks for besides the derived one."""
        stated = self.file.tolerance
        return None if stated is None else Tolerance(stated.rtol.nearest, stated.atol.nearest)

    @cached_property
    def published(self) -> Published | None:
        """The numbers that somebody printed for this problem."""
        if self.file.published is None:
            return None
        batch, inputs = self.shapes["x"]
        widths = [inputs, *(self.shapes[b(k)][0] for k in range(1, self.depth + 1))]
        shapes = quantity_shapes(batch, widths, self._update_rules)
        written = {"learning_rate": self.file.optimizer.learning_rate}
        for stated in (self.file.optimizer, self.file.schedule, self.file.clipping):
            written |= stated.written() if stated else {}
        return read_published(self.file.published, shapes, self._inputs, written)

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
        file, rules = self.file, self._update_rules
        return Problem(
            case=self.name,
            dtype=dtype,
            activations=tuple(layer.activation for layer in file.layers),
            x=arrays.pop("x"),
            y=arrays.pop("y"),
            parameters=MappingProxyType(arrays),
            loss=file.loss.name,
            reduction=file.loss.reduction,
            loss_numbers=file.loss.numbers(dtype),
            learning_rate=file.optimizer.learning_rate.rounded(dtype),
            optimizer=rules.optimizer,
            schedule=rules.schedule,
            clipping=rules.clipping,
            forms=file.forms,
            steps=self.steps,
            until=file.until.loss.rounded(dtype) if file.until else None,
            not_trained=rules.not_trained,
            tolerance=self.tolerance,
        )

    @property
    def _inputs(self) -> dict[str, list[Any] | Normal | Uniform | Constant | Classes]:
        inputs: dict[str, Any] = {"x": self.file.x, "y": self.file.y}
        for k, layer in enumerate(self.file.layers, start=1):
            inputs |= {name: getattr(layer, name.removesuffix(str(k))) for name in DENSE.parameters(k)}
        return inputs

    @cached_property
    def _update_rules(self) -> UpdateRules:
        file = self.file
        return UpdateRules(
            file.optimizer.rule(),
            file.schedule.rule() if file.schedule else None,
            file.clipping.rule() if file.clipping else None,
            frozenset(file.not_trained),
        )

    @cached_property
    def _drawn(self) -> dict[str, NDArray[np.float64]]:
        inputs = self._inputs.items()
        return {name: _draw(array) for name, array in inputs if isinstance(array, Normal | Uniform)}

    def _array(self, name: str, dtype: str) -> NDArray[Any]:
        array = self._inputs[name]
        if isinstance(array, Normal | Uniform):
            return rounded_once(self._drawn[name], dtype)
        return _one_hot(array, dtype) if isinstance(array, Classes) else _written(array, dtype)


def _draw(array: Normal | Uniform) -> NDArray[np.float64]:
    """Draw an array in float64; the same file gives the same numbers for every format and every run."""
    generator = np.random.Generator(np.random.PCG64(array.seed))
    if isinstance(array, Normal):
        return generator.standard_normal(array.normal) * array.scale.nearest + array.mean.nearest
    return generator.uniform(array.low.nearest, array.high.nearest, array.uniform)


def _written(array: list[Any] | Constant, dtype: str) -> NDArray[Any]:
    """Return an array of numbers that stand in the file, each rounded once, from its exact value."""
    if isinstance(array, Constant):
        return np.full(array.constant, array.value.rounded(dtype), dtype)
    numbers = np.array(array, object)
    return np.array([number.rounded(dtype) for number in numbers.flat], dtype).reshape(numbers.shape)


def _one_hot(array: Classes, dtype: str) -> NDArray[Any]:
    """Return a row for each example, with a 1 at its class."""
    rows = np.zeros((len(array.classes), array.of), dtype)
    rows[np.arange(len(rows)), [number.whole for number in array.classes]] = 1
    return rows
