"""Each activation: its derivative is its derivative, and what is within its bound is what should be.

The truth is taken from balls, and the balls' own values are checked against decimals in test_truth.py.
"""

from dataclasses import replace
from itertools import cycle

import decimals
import flint
import forms
import ml_dtypes
import numpy as np
import pytest
from forms import SLOPES, VALUES
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.activations import ACTIVATIONS, gelu_erf, gelu_tanh, silu
from reference.arithmetic import EVALUATION, FLOAT32, FLOAT64, Ball, Bounded, precision

# bfloat16's eight bits with float32's range
SHORT = replace(FLOAT32, name="bfloat16", unit_roundoff=2.0**-8)
FORMATS = {"float64": FLOAT64, "float32": FLOAT32, "bfloat16": SHORT}
DTYPES = {"float64": np.float64, "float32": np.float32, "bfloat16": ml_dtypes.bfloat16}
KINKS = {"relu": [0], "leaky_relu": [0], "hardtanh": [-1, 1], "relu6": [0, 6], "selu": [0]}
SPECIAL = [-45.0, -40.0, -30.0, -20.0, -8.0, -7.5, -1.0, -1e-5, 0.0, 1e-5, 1.0, 6.0, 7.5, 20.0, 30.0, 40.0]
EACH = pytest.mark.parametrize("name", ACTIVATIONS)
EACH_FORMAT = pytest.mark.parametrize("dtype", FORMATS)


def test_the_oracles_have_every_activation():
    assert len(ACTIVATIONS) == 15
    assert set(decimals.ACTIVATIONS) == set(ACTIVATIONS) == set(VALUES) == set(SLOPES)


def everywhere(dtype):
    """Points from the smallest normal numbers to far beyond any saturation, in the format, as float64."""
    tiny = np.geomspace(2.0**-125, 1, 60)
    points = np.concatenate([tiny, np.linspace(0, 50, 1501), np.geomspace(50, 1e4, 40), np.abs(SPECIAL)])
    return np.unique(np.concatenate([points, -points]).astype(DTYPES[dtype])).astype(np.float64)


def both(name, z):
    """The value and the derivative, of arrays, bounded numbers or balls."""
    a = ACTIVATIONS[name].value(z)
    return a, ACTIVATIONS[name].derivative(z, a)


def truth(name, z):
    with precision():
        return [ball.split() for ball in both(name, Ball.exact(np.asarray(z)))]


def bounds(name, z, form, error=0.0):
    exact = type(error) is float and error == 0
    return both(
        name,
        Bounded.exact(z, form) if exact else Bounded(np.asarray(z, float), np.asarray(error, float), form),
    )


def outside(claimed, bounded, split):
    """Where a claim is farther from the truth than the bound allows."""
    high, low, radius = split
    with np.errstate(invalid="ignore"):  # ∞ − ∞ is outside
        off = np.abs(np.asarray(claimed, np.float64) - high - low)
    return ~(off <= bounded.error + radius)


def in_each_form(name, z, dtype):
    """The value and the derivative at z, in each form and in the format; 16 bits in float32, rounded."""
    work = z.astype(np.float32 if dtype == "bfloat16" else dtype)
    with np.errstate(all="ignore"):
        for value, slope in zip(cycle(VALUES[name]), SLOPES[name], strict=False):
            a = value(work).astype(DTYPES[dtype])
            yield a, slope(work, a.astype(work.dtype)).astype(DTYPES[dtype])


# Derivatives, against quotients.


def of_arb(line, *points):
    return line(*(Ball(flint.arb_mat(1, 1, [t]), ()) for t in points)).matrix[0, 0]


def quotient(name, z, sides):
    """The difference quotient of the ball's value at 200 digits, and of the step 1e-60."""
    with flint.ctx.workdps(200):
        step, middle = flint.arb("1e-60"), flint.arb(float(z))
        low, high = middle - sides[0] * step, middle + sides[1] * step
        ends = [of_arb(ACTIVATIONS[name].value, t) for t in (low, high)]
        return (ends[1] - ends[0]) / ((sides[0] + sides[1]) * step)


def slope_at(name, t):
    return of_arb(ACTIVATIONS[name].derivative, t, t)


def stated(name, z):
    with flint.ctx.workdps(200):
        return slope_at(name, flint.arb(float(z)))


