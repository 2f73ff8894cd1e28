"""A case: one question put to every implementation, in each number format that its file asks for.

Numbers that somebody printed for it are a claim like any other, known to half a unit in the last place.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cases.case_schema import Expectation, File, Part, PrintedStep
from cases.case_values import Classes, Constant, Normal, Uniform
from cases.catalog import DENSE, UpdateRules
from cases.numbers import Number, rounded_once
from cases.problem import Problem, Tolerance
from cases.skeleton import Shape, quantity_shapes


@dataclass(frozen=True, eq=False)
class PublishedArray:
    """One quantity as it was printed, in the quantity's full shape."""

    value: NDArray[np.float64]  # nan where none was printed
    half_unit: NDArray[np.float64]  # of the last printed place: 0.60224 has 0.5e-5; nan where none was
    text: NDArray[np.object_]  # None where none was printed

    @property
    def given(self) -> NDArray[np.bool_]:
        """Which numbers were printed."""
        return ~np.isnan(self.value)

    @property
    def exact(self) -> NDArray[np.object_]:
        """The printed numbers as fractions; 0 where none was printed."""
        return _each(self.text, lambda text: _exact(None if text is None else Number(text)), object)


@dataclass(frozen=True, eq=False)
class Written:
    """An input as it is written: fractions in its shape, and half a unit of each where they were rounded."""

    value: NDArray[np.object_]
    half_unit: NDArray[np.object_] | None = None


@dataclass(frozen=True)
class Rejected:
    """A printed number known to be wrong, and why; `index` is None for the one wrong number of its array."""

    quantity: str
    index: tuple[int, ...] | None
    reason: str


@dataclass(frozen=True, eq=False)
class PublishedStep:
    """What was printed about one training step, which may lie beyond the steps that the case runs.

    `rejected` are those of the values that are known to be wrong, `walk` the parts of the published text.
    """

    step: int
    values: Mapping[str, PublishedArray]
    rejected: tuple[Rejected, ...] = ()
    walk: tuple[Part, ...] = ()


@dataclass(frozen=True, eq=False)
class Published:
    """Numbers published for a case: where, and of which steps, in ascending order."""

    source: str
    steps: tuple[PublishedStep, ...]
    # The number format of the program that printed them, if that is not far finer than what is printed.
    computed_in: str | None = None
    # The inputs and the rules' numbers by name, where they are written out.
    inputs: Mapping[str, Written] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Case:
    """A valid case file."""

    name: str  # its path under its folder of cases, without the suffix: "worked/document"
    path: Path
    shapes: dict[str, tuple[int, ...]]  # x: (N, n_0), y: (N, n_depth), Wk: (n_k, n_{k-1}), bk: (n_k,)
    file: File
    text: str  # the file's, as it was read

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
        printed = self.file.published
        if printed is None:
            return None
        batch, first = self.shapes["x"]
        widths = [first, *(self.shapes[f"b{k}"][0] for k in range(1, self.depth + 1))]
        shapes = quantity_shapes(batch, widths, self._update_rules)
        steps = tuple(_read_step(step, shapes) for step in printed.steps)
        if printed.computed_in:
            return Published(printed.source, steps, printed.computed_in)
        rounded = printed.inputs == "as printed"
        written = {name: _read_written(value, rounded=rounded) for name, value in self._inputs.items()}
        rules = {"learning_rate": self.file.optimizer.learning_rate}  # somebody chose these: they are exact
        for stated in (self.file.optimizer, self.file.schedule, self.file.clipping):
            rules |= stated.written() if stated else {}
        written |= {name: _read_written(value, rounded=False) for name, value in rules.items()}
        known = {name: value for name, value in written.items() if value is not None}
        return Published(printed.source, steps, inputs=known)

    def expectation(self, adapter: str, dtype: str) -> Expectation | None:
        """Return what is expected of an adapter in one number format, where that is not agreement."""
        expected = self.file.expect.get(adapter)
        return expected if expected is not None and dtype in (expected.dtypes or self.dtypes) else None

    def problem(self, dtype: str) -> Problem:
        """Return the case in one number format: every number rounded once to `dtype`, ties to even.

        Arrays that the file does not write out are drawn in float64, and rounded. Each call returns fresh
        arrays. A format that is not among `dtypes` gives a problem all the same, but its
        numbers have not been checked to be finite there.
        """
        arrays = {name: _array(given, dtype) for name, given in self._inputs.items()}
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
    def _inputs(self) -> dict[str, Any]:
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


