"""The document's equations for whole layers, one tiny function each.

Rows of x are examples: x is (N, n_in), W is (n_out, n_in), b is (n_out,). Written in operators that NumPy
arrays and `Bounded` numbers share; where the document writes one example, the batch is summed.

Axes count from the last, so that every array may have one more in front: many cases, stacked.
"""

from typing import Any, TypeVar

from numpy.typing import NDArray

from reference.arithmetic import Bounded, Elementary, as_row

Array = TypeVar("Array", NDArray[Any], Bounded)


def linear(x: Array, W: Array, b: Array) -> Array:
    """z = w · x + b, for every example: x Wᵀ + b, shape (N, n_out)."""
    return x @ W.mT + as_row(b, x)


def through_activation(dL_da: Array, da_dz: Array) -> Array:
    """∂L/∂z = ∂L/∂a · σ'(z), shape (N, n)."""
    return dL_da * da_dz


def weight_gradient(dL_dz: Array, x: Array) -> Array:
    """∂L/∂w = ∂L/∂z · x, summed over the examples, shape (n_out, n_in)."""
    return dL_dz.mT @ x


def bias_gradient(dL_dz: Array) -> Array:
    """∂L/∂b = ∂L/∂z · 1, summed over the examples, shape (n_out,)."""
    return dL_dz.sum(axis=-2)


def through_weights(dL_dz: Array, W: Array) -> Array:
    """∂L/∂a of the layer before = ∂L/∂z · w, shape (N, n_in).

    The factor w that step 3 of the document's general part omits, and its worked example has.
    """
    return dL_dz @ W


def descend(w: Array, dL_dw: Array, eta: Array) -> Array:
    """w = w − η · ∂L/∂w, with w's shape."""
    return w - eta * dL_dw


def _descend_bounded(w: Bounded, direction: Bounded, eta: Bounded) -> Bounded:
    """Also cover the forms that take coupled weight decay, of a direction g + λw, off on its own.

    With P = η|g| + ηλ|w|:

    - (1 − ηλ) w − ηg (Nielsen, network2.py; MXNet, sgd_update): 1 − ηλ, its product and the difference, each
      at most |w_new| + P, and ηλ and ηg
    - (w − ηλw) − ηg (Keras, which decays before the update), (w − ηg) − ηλw: two differences, the first at
      most |w_new| + P, and of ηλw two products, of ηg one

    Beside the formula's own rounding of w_new that is 2, and 3 of P, whether the direction is stated or not.
    A direction that is no sum leaves w − ηg alone, with fused multiply-add or without: `torch.optim` adds g
    with alpha = −η, and optax (−η)g.
    """
    w_new = descend(w, direction, eta)
    if type(direction.addends) is float:
        return w_new
    return w_new.regrouped(eta.most * direction.addends, sums=2)


DESCEND = Elementary("w − η · ∂L/∂w", descend, _descend_bounded, descend)


def unchanged(w: Array) -> Array:
    """w = w: a parameter that is not trained."""
    return w
