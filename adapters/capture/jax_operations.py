"""What each JAX primitive computes, by the vocabulary of `cases.captured`: one rule for each.

A rule takes the builder, the equation's parameters, its operands as they are and by number, and the result's
shape.
"""

# ruff: noqa: ANN401, ARG005 - parameters of any kind; rules that leave some alone

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import jax
import numpy as np

from adapters.capture.jax_windows import RULES as WINDOWS
from adapters.capture.jax_windows import Rule, known
from adapters.capture.running import running_extreme, running_logsumexp, running_product, running_sum
from cases.captured import HALF, Builder, NotCapturedError

SAME: Final = {
    "add": "add", "add_any": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative",
    "max": "maximum", "min": "minimum", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1",
    "tanh": "tanh", "logistic": "logistic", "erf": "erf", "erfc": "erfc", "sqrt": "sqrt", "rsqrt": "rsqrt",
    "abs": "abs", "sign": "sign", "sin": "sin", "cos": "cos", "stop_gradient": "stop", "gt": "greater",
    "ge": "greater_equal", "and": "and", "or": "or", "not": "not",
    "floor": "floor", "rem": "fmod", "exp2": "exp2", "erf_inv": "erfinv", "asin": "asin", "acos": "acos",
    "atan": "atan", "sinh": "sinh", "cosh": "cosh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh",
}  # fmt: skip


def _same(kind: str) -> Rule:
    return lambda b, given, operands, numbers, shape: b.add(kind, *numbers)


def _swapped(kind: str) -> Rule:
    return lambda b, given, operands, numbers, shape: b.add(kind, *numbers[::-1])


def _axes(kind: str) -> Rule:
    return lambda b, given, operands, numbers, shape: b.reduce(kind, numbers[0], given["axes"])


def _unequal(b: Builder, _: Any, __: Any, numbers: list[int], shape: Any) -> int:
    """x ≠ x asks for NaN, which no right program meets here."""
    if numbers[0] == numbers[1]:
        return b.constant(np.zeros(shape, np.bool_))
    return b.add("not", b.equal(*numbers))


def _copied(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    """A conversion between formats of numbers; one of truth values selects 1 or 0."""
    if b.is_truth(numbers[0]):
        return b.as_number(numbers[0])
    if not jax.numpy.issubdtype(given.get("new_dtype", np.float64), np.floating):
        raise NotCapturedError(
            f"a conversion to {given['new_dtype']} of what depends on the inputs is not known"
        )
    return numbers[0]


def _broadcast(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], shape: Any) -> int:
    places = given["broadcast_dimensions"]
    own = b.shapes[numbers[0]]
    sizes = dict(zip(places, own, strict=True))
    return b.broadcast(b.reshape(numbers[0], [sizes.get(axis, 1) for axis in range(len(shape))]), shape)


