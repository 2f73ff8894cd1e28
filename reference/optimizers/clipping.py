"""Gradients clipped by their global norm: all scaled by one factor, so that the norm is at most a maximum.

Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013).
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import Ball, Bounded, Elementary, cast, for_each_element, quotient_up_to_one, sqrt
from reference.line import Formula

Array = TypeVar("Array", NDArray[Any], Bounded, Ball)


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


NORM = Elementary("√ Σ g²", norm, _norm_bounded, norm)


def coefficient(total: Array, max_norm: Array, eps: Array) -> Array:
    """min(1, c / (norm + ε))."""
    return quotient_up_to_one(cast(max_norm), total + cast(eps))


def _coefficient_bounded(total: Bounded, max_norm: Bounded, eps: Bounded) -> Bounded:
    """Also cover c · min(1/norm, 1/c), as TensorFlow and Keras have it, which need not be 1 below c."""
    factor = coefficient(total, max_norm, eps)
    more = np.maximum(factor.format.gamma(2) * factor.magnitude - factor.error, 0)
    return factor.widened(more)


COEFFICIENT = Elementary("min(1, c / (norm + ε))", coefficient, _coefficient_bounded, coefficient)


def clip(g: Array, factor: Array) -> Array:
    """g, scaled; as well by dividing by the norm and multiplying by the maximum, as in optax."""
    return for_each_element(factor, g) * g


FORMULAS = {
    "norm": Formula(NORM, "√ Σ (dL/dW)² + (dL/db)²"),
    "clipping factor": Formula(COEFFICIENT, "min(1, {1} / ({0} + {2}))"),
    "clip": Formula(clip, "{1} · {0}"),
}
