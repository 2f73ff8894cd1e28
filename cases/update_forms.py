"""How a case states an update: the optimizer, the schedule of its rate, the clipping of its gradients.

Every number that a formula needs is stated; no framework's default is relied on. What is left out, such as
`momentum`, is no part of the formula.
"""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from cases.array_forms import Model
from cases.fields import Count, Fraction, IfGiven, Positive, Share, unexpected
from cases.numbers import Number
from cases.problem import Rule

_WORDS = frozenset({"name", "learning_rate", "nesterov", "centered", "eps_in_sqrt"})


def _flag(value: object) -> object:
    if not isinstance(value, bool):
        raise unexpected("true or false")
    return value


Flag: TypeAlias = Annotated[bool, BeforeValidator(_flag)]
Rate: TypeAlias = Annotated[Positive, Field(description="The learning rate η, above 0.")]
Beta1: TypeAlias = Annotated[
    Fraction, Field(description="β₁, of the average of the gradients; above 0 and below 1.")
]
Beta2: TypeAlias = Annotated[
    Fraction, Field(description="β₂, of the average of their squares; above 0 and below 1.")
]
Decay: TypeAlias = Annotated[
    IfGiven[Positive], Field(description="λ: λ times the parameter is added to its gradient.")
]
Epsilon: TypeAlias = Annotated[Share, Field(description="ε, at least 0.")]
InSqrt: TypeAlias = Annotated[
    Flag, Field(description="Whether ε is added inside the root, √(v + ε), and not to it, √v + ε.")
]


class Sgd(Model):
    """Stochastic gradient descent: W_new = W − η dL/dW; a momentum m_new = μ m + dL/dW in its place."""

    form: ClassVar = "sgd"
    name: Literal["sgd"]
    learning_rate: Rate
    momentum: IfGiven[Fraction] = Field(None, description="μ, above 0 and below 1.")
    nesterov: Flag = Field(False, description="Whether the momentum is Nesterov's: dL/dW + μ m_new.")
    dampening: IfGiven[Fraction] = Field(None, description="τ: m_new = μ m + (1 − τ) dL/dW after step 1.")
    weight_decay: Decay = None


class Adam(Model):
    """Adam: W_new = W − η m̂ / (√v̂ + ε)."""

    form: ClassVar = "adam"
    name: Literal["adam"]
    learning_rate: Rate
    beta1: Beta1
    beta2: Beta2
    eps: Epsilon
    eps_in_sqrt: InSqrt = False
    weight_decay: Decay = None


class AdamW(Model):
    """AdamW: W_new = W − η (m̂ / (√v̂ + ε) + λ W)."""

    form: ClassVar = "adamw"
    name: Literal["adamw"]
    learning_rate: Rate
    beta1: Beta1
    beta2: Beta2
    eps: Epsilon
    eps_in_sqrt: InSqrt = False
    weight_decay: Positive = Field(description="λ, decoupled from the gradient.")


class Adamax(Model):
    """Adamax: W_new = W − η m̂ / u, with u = max(β₂ u, |dL/dW| + ε)."""

    form: ClassVar = "adamax"
    name: Literal["adamax"]
    learning_rate: Rate
    beta1: Beta1
    beta2: Beta2
    eps: Epsilon
    weight_decay: Decay = None


class RmsProp(Model):
    """RMSprop: W_new = W − η dL/dW / (√v + ε), with v = α v + (1 − α) (dL/dW)²."""

    form: ClassVar = "rmsprop"
    name: Literal["rmsprop"]
    learning_rate: Rate
    alpha: Fraction = Field(description="α, of the average of squares; above 0 and below 1.")
    eps: Epsilon
    eps_in_sqrt: InSqrt = False
    centered: Flag = Field(False, description="Whether the squared average of the gradients is taken off v.")
    weight_decay: Decay = None


class Adagrad(Model):
    """Adagrad: W_new = W − η dL/dW / (√v + ε), with v = v + (dL/dW)²."""

    form: ClassVar = "adagrad"
    name: Literal["adagrad"]
    learning_rate: Rate
    initial_accumulator: Share = Field(description="What v starts from, at least 0.")
    eps: Epsilon
    eps_in_sqrt: InSqrt = False
    weight_decay: Decay = None


class StepSchedule(Model):
    """The rate is multiplied by a factor after every so many steps."""

    form: ClassVar = "step"
    name: Literal["step"]
    every: Count = Field(description="After how many steps.")
    factor: Fraction = Field(description="The factor γ, above 0 and below 1.")


class CosineSchedule(Model):
    """The rate falls along half a cosine to a fraction of the first, and stays there."""

    form: ClassVar = "cosine"
    name: Literal["cosine"]
    over: Count = Field(description="T, the steps it takes to fall.")
    final: Share = Field(description="The fraction of the first rate that is left at the end.")


class Clipping(Model):
    """All gradients are scaled by min(1, max_norm / (norm + eps)), with the norm over all of them."""

    max_norm: Positive = Field(description="The largest norm that is left as it is.")
    eps: Share = Field(description="What is added to the norm: 0 in optax, 1e-6 in PyTorch.")


Optimizer: TypeAlias = Sgd | Adam | AdamW | Adamax | RmsProp | Adagrad
Schedule: TypeAlias = StepSchedule | CosineSchedule


def rule(stated: Model) -> Rule:
    """Return what a case states, each number as the nearest float64."""
    given: dict[str, Any] = {name: getattr(stated, name) for name in type(stated).model_fields}
    numbers = {name: _nearest(value) for name, value in given.items() if name not in _WORDS}
    options = frozenset(name for name, value in given.items() if value is True)
    known = tuple((name, value) for name, value in numbers.items() if value is not None)
    return Rule(given.get("name", ""), known, options)


def clipping_rule(stated: Clipping) -> Rule:
    """Return the clipping; its ε has a name of its own, because an optimizer has one too."""
    numbers = (("max_norm", stated.max_norm.nearest), ("clip_eps", stated.eps.nearest))
    return Rule("global_norm", numbers)


def _nearest(value: Number | int | None) -> float | None:
    return value.nearest if isinstance(value, Number) else value