def _power(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    return b.add("power", numbers[0], exponent=int(given["y"]))


def _real_power(b: Builder, _: Any, operands: list[Any], numbers: list[int], __: Any) -> int:
    exponent = operands[1]
    if not isinstance(exponent, int) and np.unique(exponent).size == 1:
        return b.raised(numbers[0], float(np.unique(exponent)[0]))
    return b.add("real_power", *numbers)


def _running(running: Callable[..., int]) -> Rule:
    def rule(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
        return running(b, numbers[0], given["axis"], backwards=given["reverse"])

    return rule


def _between(b: Builder, _: Any, __: Any, numbers: list[int], ___: Any) -> int:
    low, x, high = numbers
    return b.add("minimum", b.add("maximum", x, low), high)


def _rounded(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    """To the nearest whole number; of two to the even one, or the one that is farther from 0."""
    x = numbers[0]
    if given["rounding_method"] == jax.lax.RoundingMethod.TO_NEAREST_EVEN:
        return b.add("round", x)
    whole = b.add("floor", b.add("add", b.add("abs", x), b.constant(HALF)))
    return b.add("multiply", b.add("sign", x), whole)


def _is_finite(b: Builder, _: Any, __: Any, numbers: list[int], ___: Any) -> int:
    return b.add("not", b.is_infinite(numbers[0]))


def _dot(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], shape: Any) -> int:
    """A product over any axes: as a batch of matrix products."""
    (left_over, right_over), (left_batch, right_batch) = given["dimension_numbers"]
    sides = []
    for number, over, batch, last in (
        (numbers[0], left_over, left_batch, True),
        (numbers[1], right_over, right_batch, False),
    ):
        own = b.shapes[number]
        free = [axis for axis in range(len(own)) if axis not in {*over, *batch}]
        order = [*batch, *free, *over] if last else [*batch, *over, *free]
        inner, outer = (math.prod(own[axis] for axis in axes) for axes in (over, free))
        sizes = [own[axis] for axis in batch]
        sides.append(
            b.reshape(b.transpose(number, order), [*sizes, *((outer, inner) if last else (inner, outer))])
        )
    return b.reshape(b.add("matmul", *sides), shape)


def _select(b: Builder, _: Any, operands: list[Any], numbers: list[int], __: Any) -> int:
    """Choose among several by the number of each, which is known, or between two by a truth value."""
    which, cases = operands[0], numbers[1:]
    if b.is_truth(numbers[0]):
        return b.add("select", numbers[0], cases[1], cases[0])
    if isinstance(which, int):
        raise NotCapturedError("a choice between more than two, by the inputs, is not known")
    chosen = cases[-1]
    for i in reversed(range(len(cases) - 1)):
        chosen = b.add("select", b.constant(which == i), cases[i], chosen)
    return chosen


def _moved(
    b: Builder,
    given: Mapping[str, Any],
    operands: list[Any],
    numbers: list[int],
    _: Any,
    *,
    bind: Callable[..., Any],
) -> int:
    """What only moves elements of its first operand: JAX moves their positions. −1 is what was padded."""
    return b.gather(np.asarray(bind(b.positions(numbers[0]), operands, given)), numbers[0])


def _concatenated(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> int:
    begin, parts = 0, []
    for number in numbers:
        positions = b.positions(number)
        parts.append(positions + begin)
        begin += positions.size
    return b.gather(np.concatenate(parts, axis=given["dimension"]), *numbers)


def _split(b: Builder, given: Mapping[str, Any], _: Any, numbers: list[int], __: Any) -> list[int]:
    ends = np.cumsum(given["sizes"])[:-1]
    return [b.gather(part, numbers[0]) for part in np.split(b.positions(numbers[0]), ends, given["axis"])]


def _bound(primitive: Any) -> Callable[..., Any]:
    def bind(positions: Any, operands: list[Any], given: Mapping[str, Any]) -> Any:
        known(operands[1:])
        return primitive.bind(jax.numpy.asarray(positions), *map(jax.numpy.asarray, operands[1:]), **given)

    return bind


def _taken(positions: Any, operands: list[Any], given: Mapping[str, Any]) -> Any:
    params = {**given, "fill_value": -1} if "fill_value" in given else given
    taken = _bound(jax.lax.gather_p)(positions, operands, params)
    if given.get("fill_value") != 0 and (np.asarray(taken) < 0).any():
        raise NotCapturedError("an index outside, filled with another number than 0, is not known")
    return taken


RULES: Final[dict[str, Rule]] = {
    **{name: _same(kind) for name, kind in SAME.items()},
    **WINDOWS,
    "lt": _swapped("greater"),
    "le": _swapped("greater_equal"),
    "ne": _unequal,
    "is_finite": _is_finite,
    "eq": lambda b, given, operands, numbers, shape: b.equal(*numbers),
    "square": lambda b, given, operands, numbers, shape: b.add("power", numbers[0], exponent=2),
    "integer_pow": _power,
    "pow": _real_power,
    "reduce_sum": _axes("sum"),
    "reduce_max": _axes("max"),
    "reduce_min": lambda b, given, operands, numbers, shape: b.smallest(numbers[0], given["axes"]),
    "reduce_prod": _axes("prod"),
    "reduce_or": lambda b, given, operands, numbers, shape: b.any(numbers[0], given["axes"]),
    "reduce_and": lambda b, given, operands, numbers, shape: b.all(numbers[0], given["axes"]),
    "xor": lambda b, given, operands, numbers, shape: b.exclusive_or(*numbers),
    "ceil": lambda b, given, operands, numbers, shape: b.ceil(numbers[0]),
    "tan": lambda b, given, operands, numbers, shape: b.tan(numbers[0]),
    "round": _rounded,
    "clamp": _between,
    "cumsum": _running(running_sum),
    "cumprod": _running(running_product),
    "cumlogsumexp": _running(running_logsumexp),
    "cummax": _running(partial(running_extreme, is_max=True)),
    "cummin": _running(partial(running_extreme, is_max=False)),
    "optimization_barrier": lambda b, given, operands, numbers, shape: list(numbers),
    "convert_element_type": _copied,
    "copy": _copied,
    "copy_p": _copied,
    "reshape": lambda b, given, operands, numbers, shape: b.reshape(numbers[0], shape),
    "squeeze": lambda b, given, operands, numbers, shape: b.reshape(numbers[0], shape),
    "expand_dims": lambda b, given, operands, numbers, shape: b.reshape(numbers[0], shape),
    "transpose": lambda b, given, operands, numbers, shape: b.transpose(numbers[0], given["permutation"]),
    "broadcast_in_dim": _broadcast,
    "dot_general": _dot,
    "select_n": _select,
    "concatenate": _concatenated,
    "slice": partial(_moved, bind=_bound(jax.lax.slice_p)),
    "rev": partial(_moved, bind=_bound(jax.lax.rev_p)),
    "dynamic_slice": partial(_moved, bind=_bound(jax.lax.dynamic_slice_p)),
    "split": _split,
    "gather": partial(_moved, bind=_taken),
}
