"""Stochastic gradient descent, with momentum as PyTorch and optax have it: the rate is outside the buffer.

Source: Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
learning" (2013); PyTorch's documentation of `torch.optim.SGD`.
"""

from reference.arithmetic import Bounded, Elementary, cast, to_int
from reference.arithmetic.elementary import Array
from reference.line import DESCEND, Formula, descend


def accumulate(m: Array, g: Array, mu: Array) -> Array:
    return cast(mu) * m + g


def _accumulate_bounded(m: Bounded, g: Bounded, mu: Bounded) -> Bounded:
    """Also cover m = −v/η with v = μv − ηg, the rate inside, where the rate is the same in every step.

    So have it Sutskever et al., Keras, Caffe and MXNet; PyTorch, optax and TensorFlow have μm + g. Beside the
    formula's roundings, ηg is a product, and a program that states m divides by η, before and after.

    Where g is g + λw and not formed, v = μv − ηλw − ηg (MXNet, sgd_mom_update) has a product and a sum more.
    """
    m_new = accumulate(m, g, mu)
    decayed, form = type(g.addends) is not float, m_new.format
    addends = cast(mu).most * m.most + (g.addends if decayed else g.most)
    more = form.gamma(2 if decayed else 1) * addends + form.gamma(1) * m_new.most
    return m_new.widened(more).with_addends(addends)


ACCUMULATE = Elementary("μ m + g", accumulate, _accumulate_bounded, accumulate)


def accumulate_dampened(m: Array, g: Array, mu: Array, tau: Array, step: Array) -> Array:
    """Without dampening in the first step, as in PyTorch."""
    return g if to_int(step) == 1 else cast(mu) * m + (1 - tau) * g


def _descend_along_bounded(w: Bounded, m: Bounded, eta: Bounded) -> Bounded:
    """Also cover the forms that take the terms of m_new = μm + g off on their own.

    With P = ημ|m| + η|g|:

    - (w − ηg) + μv (Rumelhart et al. 1986), (w + μv) − ηg: a difference more, at most |w_new| + P
    - (w − ημm) − ηg: the same, and of ημm two products

    w + v is w_new as it is: v's roundings are counted at `accumulate`. Beside the formula's own that is 1
    rounding of w_new, and 3 of P: where m_new is stated, what it was rounded by is not that of these terms.
    """
    return descend(w, m, eta).regrouped(eta.most * m.addends, sums=1)


DESCEND_ALONG = Elementary("w − η m", descend, _descend_along_bounded, descend)


def descend_ahead(w: Array, g: Array, m: Array, mu: Array, eta: Array) -> Array:
    """Nesterov's momentum, with m already updated."""
    return w - eta * (g + cast(mu) * m)


def _descend_ahead_bounded(w: Bounded, g: Bounded, m: Bounded, mu: Bounded, eta: Bounded) -> Bounded:
    """Also cover, with v = −ηm, the forms that add up ηg and μv, or v before and after, each on its own.

    - w − (ηg + μmη) (TensorFlow, ApplyMomentum), w + (μv − ηg) (Keras): ηg, and two products on μm
    - (w + μv) − ηg, (w − ηg) + μv (Danihelka 2012): a difference more, at most |w_new| + η|g| + ημ|m|
    - w + (−μv₀ + (1 + μ)v) (CS231n), v₀ before the step: as μv₀ is v + ηg, a product and a sum of v + ηg; of
      (1 + μ)v two products, and a difference from w of (1 + μ)v at most; v's own three roundings, which
      its μ-fold does not share; and the quotient of a program that states m = −v/η, μ-fold.
      Together 6 of ηm, 4 of ημm, 3 of ηg and 2 of w_new.

    PyTorch and optax have the formula. It has a rounding of ημm and of w_new already.
    """
    w_new, form = descend_ahead(w, g, m, mu, eta), w.format
    g_most, m_most = eta.most * g.most, eta.most * m.most
    more = form.gamma(1) * w_new.most + form.gamma(6) * m_most
    return w_new.widened(more + form.gamma(3) * (g_most + cast(mu).most * m_most))


DESCEND_AHEAD = Elementary("w − η (g + μ m)", descend_ahead, _descend_ahead_bounded, descend_ahead)

FORMULAS = {
    "descend": Formula(DESCEND, "{0} − {2} {1}"),
    "momentum": Formula(ACCUMULATE, "{2} {0} + {1}"),
    "dampened momentum": Formula(
        accumulate_dampened, "{2} {0} + (1 − {3}) {1}, without {3} in the first step"
    ),
    "descend along momentum": Formula(DESCEND_ALONG, "{0} − {2} {1}"),
    "descend ahead": Formula(DESCEND_AHEAD, "{0} − {4} ({1} + {3} {2})"),
}
