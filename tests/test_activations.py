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

SHORT = replace(FLOAT32, name="bfloat16", unit_roundoff=2.0**-8)
"""As bfloat16 is: eight bits, and float32's range."""

FORMATS = {"float64": FLOAT64, "float32": FLOAT32, "bfloat16": SHORT}
DTYPES = {"float64": np.float64, "float32": np.float32, "bfloat16": ml_dtypes.bfloat16}
KINKS = {"relu": [0], "leaky_relu": [0], "hardtanh": [-1, 1], "relu6": [0, 6], "selu": [0]}
SPECIAL = [-45.0, -40.0, -30.0, -20.0, -8.0, -7.5, -1.0, -1e-5, 0.0, 1e-5, 1.0, 6.0, 7.5, 20.0, 30.0, 40.0]
PAIRS = ["value", "derivative"]


def everywhere(dtype):
    """Points from the smallest normal numbers to far beyond any saturation, in the format, as float64."""
    tiny = np.geomspace(2.0**-125, 1, 60)
    points = np.concatenate([tiny, np.linspace(0, 50, 1501), np.geomspace(50, 1e4, 40), np.abs(SPECIAL)])
    return np.unique(np.concatenate([points, -points]).astype(DTYPES[dtype])).astype(np.float64)


def truth(name, z):
    """The value and the derivative in balls, split."""
    with precision():
        balls = Ball.exact(np.asarray(z))
        a = ACTIVATIONS[name].value(balls)
        return a.split(), ACTIVATIONS[name].derivative(balls, a).split()


def bounds(name, z, form, error=0.0):
    exact = type(error) is float and error == 0
    z = Bounded.exact(z, form) if exact else Bounded(np.asarray(z, float), np.asarray(error, float), form)
    a = ACTIVATIONS[name].value(z)
    return a, ACTIVATIONS[name].derivative(z, a)


def outside(claimed, bounded, split):
    """Where a claim is farther from the truth than the bound allows."""
    high, low, radius = split
    with np.errstate(invalid="ignore"):  # ∞ − ∞ is outside
        off = np.abs(np.asarray(claimed, np.float64) - high - low)
    return ~(off <= bounded.error + radius)


# Derivatives, against quotients.


def quotient(name, z, sides):
    """The difference quotient of the ball's value at 200 digits, and of the step 1e-60."""
    with flint.ctx.workdps(200):
        step, middle = flint.arb("1e-60"), flint.arb(float(z))
        low, high = middle - sides[0] * step, middle + sides[1] * step
        ends = [value_at(name, t) for t in (low, high)]
        return (ends[1] - ends[0]) / ((sides[0] + sides[1]) * step)


def value_at(name, t):
    ball = Ball(flint.arb_mat(1, 1, [t]), ())
    return ACTIVATIONS[name].value(ball).matrix[0, 0]


