"""Gradients before an update: clipped by their global norm, and λ W added (coupled decay, L2).

Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013).
"""

import numpy as np

from reference.arithmetic import Bounded, Elementary, cast, for_each_element, quotient_up_to_one, sqrt
from reference.arithmetic.elementary import Array
from reference.line import Formula


def norm(*gradients: Array) -> Array:
    """√ Σ g², over every element of every gradient; of a stack, whose matrices have three axes, for each."""
    matrix = 2
    first = 1 if max(len(g.shape) for g in gradients) > matrix else 0
    total, *others = ((g * g).sum(axis=tuple(range(first, len(g.shape)))) for g in gradients)
    for other in others:
        total = total + other
    return sqrt(total)


def _norm_bounded(*gradients: Bounded) -> Bounded:
    """Also cover the norm of the gradients' norms, as PyTorch has it: a root and a square more."""
    whole = norm(*gradients)
    return whole.widened(whole.format.gamma(4) * (whole.magnitude + whole.error))


def coefficient(total: Array, max_norm: Array, eps: Array) -> Array:
    return quotient_up_to_one(cast(max_norm), total + cast(eps))


def _coefficient_bounded(total: Bounded, max_norm: Bounded, eps: Bounded) -> Bounded:
    """Also cover c · min(1/norm, 1/c), as TensorFlow and Keras have it, which need not be 1 below c."""
    factor = coefficient(total, max_norm, eps)
    return factor.widened(np.maximum(factor.format.gamma(2) * factor.magnitude - factor.error, 0))


def clip(g: Array, factor: Array) -> Array:
    """Scale g; as well by dividing by the norm and multiplying by the maximum, as in optax."""
    return for_each_element(factor, g) * g


def add_decay(g: Array, w: Array, weight_decay: Array) -> Array:
    """g + λ w, the gradient of L + ½ λ w²."""
    return g + cast(weight_decay) * w


def _add_decay_bounded(g: Bounded, w: Bounded, weight_decay: Bounded) -> Bounded:
    """g + λw, with fused multiply-add or without: `torch.optim` adds w with alpha = λ; optax has g + λ * p.

    A program may never form the sum, and take ηλw off on its own. So its terms are kept for the update.
    """
    return add_decay(g, w, weight_decay).with_addends(g.most + cast(weight_decay).most * w.most)


NORM = Elementary("√ Σ g²", norm, _norm_bounded, norm)
COEFFICIENT = Elementary("min(1, c / (norm + ε))", coefficient, _coefficient_bounded, coefficient)
ADD_DECAY = Elementary("g + λ w", add_decay, _add_decay_bounded, add_decay)

FORMULAS = {
    "norm": Formula(NORM, "√ Σ (dL/dW)² + (dL/db)²"),
    "clipping factor": Formula(COEFFICIENT, "min(1, {1} / ({0} + {2}))"),
    "clip": Formula(clip, "{1} · {0}"),
    "add decay": Formula(ADD_DECAY, "{0} + {2} {1}"),
}
