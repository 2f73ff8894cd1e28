"""Each activation: its derivative is its derivative, and what is within its bound is what should be.

The truth is taken from balls, and the balls' own values are checked against decimals in test_truth.py; what a
bound may be is counted by hand or computed by mpmath.
"""

import math
from dataclasses import replace
from itertools import cycle

import decimals
import flint
import forms
import ml_dtypes
import mpmath
import numpy as np
import pytest
from forms import SLOPES, VALUES
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.activations import ACTIVATIONS, elu, gelu, softplus
from reference.activations.contract import undecided
from reference.arithmetic import EVALUATION, FLOAT32, FLOAT64, PRINTED, Ball, Bounded, format_of, precision

BFLOAT16 = format_of("bfloat16")
# bfloat16's eight bits with float32's range
SHORT = replace(FLOAT32, name="bfloat16", unit_roundoff=2.0**-8)
FORMATS = {"float64": FLOAT64, "float32": FLOAT32, "bfloat16": SHORT}
DTYPES = {"float64": np.float64, "float32": np.float32, "bfloat16": ml_dtypes.bfloat16}
# By activation: the derivative at each of its kinks.
KINKS = {"relu": {0: 0}, "leaky_relu": {0: 0.01}, "hardtanh": {-1: 0, 1: 0}, "relu6": {0: 0, 6: 0}}
KINKS["selu"] = {0: 1.7580993408473766}
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


def bounds(name, z, form, error=None):
    return both(name, Bounded.exact(z, form) if error is None else Bounded(z, error, form))


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


def of_arb(line, *points):
    return line(*(Ball(flint.arb_mat(1, 1, [t]), ()) for t in points)).matrix[0, 0]


def slope_at(name, t):
    return of_arb(ACTIVATIONS[name].derivative, t, t)


def off(name, z, below, above):
    """How far the stated derivative is from the difference quotient of the ball's value, at 200 digits."""
    with flint.ctx.workdps(200):
        step, middle = flint.arb("1e-60"), flint.arb(float(z))
        ends = [of_arb(ACTIVATIONS[name].value, middle + side * step) for side in (-below, above)]
        return abs((ends[1] - ends[0]) / ((below + above) * step) - slope_at(name, middle))


@EACH
def test_the_derivative_is_the_limit_of_central_quotients(name):
    for z in [*np.random.default_rng(7).normal(0, 4, 60), *SPECIAL]:
        if z not in KINKS.get(name, {}):
            next_jumps = name in {"softsign", "elu"} and z == 0  # the second derivative
            assert off(name, z, 1, 1) < (1e-40 if next_jumps else 1e-50), (name, z)


@pytest.mark.parametrize("name", [*KINKS, "elu"])
def test_at_a_kink_the_derivative_is_a_one_sided_limit_and_as_stated(name):
    for at, expected in KINKS.get(name, {0: 1}).items():
        sides = sorted([off(name, at, 1, 0), off(name, at, 0, 1)])
        assert sides[0] < 1e-40
        assert sides[1] > 0.1 or name == "elu"
        z = np.array([float(at)])
        high, _, radius = truth(name, z)[1]
        assert [both(name, z)[1].item(), high.item()] == pytest.approx([expected] * 2, rel=1e-15)
        assert radius < 1e-30
        assert bounds(name, z, FLOAT64)[1].error < 1e-14  # z is exact, so nothing is undecided


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


@EACH_FORMAT
@EACH
@settings(max_examples=8)
@given(drawn=st.lists(uncertain, min_size=40, max_size=40))
def test_wherever_z_is_within_its_error_the_truth_and_each_form_are_within_the_bound(name, dtype, drawn):
    """The rounding that is allowed is that at t, not that at z."""
    t, e, part = (np.array(column) for column in zip(*drawn, strict=True))
    t = t.astype(DTYPES[dtype]).astype(np.float64)
    z = t + part * e
    lines = bounds(name, z, FORMATS[dtype], np.maximum(e, np.abs(t - z) * (1 + 2.0**-52)))  # both are rounded
    for line, split in zip(lines, truth(name, t), strict=True):
        assert not outside(line.value, line, split).any()
    for claims in in_each_form(name, t, dtype):
        for array, line in zip(claims, lines, strict=True):
            apart = np.abs(array.astype(np.float64) - line.value)
            assert not (apart > line.error).any(), t[apart > line.error]