def stated(name, z):
    with flint.ctx.workdps(200):
        ball = Ball.exact(np.asarray(float(z)))
        return ACTIVATIONS[name].derivative(ball, ball).matrix[0, 0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_derivative_is_the_limit_of_central_quotients(name):
    points = [*np.random.default_rng(7).normal(0, 4, 60), *SPECIAL]
    for z in points:
        if z not in KINKS.get(name, []):
            off = abs(quotient(name, z, (1, 1)) - stated(name, z))
            kind = (
                1e-40 if name in {"softsign", "elu"} and z == 0 else 1e-50
            )  # the next derivative jumps there
            assert off < kind, (name, z)


@pytest.mark.parametrize("name", KINKS)
def test_at_a_kink_the_derivative_is_one_of_the_one_sided_limits(name):
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
def test_what_is_stated_at_a_kink(name, at, expected):
    z = np.array([float(at)])
    assert ACTIVATIONS[name].derivative(z, ACTIVATIONS[name].value(z)) == pytest.approx(expected, rel=1e-15)
    (high, _, radius), form = truth(name, z)[1], FLOAT64
    assert high == pytest.approx(expected, rel=1e-15)
    assert radius < 1e-30
    assert bounds(name, z, form)[1].error < 1e-14  # z is exact, so nothing is undecided


# Bounds at an exact z.


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_form_stays_within_the_bound_at_an_exact_z(name, dtype):
    z = everywhere(dtype)
    in_dtype, form = z.astype(DTYPES[dtype]), FORMATS[dtype]
    derived, true = bounds(name, z, form), truth(name, z)
    if dtype == "float64":
        for line, split in zip(derived, true, strict=True):
            assert not outside(line.value, line, split).any()
    with np.errstate(all="ignore"):
        for value, slope in zip(cycle(VALUES[name]), SLOPES[name], strict=False):
            if dtype == "bfloat16":  # computed in float32 and rounded where it is stored
                a = value(z.astype(np.float32)).astype(in_dtype.dtype)
                claimed = slope(z.astype(np.float32), a.astype(np.float32)).astype(in_dtype.dtype)
            else:
                a = value(in_dtype)
                claimed = slope(in_dtype, a)
            assert a.dtype == claimed.dtype == in_dtype.dtype
            for stated, line, split in zip((a, claimed), derived, true, strict=True):
                assert not z[outside(stated, line, split)].tolist(), name


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_numpys_own_value_and_derivative_stay_within_the_bound(name, dtype):
    z = everywhere(dtype)
    a = ACTIVATIONS[name].value(z.astype(dtype))
    claims = a, ACTIVATIONS[name].derivative(z.astype(dtype), a)
    for stated, line, split in zip(claims, bounds(name, z, FORMATS[dtype]), truth(name, z), strict=True):
        assert stated.dtype == dtype
        assert not z[outside(stated, line, split)].tolist()


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"sigmoid", "tanh"}))
def test_far_out_nothing_is_nan_and_what_may_overflow_has_an_infinite_bound(name):
    z = np.array([1e30, -1e30, 1e300, -1e300, FLOAT64.largest, -FLOAT64.largest])
    with np.errstate(over="ignore"):  # λ times the largest number
        both = ACTIVATIONS[name].value(z), ACTIVATIONS[name].derivative(z, z)
    for plain in both:
        finite = np.isfinite(plain)
        assert not np.isnan(plain).any()
        assert finite[:4].all()
    promised = {"gelu_tanh": (4, 2)}.get(name, (4, 4))  # its derivative's z² overflows at 1e300
    for line, split, count in zip(bounds(name, z, FLOAT64), truth(name, z), promised, strict=True):
        assert not np.isnan(line.error).any()
        assert np.isfinite(np.broadcast_to(line.error, z.shape)[:count]).all()
        sure = np.isfinite(np.broadcast_to(line.error, z.shape))
        assert not outside(line.value, line, split)[sure].any()


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


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_whatever_z_is_within_its_error_so_are_the_value_and_the_derivative(name):
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


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_form_at_every_z_within_its_error_stays_within_the_bound(name, dtype):
    """The rounding that is allowed is that at t, not that at z."""
    rng, form = np.random.default_rng(11), FORMATS[dtype]
    for e in (1e-6, 0.01, 0.3, 3.0):
        t = rng.uniform(-25, 25, 400).astype(DTYPES[dtype]).astype(np.float64)
        z = t + e * rng.uniform(-1, 1, t.shape)
        lines = bounds(name, z, form, np.full(z.shape, e * (1 + 1e-9)))
        work = t.astype(np.float32 if dtype == "bfloat16" else dtype)
        with np.errstate(all="ignore"):
            for value, slope in zip(cycle(VALUES[name]), SLOPES[name], strict=False):
                a = value(work).astype(DTYPES[dtype])
                claims = a, slope(work, a.astype(work.dtype)).astype(DTYPES[dtype])
                for stated, line in zip(claims, lines, strict=True):
                    off = np.abs(stated.astype(np.float64) - line.value)
                    assert not (off > line.error).any(), (e, t[off > line.error])


# Constants, and tightness.

ROOMS = {"silu": silu, "gelu_erf": gelu_erf, "gelu_tanh": gelu_tanh}