@EACH
def test_the_derivative_is_the_limit_of_central_quotients(name):
    for z in [*np.random.default_rng(7).normal(0, 4, 60), *SPECIAL]:
        if z not in KINKS.get(name, []):
            next_jumps = name in {"softsign", "elu"} and z == 0  # the second derivative
            off = abs(quotient(name, z, (1, 1)) - stated(name, z))
            assert off < (1e-40 if next_jumps else 1e-50), (name, z)


@pytest.mark.parametrize("name", KINKS)
def test_at_a_kink_the_derivative_is_a_one_sided_limit(name):
    for z in KINKS[name]:
        sides = [quotient(name, z, one) for one in ((1, 0), (0, 1))]
        assert abs(sides[0] - sides[1]) > 0.1
        assert min(abs(side - stated(name, z)) for side in sides) < 1e-40


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        *[("relu", 0, 0), ("leaky_relu", 0, 0.01), ("elu", 0, 1), ("selu", 0, 1.7580993408473766)],
        *[("hardtanh", -1, 0), ("hardtanh", 1, 0), ("relu6", 0, 0), ("relu6", 6, 0)],
    ],
)
def test_the_derivative_at_a_kink(name, at, expected):
    z = np.array([float(at)])
    high, _, radius = truth(name, z)[1]
    assert both(name, z)[1] == pytest.approx(expected, rel=1e-15)
    assert high == pytest.approx(expected, rel=1e-15)
    assert radius < 1e-30
    assert bounds(name, z, FLOAT64)[1].error < 1e-14  # z is exact, so nothing is undecided


# Bounds at an exact z.


@EACH_FORMAT
@EACH
def test_each_form_is_within_the_bound_at_an_exact_z(name, dtype):
    z = everywhere(dtype)
    derived, true = bounds(name, z, FORMATS[dtype]), truth(name, z)
    claims = list(in_each_form(name, z, dtype))
    if dtype != "bfloat16":
        claims.append(both(name, z.astype(dtype)))  # the reference's own formula
    if dtype == "float64":
        claims.append([line.value for line in derived])
    for claimed in claims:
        for array, line, split in zip(claimed, derived, true, strict=True):
            assert array.dtype == DTYPES[dtype]
            assert not z[outside(array, line, split)].tolist(), name


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"sigmoid", "tanh"}))
def test_far_out_nothing_is_nan_and_what_may_overflow_has_an_infinite_bound(name):
    z = np.array([1e30, -1e30, 1e300, -1e300, FLOAT64.largest, -FLOAT64.largest])
    with np.errstate(over="ignore"):  # λ times the largest number
        for plain in (ACTIVATIONS[name].value(z), ACTIVATIONS[name].derivative(z, z)):
            assert not np.isnan(plain).any()
            assert np.isfinite(plain[:4]).all()
    promised = {"gelu_tanh": (4, 2)}.get(name, (4, 4))  # its derivative's z² overflows at 1e300
    for line, split, count in zip(bounds(name, z, FLOAT64), truth(name, z), promised, strict=True):
        error = np.broadcast_to(line.error, z.shape)
        assert not np.isnan(error).any()
        assert np.isfinite(error[:count]).all()
        assert not outside(line.value, line, split)[np.isfinite(error)].any()


# Bounds at a z that is not known exactly.

uncertain = st.tuples(
    st.one_of(
        st.floats(-60, 60),
        st.sampled_from([*SPECIAL, -1.0, 1.0, 6.0]),
        st.builds(lambda k, d: k + d, st.sampled_from([0.0, 1.0, -1.0, 6.0]), st.floats(-1e-3, 1e-3)),
    ),
    st.one_of(st.floats(0, 2), st.builds(lambda k: 10.0**k, st.floats(-20, 2))),
    st.one_of(st.floats(-1, 1), st.sampled_from([-1.0, 1.0])),
)


@EACH
def test_wherever_z_is_within_its_error_the_truth_is_within_the_bound(name):
    @settings(max_examples=150)
    @given(st.lists(uncertain, min_size=8, max_size=8))
    def holds(drawn):
        z, e, part = (np.array(column) for column in zip(*drawn, strict=True))
        t = z + part * e
        e = np.maximum(e, np.abs(t - z) * (1 + 2.0**-52))  # both are rounded
        for form in FORMATS.values():
            for line, split in zip(bounds(name, z, form, e), truth(name, t), strict=True):
                assert not outside(line.value, line, split).any()

    holds()


