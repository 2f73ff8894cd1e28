"""Powers, products, running sums, largest elements and whole parts, in both arithmetics."""

# ruff: noqa: ANN401 - an array of either arithmetic

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

import flint
import numpy as np
from numpy.typing import NDArray

from cases.captured import HALF, Operation
from reference.arithmetic import EXACT, SLACK, Bounded, Format, Real

# Units in the last place, to which tests/test_program_operations.py holds PyTorch and JAX.
POWER_ULPS: Final = 8
# What this evaluation's own power may be off by, in units of 2⁻⁵³, at each end.
NOISE: Final = 16 * 2.0**-53


def as_objects(result: Any) -> NDArray[np.object_]:
    array = np.empty(np.shape(result), dtype=object)
    array[...] = result
    return array


def prod(operation: Operation, x: Any) -> Any:
    """The product of n factors in any order: n − 1 roundings, and what the operands' errors do."""
    axes = operation.parameters["axes"]
    if not isinstance(x, Bounded):
        return as_objects(np.multiply.reduce(_last(x, axes), axis=-1, initial=flint.arb(1)))
    rows: list[Any] = [
        _last(x.value, axes),
        0.0 if isinstance(x.error, float) else _last(np.broadcast_to(x.error, x.shape), axes),
    ]
    value, size = np.prod(rows[0], axis=-1), np.prod(np.abs(rows[0]), axis=-1)
    count = rows[0].shape[-1]
    most = np.prod(np.abs(rows[0]) + rows[1], axis=-1)
    carried = EXACT if x.is_exact else (most - size) + 2 * count * 2.0**-53 * most
    error = x.format.error_bound(value, size.copy(), carried, count, x.format.underflows(count))
    return Bounded(value, np.where(_fits_on_the_way(rows, x.format), error, np.inf), x.format)


def _fits_on_the_way(rows: Sequence[Any], form: Format) -> Any:
    """Whether no product of some of the factors, in any order, overflows or underflows."""
    size = np.abs(rows[0]) + rows[1]
    with np.errstate(all="ignore"):
        far = np.prod(np.maximum(size, 1.0), axis=-1) <= form.largest
        near = np.prod(np.minimum(np.where(rows[0] == 0, 1.0, np.abs(rows[0])), 1.0), axis=-1)
    return far & (near >= form.smallest_normal)


def _last(array: NDArray[Any], axes: Sequence[int]) -> NDArray[Any]:
    """Bring axes to the end, as one."""
    rest = tuple(axis for axis in range(array.ndim) if axis not in axes)
    return array.transpose((*rest, *axes)).reshape(*(array.shape[axis] for axis in rest), -1)


def cumsum(operation: Operation, x: Any) -> Any:
    """Every sum from the first element on, each in any order."""
    (axis,) = operation.parameters["axes"]
    if not isinstance(x, Bounded):
        return np.add.accumulate(x, axis=axis) if x.size else x
    value, reach = np.cumsum(x.value, axis), np.cumsum(x.magnitude, axis)
    carried = EXACT if x.is_exact else np.cumsum(np.broadcast_to(x.error, x.shape), axis)
    count = max(x.shape[axis], 1)
    error = x.format.error_bound(value, reach, carried, count, count, x.format.sums)
    return Bounded(value, error, x.format, sizes=lambda: np.cumsum(x.scale, axis))


def power(operation: Operation, x: Any) -> Any:
    """x to a whole power: by repeated products or by the library's function, |n| roundings and one more."""
    n = operation.parameters["exponent"]
    if not isinstance(x, Bounded):
        return np.frompyfunc(lambda t: t**n, 1, 1)(x)
    value, form = x.value**n, x.format
    size = np.abs(value)
    carried: Any = EXACT
    if not x.is_exact:
        far, near = (np.abs(x.magnitude + sign * x.error) ** n for sign in (1, -1))
        crosses = (n < 0) & (x.magnitude <= x.error)
        carried = np.where(crosses, np.inf, np.maximum(np.abs(far - size), np.abs(near - size)))
        carried = carried + 8 * 2.0**-53 * np.maximum(far, size) * (np.asarray(x.error) > 0)
    error = form.error_bound(value, size.copy(), carried, abs(n) + 1, 2 * abs(n))
    return Bounded(value, error, form, sizes=lambda: np.abs(x.scale**n) if n > 0 else np.abs(value))


