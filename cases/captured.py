"""A program as it was captured: a list of operations on arrays, from a small vocabulary.

An adapter reads it from a user's own function and writes it with a `Builder`; the reference evaluates it,
differentiates it and bounds it. Every value has a number. Arrays of whole numbers and booleans that follow
from the data alone are constants or parameters: they are evaluated plainly and never judged.
"""

# ruff: noqa: ANN401 - parameters of any kind

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cases.protocol import IN_FLOAT32, Accumulators

Shape = tuple[int, ...]

# Element by element, operands broadcast by NumPy's rules.
UNARY: Final = frozenset(
    [
        "negative", "exp", "exp2", "log", "log2", "log10", "log1p", "expm1", "tanh", "logistic", "erf",
        "erfc", "erf_slope", "erfinv", "sqrt", "rsqrt", "abs", "sign", "sin", "cos", "asin", "acos",
        "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "floor", "round", "power", "convert", "stop",
        "not",
    ]
)  # fmt: skip
BINARY: Final = frozenset(
    [
        "add", "subtract", "multiply", "divide", "maximum", "minimum", "real_power", "fmod", "greater",
        "greater_equal", "equal", "and", "or",
    ]
)  # fmt: skip
OTHERS: Final = frozenset(
    [
        "rounded", "select", "reshape", "transpose", "broadcast", "sum", "prod", "cumsum", "max",
        "is_max", "matmul", "gather", "scatter",
    ]
)  # fmt: skip
OPERATIONS: Final = UNARY | BINARY | OTHERS
HALF: Final = 0.5
UNKNOWN: Final = "unknown"  # the kind of a line that could not be read
# Which take truth values as 1 and 0.
ARITHMETIC: Final = frozenset(["add", "subtract", "multiply", "divide", "sum", "prod", "cumsum", "matmul"])
# Whose results are truth values where their operands are.
CARRIES: Final = frozenset(["reshape", "transpose", "broadcast", "gather", "stop"])
# Whose results are truth values.
TRUTHS: Final = frozenset(["greater", "greater_equal", "equal", "and", "or", "not", "is_max"])

# What a program does that is another for other inputs.
ASKED: Final = (
    "the program takes a number, a truth value, a NumPy array or a shape out of an array that depends on its "
    "inputs, which cannot be followed: compute it before, and pass it in"
)


class NotCapturedError(Exception):
    """A program cannot be read; the message says what is met, where, and what was expected."""


@dataclass(frozen=True)
class Operation:
    """One line: value `number` = `kind`(`inputs`), of this shape.

    The parameters, by kind: power `exponent` (a whole number); reshape, broadcast `shape`; transpose `axes`;
    sum, prod, max, is_max `axes` (reduced away, but kept by is_max); cumsum `axes`, one; gather `indices`
    into its inputs, each flattened and joined, −1 for 0; scatter the same and `shape`, where each element is
    added to; greater `ties`, whether equal operands leave it open. round rounds halves to even; fmod has the
    sign of its first operand, as C's. rounded is its first operand, a gradient, as a library's own derivative
    may give it; the others are the gradient of the call's result, its operand and its result.
    convert rounds its operand to the format of the line.
    """

    number: int
    kind: str
    inputs: tuple[int, ...]
    shape: Shape
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    place: str = ""  # in the user's program: "model.py:12"
    source: str = ""  # what the framework calls it, where that is another name
    call: str = ""  # the call of a library's function that it is a part of, each by another text
    dtype: str = ""  # its number format, by NumPy's name; of a truth value that of what is compared

    @property
    def name(self) -> str:
        return self.source or self.kind

    def __str__(self) -> str:
        """Return "layer_norm: rsqrt (model.py:12)"."""
        name = f"{self.source}: {self.kind}" if self.source and self.source != self.kind else self.kind
        return f"{name} ({self.place})" if self.place else name


