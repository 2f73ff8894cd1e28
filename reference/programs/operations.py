"""The operations of a captured program, in two arithmetics: bounds, and balls.

Balls of any number of axes are object arrays of `flint.arb`, which NumPy moves about and adds as it does
numbers. A truth value that the numbers do not decide is `unsure`: what it selects is then the hull of both.
"""

# ruff: noqa: ANN401, ARG005 - an array of either arithmetic, or a truth value

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import flint
import numpy as np
from numpy.typing import NDArray

from cases.captured import TRUTHS, Operation
from reference.arithmetic import EXACT, Bounded, Real
from reference.programs.functions import FUNCTIONS, Function
from reference.programs.powers import (
    as_objects,
    cumsum,
    fmod,
    largest,
    power,
    prod,
    real_power,
    rounded_ball,
    whole,
)

Balls = NDArray[np.object_]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Truth:
    """Truth values, and where the numbers leave them open."""

    value: Truths
    unsure: Truths

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape


def apply(operation: Operation, inputs: Sequence[Any]) -> Any:
    """Return what an operation gives for these operands: all `Bounded`, or all balls, or truth values."""
    if not math.prod(operation.shape):
        return _empty(operation, inputs[0])
    result = RULES[operation.kind](operation, *inputs)
    return result if isinstance(result, Bounded | Truth) else as_objects(result)


def _empty(operation: Operation, like: Any) -> Any:
    """Return an array without elements."""
    if isinstance(like, Bounded) and operation.kind not in TRUTHS:
        return Bounded.exact(np.zeros(operation.shape), like.format)
    if isinstance(like, Truth) or operation.kind in TRUTHS:
        return Truth(*np.zeros((2, *operation.shape), np.bool_))
    return as_objects(np.zeros(operation.shape))


# What only moves elements, by a function of arrays.


