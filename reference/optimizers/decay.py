"""Weight decay: λ W added to the gradient (coupled, L2), or taken off with the update (decoupled)."""

from typing import Any, TypeVar

from numpy.typing import NDArray

from reference.arithmetic import Bounded, Elementary, cast
from reference.line import Formula

Array = TypeVar("Array", NDArray[Any], Bounded)


def add_decay(g: Array, w: Array, weight_decay: Array) -> Array:
    """g + λ w, the gradient of L + ½ λ w²."""
    return g + cast(weight_decay) * w


def _add_decay_bounded(g: Bounded, w: Bounded, weight_decay: Bounded) -> Bounded:
    """g + λw, with fused multiply-add or without: `torch.optim` adds w with alpha = λ; optax has g + λ * p.

    A program may never form the sum, and take ηλw off on its own. So its terms are kept for the update.
    """
    regularized = add_decay(g, w, weight_decay)
    addends = g.most + cast(weight_decay).most * w.most
    return regularized.with_addends(addends)


ADD_DECAY = Elementary("g + λ w", add_decay, _add_decay_bounded, add_decay)


FORMULAS = {"add decay": Formula(ADD_DECAY, "{0} + {2} {1}")}
