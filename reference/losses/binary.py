"""Binary cross-entropy, −y log a − (1 − y) log(1 − a): of logits, a = σ(ŷ), or of probabilities, a = ŷ."""

import numpy as np
from numpy.typing import NDArray

from reference.activations import sigmoid
from reference.arithmetic import Bounded, Elementary
from reference.losses.terms import EXP_ULPS, LOG_ULPS, SOFTPLUS_ULPS, Array, Terms, pairwise, with_error


def with_logits(z: Array, y: Array) -> Array:
    """max(z, 0) − z y + log(1 + e^{−|z|}), which is −y log σ(z) − (1 − y) log(1 − σ(z))."""
    return np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))


def _with_logits_bounded(z: Bounded, y: Bounded) -> Bounded:
    """Any of four forms, whose parts cancel where |z| is large; so the error is absolute.

    softplus(z) − y z; max(z, 0) − z y + log1p(e^{−|z|}); (1 − y) z + softplus(−z);
    −y log σ(z) − (1 − y) log σ(−z).
    Their parts are at most (1 + |y|)|z|, and log1p(e^{−|z|}) times 1 + |y| + |1 − y|. The slope is σ(z) − y,
    and σ is ¼-Lipschitz.
    """
    form, steep = z.format, np.abs(sigmoid.sigmoid(z.value) - y.value)
    value, moved = with_logits(z.value, y.value), z.error * (steep + z.error / 4)
    linear = (1 + y.magnitude) * (z.magnitude + z.error)
    tail = (1 + y.magnitude + np.abs(1 - y.value)) * np.log1p(np.exp(np.minimum(z.error - z.magnitude, 0)))
    error = form.gamma(2 * SOFTPLUS_ULPS + 4) * linear
    error = error + form.gamma(2 * (EXP_ULPS + SOFTPLUS_ULPS) + 4) * tail
    return with_error(value, error + moved, linear + tail, form, lambda: linear + tail, 4 + 4 * y.peak)


def _with_logits_gradient_bounded(z: Bounded, y: Bounded, roundings: int) -> Bounded:
    """σ(z) − y, as autodiff of each of the four forms gives it: (1 − y) − σ(−z) is one of them.

    σ(z) may be e^{z − softplus(z)}, whose exponent has lost what softplus and the difference are rounded by.
    """
    form, a, opposite = z.format, sigmoid.sigmoid(z.value), sigmoid.sigmoid(-z.value)
    moved = np.minimum(np.asarray(z.error) / 4, 1)
    reach = np.maximum(a + y.magnitude, opposite + np.abs(1 - y.value)) + moved
    error = form.gamma(2 * sigmoid.ULPS + 4 + roundings) * reach
    above, below = with_logits(z.value, 0 * z.value), with_logits(-z.value, 0 * z.value)
    lost = np.abs(1 - y.value) * a * above + y.magnitude * opposite * below
    lost = form.gamma(2 * SOFTPLUS_ULPS) * lost + form.gamma(1) * z.magnitude * reach
    error = error + lost
    promised = np.where(np.isfinite(z.error), reach, np.inf)
    value = np.where(y.value == 1, -opposite, a - y.value)
    return with_error(value, error + moved, promised, form, lambda: reach)


def probabilities(a: Array, y: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):  # log 0 is −∞, as it is in a framework
        terms: Array = -y * np.log(a) - (1 - y) * np.log1p(-a)
    return terms


def probabilities_gradient(a: Array, y: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        dL_da: Array = (1 - y) / (1 - a) - y / a
    return dL_da


def _probabilities_bounded(a: Bounded, y: Bounded) -> Bounded:
    """1 − a may be rounded before its logarithm is taken, which moves that by u, not by u times itself."""
    form, wrong = a.format, np.abs(1 - y.value)
    down, up = -np.log1p(-a.error / a.value), -np.log1p(-a.error / (1 - a.value))
    moved = y.magnitude * down + wrong * up
    reach = y.magnitude * (np.abs(np.log(a.value)) + down) + wrong * (np.abs(np.log1p(-a.value)) + up)
    error = form.gamma(2 * LOG_ULPS + 4) * reach + form.gamma(1) * wrong * (1 + form.gamma(2 * LOG_ULPS + 4))
    value = probabilities(a.value, y.value)
    return with_error(value, error + moved, np.where(_inside(a), reach, np.inf), form, lambda: reach)


def _probabilities_gradient_bounded(a: Bounded, y: Bounded, roundings: int) -> Bounded:
    """(1 − y)/(1 − a) − y/a, or (a − y)/(a(1 − a)): each part to a few roundings."""
    form, wrong, rest = a.format, np.abs(1 - y.value), 1 - a.value
    down = y.magnitude * a.error / (a.value * (a.value - a.error))
    up = wrong * a.error / (rest * (rest - a.error))
    reach = y.magnitude / a.value + wrong / rest + down + up
    error = form.gamma(7 + roundings) * reach + down + up
    value = probabilities_gradient(a.value, y.value)
    underflows = 4 + 4 * (1 + reach) / np.minimum(a.value, rest)  # of a(1 − a), by which one may divide
    return with_error(value, error, np.where(_inside(a), reach, np.inf), form, lambda: reach, underflows)


def _inside(a: Bounded) -> NDArray[np.bool_]:
    """Whether all of a ± e lies between 0 and 1, and neither a nor a(1 − a) underflows."""
    lowest, highest = a.value - a.error, a.value + a.error
    return (lowest > 2 * a.format.underflow) & (highest < 1)


WITH_LOGITS = Terms(
    Elementary(
        "(−{1} log σ({0}) − (1 − {1}) log σ(−{0}))",
        with_logits,
        _with_logits_bounded,
        pairwise(lambda z, y: z.max(0) - z * y + (-abs(z)).exp().log1p()),
    ),
    Elementary(
        "σ({0}) − {1}",
        lambda z, y: sigmoid.sigmoid(z) - y,
        _with_logits_gradient_bounded,
        lambda z, y: sigmoid.SIGMOID.value.balls(z) - y,
    ),
)
OF_PROBABILITIES = Terms(
    Elementary(
        "(−{1} log {0} − (1 − {1}) log(1 − {0}))",
        probabilities,
        _probabilities_bounded,
        pairwise(lambda a, y: -y * a.log() - (1 - y) * (-a).log1p()),
    ),
    Elementary(
        "(1 − {1}) / (1 − {0}) − {1} / {0}",
        probabilities_gradient,
        _probabilities_gradient_bounded,
        pairwise(lambda a, y: (1 - y) / (1 - a) - y / a),
    ),
)

TERMS = {
    "binary_cross_entropy_with_logits": lambda _: WITH_LOGITS,
    "binary_cross_entropy": lambda _: OF_PROBABILITIES,
}