def largest(operation: Operation, x: Any) -> Any:
    axes = operation.parameters["axes"]
    if isinstance(x, Bounded):
        error = EXACT if x.is_exact else np.max(np.broadcast_to(x.error, x.shape), axis=axes)
        return Bounded(np.max(x.value, axis=axes), error, x.format, sizes=lambda: np.max(x.scale, axis=axes))
    rest = tuple(axis for axis in range(x.ndim) if axis not in axes)
    rows = x.transpose((*rest, *axes)).reshape(*operation.shape, -1)
    result = rows[..., 0]
    for i in range(1, rows.shape[-1]):
        result = np.frompyfunc(flint.arb.max, 2, 1)(result, rows[..., i])
    return as_objects(result)


def real_power(_: Operation, x: Any, y: Any) -> Any:
    """xʸ, which is monotone in each operand where x > 0: its ends are those of the corners."""
    if not isinstance(x, Bounded):
        return np.frompyfunc(operator.pow, 2, 1)(x, y)
    value, form = np.power(x.value, y.value), x.format
    ends = [np.power(x.value + p * x.error, y.value + q * y.error) for p in (-1.0, 1.0) for q in (-1.0, 1.0)]
    moved = np.maximum.reduce([np.abs(end - value) for end in ends])
    size = np.abs(value) + moved
    own = 2 * POWER_ULPS * (form.unit_roundoff + form.evaluation) * size + 2 * form.underflow
    error = (moved + (moved > 0) * NOISE * size + own) * SLACK
    fits = np.isfinite(error) & (size <= form.largest)
    return Bounded(value, np.where(fits, error, np.inf), form)


def whole(ends: Callable[[Real], Real], ball: Callable[[Any], Any]) -> Callable[..., Any]:
    """Make the rule of a function that is constant between jumps: it is open where a jump is as near."""

    def rule(_: Operation, x: Any) -> Any:
        if not isinstance(x, Bounded):
            return np.frompyfunc(ball, 1, 1)(x)
        value = ends(x.value)
        if x.is_exact:
            return Bounded(value, EXACT, x.format)
        low, high = ends(x.value - x.error), ends(x.value + x.error)
        return Bounded(value, np.maximum(value - low, high - value), x.format)

    return rule


def rounded_ball(x: flint.arb) -> flint.arb:
    """The nearest whole number, the even one of two."""
    low, high = (_nearest(end) for end in (x.lower(), x.upper()))
    return low if low == high else low.union(high)


def _nearest(x: flint.arb) -> flint.arb:
    above = (x + HALF).floor()
    is_half = (x + HALF - above) == 0
    return above - 1 if is_half and not (above / 2).is_integer() else above


def fmod(_: Operation, x: Any, y: Any) -> Any:
    """x − y·q for the whole number q nearest to x/y that is no farther from 0; exact in IEEE arithmetic."""
    if not isinstance(x, Bounded):
        return np.frompyfunc(_fmod_ball, 2, 1)(x, y)
    value, size = np.fmod(x.value, y.value), np.abs(y.value)
    carried = x.error + np.abs(np.trunc(x.value / y.value)) * y.error
    reach = np.abs(value)
    is_open = (carried > 0) & ((reach <= carried) | (size - reach <= carried))
    error = x.format.error_bound(value, reach, np.asarray(carried), 1, 1)
    return Bounded(value, np.where(is_open, size + reach + carried, error), x.format)


def _has_sign_of(r: flint.arb, x: flint.arb) -> bool:
    return r == 0 or (r > 0 and x > 0) or (r < 0 and x < 0)


def _fmod_ball(x: flint.arb, y: flint.arb) -> flint.arb:
    quotient = (x / y).mid().floor()
    rests = [x - y * (quotient + i) for i in (-1, 0, 1)]
    size = abs(y)
    certain = [r for r in rests if abs(r) < size and _has_sign_of(r, x)]
    if len(certain) == 1:
        return certain[0]
    return flint.arb(0, size.upper())
