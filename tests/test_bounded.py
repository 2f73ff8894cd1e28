"""The bounds are sound: no correct way of computing leaves them. And tight: little else stays inside."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from operator import add, mul, sub, truediv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from variants import fused, in_turn

from reference.arithmetic import FLOAT32, FLOAT64, FORMATS, PRINTED, Bounded, format_of

dtypes = st.sampled_from(["float64", "float32"])


def drawn(dtype, shape):
    # XLA flushes subnormals: the bound covers that, so they are drawn too
    return arrays(dtype, shape, elements=st.floats(-1e6, 1e6, width=8 * np.dtype(dtype).itemsize))


def exact(array, dtype):
    return Bounded.exact(array, FORMATS[dtype])


def inside(claimed, bounded):
    return bool(np.all(np.abs(np.asarray(claimed, np.float64) - bounded.value) <= bounded.error))


def flushed(array):
    """Read and write as XLA on CPU does: subnormals are zero."""
    return np.where(np.abs(array) < np.finfo(array.dtype).tiny, array.dtype.type(0), array)


@st.composite
def dot_operands(draw):
    dtype, n = draw(dtypes), draw(st.integers(1, 12))
    matrices = [draw(drawn(dtype, shape)) for shape in ((2, n), (n, 3), (3,))]
    return dtype, *matrices, draw(st.permutations(range(n)))


def summed(terms, start):
    return in_turn([start, *terms])


def product(a, b, order, starts=(0, 0, 0), dot=lambda start, row, column: summed(row * column, start)):
    """a b, summed in an order from a start for each column, in the format."""
    kind, order = a.dtype.type, list(order)
    rows = [[dot(kind(starts[j]), row[order], b[order, j]) for j in range(3)] for row in a]
    return np.array(rows, a.dtype)


@given(dot_operands())
def test_a_dot_product_its_bias_and_a_sum_stay_inside_their_bounds_however_they_are_summed(operands):
    dtype, a, b, bias, order = operands
    bounded = exact(a, dtype) @ exact(b, dtype)
    flushing = product(flushed(a), flushed(b), order)
    for claimed in (product(a, b, order), product(a, b, order, dot=fused), flushing, flushed(flushing)):
        assert inside(claimed, bounded)
    for claimed in (product(a, b, order, bias), product(a, b, order) + bias):
        assert inside(claimed, bounded + exact(bias, dtype))
    assert inside([summed(row[list(order)], a.dtype.type(0)) for row in a], exact(a, dtype).sum(axis=1))
    # and little else does
    n, form = a.shape[1], FORMATS[dtype]
    roundings = 2.1 * (n + 1) * form.unit_roundoff * (np.abs(a).astype(float) @ np.abs(b).astype(float))
    underflow = 2.1 * form.smallest_normal * n * (2 + np.abs(a).max() + np.abs(b).max())
    assert np.all(bounded.error <= roundings + underflow)


@given(dot_operands(), st.floats(0, 0.5), st.integers(0, 2**32))
def test_operands_may_lie_anywhere_within_their_own_bounds(operands, e, seed):
    dtype, a, b, _, order = operands
    rng, form = np.random.default_rng(seed), FORMATS[dtype]
    left, right = (Bounded(array.astype(float), np.full(array.shape, e), form) for array in (a, b))
    near = []
    for array in (a, b):
        share = rng.choice([rng.uniform(-1, 1, array.shape), rng.choice([-1, 1], array.shape)])
        moved = (array + share * e * 0.999).astype(dtype)
        # rounding to the format may push a number just outside; keep those that stayed inside
        near.append(np.where(np.abs(moved.astype(float) - array) <= e, moved, array))
    (one, other), corner = near, Bounded(right.value[0, 0], right.error[0, 0], form)
    assert inside(product(one, other, order), left @ right)
    assert inside(one * other[0, 0], left * corner)
    assert inside(one + one, left + left)
    assert inside(one - other[0, 0], left - corner)
    assert inside([summed(list(row), one.dtype.type(0)) for row in one.T], left.sum(axis=0))
    assert inside(one.dtype.type(1 / 3) * one, left / 3)
    assert inside(one / 4, left / 4)


def test_what_is_exactly_zero_has_no_error_and_scaling_by_a_power_of_two_is_exact():
    zero = exact(np.zeros((2, 3)), "float64") @ exact(np.ones((3, 2)), "float64")
    assert np.all(zero.value == 0)
    assert np.all(zero.error == 0)
    values = exact(np.array([0.1, 0.2]), "float64")
    underflow = 3 * FLOAT64.smallest_normal
    assert np.all((values / 2).error <= underflow)
    assert np.all((2 * values).error <= underflow)
    assert np.all((values / 3).error > FLOAT64.unit_roundoff * values.value / 3)


def test_nothing_is_promised_where_a_step_may_overflow():
    huge = exact(np.full((1, 2), 3e38), "float32")
    assert np.all(np.isinf((huge @ huge.mT).error))
    # the sum of the magnitudes overflows though the sum itself would not
    cancelling = exact(np.array([[3e38, -3e38]]), "float32") @ exact(np.array([[1.0], [1.0]]), "float32")
    assert cancelling.value == 0
    assert np.isinf(cancelling.error)


def test_gamma_of_a_million_roundings_and_of_printed_numbers_which_have_no_format():
    assert np.all((Bounded.exact(np.array([1.0]), PRINTED) / 3).error <= 1e-15)
    # (1 + u)ⁿ − 1 would be exactly 0 in float64 for float64's u; γ_n is not
    assert FLOAT64.gamma(10**6) == pytest.approx(2e6 * 2.0**-53, rel=1e-6)
    assert FLOAT64.gamma(1) < FLOAT32.gamma(1) < FLOAT32.gamma(2)
    assert FLOAT32.gamma(2**24) == np.inf


def test_a_product_that_underflows_in_float64_itself_costs_an_underflow():
    """g² of 1e-192 is 0, in the program and in the evaluation of the bound alike; it is not 0 in truth."""
    g = exact(np.array([[1e-192, 0.0]]), "float64")
    assert (g * g).error.tolist() == [[pytest.approx(2.0**-1022, rel=1e-6), 0.0]]
    assert 0 < (g @ g.mT).error.item() < 1e-300
    with np.errstate(divide="ignore"):
        assert (g * g).sum().sqrt().error > 1e-155
    small = exact(np.array([[1e-40, 0.0]]), "float32")
    assert (small @ small.mT).error.item() > 0


# --- both sides of each bound: a right result that comes close, and a claim half as far again outside
#
# In float32 and against certified values, where the bound pays for the implementation's roundings alone: u is
# 2⁻²⁴, the results are NumPy's own in float32, and the exact values and the expected bounds are rational.

U = Fraction(1, 2**24)
CERTIFIED = FLOAT32.certified
f32 = np.float32


def known(*numbers, error=None, form=CERTIFIED):
    array = np.array(numbers, np.float64)
    return Bounded.exact(array, form) if error is None else Bounded(array, np.full(array.shape, error), form)


def share(claimed, exact, bounded):
    """How much of its bound a result uses, exactly."""
    return float(abs(Fraction(float(claimed)) - exact) / Fraction(float(np.ravel(bounded.error)[0])))


def swallowed(n, first):
    """A sum that begins with `first` and loses each of n further terms of u whole: ties go to even."""
    total = f32(first)
    for _ in range(n):
        total = total + f32(float(U))
    assert total == first
    return total


# 1 + 2⁻¹² squared is rounded by u, and so is each of the 63 sums that follow, all to one side.
ROW = np.array([[1 + 2.0**-12, *[2.0**-12] * 63]])
TINY = np.full((1, 64), 2.0**-12)  # whose squares are u
ROOT_OF = float.fromhex("0x1.002002p0")
OVER = float.fromhex("0x1.ec897cp0"), float.fromhex("0x1.eada98p0")
SPLIT = float.fromhex("0x1.200008p0")
NEXT = 1 + 2.0**-23  # to 1; three times it lies half way between two numbers
HALF_WAY = 1 + 2.0**-12  # its square, 1 + 2⁻¹¹ + u, lies half way between two numbers


def root(number):
    """√number to 60 digits."""
    with localcontext(prec=60):
        return Fraction(Decimal(number).sqrt())


# What is computed, how float32 goes about it, of which numbers, and how many roundings are allowed, by hand.
OF_NUMBERS = {
    "product": (mul, mul, (HALF_WAY, HALF_WAY), 1),
    "sum": (add, add, (1.0, float(U)), 1),
    "difference": (sub, sub, (-1.0, float(U)), 1),
    "quotient, by a reciprocal": (truediv, lambda a, b: a * (1 / b), OVER, 2),
    "quotient of 63, by 9 and by the reciprocal of 7": (
        lambda a: a / 63,
        lambda a: a / 9 * (1 / f32(7)),
        (SPLIT,),
        3,
    ),
    "3 times": (lambda a: 3 * a, lambda a: 3 * a, (NEXT,), 3),
}


def of_numbers(exact, in_float32, numbers, roundings):
    stated = in_float32(*map(f32, numbers))
    return stated, exact(*map(known, numbers)), exact(*map(Fraction, numbers)), roundings


# What float32 states, its bound, the exact value, and how many roundings are allowed.
ATTAINED = {
    **{name: of_numbers(*row) for name, row in OF_NUMBERS.items()},
    "root, by its reciprocal": (
        f32(ROOT_OF) * f32(1 / math.sqrt(ROOT_OF)),
        known(ROOT_OF).sqrt(),
        root(ROOT_OF),
        2,
    ),
    "matrix product": (
        swallowed(63, f32(ROW[0, 0]) * f32(ROW[0, 0])),
        Bounded.exact(ROW, CERTIFIED) @ Bounded.exact(ROW.T, CERTIFIED),
        Fraction(ROW[0, 0]) ** 2 + 63 * U,
        65,
    ),
    "bias, added before the product": (
        swallowed(64, 1),
        Bounded.exact(TINY, CERTIFIED) @ Bounded.exact(TINY.T, CERTIFIED) + known(1.0),
        1 + 64 * U,
        65,
    ),
    **{
        f"sum over {axis}": (swallowed(63, 1), known(1.0, *[float(U)] * 63).sum(axis=axis), 1 + 63 * U, 64)
        for axis in (None, 0, (0,))
    },
}

# The least share of them that is attained, where it is not nearly all.
#
# Of the three roundings of a quotient by a whole number more than two are attained; the root's reciprocal is
# just below 1, where a rounding is ½u at most; and twice is the only multiple that is taken, which is exact.
# n terms of a sum can meet n − 1 roundings: the bound's n-th is a spare that no order of summation uses.
LEAST = {
    "quotient of 63, by 9 and by the reciprocal of 7": 2 / 3,
    "root, by its reciprocal": 0.74,
    "3 times": 0.2,
    "matrix product": 64 / 66,
    "bias, added before the product": 64 / 66,
    **dict.fromkeys(("sum over None", "sum over 0", "sum over (0,)"), 62 / 64),
}


@pytest.mark.parametrize("name", ATTAINED)
def test_each_operation_attains_the_roundings_it_is_allowed(name):
    claimed, bounded, exact, roundings = ATTAINED[name]
    assert LEAST.get(name, 0.97) < share(claimed, exact, bounded) <= 1
    counted = roundings * U * abs(exact)  # by hand; γ has a second order, and each step may underflow
    assert bounded.error <= counted * (1 + 100 * U) + 256 * Fraction(FLOAT32.smallest_normal)
    assert not inside(float(exact * (1 + Fraction(3, 2) * roundings * U)), bounded)
    assert not inside(float(exact * (1 - Fraction(3, 2) * roundings * U)), bounded)


# A result of operands that are as far off as they may be, and the farthest it may then lie.
CARRIED = {
    "product": lambda: (known(1.0, error=0.1) * known(1.0, error=0.1), 1.1 * 1.1),
    "matrix product": lambda: (
        Bounded(np.ones((1, 3)), np.full((1, 3), 0.1), CERTIFIED)
        @ Bounded(np.ones((3, 1)), np.full((3, 1), 0.1), CERTIFIED),
        3 * 1.1 * 1.1,
    ),
    "sum": lambda: (known(1.0, error=0.1) + known(1.0, error=0.2), 2.3),
    "sum of three": lambda: (known(1.0, 1.0, 1.0, error=0.1).sum(), 3.3),
    "quotient": lambda: (known(1.0, error=0.1) / known(1.0, error=0.5), 1.1 / 0.5),
    "third": lambda: (known(1.0, error=0.3) / 3, 1.3 / 3),
    "twice": lambda: (2 * known(1.0, error=0.3), 2.6),
    "root of what may be 0": lambda: (known(0.25, error=0.25).sqrt(), 0.0),
    "root of 0": lambda: (known(0.0, error=0.25).sqrt(), 0.5),
    "maximum": lambda: (known(1.0, error=0.25).maximum(known(1.0, error=0.5)), 1.5),
    "magnitude": lambda: (abs(known(-1.0, error=0.25)), 1.25),
}


@pytest.mark.parametrize("name", CARRIED)
@np.errstate(divide="ignore", invalid="ignore")
def test_errors_of_the_operands_are_carried_whole(name):
    bounded, farthest = CARRIED[name]()
    off = abs(farthest - bounded.value.item())
    assert off * (1 - 1e-12) <= bounded.error.item() <= off * (1 + 4e-6)


def test_an_accumulated_result_is_rounded_once_more():
    """1 + 2⁻⁸ is exact in float32, and 1 in bfloat16, whose u it loses whole."""
    form = format_of("bfloat16").certified
    stored = Bounded.exact([[1.0, 2.0**-8]], form) @ Bounded.exact([[1.0], [1.0]], form)
    assert 0.99 < 2.0**-8 / stored.error.item() <= 1
    assert stored.error.item() <= 1.01 * 2.0**-8


def test_a_factor_multiplied_by_parts_may_underflow_and_overflow():
    """float16: 40,000 · 2 is infinite. What underflows to 2⁻²⁵ before a part of 1024 is off by 2⁻¹⁵."""
    form = FORMATS["float16"]
    slope = Bounded(np.array([0.5, 0.5]), np.zeros(2), form, parts=np.array([2.0, 1.5]))
    assert np.isinf((known(40_000.0, 40_000.0, form=form) * slope).error).tolist() == [True, False]
    slope = Bounded(np.array([0.5]), np.zeros(1), form, parts=np.array([1024.0]))
    assert 2.0**-15 <= (known(2.0**-14, form=form) * slope).error.item() <= 8 * 2.0**-15
