"""What a case may name: activations, losses, layers, optimizers, schedules, clippings; one record for each.

A record says which keys a case file gives and which lines of a training step there are. It has no arithmetic:
formulas stand in `reference`, and frameworks' functions in `adapters`, by the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import EllipsisType
from typing import Final

from cases import names
from cases.names import LEARNING_RATE, STEP, Axis, Quantity

# Applied element by element.
ACTIVATIONS: Final[tuple[str, ...]] = (
    *("sigmoid", "tanh", "relu", "identity", "softplus", "gelu_erf", "gelu_tanh", "silu", "leaky_relu"),
    *("elu", "selu", "hardtanh", "relu6", "softsign", "log_sigmoid"),
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


_SMOOTHED = Key("smoothing", "s: the targets are (1 − s) y + s/n; 0, as they stand, if not given.", "0")
_SMOOTHING = {"label_smoothing": _SMOOTHED}

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


@dataclass(frozen=True)
class Rule:
    """A formula that a case names, with its numbers: an optimizer, a schedule or a clipping."""

    name: str  # as the case has it: "adam"
    numbers: tuple[tuple[str, float], ...] = ()  # by name, each the float64 nearest to what is stated
    options: frozenset[str] = frozenset()  # the flags that are set: "nesterov", "centered"

    def __getitem__(self, number: str) -> float:
        return dict(self.numbers)[number]

    def get(self, number: str, default: float = 0.0) -> float:
        return dict(self.numbers).get(number, default)

    def has(self, number: str) -> bool:
        return number in dict(self.numbers)

    @cached_property
    def states(self) -> tuple[str, ...]:
        """What an optimizer carries from step to step for each parameter: m, v, u; by lines m_W_new."""
        updated = [line.name for line in OPTIMIZERS[self.name].lines("W", "dL/dW", self)]
        suffix = names.updated(names.state("", "W"))
        return tuple(name.removesuffix(suffix) for name in updated if name.endswith(suffix))

    @property
    def initial_state(self) -> float:
        """What each of an optimizer's states starts from."""
        start = OPTIMIZERS[self.name].initial_state
        return self[start] if start else 0.0

    @property
    def adds_decay_to_gradient(self) -> bool:
        """Whether λ times the parameter is added to its gradient; AdamW's decay is not."""
        return self.has("weight_decay") and not OPTIMIZERS[self.name].is_decay_decoupled


@dataclass(frozen=True)
class UpdateRules:
    """All that decides how a problem's parameters are updated; with a schedule, the rate of each step."""

    optimizer: Rule
    schedule: Rule | None = None
    clipping: Rule | None = None
    not_trained: frozenset[str] = frozenset()


@dataclass(frozen=True)
class OptimizerKind(Kind):
    """An optimizer; its keys are those besides the name and the learning rate."""

    # From a parameter, its gradient and the rule: the lines of its update, each of the parameter's shape.
    # A line m_W_new that is computed from m_W makes m a state.
    lines: Callable[[str, str, Rule], Iterator[Quantity]] = lambda *_: iter(())
    scalars: tuple[Quantity, ...] = ()  # the lines that are computed once a step, for all parameters
    initial_state: str = ""  # the key of the number that its states start from; 0 if there is none
    # Whether its own lines take the weight decay off; otherwise it is added to the gradient before them.
    is_decay_decoupled: bool = False


def _sgd(parameter: str, gradient: str, rule: Rule) -> Iterator[Quantity]:
    new, m = names.updated(parameter), names.state("m", parameter)
    if not rule.has("momentum"):
        yield Quantity(new, "descend", (parameter, gradient, LEARNING_RATE))
        return
    m_new, dampened = names.updated(m), rule.has("dampening")
    if dampened:
        yield Quantity(m_new, "dampened momentum", (m, gradient, "momentum", "dampening", STEP))
    else:
        yield Quantity(m_new, "momentum", (m, gradient, "momentum"))
    if "nesterov" in rule.options:
        yield Quantity(new, "descend ahead", (parameter, gradient, m_new, "momentum", LEARNING_RATE))
    else:
        operation = "descend" if dampened else "descend along momentum"
        yield Quantity(new, operation, (parameter, m_new, LEARNING_RATE))