@pytest.mark.parametrize("name", ROOMS)
def test_the_constants_of_the_taylor_bounds_are_the_least_upper_ones(name):
    """M₁, M₂, M₃ against quotients of the ball derivative on a grid of step 0.005, and not by much."""
    room = ROOMS[name]
    with flint.ctx.workdps(60):
        step = flint.arb("1e-15")
        found = np.zeros(3)
        for point in np.arange(-9, 9, 0.005):
            at = [slope_at(name, flint.arb(float(point)) + k * step) for k in (-1, 0, 1)]
            bend, twist = (at[2] - at[0]) / (2 * step), (at[2] - 2 * at[1] + at[0]) / step**2
            found = np.maximum(found, [abs(float(at[1])), abs(float(bend)), abs(float(twist))])
    allowed = np.array([room.M1, room.M2, room.M3])
    assert np.all(found <= allowed)
    assert np.all(allowed <= 1.02 * found)


def slope_at(name, t):
    ball = Ball(flint.arb_mat(1, 1, [t]), ())
    return ACTIVATIONS[name].derivative(ball, ball).matrix[0, 0]


@pytest.mark.parametrize("name", ROOMS)
def test_the_second_derivative_is_the_derivatives_own(name):
    z, h = np.linspace(-9, 9, 181), 1e-5
    quotients = (ROOMS[name].slope(z + h) - ROOMS[name].slope(z - h)) / (2 * h)
    assert np.allclose(quotients, ROOMS[name].bend(z), atol=1e-9)


def steep(z):
    """|z|·p', of gelu_tanh, as far as 1 − tanh² p is not 0."""
    z = np.minimum(np.abs(z), 7.5)
    return z * 0.7979 * (1 + 0.134145 * z * z)


def tail(z):
    """What is left of gelu_tanh and its derivative below −7.5, (1 + |z| + 2|z|p')·e^{2p}, in float64's u."""
    z = np.clip(z, -30, -7.5)
    p, slope = forms.inner(z), forms.inner_slope(z)
    return (1 - z + 2 * np.abs(z) * slope) * np.exp(2 * p * (1 - 1e-6)) / 2.0**-53


ALLOWED = {
    ("sigmoid", "value"): lambda z, f: 8 * np.abs(f),
    ("tanh", "value"): lambda z, f: 16 * np.abs(f),
    ("softplus", "value"): lambda z, f: 8 * np.abs(f),
    ("softplus", "derivative"): lambda z, f: (35 + np.abs(z)) * f,
    ("log_sigmoid", "value"): lambda z, f: 8 * np.abs(f),
    ("log_sigmoid", "derivative"): lambda z, f: 16 + (35 + np.abs(z)) * f,
    ("gelu_erf", "value"): lambda z, f: 8 * np.abs(z) * (z > -41),
    ("gelu_erf", "derivative"): lambda z, f: 12 * (z > -41),
    ("gelu_tanh", "value"): lambda z, f: np.where(z < -7.5, tail(z), 8 * np.abs(z)),
    ("gelu_tanh", "derivative"): lambda z, f: np.where(z < -7.5, tail(z), 12 + 13.7 * steep(z)),
    ("silu", "value"): lambda z, f: 12 * np.abs(f),
    ("silu", "derivative"): lambda z, f: 12 + 8 * np.abs(z),
    ("leaky_relu", "value"): lambda z, f: 2 * np.abs(f) * (z < 0),
    ("leaky_relu", "derivative"): lambda z, f: 0.01 * (z <= 0),
    ("elu", "value"): lambda z, f: 12 * np.abs(f) * (z < 0),
    ("elu", "derivative"): lambda z, f: 10.0 * (z <= 0),
    ("selu", "value"): lambda z, f: np.where(z > 0, 2, 16) * np.abs(f),
    ("selu", "derivative"): lambda z, f: np.where(z > 0, 1.06, 25),
    ("hardtanh", "value"): lambda z, f: 0 * z,
    ("hardtanh", "derivative"): lambda z, f: 0 * z,
    ("relu6", "value"): lambda z, f: 0 * z,
    ("relu6", "derivative"): lambda z, f: 0 * z,
    ("softsign", "value"): lambda z, f: 4 * np.abs(f),
    ("softsign", "derivative"): lambda z, f: 10 / (1 + np.abs(z)),
}
"""The most that each bound may allow at an exact z, in units of u + 2⁻⁵³: what its room documents."""


