"""The losses' bounds from both sides: what is allowed is inside, and a fifth as much again is not.

What is allowed is counted by hand, in u, at one point of each loss; the loss there is computed by mpmath.
"""

import math

import mpmath
import numpy as np
import pytest

from reference.arithmetic import FLOAT32, Bounded
from reference.losses import loss_rule

U = 2.0**-24
L2, L4 = math.log(2), math.log(4)
TWO, TAIL = math.log1p(math.exp(2)), math.log1p(math.exp(-2))  # softplus(2) and softplus(−2)

BINARY = ("binary_cross_entropy", {})
LOGITS = ("binary_cross_entropy_with_logits", {})
SOFTMAX = ("softmax_cross_entropy", {})
CLASSES = ("softmax_cross_entropy_with_integer_labels", {})
HUBER, SMOOTH = ("huber", {"delta": 1.0}), ("smooth_l1", {"beta": 0.5})
SQUARES, L1 = ("half_squared_error", {}), ("l1", {})
EQUAL, NEAR = ([0.5] * 4, [0, 1, 0, 0]), ([0.5], [0.25])


def difference(a, y):
    return a[0] - y[0]


def half_square(a, y):
    return difference(a, y) ** 2 / 2


def log_4(z, y):
    return mpmath.log(4)


# By point: the loss, ŷ and y, how many u it may be off by, and its value.
POINTS = {
    # y log a: 2 · 4 ulps of the logarithm and 4 roundings, and one of the sum
    "probability, yes": (BINARY, ([0.25], [1]), 13 * L4, lambda a, y: -mpmath.log(a[0])),
    # the same of log(1 − a), and u from 1 − a itself
    "probability, no": (BINARY, ([0.25], [0]), 13 * -math.log(0.75) + 1, lambda a, y: -mpmath.log(1 - a[0])),
    # of max(z, 0) 12, of log1p(e^{−|z|}), twice, 2 · (5 + 4) ulps and 4 roundings, and one of the sum
    "logit 2": (LOGITS, ([2.0], [0]), 24 + 44 * TAIL + TWO, lambda z, y: mpmath.log1p(mpmath.exp(z[0]))),
    "logit 0": (LOGITS, ([0.0], [0]), 22 * 2 * L2 + L2, lambda z, y: mpmath.log(2)),
    # log Σ eᶻ: 2 · 5 ulps of e⁰ and 4 additions, 2 · 4 ulps of log 4; z − log Σ, y times it (2), Σ of 4 terms
    "softmax": (SOFTMAX, EQUAL, 14 + 8 * L4 + L4 + 2 * L4 + 4 * L4, log_4),
    # log Σ eᶻ before the shift is taken off it: two roundings of ½ + log 4
    "softmax of classes": (CLASSES, EQUAL, 14 + 8 * L4 + L4 + 2 * (0.5 + L4) + 2 * L4 + 4 * L4, log_4),
    # m (|d| − ½m): m times the rounding of d, six of the reach |d|(|d| + ½m), and one of the sum
    "huber": (HUBER, NEAR, 1 / 16 + 6 * 3 / 32 + 1 / 32, half_square),
    "smooth l1": (SMOOTH, NEAR, 2 * (1 / 16 + 6 * 3 / 32 + 1 / 32), lambda a, y: 2 * half_square(a, y)),
    "l1": (L1, NEAR, 2 / 4, difference),
    # the difference, twice, the product, and one of the sum
    "squares": (SQUARES, NEAR, (2 + 1 + 1) / 32, half_square),
}

# The same of the gradient of the element whose target is 1, or of the only one.
SLOPES = {
    # 7 roundings of y/a
    "probability, yes": (BINARY, ([0.25], [1]), 7 * 4, lambda a, y: -1 / a[0]),
    # σ's 2 · 4 ulps and 4 roundings of 1 + σ(−2); 2 · 4 ulps of softplus(2) and u·2 of the exponent of σ(z)
    "logit 2": (
        LOGITS,
        ([2.0], [0]),
        (12 + 2) * (1 + 1 / (1 + math.exp(2))) + 8 * TWO / (1 + math.exp(-2)),
        lambda z, y: 1 / (1 + mpmath.exp(-z[0])),
    ),
    # ¼ times what log softmax is off by and 12 more; 4 additions and 2 roundings of p; 2 of y
    "softmax": (SOFTMAX, EQUAL, (14 + 9 * L4 + 12) / 4 + 6 / 4 + 2, lambda z, y: mpmath.mpf(-3) / 4),
    # the difference and 4 roundings of d + δ, where δ + (m − δ) is one of the forms
    "huber": (HUBER, NEAR, 1 / 4 + 4 * 5 / 4, difference),
    "smooth l1": (SMOOTH, NEAR, 1 / 2 + 4 * 3 / 2, lambda a, y: 2 * difference(a, y)),
    "squares": (SQUARES, NEAR, 1 / 4, difference),
}

EACH = [
    pytest.param(which, *row, id=f"{which} of {point}")
    for which, table in (("value", POINTS), ("gradient", SLOPES))
    for point, row in table.items()
]


@pytest.mark.parametrize(("which", "loss", "points", "allowed", "exact"), EACH)
def test_what_is_counted_is_inside_and_a_fifth_more_is_outside(which, loss, points, allowed, exact):
    name, numbers = loss
    line = getattr(loss_rule(name, "sum", tuple(numbers.items())), which)
    y_hat, y = (Bounded.exact(np.array([one], float), FLOAT32.certified) for one in points)
    derived = line(y_hat, y)
    at = (0, points[1].index(1) if 1 in points[1] else 0) if derived.shape else ()
    value, error = float(derived.value[at]), float(np.broadcast_to(derived.error, derived.shape)[at])
    with mpmath.workdps(40):
        true = exact(*(list(map(mpmath.mpf, one)) for one in points))
        for side in (-1, 1):
            inside, outside = (float(true + side * part * allowed * U) for part in (0.97, 1.2))
            assert abs(inside - value) <= error
            assert abs(outside - value) > error


@pytest.mark.parametrize(("d", "width"), [(0.5, 2.0), (-0.5, 2.0), (0.0, 1.0)])
def test_the_slope_of_l1_is_undecided_where_the_difference_may_just_be_0(d, width):
    """ŷ = d ± ½ and y = 0: at d = ½ the difference may be 0 exactly, and the sign of that is 0."""
    line = loss_rule("l1", "sum").gradient
    zero = Bounded.exact(np.zeros((1, 1)), FLOAT32)
    near = line(Bounded(np.array([[d]]), np.array([[0.5]]), FLOAT32), zero)
    assert near.error.item() == pytest.approx(width)
    far = line(Bounded(np.array([[d or 1.0]]), np.array([[0.499]]), FLOAT32), zero)
    assert far.error.item() == 0