def _adam(parameter: str, gradient: str, rule: Rule) -> Iterator[Quantity]:
    m, v, way = (names.state(kind, parameter) for kind in ("m", "v", "direction"))
    m_new, v_new, new = map(names.updated, (m, v, parameter))
    yield Quantity(m_new, "average", ("beta1", m, gradient))
    yield Quantity(v_new, "average of squares", ("beta2", v, gradient))
    inputs = (m_new, v_new, names.CORRECTION1, names.CORRECTION2, "eps")
    yield Quantity(way, _of_eps("direction", rule), inputs)
    if OPTIMIZERS[rule.name].is_decay_decoupled:
        yield Quantity(new, "descend with decay", (parameter, way, LEARNING_RATE, "weight_decay"))
    else:
        yield Quantity(new, "descend", (parameter, way, LEARNING_RATE))


def _adamax(parameter: str, gradient: str, _: Rule) -> Iterator[Quantity]:
    m, u = names.state("m", parameter), names.state("u", parameter)
    m_new, u_new, new = map(names.updated, (m, u, parameter))
    yield Quantity(m_new, "average", ("beta1", m, gradient))
    yield Quantity(u_new, "decayed maximum", ("beta2", u, gradient, "eps"))
    inputs = (parameter, m_new, u_new, names.CORRECTION1, LEARNING_RATE)
    yield Quantity(new, "descend over maximum", inputs)


def _rmsprop(parameter: str, gradient: str, rule: Rule) -> Iterator[Quantity]:
    v, m = names.state("v", parameter), names.state("m", parameter)
    v_new, m_new, new = map(names.updated, (v, m, parameter))
    yield Quantity(v_new, "average of squares", ("alpha", v, gradient))
    averages, operation = [v_new], "descend over mean root"
    if "centered" in rule.options:
        yield Quantity(m_new, "average", ("alpha", m, gradient))
        averages, operation = [v_new, m_new], "descend over deviation"
    yield Quantity(new, _of_eps(operation, rule), (parameter, gradient, *averages, "eps", LEARNING_RATE))


def _adagrad(parameter: str, gradient: str, rule: Rule) -> Iterator[Quantity]:
    v, new = names.state("v", parameter), names.updated(parameter)
    inputs = (parameter, gradient, names.updated(v), "eps", LEARNING_RATE)
    yield Quantity(names.updated(v), "sum of squares", (v, gradient))
    yield Quantity(new, _of_eps("descend over root", rule), inputs)


def _of_eps(operation: str, rule: Rule) -> str:
    return f"{operation}, ε inside" if "eps_in_sqrt" in rule.options else operation


_CORRECTIONS = (
    Quantity(names.CORRECTION1, "correction", ("beta1", STEP)),
    Quantity(names.CORRECTION2, "correction", ("beta2", STEP)),
)
_KEYS = {
    "momentum": Key("fraction", "μ, above 0 and below 1.", None, "μ"),
    "nesterov": Key("flag", "Whether the momentum is Nesterov's: dL/dW + μ m_new.", default=False),
    "dampening": Key("fraction", "τ: m_new = μ m + (1 − τ) dL/dW after step 1.", None, "τ"),
    "beta1": Key("fraction", "β₁, of the average of the gradients; above 0 and below 1.", symbol="β₁"),
    "beta2": Key("fraction", "β₂, of the average of their squares; above 0 and below 1.", symbol="β₂"),
    "alpha": Key("fraction", "α, of the average of squares; above 0 and below 1.", symbol="α"),
    "initial_accumulator": Key("share", "What v starts from, at least 0."),
    "eps": Key("share", "ε, at least 0.", symbol="ε"),
    "eps_in_sqrt": Key(
        "flag", "Whether ε is added inside the root, √(v + ε), and not to it, √v + ε.", default=False
    ),
    "centered": Key("flag", "Whether the squared average of the gradients is taken off v.", default=False),
    "weight_decay": Key("positive", "λ: λ times the parameter is added to its gradient.", None, "λ"),
}


