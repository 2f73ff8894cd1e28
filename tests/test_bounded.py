"""The bounds are sound: no correct way of computing leaves them. And tight: little else stays inside."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reference.bounded import Bounded
from reference.formats import FLOAT32, FLOAT64, FORMATS, PRINTED

WIDTHS = {"float64": 64, "float32": 32}
dtypes = st.sampled_from(["float64", "float32"])


def numbers(dtype: str, largest: float = 1e6) -> st.SearchStrategy[float]:
    # XLA flushes subnormals: the bound covers that, so they are drawn too
    return st.floats(-largest, largest, width=WIDTHS[dtype])


def exact(array: np.ndarray, dtype: str) -> Bounded:
    return Bounded.exact(array, FORMATS[dtype])


def inside(claimed: np.ndarray, bounded: Bounded) -> bool:
    return bool(np.all(np.abs(np.asarray(claimed, np.float64) - bounded.value) <= bounded.error))


def flushed(array: np.ndarray) -> np.ndarray:
    """Read and write as XLA on CPU does: subnormals are zero."""
    return np.where(np.abs(array) < np.finfo(array.dtype).tiny, array.dtype.type(0), array)


@st.composite
def dot_operands(draw, max_length: int = 12):
    dtype = draw(dtypes)
    n = draw(st.integers(1, max_length))
    a = draw(arrays(dtype, (2, n), elements=numbers(dtype)))
    b = draw(arrays(dtype, (n, 3), elements=numbers(dtype)))
    order = draw(st.permutations(range(n)))
    return dtype, a, b, order


def summed(terms: list[np.floating], start: np.floating) -> np.floating:
    total = start
    for term in terms:
        total = total + term
    return total


@given(dot_operands())
def test_a_dot_product_stays_inside_its_bound_in_any_order(operands):
    dtype, a, b, order = operands
    bounded = exact(a, dtype) @ exact(b, dtype)
    zero = np.dtype(dtype).type(0)
    for left, right in ((a, b), (flushed(a), flushed(b))):
        claimed = [
            [summed([left[i, k] * right[k, j] for k in order], zero) for j in range(3)] for i in range(2)
        ]
        assert inside(flushed(np.array(claimed, dtype)), bounded)
        assert inside(np.array(claimed, dtype), bounded)


@given(dot_operands())
def test_a_dot_product_with_exact_products_stays_inside_its_bound(operands):
    """Fused multiply-add rounds each product together with the sum: emulated with exact rational products."""
    dtype, a, b, order = operands
    bounded = exact(a, dtype) @ exact(b, dtype)
    claimed = np.zeros((2, 3), dtype)
    for i in range(2):
        for j in range(3):
            total = Fraction(0)
            for k in order:
                fused = total + Fraction(float(a[i, k])) * Fraction(float(b[k, j]))
                total = Fraction(float(np.dtype(dtype).type(float(fused))))
            claimed[i, j] = float(total)
    assert inside(claimed, bounded)


@given(dot_operands(), st.data())
def test_the_bias_may_be_added_first_or_last(operands, data):
    dtype, a, b, order = operands
    bias = data.draw(arrays(dtype, (3,), elements=numbers(dtype)))
    bounded = exact(a, dtype) @ exact(b, dtype) + exact(bias, dtype)
    first = [[summed([a[i, k] * b[k, j] for k in order], bias[j]) for j in range(3)] for i in range(2)]
    zero = np.dtype(dtype).type(0)
    last = [[summed([a[i, k] * b[k, j] for k in order], zero) + bias[j] for j in range(3)] for i in range(2)]
    assert inside(np.array(first, dtype), bounded)
    assert inside(np.array(last, dtype), bounded)


@given(dot_operands(), st.data())
def test_operands_may_lie_anywhere_within_their_own_bounds(operands, data):
    dtype, a, b, order = operands
    e = data.draw(st.floats(0, 0.5))
    left = Bounded(a.astype(float), np.full(a.shape, e), FORMATS[dtype])
    right = Bounded(b.astype(float), np.full(b.shape, e), FORMATS[dtype])
    moved = data.draw(arrays(np.float64, (2, *a.shape), elements=st.floats(-1, 1))) * e * 0.999
    shifted = data.draw(arrays(np.float64, b.shape, elements=st.floats(-1, 1))) * e * 0.999
    one, other = (a + moved[0]).astype(dtype), (b + shifted).astype(dtype)
    # rounding the moved operands to the format may push them just outside; keep those that stayed inside
    one = np.where(np.abs(one.astype(float) - a) <= e, one, a)
    other = np.where(np.abs(other.astype(float) - b) <= e, other, b)
    zero = np.dtype(dtype).type(0)
    claimed = [[summed([one[i, k] * other[k, j] for k in order], zero) for j in range(3)] for i in range(2)]
    assert inside(np.array(claimed, dtype), left @ right)
    assert inside(one * other[0, 0], left * Bounded(right.value[0, 0], right.error[0, 0], FORMATS[dtype]))
    assert inside(one + one, left + left)
    assert inside(one - other[0, 0], left - Bounded(right.value[0, 0], right.error[0, 0], FORMATS[dtype]))
    assert inside(np.array([summed(list(row), zero) for row in one.T], dtype), left.sum(axis=0))
    assert inside(one.dtype.type(1 / 3) * one, left / 3)
    assert inside(one / 4, left / 4)


@given(dtypes.flatmap(lambda t: arrays(t, (7,), elements=numbers(t))), st.permutations(range(7)))
def test_a_sum_stays_inside_its_bound_in_any_order(values, order):
    bounded = exact(values, str(values.dtype)).sum()
    assert inside(summed([values[k] for k in order], values.dtype.type(0)), bounded)
    pairs = (values[0] + values[1]) + (values[2] + values[3]) + ((values[4] + values[5]) + values[6])
    assert inside(pairs, bounded)


@given(dot_operands())
def test_a_dot_product_that_is_off_by_a_little_more_than_its_roundings_is_outside(operands):
    dtype, a, b, _ = operands
    bounded = exact(a, dtype) @ exact(b, dtype)
    n, form = a.shape[1], FORMATS[dtype]
    roundings = 2.1 * (n + 1) * form.unit_roundoff * (np.abs(a).astype(float) @ np.abs(b).astype(float))
    underflow = 2.1 * form.smallest_normal * n * (2 + np.abs(a).max() + np.abs(b).max())
    assert np.all(bounded.error <= roundings + underflow)


def test_what_is_exactly_zero_has_no_error():
    zero = exact(np.zeros((2, 3)), "float64") @ exact(np.ones((3, 2)), "float64")
    assert np.all(zero.value == 0)
    assert np.all(zero.error == 0)


def test_scaling_by_a_power_of_two_is_exact_and_by_three_is_not():
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


def test_printed_numbers_have_no_roundings_of_a_format():
    third = Bounded.exact(np.array([1.0]), PRINTED) / 3
    assert np.all(third.error <= 1e-15)
    assert FLOAT64.gamma(1) < FLOAT32.gamma(1) < FLOAT32.gamma(2)


def test_a_million_roundings_are_more_than_the_product_of_their_units_in_float32():
    # (1 + u)ⁿ − 1 would be exactly 0 in float64 for float64's u; γ_n is not
    assert FLOAT64.gamma(10**6) == pytest.approx(2e6 * 2.0**-53, rel=1e-6)
    assert FLOAT32.gamma(2**24) == np.inf


def test_a_product_that_underflows_in_float64_itself_costs_an_underflow():
    """g² of 1e-192 is 0, in the claimant and in the evaluation of the bound alike; it is not 0 in truth."""
    g = exact(np.array([[1e-192, 0.0]]), "float64")
    assert (g * g).error.tolist() == [[pytest.approx(2.0**-1022, rel=1e-6), 0.0]]
    assert 0 < (g @ g.mT).error.item() < 1e-300
    with np.errstate(divide="ignore"):
        assert (g * g).sum().sqrt().error > 1e-155
    small = exact(np.array([[1e-40, 0.0]]), "float32")
    assert (small @ small.mT).error.item() > 0
