"""The updates' bounds from both sides, with every rounding counted by hand in u.

A form that needs what a bound allows besides its formula is inside, with each operation off by u to one side,
as the standard model of floating-point arithmetic allows; and a number some way outside differs.
"""

import mpmath
import numpy as np
import pytest

from reference.arithmetic import FLOAT32, FLOAT64, Ball, Bounded, precision
from reference.optimizers import gradients
from reference.optimizers.adam import DESCEND_DECAYED
from reference.optimizers.averages import CORRECTION, MOVING_AVERAGE
from reference.optimizers.gradients import NORM
from reference.optimizers.schedules import BY_STEPS, COSINE

U = 2.0**-24


def known(*numbers, form=FLOAT32.certified):
    return [Bounded.exact(np.asarray(number, float), form) for number in numbers]


def allows(bounded, exact, off):
    """Whether a number that is so far off from the exact one is inside, to both sides."""
    value, error = bounded.value.item(), np.asarray(bounded.error).item()
    (is_inside,) = {bool(abs(exact + side * off - value) <= error) for side in (-1, 1)}
    return is_inside


def cosine_at(step, eta, over, final):
    """The schedule's rate in 40 digits, which stays at its last."""
    with mpmath.workdps(40):
        done = mpmath.mpf(min(step - 1, over)) / over
        return mpmath.mpf(eta) * (final + (1 - mpmath.mpf(final)) * (1 + mpmath.cos(mpmath.pi * done)) / 2)


FALLEN = 0.5 * 0.75**5
# What is computed, its exact value, by how many u a form in use is off, and by how many nothing may be.
BOTH_SIDES = {
    # ¾ · 1 + ¼ · (−3) = 0 is off by 2¼ u; 1 + ¼(−3 − 1) by 3 roundings of 1, −3 + ¾(1 + 3) by 2 of 3
    "an average of a difference": (MOVING_AVERAGE, (0.75, [1.0], [-3.0]), 0.0, 2 * 3, 4 * (0.75 + 2 * 0.75)),
    # w = d = 1, η = ½, λ = ¼. η(d + λw): λw, its sum, its product and the difference from w; PyTorch has
    # (1 − ηλ)w − ηd: ηλ, 1 − ηλ, its product, ηd, and the difference
    "a decoupled decay that comes first": (
        DESCEND_DECAYED,
        ([1.0], [1.0], 0.5, 0.25),
        0.375,
        0.125 + 0.875 + 0.875 + 0.5 + 0.375,
        4 * (0.5 * (0.25 + 1.25) + 0.625 + 0.375),
    ),
    # of one number: a square and a root by its reciprocal, 2½ roundings; and both once more
    "a norm of norms": (NORM, ([[4.0]],), 4.0, ((2.5 * 2 + 1) / 2 + 2) * 4, 5 * 2.5 * 4),
    "a cosine": (COSINE, (0.5, 4.0, 10.0, 0.25), float(cosine_at(4, 0.5, 10, 0.25)), 16 * 0.5, 24 * 0.5),
    # step 11 is after the fifth fall: 5 products, or a power that is 5 ulps off and a product
    "a rate by steps": (BY_STEPS, (0.5, 11.0, 2.0, 0.75), FALLEN, (5 + 10 + 1) * FALLEN, 1.5 * 17 * FALLEN),
}
# β is rounded, which counts t times in βᵗ; a power is 5 ulps off; and the difference is rounded.
for t in (1, 10, 1000):
    with mpmath.workdps(40):
        power, exact = float(mpmath.mpf(0.99) ** t), float(1 - mpmath.mpf(0.99) ** t)
    inside, allowed = (10 + t) * power + exact, (10 + t) * power + 2 * exact
    BOTH_SIDES[f"a correction of step {t}"] = (CORRECTION, (0.99, float(t)), exact, inside, 2 * allowed)


@pytest.mark.parametrize(
    ("formula", "given", "exact", "inside", "outside"), BOTH_SIDES.values(), ids=BOTH_SIDES
)
def test_a_form_in_use_is_inside_and_no_more(formula, given, exact, inside, outside):
    bounded = formula(*known(*given))
    assert allows(bounded, exact, 0.99 * inside * U)
    assert not allows(bounded, exact, outside * U)


def test_a_rate_by_steps_is_exact_in_balls_and_in_plain_numbers():
    inputs = 0.5, 11.0, 2.0, 0.75
    with precision():
        high, _, radius = BY_STEPS(*map(Ball.exact, inputs)).split()
    assert (high, radius) == (FALLEN, 0)
    assert BY_STEPS.plain(*map(np.asarray, inputs)) == FALLEN


@pytest.mark.needs("torch")
def test_pytorchs_cosine_recurrence_is_inside():
    import torch
    from torch.optim.lr_scheduler import CosineAnnealingLR

    over, final, attained = 300, 0.1, 0.0
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = CosineAnnealingLR(optimizer, T_max=over, eta_min=0.1 * final)
    for step in range(1, over + 1):
        exact, stated = cosine_at(step, 0.1, over, final), optimizer.param_groups[0]["lr"]
        derived = COSINE(*known(0.1, float(step), float(over), final, form=FLOAT64))
        assert abs(stated - derived.value.item()) <= derived.error.item()
        attained = max(attained, float(abs(stated - exact)) / 0.1 / 2.0**-53)
        allowed = 0.1 * (2 * 16 + 8 * (step - 1)) * 2.0**-53
        assert not allows(derived, float(exact), 1.5 * allowed)
        optimizer.step()
        scheduler.step()
    assert attained > 2 * 16


@pytest.mark.parametrize("step", [1, 4, 10, 11, 12, 19, 21, 1000])
def test_the_cosine_stays_at_its_last_rate(step):
    exact = cosine_at(step, 0.5, 10, 0.25)
    with precision():
        high, low, radius = COSINE(*(Ball.exact(one) for one in (0.5, step, 10.0, 0.25))).split()
    assert radius < 1e-32
    with mpmath.workdps(40):
        assert abs(mpmath.mpf(float(high)) + mpmath.mpf(float(low)) - exact) < 1e-32
    plain = COSINE.plain(np.asarray(0.5), np.asarray(float(step)), 10.0, 0.25)
    assert plain == pytest.approx(float(exact), rel=1e-14)
    assert COSINE(*known(0.5, float(step), 10.0, 0.25)).value == pytest.approx(float(exact), rel=1e-14)


def test_each_case_of_a_stack_is_clipped_by_its_own_norm():
    """Gradients (3, 4) and (6, 8), whose norms are 5 and 10, clipped to 5; and so on arrays and on bounds."""
    g = np.array([[[3.0, 4.0]], [[6.0, 8.0]]])
    for one in (g, Bounded.exact(g, FLOAT64)):
        given = (np.asarray(n) if one is g else known(n, form=FLOAT64)[0] for n in (5.0, 0.0))
        norm = gradients.norm(one)
        factor = gradients.coefficient(norm, *given)
        values = [getattr(each, "value", each) for each in (norm, factor, gradients.clip(one, factor))]
        assert [each.tolist() for each in values] == [[5.0, 10.0], [1.0, 0.5], [[[3.0, 4.0]], [[3.0, 4.0]]]]