def _keys(keys: str) -> dict[str, Key]:
    return {key: _KEYS[key] for key in keys.split()}


OPTIMIZERS: Final[dict[str, OptimizerKind]] = {
    "sgd": OptimizerKind(
        "Stochastic gradient descent: W_new = W − η dL/dW; a momentum m_new = μ m + dL/dW in its place.",
        _keys("momentum nesterov dampening weight_decay"),
        _sgd,
    ),
    "adam": OptimizerKind(
        "Adam: W_new = W − η m̂ / (√v̂ + ε).",
        _keys("beta1 beta2 eps eps_in_sqrt weight_decay"),
        _adam,
        _CORRECTIONS,
    ),
    "adamw": OptimizerKind(
        "AdamW: W_new = W − η (m̂ / (√v̂ + ε) + λ W).",
        _keys("beta1 beta2 eps eps_in_sqrt")
        | {"weight_decay": Key("positive", "λ, decoupled from the gradient.", symbol="λ")},
        _adam,
        _CORRECTIONS,
        is_decay_decoupled=True,
    ),
    "adamax": OptimizerKind(
        "Adamax: W_new = W − η m̂ / u, with u = max(β₂ u, |dL/dW| + ε).",
        _keys("beta1 beta2 eps weight_decay"),
        _adamax,
        _CORRECTIONS[:1],
    ),
    "rmsprop": OptimizerKind(
        "RMSprop: W_new = W − η dL/dW / (√v + ε), with v = α v + (1 − α) (dL/dW)².",
        _keys("alpha eps eps_in_sqrt centered weight_decay"),
        _rmsprop,
    ),
    "adagrad": OptimizerKind(
        "Adagrad: W_new = W − η dL/dW / (√v + ε), with v = v + (dL/dW)².",
        _keys("initial_accumulator eps eps_in_sqrt weight_decay"),
        _adagrad,
        initial_state="initial_accumulator",
    ),
}

# How the learning rate changes from step to step: computed from the rate, the step and every key.
SCHEDULES: Final[dict[str, Kind]] = {
    "step": Kind(
        "The rate is multiplied by a factor after every given number of steps.",
        {
            "every": Key("count", "After how many steps.", symbol="k"),
            "factor": Key("fraction", "The factor γ, above 0 and below 1.", symbol="γ"),
        },
    ),
    "cosine": Kind(
        "The rate falls along half a cosine to a fraction of the first, and stays there.",
        {
            "over": Key("count", "T, the steps it takes to fall.", symbol="T"),
            "final": Key("share", "The fraction of the first rate that is left at the end.", symbol="f"),
        },
    ),
}

# The only clipping.
GLOBAL_NORM: Final = Kind(
    "All gradients are scaled by min(1, max_norm / (norm + eps)), with the norm over all of them.",
    {
        "max_norm": Key("positive", "The largest norm that is left as it is.", symbol="c"),
        "eps": Key("share", "What is added to the norm: 0 in optax, 1e-6 in PyTorch.", symbol="ε"),
    },
)
# The numbers of the clipping by its keys: an optimizer has an "eps" too.
CLIPPING_NUMBERS: Final = {"max_norm": "max_norm", "eps": "clip_eps"}

# Every number of a loss or a rule by its name, and every flag: the key that states it in a case file.
_KINDS: tuple[Kind, ...] = (*LOSSES.values(), *OPTIMIZERS.values(), *SCHEDULES.values())
NUMBERS: Final[dict[str, Key]] = {name: key for kind in _KINDS for name, key in kind.keys.items()} | {
    CLIPPING_NUMBERS[name]: key for name, key in GLOBAL_NORM.keys.items()
}

# How equations write a step's numbers, where that is not by their names.
SYMBOLS: Final = {
    **{name: key.symbol for name, key in NUMBERS.items() if key.symbol},
    LEARNING_RATE: "η",
    names.RATE: "η",
    STEP: "t",
}