@EACH_FORMAT
@EACH
def test_wherever_z_is_within_its_error_each_form_is_within_the_bound(name, dtype):
    """The rounding that is allowed is that at t, not that at z."""
    rng = np.random.default_rng(11)
    for e in (1e-6, 0.01, 0.3, 3.0):
        t = rng.uniform(-25, 25, 400).astype(DTYPES[dtype]).astype(np.float64)
        z = t + e * rng.uniform(-1, 1, t.shape)
        lines = bounds(name, z, FORMATS[dtype], np.full(z.shape, e * (1 + 1e-9)))
        for claims in in_each_form(name, t, dtype):
            for array, line in zip(claims, lines, strict=True):
                off = np.abs(array.astype(np.float64) - line.value)
                assert not (off > line.error).any(), (e, t[off > line.error])


# Constants, and tightness.

SMOOTH = {"silu": silu, "gelu_erf": gelu_erf, "gelu_tanh": gelu_tanh}


@pytest.mark.parametrize("name", SMOOTH)
def test_the_constants_of_the_taylor_bounds_are_the_least_upper_ones(name):
    """M₁, M₂, M₃ against quotients of the ball derivative on a grid of step 0.005, and not by much."""
    with flint.ctx.workdps(60):
        step = flint.arb("1e-15")
        largest = np.zeros(3)
        for point in np.arange(-9, 9, 0.005):
            at = [slope_at(name, flint.arb(float(point)) + k * step) for k in (-1, 0, 1)]
            bend, twist = (at[2] - at[0]) / (2 * step), (at[2] - 2 * at[1] + at[0]) / step**2
            largest = np.maximum(largest, [abs(float(at[1])), abs(float(bend)), abs(float(twist))])
    allowed = np.array([SMOOTH[name].M1, SMOOTH[name].M2, SMOOTH[name].M3])
    assert np.all(largest <= allowed)
    assert np.all(allowed <= 1.02 * largest)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_second_derivative_is_the_derivatives_own(name):
    z, h = np.linspace(-9, 9, 181), 1e-5
    quotients = (SMOOTH[name].slope(z + h) - SMOOTH[name].slope(z - h)) / (2 * h)
    assert np.allclose(quotients, SMOOTH[name].bend(z), atol=1e-9)


def steep(z):
    """|z|·p', of gelu_tanh, as far as 1 − tanh² p is not 0."""
    z = np.minimum(np.abs(z), 7.5)
    return z * 0.7979 * (1 + 0.134145 * z * z)


def tail(z):
    """What is left of gelu_tanh and its derivative below −7.5, (1 + |z| + 2|z|p')·e^{2p}, in float64's u."""
    z = np.clip(z, -30, -7.5)
    p, slope = forms.inner(z), forms.inner_slope(z)
    return (1 - z + 2 * np.abs(z) * slope) * np.exp(2 * p * (1 - 1e-6)) / 2.0**-53


# The most that each bound may allow at an exact z, in units of u + 2⁻⁵³: what its file documents.
ALLOWED = {
    ("sigmoid", 0): lambda z, f: 8 * np.abs(f),
    ("tanh", 0): lambda z, f: 16 * np.abs(f),
    ("softplus", 0): lambda z, f: 8 * np.abs(f),
    ("softplus", 1): lambda z, f: (35 + np.abs(z)) * f,
    ("log_sigmoid", 0): lambda z, f: 8 * np.abs(f),
    ("log_sigmoid", 1): lambda z, f: 16 + (35 + np.abs(z)) * f,
    ("gelu_erf", 0): lambda z, f: 8 * np.abs(z) * (z > -41),
    ("gelu_erf", 1): lambda z, f: 12 * (z > -41),
    ("gelu_tanh", 0): lambda z, f: np.where(z < -7.5, tail(z), 8 * np.abs(z)),
    ("gelu_tanh", 1): lambda z, f: np.where(z < -7.5, tail(z), 12 + 13.7 * steep(z)),
    ("silu", 0): lambda z, f: 12 * np.abs(f),
    ("silu", 1): lambda z, f: 12 + 8 * np.abs(z),
    ("leaky_relu", 0): lambda z, f: 2 * np.abs(f) * (z < 0),
    ("leaky_relu", 1): lambda z, f: 0.01 * (z <= 0),
    ("elu", 0): lambda z, f: 12 * np.abs(f) * (z < 0),
    ("elu", 1): lambda z, f: 10.0 * (z <= 0),
    ("selu", 0): lambda z, f: np.where(z > 0, 2, 16) * np.abs(f),
    ("selu", 1): lambda z, f: np.where(z > 0, 1.06, 25),
    ("softsign", 0): lambda z, f: 4 * np.abs(f),
    ("softsign", 1): lambda z, f: 10 / (1 + np.abs(z)),
    **dict.fromkeys([(name, i) for name in ("hardtanh", "relu6") for i in (0, 1)], lambda z, f: 0 * z),
}