def _array(given: Any, dtype: str) -> NDArray[Any]:  # noqa: ANN401 - a form of `case_values`, or nested lists
    """Return an input of a file; one that is drawn has the same numbers for every format and every run."""
    match given:
        case Normal():
            drawn = _generator(given.seed).standard_normal(given.normal)
            return rounded_once(drawn * given.scale.nearest + given.mean.nearest, dtype)
        case Uniform():
            low, high = given.low.nearest, given.high.nearest
            return rounded_once(_generator(given.seed).uniform(low, high, given.uniform), dtype)
        case Constant():
            return np.full(given.constant, given.value.rounded(dtype), dtype)
        case Classes():
            rows = np.zeros((len(given.classes), given.of), dtype)
            rows[np.arange(len(rows)), list(given.classes)] = 1
            return rows
    return _each(np.array(given, object), lambda number: number.rounded(dtype), dtype)


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


_ELEMENT: Final = re.compile(r"(?P<name>[^\[\]]+)\[(?P<index> *[0-9]{1,9} *(?:, *[0-9]{1,9} *)?)\]", re.ASCII)


def rejected_element(key: str) -> tuple[str, tuple[int, ...] | None]:
    """Return the quantity and the index that a key of `rejected` names; no index for a bare name."""
    element = _ELEMENT.fullmatch(key)
    if element is None:
        return key, None
    return element["name"], tuple(int(i) for i in element["index"].split(","))


def _read_step(step: PrintedStep, shapes: Mapping[str, Shape]) -> PublishedStep:
    values = {name: _read_array(value, shapes[name]) for name, value in step.values.items()}
    rejected = tuple(Rejected(*rejected_element(key), reason) for key, reason in step.rejected.items())
    return PublishedStep(step.step, values, rejected, step.walk)


def _read_array(value: Any, shape: Shape) -> PublishedArray:  # noqa: ANN401 - a number, or nested lists
    numbers = np.array(value, object).reshape([length or 0 for length in shape])
    return PublishedArray(
        _each(numbers, lambda number: np.nan if number is None else number.nearest, np.float64),
        _each(numbers, lambda number: np.nan if number is None else number.half_unit, np.float64),
        _each(numbers, lambda number: None if number is None else number.text, object),
    )


def _read_written(value: Any, *, rounded: bool) -> Written | None:  # noqa: ANN401 - whatever a file may say
    """Return what is written out; a number that is drawn, or that is no number, is left to the problem.

    A whole number is exact where others were rounded: 1 is a label or a count, 1.0 was measured.
    """
    numbers = np.array(value, object)
    if not all(isinstance(number, Number) for number in numbers.flat):
        return None
    half_unit = _each(numbers, lambda number: Fraction(number.half_unit * (number.whole is None)), object)
    return Written(_each(numbers, _exact, object), half_unit if rounded else None)


def _exact(number: Number | None) -> Fraction:
    """Return a number's value; 0 where there is none, or where it is no more than that."""
    return number.exact if number and number.nearest else Fraction(0)


def _each(numbers: NDArray[np.object_], of: Callable[[Any], Any], dtype: Any) -> NDArray[Any]:  # noqa: ANN401
    values = np.empty(numbers.size, dtype)
    values[:] = [of(number) for number in numbers.flat]
    return values.reshape(numbers.shape)