# Constants, and tightness.

# The derivative, its derivative, and what bounds the first three.
SMOOTH = {
    "silu": (softplus.silu_slope, softplus.silu_bend, (softplus.M1, softplus.M2, softplus.M3)),
    "gelu_erf": (gelu.erf_slope, gelu.erf_bend, (gelu.M1, gelu.M2, gelu.M3)),
    "gelu_tanh": (gelu.tanh_slope, gelu.tanh_bend, (gelu.M1, gelu.M2, gelu.M3)),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_the_taylor_bounds_have_the_least_constants_and_the_right_second_derivative(name):
    """M₁, M₂, M₃ against quotients of the ball derivative on a grid of step 0.005, and not by much."""
    slope, bend, allowed = SMOOTH[name]
    with flint.ctx.workdps(60):
        step = flint.arb("1e-15")
        largest = np.zeros(3)
        for point in np.arange(-9, 9, 0.005):
            at = [slope_at(name, flint.arb(float(point)) + k * step) for k in (-1, 0, 1)]
            bent, twist = (at[2] - at[0]) / (2 * step), (at[2] - 2 * at[1] + at[0]) / step**2
            largest = np.maximum(largest, [abs(float(at[1])), abs(float(bent)), abs(float(twist))])
    assert np.all(largest <= allowed)
    assert np.all(allowed <= 1.02 * largest)
    z, h = np.linspace(-9, 9, 181), 1e-5
    assert np.allclose((slope(z + h) - slope(z - h)) / (2 * h), bend(z), atol=1e-9)


def steep(z):
    """|z|·p', of gelu_tanh, as far as 1 − tanh² p is not 0."""
    z = np.minimum(np.abs(z), 7.5)
    return z * 0.7979 * (1 + 0.134145 * z * z)


def tail(z):
    """What is left of gelu_tanh and its derivative below −7.5, (1 + |z| + 2|z|p')·e^{2p}, in float64's u."""
    z = np.clip(z, -30, -7.5)
    p, slope = forms.inner(z), forms.inner_slope(z)
    return (1 - z + 2 * np.abs(z) * slope) * np.exp(2 * p * (1 - 1e-6)) / 2.0**-53


# The most that a value's and a slope's bound may be at an exact z, in units of u + 2⁻⁵³: what is documented.
ALLOWED = {
    "sigmoid": (lambda z, f: 8 * np.abs(f),),
    "tanh": (lambda z, f: 16 * np.abs(f),),
    "softplus": (lambda z, f: 8 * np.abs(f), lambda z, f: (35 + np.abs(z)) * f),
    "log_sigmoid": (lambda z, f: 8 * np.abs(f), lambda z, f: 16 + (35 + np.abs(z)) * f),
    "gelu_erf": (lambda z, f: 8 * np.abs(z) * (z > -41), lambda z, f: 12 * (z > -41)),
    "gelu_tanh": (
        lambda z, f: np.where(z < -7.5, tail(z), 8 * np.abs(z)),
        lambda z, f: np.where(z < -7.5, tail(z), 12 + 13.7 * steep(z)),
    ),
    "silu": (lambda z, f: 12 * np.abs(f), lambda z, f: 12 + 8 * np.abs(z)),
    "leaky_relu": (lambda z, f: 2 * np.abs(f) * (z < 0), lambda z, f: 0.01 * (z <= 0)),
    "elu": (lambda z, f: 12 * np.abs(f) * (z < 0), lambda z, f: 10.0 * (z <= 0)),
    "selu": (lambda z, f: np.where(z > 0, 2, 16) * np.abs(f), lambda z, f: np.where(z > 0, 1.06, 25)),
    "softsign": (lambda z, f: 4 * np.abs(f), lambda z, f: 10 / (1 + np.abs(z))),
    **dict.fromkeys(("identity", "hardtanh", "relu", "relu6"), (lambda z, f: 0 * z,) * 2),
}


@pytest.mark.parametrize("form", [FLOAT64, FLOAT32], ids=lambda form: form.name)
@EACH
def test_no_bound_at_an_exact_z_is_looser_than_documented(name, form):
    z = everywhere("float32")
    z = z[(z == 0) | (np.abs(z) >= FLOAT32.smallest_normal)]
    unit = (form.unit_roundoff + EVALUATION) * (1 + 64 * form.unit_roundoff)
    underflow = 2 * form.smallest_normal * (1 + np.minimum(np.abs(z), 1000))
    for line, allowed in zip(bounds(name, z, form), ALLOWED[name], strict=False):
        most = allowed(z, line.value) * unit * (1 + 1e-5) + underflow * 1.001
        error = np.broadcast_to(line.error, z.shape)
        assert not z[error > most].tolist(), (error / most).max()


@pytest.mark.parametrize("name", ["gelu_erf", "gelu_tanh", "silu", "softplus", "elu", "log_sigmoid"])
def test_balls_keep_their_digits_in_the_tails(name):
    for high, low, radius in truth(name, np.array([-30.0, -12.0, 12.0, 30.0])):
        assert np.all(radius <= 1e-30 * np.abs(high + low))


# From both sides: what is allowed is inside, and half as much again is not.

# Units in the last place that an implementation may be off by, a point, and the function in mpmath.
ULPS = {
    "sigmoid": (4, -0.75, lambda z: 1 / (1 + mpmath.exp(-z))),
    "tanh": (8, 0.75, mpmath.tanh),
    "softplus": (4, 0.75, lambda z: mpmath.log1p(mpmath.exp(z))),
    "log_sigmoid": (4, 0.75, lambda z: -mpmath.log1p(mpmath.exp(-z))),
    "silu": (6, 0.75, lambda z: z / (1 + mpmath.exp(-z))),
    "elu": (6, -0.75, mpmath.expm1),
    "selu": (8, -0.75, lambda z: scaled_elu()[0] * scaled_elu()[1] * mpmath.expm1(z)),
    "softsign": (2, 0.75, lambda z: z / (1 + abs(z))),
}


@pytest.mark.parametrize("name", ULPS)
def test_the_ulps_are_inside_and_half_as_many_again_are_outside(name):
    """A unit in the last place is 2u of the number at most; float64 pays for its own evaluation, too."""
    ulps, at, function = ULPS[name]
    with mpmath.workdps(40):
        exact = function(mpmath.mpf(at))
        for form, unit in ((FLOAT32, 2.0**-24), (FLOAT64, 2.0**-52)):
            value = bounds(name, np.array([at]), form)[0]
            for side in (-1, 1):
                near, far = (float(exact * (1 + side * part * 2 * ulps * unit)) for part in (0.99, 1.5))
                if form is FLOAT64:
                    near = float(exact * (1 + side * ulps * 2.0**-53))
                assert abs(near - value.value) <= value.error
                assert abs(far - value.value) > value.error


def test_the_ulps_of_16_bits_are_2_and_3_are_outside():
    for name, exact in (("sigmoid", 1 / (1 + math.exp(-0.75))), ("tanh", math.tanh(0.75))):
        value = bounds(name, np.array([0.75]), BFLOAT16)[0]
        assert 1.99 * 2 * 2.0**-8 * exact <= value.error.item() <= 3 * 2 * 2.0**-8 * exact


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_a_slope_may_lose_what_its_activation_has_lost_and_no_four_times_its_plain_form(name):
    """a is off by 4 or 8 ulps, which count in a(1 − a) and in 1 − a², and 3 roundings of each."""
    z, unit = np.array([0.25, 0.75, -1.5]), 2.0**-24
    slope = bounds(name, z, FLOAT32)[1]
    if name == "sigmoid":
        a, ulps, form = 1 / (1 + np.exp(-z)), 8, lambda a: a * (1 - a)
        plain = np.maximum(np.abs(1 - 2 * a) * 8 * a + 3 * form(a), 8 * form(a))
    else:
        a, ulps, form = np.tanh(z), 16, lambda a: 1 - a * a
        plain = np.maximum(2 * a * 16 * a + 3, 16 * form(a))
    assert np.all(slope.error < 4 * plain * unit)
    for side in (-0.99, 0.99):
        claimed = form(a * (1 + side * ulps * unit))
        assert np.all(np.abs(claimed - slope.value) <= slope.error)


def scaled_elu():
    """λ and α of the paper's equation 14, whose fixed point is mean 0 and variance 1."""
    e1, e2 = mpmath.erfc(1 / mpmath.sqrt(2)), mpmath.erfc(mpmath.sqrt(2))
    root, pi, e = mpmath.sqrt(mpmath.e), mpmath.pi, mpmath.e
    alpha = -mpmath.sqrt(2 / pi) / (e1 * root - 1)
    spread = 2 * e2 * e**2 + pi * e1**2 * e - 2 * (2 + pi) * e1 * root + pi + 2
    return (1 - e1 * root) * mpmath.sqrt(2 * pi) / mpmath.sqrt(spread), alpha


def test_selus_constants_are_the_papers_to_their_last_digit():
    with mpmath.workdps(60):
        for stated, exact in zip((elu.LAMBDA, elu.ALPHA), scaled_elu(), strict=True):
            assert abs(mpmath.mpf(stated) - exact) <= mpmath.mpf("0.5e-31")
        assert abs(mpmath.mpf(elu.SCALE) - scaled_elu()[0]) <= mpmath.mpf(2) ** -53
        assert abs(mpmath.mpf(elu.BELOW) - scaled_elu()[0] * scaled_elu()[1]) <= 6 * mpmath.mpf(2) ** -53


# By activation: the jump of its derivative at each kink.
JUMPS = {"relu": 1, "leaky_relu": 0.99, "hardtanh": 1, "relu6": 1, "selu": 0.7073983534920435}


@pytest.mark.parametrize("form", [FLOAT64, FLOAT32, BFLOAT16], ids=lambda form: form.name)
@pytest.mark.parametrize("name", KINKS)
def test_as_near_to_a_kink_as_z_is_uncertain_the_whole_jump_is_the_error_and_elsewhere_nothing(name, form):
    jump = JUMPS[name]
    rounding, e = 40 * form.unit_roundoff + 4e-3, 2.0**-10
    for z in [kink + side * e for kink in KINKS[name] for side in (-1, 1)]:
        for share, least, most in ((1, jump, jump + rounding), (1 - 1e-6, 0, rounding)):
            error = bounds(name, np.array([z]), form, np.array([e * share]))[1].error
            assert least <= np.max(error) <= most


def test_a_distance_too_small_for_the_slack_is_compared_as_it_is():
    """Printed numbers have no underflow: 2⁻¹⁰⁷⁰ ± 2⁻¹⁰⁷⁰ may be 0, and what is nearer to itself may not."""
    z, e = np.full(2, 2.0**-1070), np.array([2.0**-1070, 2.0**-1071])
    assert undecided(Bounded(z, e, PRINTED), 0).tolist() == [True, False]


def test_a_subnormal_z_may_be_read_as_zero_at_a_kink():
    error = bounds("leaky_relu", np.array([1e-320, 1e-300]), FLOAT64)[1].error
    assert error[0] >= 0.99
    assert error[1] == 0


# At z = −8 the largest factor that is multiplied in on its own: 1 − a, λα, z, or zp'.
PARTS = {"tanh": 2, "selu": 1.7580993, "silu": 8, "gelu_erf": 8, "softsign": 8}
PARTS["gelu_tanh"] = 8 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * 64)


@EACH
def test_a_derivative_states_its_largest_factor(name):
    slope = bounds(name, np.array([-8.0]), FLOAT64)[1]
    assert np.max(slope.parts) == pytest.approx(PARTS.get(name, 1), rel=1e-7)
