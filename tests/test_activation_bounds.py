"""The activations' bounds from both sides: what is allowed is inside, and half as much again is not.

What is expected is counted by hand or computed by mpmath; never by what is tested.
"""

import math

import mpmath
import numpy as np
import pytest

from reference.activations import ACTIVATIONS, selu
from reference.activations.kinks import undecided
from reference.arithmetic import FLOAT32, FLOAT64, FORMATS, PRINTED, Bounded


def bounds(name, z, form, error=None):
    """The bounds of the value and of the derivative at z, known exactly or to ± error."""
    z = Bounded.exact(z, form) if error is None else Bounded(z, error, form)
    a = ACTIVATIONS[name].value(z)
    return a, ACTIVATIONS[name].derivative(z, a)


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
"""Units in the last place that an implementation may be off by, a point, and the function in mpmath."""


@pytest.mark.parametrize("name", ULPS)
def test_so_many_units_in_the_last_place_are_inside_and_half_as_many_again_are_outside(name):
    """A unit in the last place is 2u of the number at most; float64 pays for its own evaluation as well."""
    ulps, at, function = ULPS[name]
    with mpmath.workdps(40):
        exact = function(mpmath.mpf(at))
        for form, unit in ((FLOAT32, 2.0**-24), (FLOAT64, 2.0**-52)):
            value = bounds(name, np.array([at]), form)[0]
            for side in (-1, 1):
                near, far = (float(exact * (1 + side * part * 2 * ulps * unit)) for part in (0.99, 1.5))
                half = float(exact * (1 + side * ulps * 2.0**-53)) if form is FLOAT64 else near
                assert abs((near if form is FLOAT32 else half) - value.value) <= value.error
                assert abs(far - value.value) > value.error


def test_the_ulps_of_16_bits_are_2_and_3_are_outside():
    form = FORMATS["bfloat16"]
    for name, exact in (("sigmoid", 1 / (1 + math.exp(-0.75))), ("tanh", math.tanh(0.75))):
        value = bounds(name, np.array([0.75]), form)[0]
        assert 1.99 * 2 * 2.0**-8 * exact <= value.error.item() <= 3 * 2 * 2.0**-8 * exact


def plain_slopes(z):
    """What a(1 − a) and 1 − a² may be off by through a alone, 4 and 8 ulps of it, and 3 roundings of each."""
    a, t = 1 / (1 + np.exp(-z)), np.tanh(z)
    return {
        "sigmoid": np.maximum(np.abs(1 - 2 * a) * 8 * a + 3 * a * (1 - a), 8 * a * (1 - a)),
        "tanh": np.maximum(2 * t * 16 * t + 3, 16 * (1 - t * t)),
    }


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_four_times_what_the_plain_form_of_a_slope_may_lose_is_outside(name):
    z = np.array([0.25, 0.75, -1.5])
    slope = bounds(name, z, FLOAT32)[1]
    assert np.all(slope.error < 4 * plain_slopes(z)[name] * 2.0**-24)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_a_slope_from_an_activation_that_is_off_by_its_ulps_is_inside(name):
    """The implementation that hides a: what a may be off by counts in a(1 − a) and in 1 − a²."""
    z, unit = np.array([0.25, 0.75, -1.5]), 2.0**-24
    slope = bounds(name, z, FLOAT32)[1]
    for side in (-0.99, 0.99):
        if name == "sigmoid":
            a = 1 / (1 + np.exp(-z)) * (1 + side * 8 * unit)
            claimed = a * (1 - a)
        else:
            a = np.tanh(z) * (1 + side * 16 * unit)
            claimed = 1 - a * a
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
        for stated, exact in zip((selu.LAMBDA, selu.ALPHA), scaled_elu(), strict=True):
            assert abs(mpmath.mpf(stated) - exact) <= mpmath.mpf("0.5e-31")
        assert abs(mpmath.mpf(selu.SCALE) - scaled_elu()[0]) <= mpmath.mpf(2) ** -53
        assert abs(mpmath.mpf(selu.BELOW) - scaled_elu()[0] * scaled_elu()[1]) <= 6 * mpmath.mpf(2) ** -53


KINKS = {"relu": [0], "leaky_relu": [0], "hardtanh": [-1, 1], "relu6": [0, 6], "selu": [0]}


@pytest.mark.parametrize("name", KINKS)
def test_a_z_exactly_as_far_from_a_kink_as_it_is_uncertain_is_undecided(name):
    e = 2.0**-6
    for kink in KINKS[name]:
        for side in (-1, 1):
            for far, jumps in ((e, True), (e * (1 + 1e-6), False)):
                slope = bounds(name, np.array([kink + side * far]), FLOAT64, np.array([e]))[1]
                assert (np.max(slope.error) > 0.5) == jumps


def test_a_distance_too_small_for_the_slack_is_compared_as_it_is():
    """Printed numbers have no underflow: 2⁻¹⁰⁷⁰ ± 2⁻¹⁰⁷⁰ may be 0, and what is nearer to itself may not."""
    z, e = np.full(2, 2.0**-1070), np.array([2.0**-1070, 2.0**-1071])
    assert undecided(Bounded(z, e, PRINTED), 0).tolist() == [True, False]


PARTS = {"tanh": 2, "selu": 1.7580993, "silu": 8, "gelu_erf": 8, "softsign": 8}
"""At z = −8 the largest factor that is multiplied in on its own: 1 − a, λα, or z itself."""


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_derivative_tells_the_largest_factor_by_which_a_gradient_is_multiplied_on_its_way(name):
    expected = PARTS.get(name, 1)
    if name == "gelu_tanh":  # z · √(2/π) (1 + 3 · 0.044715 z²)
        expected = 8 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * 64)
    slope = bounds(name, np.array([-8.0]), FLOAT64)[1]
    assert np.max(slope.parts) == pytest.approx(expected, rel=1e-7)