def moved(x: Any, move: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
    """Move the elements of any array as `move` does those of NumPy's."""
    if isinstance(x, Truth):
        return Truth(move(x.value), move(x.unsure))
    if isinstance(x, Bounded):
        error, low = (part if type(part) is float else move(np.asarray(part)) for part in (x.error, x.low))
        value = move(x.value)
        return Bounded(value, error, x.format, x.terms, low, sizes=lambda: move(x.scale))
    return move(x)


_MOVES: Final[dict[str, Callable[..., Any]]] = {
    "reshape": lambda op, x: moved(x, lambda a: a.reshape(op.shape)),
    "transpose": lambda op, x: moved(x, lambda a: a.transpose(op.parameters["axes"])),
    "broadcast": lambda op, x: moved(x, lambda a: np.broadcast_to(a, op.shape)),
    "stop": lambda op, x: x,
}


def _gather(operation: Operation, *inputs: Any) -> Any:
    indices = operation.parameters["indices"]
    joined = inputs[0] if len(inputs) == 1 else _joined(inputs)
    zero: Any = flint.arb(0) if isinstance(inputs[0], np.ndarray) else 0

    def take(a: NDArray[Any]) -> NDArray[Any]:
        picked = a.reshape(-1)[indices]
        return np.where(indices < 0, zero, picked) if (indices < 0).any() else picked

    return moved(joined, take)


MOVES: Final = {**_MOVES, "gather": _gather}


def _joined(inputs: Sequence[Any]) -> Any:
    flat = [moved(x, lambda a: a.reshape(-1)) for x in inputs]
    if isinstance(flat[0], Truth):
        return Truth(
            *(np.concatenate(part) for part in zip(*((x.value, x.unsure) for x in flat), strict=True))
        )
    if not isinstance(flat[0], Bounded):
        return np.concatenate(flat)
    errors = np.concatenate([np.broadcast_to(x.error, x.shape) for x in flat])
    values, form = np.concatenate([x.value for x in flat]), flat[0].format
    return Bounded(values, errors, form, sizes=lambda: np.concatenate([x.scale for x in flat]))


def _scatter(operation: Operation, x: Any) -> Any:
    """Add each element where it belongs; several at one place in any order."""
    indices = operation.parameters["indices"].reshape(-1)
    used = indices >= 0
    at, size = indices[used], math.prod(operation.shape)
    most = int(np.bincount(at, minlength=1).max())

    def put(a: NDArray[Any]) -> Any:
        result = np.full(size, flint.arb(0) if a.dtype == object else 0, dtype=a.dtype)
        np.add.at(result, at, a.reshape(-1)[used])
        return result.reshape(operation.shape)

    if not isinstance(x, Bounded):
        return put(x)
    if most <= 1:
        return moved(x, put)
    carried = EXACT if x.is_exact else put(np.broadcast_to(x.error, x.shape))
    value, reach = put(x.value), put(x.magnitude)
    error = x.format.error_bound(value, reach, carried, most, most)
    return Bounded(value, error, x.format, sizes=lambda: put(x.scale))


# Arithmetic.


def _with_infinities(rule: Callable[..., Any], *, scales: bool = False) -> Callable[..., Any]:
    """Let a rule take an infinite number that is exact, as a mask of attention has, and be exact there.

    What it gives is 0, ±1 or infinite, whatever a finite operand beside it is; where the rule `scales`, by
    the other operand, the sign of that must be certain.
    """

    def applied(operation: Operation, *operands: Any) -> Any:
        result = rule(operation, *operands)
        if not isinstance(result, Bounded) or not any(np.isinf(one.value).any() for one in operands):
            return result
        infinite = [np.isinf(one.value) & (np.asarray(one.error) == 0) for one in operands]
        certain = [
            there | (one.magnitude > one.error if scales else np.isfinite(one.value + one.error))
            for one, there in zip(operands, infinite, strict=True)
        ]
        is_simple = np.isinf(result.value) | np.isin(result.value, (-1.0, 0.0, 1.0))
        settled = np.logical_or.reduce(np.broadcast_arrays(*infinite)) & is_simple
        settled = settled & np.logical_and.reduce(np.broadcast_arrays(*certain))
        error = np.where(settled, 0.0, np.broadcast_to(result.error, result.shape))
        return replace(result, error=error, terms=1)

    return applied


# Units by which the derivative that a library has for its own function may be off, of its operand, of its
# result and of 1, times the gradient that it is given; tests/test_programs.py holds both frameworks to it.
LIBRARY_UNITS: Final = 8
# Units by which the derivative of one operation may be off, as JAX's of x/y: (−g·x)·y⁻².
FORM_UNITS: Final = 4


def _rounded(operation: Operation, g: Any, *call: Any) -> Any:
    """Widen a gradient by what another form of a derivative may lose.

    `call`: the gradient of a library's call, its operand and its result. The slope of softplus may be
    e^(x − softplus x), for one. Where the result is of another shape, as a loss, the largest element of the
    gradient counts for all. Without a call it is the derivative of one operation, in other products; a
    gradient alone is that of a result whose square is taken off 1, which others multiply out; with `square` a
    divisor, which others square first.
    """
    if not isinstance(g, Bounded):
        return g
    if operation.parameters.get("square"):
        square = call[0].magnitude ** 2
        lost = np.where(square > g.format.largest, 1.0, np.minimum(g.format.underflow * square, 1.0))
        return g.widened(lost * g.magnitude) if lost.any() else g
    if len(call) > 1:
        units, size = LIBRARY_UNITS, _size_of_call(g, *call)
    else:
        units, size = FORM_UNITS, sum((one.magnitude for one in call), g.magnitude)
    unit = units * (g.format.unit_roundoff + 2.0**-53)
    widened = g.widened(unit * np.where(np.isfinite(size), size, 0.0))
    return Bounded(g.value, widened.error, g.format, g.terms, g.low, sizes=g.sizes)


def _convert(_: Operation, x: Any) -> Any:
    """Round to the format of the line, in which its operand is taken already."""
    if not isinstance(x, Bounded):
        return x
    error = x.format.error_bound(x.value, x.magnitude.copy(), x.error, 1, 1)
    return Bounded(x.value, error, x.format, sizes=x.sizes)


def _size_of_call(g: Bounded, of_result: Bounded, x: Bounded, result: Bounded) -> Real:
    if of_result.shape == g.shape == x.shape:
        # From an operand whose unit is 1 or more, as of what stands for −∞ in a mask, nothing follows.
        operand = np.where(x.magnitude * g.format.unit_roundoff < 1, x.magnitude, 0.0)
        size: Real = (1 + operand + result.magnitude) * of_result.magnitude
        return size
    largest = [
        float(np.max(np.where(np.isfinite(one.magnitude), one.magnitude, 0.0), initial=0.0))
        for one in (x, result, g)
    ]
    return np.full(g.shape, (1 + largest[0] + largest[1]) * largest[2])


def _sum(operation: Operation, x: Any) -> Any:
    axes = operation.parameters["axes"]
    if isinstance(x, Bounded):
        return x.sum(axis=axes)
    return as_objects(np.add.reduce(x, axis=axes, initial=flint.arb(0)))


def _matmul(operation: Operation, a: Any, b: Any) -> Any:
    if isinstance(a, Bounded):
        return a @ b if a.shape[-1] else Bounded.exact(np.zeros(operation.shape), a.format)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left = np.broadcast_to(a, (*batch, *a.shape[-2:]))
    right = np.broadcast_to(b, (*batch, *b.shape[-2:]))
    result = np.empty((*batch, a.shape[-2], b.shape[-1]), dtype=object)
    for place in np.ndindex(*batch):
        result[place] = np.array((_matrix(left[place]) * _matrix(right[place])).entries()).reshape(
            result.shape[-2:]
        )
    return result


def _matrix(block: Balls) -> flint.arb_mat:
    return flint.arb_mat(*block.shape, block.ravel().tolist())


def _extreme(pick: Callable[[Any, Any], Any], ball: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def extreme(_: Operation, a: Any, b: Any) -> Any:
        if not isinstance(a, Bounded):
            return np.frompyfunc(ball, 2, 1)(a, b)
        value = pick(a.value, b.value)
        error = np.maximum(a.error, b.error) + np.zeros(value.shape)
        return Bounded(value, error, a.format, sizes=lambda: np.maximum(a.scale, b.scale))

    return extreme


# Truth values.


def _compared(difference: Any, *, strict: bool, ties: bool) -> Truth:
    """Whether a difference is above 0, or `strict` is false and it is 0; `ties` leaves 0 open."""
    if isinstance(difference, Bounded):
        value, error = difference.value, np.broadcast_to(difference.error, difference.shape)
        unsure = (error > 0) & ~(np.abs(value) > error)
    else:
        value = np.asarray(np.frompyfunc(float, 1, 1)(difference), np.float64)
        unsure = ~np.asarray(np.frompyfunc(_is_decided, 1, 1)(difference), np.bool_)
    if ties:
        unsure = unsure | (value == 0)
    return Truth(value > 0 if strict else value >= 0, unsure | np.isnan(value))


def _is_decided(t: flint.arb) -> bool:
    return bool(t > 0 or t < 0 or t == 0)


def _difference(a: Any, b: Any) -> Any:
    """Return a − b, of two infinities that are the same 0."""
    if not isinstance(a, Bounded):
        return np.frompyfunc(lambda p, q: p - q if p.is_finite() or p != q else flint.arb(0), 2, 1)(a, b)
    error = np.asarray(a.error + b.error) + np.zeros(np.broadcast_shapes(a.shape, b.shape))
    value = np.where(np.isinf(a.value) & (a.value == b.value), 0.0, a.value - b.value)
    return Bounded(value, error, a.format)  # of two of its numbers the sign is exact


def _greater(operation: Operation, a: Any, b: Any) -> Truth:
    ties = operation.parameters.get("ties", False)
    return _compared(_difference(a, b), strict=operation.kind == "greater", ties=ties)


def _equal(_: Operation, a: Any, b: Any) -> Truth:
    above = _compared(_difference(a, b), strict=False, ties=False)
    below = _compared(_difference(b, a), strict=False, ties=False)
    return Truth(above.value & below.value, above.unsure | below.unsure)


def _and(_: Operation, a: Truth, b: Truth) -> Truth:
    certainly_not = (~a.value & ~a.unsure) | (~b.value & ~b.unsure)
    return Truth(a.value & b.value, (a.unsure | b.unsure) & ~certainly_not)


def _not(_: Operation, a: Truth) -> Truth:
    return Truth(~a.value, a.unsure)


def _or(operation: Operation, a: Truth, b: Truth) -> Truth:
    return _not(operation, _and(operation, _not(operation, a), _not(operation, b)))


def _is_max(operation: Operation, x: Any) -> Truth:
    """Whether an element is the largest of those along the axes; open where another may be as large."""
    axes = operation.parameters["axes"]
    if isinstance(x, Bounded):
        lower = x.value - x.error
        upper = x.value + x.error
    else:
        lower, upper = (
            np.asarray(np.frompyfunc(end, 1, 1)(x), np.float64)
            for end in (lambda t: float(t.lower()), lambda t: float(t.upper()))
        )
    best = lower.max(axis=axes, keepdims=True)
    candidates = upper >= best
    alone = candidates.sum(axis=axes, keepdims=True) == 1
    return Truth(candidates, candidates & ~alone)


def _select(operation: Operation, condition: Truth, a: Any, b: Any) -> Any:
    """Choose a where the condition holds, else b; where it is open, the hull of both."""
    value, unsure = (np.broadcast_to(part, operation.shape) for part in (condition.value, condition.unsure))
    if not isinstance(a, Bounded):
        chosen = np.where(value, np.broadcast_to(a, operation.shape), np.broadcast_to(b, operation.shape))
        if unsure.any():
            hull = np.frompyfunc(flint.arb.union, 2, 1)(np.broadcast_to(a, operation.shape), b)
            chosen = np.where(unsure, hull, chosen)
        return as_objects(chosen)
    ends = [np.broadcast_to(part, operation.shape) for part in (a.value, a.error, b.value, b.error)]
    chosen, error = np.where(value, ends[0], ends[2]), np.where(value, ends[1], ends[3])
    if unsure.any():
        farthest = np.abs(ends[0] - ends[2]) + np.maximum(ends[1], ends[3])
        error = np.where(unsure, farthest, error)

    def scales() -> Real:
        return np.where(value, *(np.broadcast_to(one.scale, operation.shape) for one in (a, b)))

    return Bounded(chosen, error if error.any() else EXACT, a.format, sizes=scales)


def _sign(_: Operation, x: Any) -> Any:
    if not isinstance(x, Bounded):
        return np.frompyfunc(lambda t: t.sgn(), 1, 1)(x)
    unsure = (np.asarray(x.error) > 0) & ~(x.magnitude > x.error)
    return Bounded(np.sign(x.value), np.where(unsure, 2.0, 0.0) if np.any(unsure) else EXACT, x.format)


def _negative(_: Operation, x: Any) -> Any:
    return replace(x, value=-x.value, low=-x.low) if isinstance(x, Bounded) else -x


def _function(function: Function) -> Callable[..., Any]:
    return _with_infinities(lambda _, x: function.bounded(x) if isinstance(x, Bounded) else function.balls(x))


RULES: Final[dict[str, Callable[..., Any]]] = {
    **{name: _function(function) for name, function in FUNCTIONS.items()},
    **MOVES,
    "add": _with_infinities(lambda _, a, b: a + b),
    "subtract": _with_infinities(lambda _, a, b: a - b),
    "multiply": _with_infinities(lambda _, a, b: a * b, scales=True),
    "divide": _with_infinities(lambda _, a, b: a / b, scales=True),
    "negative": _negative,
    "abs": lambda _, x: abs(x),
    "sign": _sign,
    "power": power,
    "real_power": real_power,
    "floor": whole(np.floor, flint.arb.floor),
    "round": whole(np.rint, rounded_ball),
    "fmod": fmod,
    "maximum": _extreme(np.maximum, flint.arb.max),
    "minimum": _extreme(np.minimum, flint.arb.min),
    "matmul": _matmul,
    "rounded": _rounded,
    "convert": _convert,
    "sum": _sum,
    "prod": prod,
    "cumsum": cumsum,
    "max": largest,
    "scatter": _scatter,
    "greater": _greater,
    "greater_equal": _greater,
    "equal": _equal,
    "and": _and,
    "or": _or,
    "not": _not,
    "is_max": _is_max,
    "select": _select,
}


def balls_of(array: Real) -> Balls:
    """Take binary numbers as they are: a ball of radius 0 for each."""
    return as_objects(np.frompyfunc(flint.arb, 1, 1)(np.asarray(array, np.float64).astype(object)))