@dataclass(frozen=True)
class CapturedProgram:
    """Operations in their order; `inputs` are named, in the order in which they were given.

    `unknown` says of each value that could not be read why: nothing that depends on it is judged.
    """

    inputs: Mapping[str, int]
    constants: Mapping[int, NDArray[Any]]
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]
    shapes: Mapping[int, Shape]
    formats: Mapping[int, str]  # by NumPy's names; "" of what belongs to none
    unknown: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def output(self) -> int:
        return self.outputs[0]

    @cached_property
    def needed(self) -> frozenset[int]:
        """The numbers of the lines that the outputs follow from, and theirs."""
        needed = set(self.outputs)
        for operation in reversed(self.operations):
            if operation.number in needed:
                needed.update(operation.inputs)
        return frozenset(needed)

    def unknown_reasons(self) -> tuple[str, ...]:
        """Return why lines that an output follows from could not be read, each reason once."""
        return tuple(dict.fromkeys(why for number, why in self.unknown.items() if number in self.needed))

    def is_scalar(self) -> None:
        """Raise NotCapturedError if the output is no single number."""
        if self.shapes[self.output] not in {(), (1,)}:
            shape = self.shapes[self.output]
            raise NotCapturedError(
                f"the function returns an array of shape {shape}, expected a single number"
            )


