"""The activations' bounds from both sides: what is allowed is inside, and half as much again is not.

What is expected is counted by hand or computed by mpmath; never by what is tested.
"""

import math

import mpmath
import numpy as np
import pytest

from reference.activations import ACTIVATIONS, elu
from reference.activations.contract import undecided
from reference.arithmetic import FLOAT32, FLOAT64, FORMATS, PRINTED, Bounded


def bounds(name, z, form, error=None):
    """The bounds of the value and of the derivative at z, known exactly or to ± error."""
    z = Bounded.exact(z, form) if error is None else Bounded(z, error, form)
    a = ACTIVATIONS[name].value(z)
    return a, ACTIVATIONS[name].derivative(z, a)


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
    form = FORMATS["bfloat16"]
    for name, exact in (("sigmoid", 1 / (1 + math.exp(-0.75))), ("tanh", math.tanh(0.75))):
        value = bounds(name, np.array([0.75]), form)[0]
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


# By activation: its kinks, and the jump of its derivative there.
KINKS = {"relu": ([0], 1), "leaky_relu": ([0], 0.99), "hardtanh": ([-1, 1], 1), "relu6": ([0, 6], 1)}
KINKS["selu"] = ([0], 0.7073983534920435)


@pytest.mark.parametrize("form", [FORMATS["float64"], FORMATS["float32"], FORMATS["bfloat16"]])
@pytest.mark.parametrize("name", KINKS)
def test_as_near_to_a_kink_as_z_is_uncertain_the_whole_jump_is_the_error_and_elsewhere_nothing(name, form):
    kinks, jump = KINKS[name]
    rounding, e = 40 * form.unit_roundoff + 4e-3, 2.0**-10
    for z in [kink + side * e for kink in kinks for side in (-1, 1)]:
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


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_derivative_states_its_largest_factor(name):
    slope = bounds(name, np.array([-8.0]), FLOAT64)[1]
    assert np.max(slope.parts) == pytest.approx(PARTS.get(name, 1), rel=1e-7)
