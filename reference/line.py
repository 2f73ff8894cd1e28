"""A line of the tape, the one walk over its lines in any arithmetic, and the formulas of a dense layer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from cases.catalog import SYMBOLS
from cases.names import Quantity
from reference.arithmetic import Bounded, Elementary, as_row

Array = TypeVar("Array", NDArray[Any], Bounded)


@dataclass(frozen=True)
class Formula:
    """What an operation computes, and its equation with `{0}`, `{1}`, … for the inputs: "{0} {1}ᵀ + {2}"."""

    function: Callable[..., Any]
    template: str


@dataclass(frozen=True)
class Line:
    """One line of the tape: `name` = `formula`(`inputs`), with the template of a `Formula`."""

    name: str
    formula: Callable[..., Any]
    inputs: tuple[str, ...]
    template: str

    @property
    def equation(self) -> str:
        """The equation with the names of the inputs: "x W1ᵀ + b1"."""
        return self.template.format(*(SYMBOLS.get(name, name) for name in self.inputs))


def line_of(quantity: Quantity, formulas: Mapping[str, Formula]) -> Line:
    formula = formulas[quantity.operation]
    return Line(quantity.name, formula.function, quantity.inputs, formula.template)


# Takes a line and its value as computed, and returns what later lines take for it.
Settle: TypeAlias = Callable[[Line, Any], Any]


def evaluate(lines: Iterable[Line], known: Mapping[str, Any], settle: Settle | None = None) -> dict[str, Any]:
    """Compute lines in order, each from `known` inputs and the lines above it; return their values by name.

    The inputs are all NumPy arrays, all `Bounded` numbers or all balls. `settle` says what later lines take
    for a line: what is claimed, certified or printed. By default it is what was computed.
    """
    values, settled = dict(known), {}
    with np.errstate(all="ignore"):  # an overflow is a value; a bound that becomes infinite or NaN is judged
        for line in lines:
            value = line.formula(*[values[name] for name in line.inputs])
            if settle is not None:
                value = settle(line, value)
            values[line.name] = settled[line.name] = value
    return settled


def leading_to(wanted: Iterable[str], lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines of these quantities and of all that they follow from, in the order of the tape."""
    needed = set(wanted)
    leading: list[Line] = []
    for line in reversed(lines):
        if line.name in needed:
            needed.update(line.inputs)
            leading.append(line)
    return tuple(reversed(leading))


# The document's equations for whole layers. Rows of x are examples: x is (N, n_in), W is (n_out, n_in), b is
# (n_out,); where the document writes one example, the batch is summed. Axes count from the last, so that
# every array may have one more in front: many cases, stacked.


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
    return w


DENSE_FORMULAS = {
    "linear": Formula(linear, "{0} {1}ᵀ + {2}"),
    "through activation": Formula(through_activation, "{0} ⊙ {1}"),
    "weight gradient": Formula(weight_gradient, "({0})ᵀ {1}"),
    "bias gradient": Formula(bias_gradient, "Σ {0}"),
    "through weights": Formula(through_weights, "{0} {1}"),
}
