"""What a case may name: activations, losses and kinds of layers; one record for each.

A record holds no arithmetic: formulas stand in `reference`, and frameworks' functions in `adapters`, by the
same names. Nothing but Python is needed here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Final

from cases import names
from cases.names import Axis, Quantity

# Applied element by element.
ACTIVATIONS: Final[tuple[str, ...]] = (
    *(
        "sigmoid",
        "tanh",
        "relu",
        "identity",
        "softplus",
        "gelu_erf",
        "gelu_tanh",
        "silu",
        "leaky_relu",
        "elu",
    ),
    *("selu", "hardtanh", "relu6", "softsign", "log_sigmoid"),
)


@dataclass(frozen=True)
class Key:
    """A key of a loss, an optimizer, a schedule or a clipping in a case file.

    What may stand there is said by `kind`: "positive", "share" (a number of at least 0), "fraction" (above 0
    and below 1), "smoothing" (at least 0 and below 1), "count" (a whole number from 1), "flag".
    """

    kind: str
    about: str  # what an editor shows
    # Where it is left out: a number's text, False, or None if the formula has no such part; … if it must not.
    default: str | bool | EllipsisType | None = ...
    symbol: str = ""  # how equations write it, if not by its name


@dataclass(frozen=True)
class Kind:
    """Something that a case names: what it is, and its keys, besides its name."""

    about: str
    keys: Mapping[str, Key] = field(default_factory=dict)


@dataclass(frozen=True)
class LossKind(Kind):
    """A loss of predictions ŷ and targets y, both (N, n)."""

    mean_over: str = "elements"  # or "examples"
    targets: str = "any"  # or "probabilities" (of each element), "distributions" or "classes" (rows)
    reductions: tuple[str, ...] = ("sum", "mean")


_SMOOTHING = {
    "label_smoothing": Key(
        "smoothing", "s: the targets are (1 − s) y + s/n; 0, as they stand, if not given.", "0"
    )
}

# By name; a name states its convention.
LOSSES: Final[dict[str, LossKind]] = {
    "half_squared_error": LossKind(
        "½ Σ (a − y)² over outputs, summed over the batch or averaged over it.", mean_over="examples"
    ),
    "mean_squared_error": LossKind("The mean of (a − y)² over all elements.", reductions=("mean",)),
    "softmax_cross_entropy": LossKind(
        "−Σ y log softmax(a), of logits a and rows of probabilities y.",
        _SMOOTHING,
        mean_over="examples",
        targets="distributions",
    ),
    "softmax_cross_entropy_with_integer_labels": LossKind(
        "−log softmax(a) at the class of each example; frameworks are given the class's number.",
        _SMOOTHING,
        mean_over="examples",
        targets="classes",
    ),
    "binary_cross_entropy_with_logits": LossKind(
        "−y log σ(a) − (1 − y) log(1 − σ(a)), of logits a.", targets="probabilities"
    ),
    "binary_cross_entropy": LossKind(
        "−y log a − (1 − y) log(1 − a), of probabilities a.", targets="probabilities"
    ),
    "huber": LossKind(
        "½ d² where |d| ≤ δ, else δ (|d| − ½δ), with d = a − y.",
        {"delta": Key("positive", "δ, where the square becomes a line.")},
    ),
    "smooth_l1": LossKind(
        "½ d²/β where |d| < β, else |d| − ½β, with d = a − y: Huber's loss divided by its δ.",
        {"beta": Key("positive", "β, where the square becomes a line.")},
    ),
    "l1": LossKind("|a − y|, with the derivative 0 where a = y."),
}

# Every loss with every reduction that it may have.
REDUCED_LOSSES: Final = tuple((name, reduction) for name in LOSSES for reduction in LOSSES[name].reductions)


@dataclass(frozen=True)
class LayerKind:
    """A kind of layer, by functions of the layer's number k."""

    parameters: Callable[[int], dict[str, tuple[Axis, ...]]]  # the axes of each, by name
    forward: Callable[[int], Iterator[Quantity]]  # the lines from a of the layer before, last z
    # The lines from dL/dz: the gradient of each parameter and, unless k is 1, of a of the layer before.
    backward: Callable[[int], Iterator[Quantity]]


def _dense_parameters(k: int) -> dict[str, tuple[Axis, ...]]:
    return {names.W(k): (k, k - 1), names.b(k): (k,)}


def _dense_forward(k: int) -> Iterator[Quantity]:
    yield Quantity(names.z(k), "linear", (names.a(k - 1), names.W(k), names.b(k)), ("N", k))


def _dense_backward(k: int) -> Iterator[Quantity]:
    dz, before = names.gradient(names.z(k)), names.a(k - 1)
    yield Quantity(names.gradient(names.W(k)), "weight gradient", (dz, before), (k, k - 1))
    yield Quantity(names.gradient(names.b(k)), "bias gradient", (dz,), (k,))
    if k > 1:
        yield Quantity(names.gradient(before), "through weights", (dz, names.W(k)), ("N", k - 1))


# z = a Wᵀ + b, the only kind that a case file can state.
DENSE: Final = LayerKind(_dense_parameters, _dense_forward, _dense_backward)