@pytest.mark.parametrize(("name", "which"), ALLOWED)
def test_no_bound_at_an_exact_z_is_looser_than_documented(name, which):
    z = everywhere("float32")
    z = z[(z == 0) | (np.abs(z) >= FLOAT32.smallest_normal)]
    for form in (FLOAT64, FLOAT32):
        line = bounds(name, z, form)[PAIRS.index(which)]
        unit = (form.unit_roundoff + EVALUATION) * (1 + 64 * form.unit_roundoff)
        underflow = 2 * form.smallest_normal * (1 + np.minimum(np.abs(z), 1000))
        most = ALLOWED[name, which](z, line.value) * unit * (1 + 1e-5) + underflow * 1.001
        error = np.broadcast_to(line.error, z.shape)
        assert not z[error > most].tolist(), (error / most).max()


def test_around_a_kink_the_whole_jump_is_the_error_and_elsewhere_nothing():
    e = np.full(1, 1e-3)
    for name, kinks in KINKS.items():
        jump = {"leaky_relu": 0.99, "selu": 0.7073983534920435}.get(name, 1.0)
        for kink in kinks:
            for form in FORMATS.values():
                for side in (-0.9e-3, 0.9e-3):
                    near = bounds(name, np.array([kink + side]), form, e)[1].error
                    assert jump <= near <= jump + 40 * form.unit_roundoff + 4e-3
                for side in (-1.1e-3, 1.1e-3):
                    away = bounds(name, np.array([kink + side]), form, e)[1].error
                    assert np.all(away <= 40 * form.unit_roundoff + 4e-3)


def test_a_subnormal_z_may_be_read_as_zero_at_a_kink():
    z = np.array([1e-320, 1e-300])
    assert bounds("leaky_relu", z, FLOAT64)[1].error[0] >= 0.99
    assert bounds("leaky_relu", z, FLOAT64)[1].error[1] == 0


# Each guard trips.


def test_the_two_gelus_are_told_apart_in_every_format_that_can():
    z = np.array([1.0, -1.0, 2.0])
    for one, other in (("gelu_erf", "gelu_tanh"), ("gelu_tanh", "gelu_erf")):
        for form in (FLOAT64, FLOAT32):
            for line, (claimed, _, _) in zip(bounds(one, z, form), truth(other, z), strict=True):
                assert np.all(np.abs(claimed - line.value) > line.error)


def test_a_softplus_that_is_z_above_20_is_outside_in_float64_and_inside_in_float32():
    z = np.linspace(20.1, 30, 50).astype(np.float32).astype(np.float64)
    value, slope = bounds("softplus", z, FLOAT64)
    assert np.all(np.abs(z - value.value) > value.error)
    assert np.all(np.abs(1 - slope.value) > slope.error)
    value, slope = bounds("softplus", z, FLOAT32)
    assert np.all(np.abs(z - value.value) <= value.error)
    assert np.all(np.abs(1 - slope.value) <= slope.error)


@pytest.mark.parametrize("form", [FLOAT64, FLOAT32], ids=lambda form: form.name)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_little_more_than_rounding_is_outside(name, form):
    """A value or a derivative off by a thousand units is a mistake, where it is of the order of 1."""
    z = np.array([0.5, 0.75, 0.9])
    for line in bounds(name, z, form):
        assert np.all(np.broadcast_to(line.error, z.shape) < 120 * form.unit_roundoff)


@pytest.mark.parametrize("name", ["gelu_erf", "gelu_tanh", "silu", "softplus", "elu", "log_sigmoid"])
def test_balls_keep_their_digits_in_the_tails(name):
    z = np.array([-30.0, -12.0, 12.0, 30.0])
    for high, low, radius in truth(name, z):
        assert np.all(radius <= 1e-30 * np.abs(high + low))


def test_the_decimals_and_the_balls_state_the_same_functions():
    assert set(decimals.ACTIVATIONS) == set(ACTIVATIONS) == set(VALUES) == set(SLOPES)