class Builder:
    """Writes a program down, line by line; the shape of each result follows from its operands'."""

    def __init__(self, program: CapturedProgram | None = None) -> None:
        """Begin an empty program or, where one is given, go on behind its last line."""
        self.inputs: dict[str, int] = dict(program.inputs) if program else {}
        self.constants: dict[int, NDArray[Any]] = dict(program.constants) if program else {}
        self.operations: list[Operation] = list(program.operations) if program else []
        self.shapes: dict[int, Shape] = dict(program.shapes) if program else {}
        self.formats: dict[int, str] = dict(program.formats) if program else {}
        self.unknown: dict[int, str] = dict(program.unknown) if program else {}
        self.dtype = ""  # of the lines that are added next
        self.place = self.source = self.call = ""  # of the lines that are added next
        self._scalars: dict[float, int] = {}
        self._truths: set[int] = set()
        for one in self.operations:
            if one.kind in TRUTHS or (one.kind in CARRIES and self.is_truth(one.inputs[0])):
                self._truths.add(one.number)

    def program(self, *outputs: int) -> CapturedProgram:
        given, constants = MappingProxyType(self.inputs), MappingProxyType(self.constants)
        shapes, formats = MappingProxyType(self.shapes), MappingProxyType(self.formats)
        unknown = MappingProxyType(self.unknown)
        return CapturedProgram(given, constants, tuple(self.operations), outputs, shapes, formats, unknown)

    def input(self, name: str, shape: Shape, dtype: str = "") -> int:
        self.inputs[name] = number = self._new(shape)
        self.formats[number] = dtype
        return number

    def constant(self, value: ArrayLike) -> int:
        array = np.asarray(value)
        if array.dtype.kind != "b":
            array = array.astype(np.float64)
        if array.ndim == 0 and array.dtype.kind == "f" and float(array) in self._scalars:
            return self._scalars[float(array)]
        number = self._new(array.shape)
        self.constants[number], self.formats[number] = array, ""
        if array.ndim == 0 and array.dtype.kind == "f":
            self._scalars[float(array)] = number
        return number

    def unreadable(self, shape: Shape, reason: str, *inputs: int) -> int:
        """Write down a line that is not known, and what it takes; say why."""
        number = self._new(shape)
        self.unknown[number] = reason
        self.operations.append(
            Operation(number, UNKNOWN, inputs, shape, place=self.place, source=self.source, dtype=self.dtype)
        )
        return number

    def is_truth(self, number: int) -> bool:
        is_constant = number in self.constants and self.constants[number].dtype == np.bool_
        return number in self._truths or is_constant

    def as_number(self, truth: int) -> int:
        """Return 1 where it holds, else 0."""
        return self.add("select", truth, self.constant(1.0), self.constant(0.0))

    def add(self, kind: str, *inputs: int, **parameters: Any) -> int:
        """Write one line down and return its number; raises ValueError for operands that do not fit."""
        if kind in ARITHMETIC:
            inputs = tuple(self.as_number(one) if self.is_truth(one) else one for one in inputs)
        if kind == "select" and self.is_truth(inputs[1]):
            return self._chosen(*inputs)
        shape = _shape(kind, [self.shapes[number] for number in inputs], parameters)
        number = self._new(shape)
        if kind in TRUTHS or (kind in CARRIES and self.is_truth(inputs[0])):
            self._truths.add(number)
        given = MappingProxyType(parameters)
        self.operations.append(
            Operation(number, kind, inputs, shape, given, self.place, self.source, self.call, self.dtype)
        )
        return number

    def _chosen(self, condition: int, a: int, b: int) -> int:
        """Choose between truth values."""
        otherwise = self.add("and", self.add("not", condition), b)
        return self.add("or", self.add("and", condition, a), otherwise)

    def convert(self, x: int, dtype: str) -> int:
        """Round to another number format, to which the lines that are added next belong then."""
        self.dtype = dtype
        return x if self.formats[x] in {dtype, ""} else self.add("convert", x)

    # What is made of several lines, or says its parameters in another way.

    def reshape(self, x: int, shape: Sequence[int]) -> int:
        given = tuple(shape)
        if -1 in given:
            known = math.prod(size for size in given if size != -1)
            given = tuple(math.prod(self.shapes[x]) // known if size == -1 else size for size in given)
        return x if given == self.shapes[x] else self.add("reshape", x, shape=given)

    def transpose(self, x: int, axes: Sequence[int]) -> int:
        rank = len(self.shapes[x])
        order = tuple(axis % rank for axis in axes)
        return x if order == tuple(range(rank)) else self.add("transpose", x, axes=order)

    def broadcast(self, x: int, shape: Sequence[int]) -> int:
        return x if tuple(shape) == self.shapes[x] else self.add("broadcast", x, shape=tuple(shape))

    def reduce(self, kind: str, x: int, axes: Sequence[int] | None = None, *, keep: bool = False) -> int:
        """Sum or largest element over axes, by default over all."""
        shape = self.shapes[x]
        over = tuple(range(len(shape))) if axes is None else tuple(sorted(a % len(shape) for a in axes))
        result = self.add(kind, x, axes=over) if over else x
        return self.reshape(result, kept(shape, over)) if keep else result

    def mean(self, x: int, axes: Sequence[int] | None = None, *, keep: bool = False) -> int:
        shape = self.shapes[x]
        over = range(len(shape)) if axes is None else [axis % len(shape) for axis in axes]
        count = math.prod(shape[axis] for axis in over)
        return self.add("divide", self.reduce("sum", x, axes, keep=keep), self.constant(float(count)))

    def raised(self, x: int, exponent: float) -> int:
        """Return x to the power of one number."""
        if exponent == int(exponent):
            return self.add("power", x, exponent=int(exponent))
        if abs(exponent) == HALF:
            return self.add("sqrt" if exponent > 0 else "rsqrt", x)
        return self.add("real_power", x, self.constant(exponent))

    def ceil(self, x: int) -> int:
        return self.add("negative", self.add("floor", self.add("negative", x)))

    def tan(self, x: int) -> int:
        return self.add("divide", self.add("sin", x), self.add("cos", x))

    def smallest(self, x: int, axes: Sequence[int] | None = None, *, keep: bool = False) -> int:
        return self.add("negative", self.reduce("max", self.add("negative", x), axes, keep=keep))

    def exclusive_or(self, a: int, b: int) -> int:
        return self.add("and", self.add("or", a, b), self.add("not", self.add("and", a, b)))

    def equal(self, a: int, b: int) -> int:
        """Whether two numbers, or two truth values, are equal."""
        if self.is_truth(a) and self.is_truth(b):
            return self.add("not", self.exclusive_or(a, b))
        return self.add("equal", a, b)

    def any(self, x: int, axes: Sequence[int] | None = None, *, keep: bool = False) -> int:
        """Whether any truth value along the axes holds."""
        count = self.reduce("sum", self.as_number(x), axes, keep=keep)
        return self.add("greater", count, self.constant(HALF))

    def all(self, x: int, axes: Sequence[int] | None = None, *, keep: bool = False) -> int:
        return self.add("not", self.any(self.add("not", x), axes, keep=keep))

    def is_infinite(self, x: int) -> int:
        return self.add("equal", self.add("abs", x), self.constant(math.inf))

    def swap(self, x: int) -> int:
        """Return each matrix transposed: the last two axes."""
        rank = len(self.shapes[x])
        return self.transpose(x, (*range(rank - 2), rank - 1, rank - 2))

    def gather(self, indices: NDArray[np.integer[Any]], *inputs: int) -> int:
        return self.add("gather", *inputs, indices=np.asarray(indices, np.intp))

    def positions(self, x: int) -> NDArray[np.intp]:
        """Return the flat index of each element: what is done to it is done to x, by `gather`."""
        shape = self.shapes[x]
        return np.arange(math.prod(shape), dtype=np.intp).reshape(shape)

    def _new(self, shape: Shape) -> int:
        number = len(self.shapes)
        self.shapes[number], self.formats[number] = tuple(shape), self.dtype
        return number


def kept(shape: Shape, axes: Sequence[int]) -> Shape:
    """Return the shape with axes of length 1 in place of those that are reduced."""
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape))