@pytest.mark.parametrize(("name", "which"), ALLOWED)
def test_no_bound_at_an_exact_z_is_looser_than_documented(name, which):
    z = everywhere("float32")
    z = z[(z == 0) | (np.abs(z) >= FLOAT32.smallest_normal)]
    for form in (FLOAT64, FLOAT32):
        line = bounds(name, z, form)[which]
        unit = (form.unit_roundoff + EVALUATION) * (1 + 64 * form.unit_roundoff)
        underflow = 2 * form.smallest_normal * (1 + np.minimum(np.abs(z), 1000))
        most = ALLOWED[name, which](z, line.value) * unit * (1 + 1e-5) + underflow * 1.001
        error = np.broadcast_to(line.error, z.shape)
        assert not z[error > most].tolist(), (error / most).max()


@pytest.mark.parametrize(
    ("name", "kink", "form"),
    [(name, kink, form) for name, kinks in KINKS.items() for kink in kinks for form in FORMATS.values()],
)
def test_near_a_kink_the_whole_jump_is_the_error_and_elsewhere_nothing(name, kink, form):
    e, rounding = np.full(1, 1e-3), 40 * form.unit_roundoff + 4e-3
    jump = {"leaky_relu": 0.99, "selu": 0.7073983534920435}.get(name, 1.0)
    for side in (-1, 1):
        near, away = (
            bounds(name, np.array([kink + side * far]), form, e)[1].error for far in (0.9e-3, 1.1e-3)
        )
        assert jump <= near <= jump + rounding
        assert np.all(away <= rounding)


def test_a_subnormal_z_may_be_read_as_zero_at_a_kink():
    error = bounds("leaky_relu", np.array([1e-320, 1e-300]), FLOAT64)[1].error
    assert error[0] >= 0.99
    assert error[1] == 0


# Each guard trips.


def test_the_two_gelus_differ_in_every_format_that_can_show_it():
    z = np.array([1.0, -1.0, 2.0])
    for one, other in (("gelu_erf", "gelu_tanh"), ("gelu_tanh", "gelu_erf")):
        for form in (FLOAT64, FLOAT32):
            for line, (claimed, _, _) in zip(bounds(one, z, form), truth(other, z), strict=True):
                assert np.all(np.abs(claimed - line.value) > line.error)


def test_a_softplus_that_is_z_above_20_is_outside_in_float64_and_inside_in_float32():
    z = np.linspace(20.1, 30, 50).astype(np.float32).astype(np.float64)
    for form, differs in ((FLOAT64, True), (FLOAT32, False)):
        for claimed, line in zip((z, 1), bounds("softplus", z, form), strict=True):
            assert np.all((np.abs(claimed - line.value) > line.error) == differs)


@pytest.mark.parametrize("form", [FLOAT64, FLOAT32], ids=lambda form: form.name)
@EACH
def test_a_thousand_units_are_outside(name, form):
    """Where the value and the derivative are of the order of 1."""
    z = np.array([0.5, 0.75, 0.9])
    for line in bounds(name, z, form):
        assert np.all(np.broadcast_to(line.error, z.shape) < 120 * form.unit_roundoff)


@pytest.mark.parametrize("name", ["gelu_erf", "gelu_tanh", "silu", "softplus", "elu", "log_sigmoid"])
def test_balls_keep_their_digits_in_the_tails(name):
    for high, low, radius in truth(name, np.array([-30.0, -12.0, 12.0, 30.0])):
        assert np.all(radius <= 1e-30 * np.abs(high + low))