def _shape(kind: str, shapes: Sequence[Shape], given: Mapping[str, Any]) -> Shape:
    if kind in UNARY or kind in BINARY or kind in {"rounded", "select", "is_max", "cumsum"}:
        return shapes[0] if kind == "rounded" else np.broadcast_shapes(*shapes)
    if kind == "matmul":
        return _product(*shapes)
    if kind in {"sum", "prod", "max"}:
        return tuple(size for axis, size in enumerate(shapes[0]) if axis not in given["axes"])
    if kind == "transpose":
        return tuple(shapes[0][axis] for axis in given["axes"])
    if kind not in OTHERS:
        raise ValueError(f"an operation of kind {kind!r}, expected one of {', '.join(sorted(OPERATIONS))}")
    return tuple(given["indices"].shape if kind == "gather" else given["shape"])


def _product(left: Shape, right: Shape) -> Shape:
    if left[-1] != right[-2]:
        raise ValueError(f"a product of {left} and {right}, expected inner sizes that are equal")
    return (*np.broadcast_shapes(left[:-2], right[:-2]), left[-2], right[-1])


@dataclass(frozen=True)
class ShownValue:
    """What a framework computed for one line, by a call of this name: its value, and the gradient of it."""

    name: str
    value: NDArray[Any]
    slope: NDArray[Any] | None  # ∂output/∂value, where it was shown


@dataclass(frozen=True)
class Captured:
    """A program, the inputs that it was run on, and what its framework computed of them.

    `inputs` and `gradients` are by the names of the program's inputs; the gradients are those of the output,
    a single number, and of the inputs of which they were asked. `shown` has, by their numbers, those lines
    whose values the framework gave on the way to them.
    """

    program: CapturedProgram
    inputs: Mapping[str, NDArray[Any]]
    dtype: str
    framework: str  # "torch 2.13.0"
    output: NDArray[Any]
    gradients: Mapping[str, NDArray[Any]]
    shown: Mapping[int, ShownValue] = field(default_factory=lambda: MappingProxyType({}))
    accumulators: Accumulators = IN_FLOAT32
    # The same program run operation by operation, where that gives other numbers: it is compiled.
    apart: Captured | None = None

    def has_ends_of(self, other: Captured) -> bool:
        """Whether the output and the gradients are those of another run of the program, bit for bit."""
        pairs = zip(self.gradients.values(), other.gradients.values(), strict=True)
        ends = [(self.output, other.output), *pairs]
        return all(np.array_equal(one, another, equal_nan=True) for one, another in ends)


@dataclass(frozen=True)
class CustomCall:
    """A call of a function with a derivative of its own: `function` of the `operands`, as a single number."""

    name: str
    place: str
    function: Callable[..., Any]
    operands: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name} ({self.place})" if self.place else self.name
