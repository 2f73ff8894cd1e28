"""The losses that a case may name. A name states its convention; each number a loss takes is written."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, PlainValidator, WithJsonSchema

from cases.array_forms import Model
from cases.fields import REAL, Positive, unexpected
from cases.numbers import Number

Reduction: TypeAlias = Literal["sum", "mean"]


def _smoothing(value: object) -> Number:
    if not isinstance(value, Number) or not 0 <= value.nearest < 1:
        raise unexpected("a number from 0 to below 1")
    return value


Smoothing: TypeAlias = Annotated[
    Number,
    PlainValidator(_smoothing),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "exclusiveMaximum": 1}, *REAL["anyOf"][1:]]}),
]
_SMOOTHING = "s: the targets are (1 − s) y + s/n; 0, as they stand, if not given."
_EXAMPLES = "The sum over the examples, or their mean."
_ELEMENTS = "The sum over all elements, or the mean over all of them."


class Loss(Model):
    """A loss, with a reduction that its file chooses or its name implies."""

    def numbers(self, dtype: str) -> tuple[tuple[str, float], ...]:
        """Return each number that the loss takes, by name and rounded once to `dtype`."""
        fields = ((name, getattr(self, name)) for name in type(self).model_fields)
        return tuple((name, field.rounded(dtype)) for name, field in fields if isinstance(field, Number))


class HalfSquaredError(Loss):
    """½ Σ (a − y)² over outputs, summed over the batch or averaged over it."""

    form: ClassVar = "half_squared_error"
    name: Literal["half_squared_error"]
    reduction: Reduction = Field(description="Over the batch: the sum, or the mean.")


class MeanSquaredError(Loss):
    """The mean of (a − y)² over all elements."""

    form: ClassVar = "mean_squared_error"
    reduction: ClassVar = "mean"
    name: Literal["mean_squared_error"]


class SoftmaxCrossEntropy(Loss):
    """−Σ y log softmax(a), of logits a and rows of probabilities y."""

    form: ClassVar = "softmax_cross_entropy"
    name: Literal["softmax_cross_entropy"]
    reduction: Reduction = Field(description=_EXAMPLES)
    label_smoothing: Smoothing = Field(default_factory=lambda: Number("0"), description=_SMOOTHING)


class SoftmaxCrossEntropyWithIntegerLabels(Loss):
    """−log softmax(a) at the class of each example: the same, but frameworks are given the class's number."""

    form: ClassVar = "softmax_cross_entropy_with_integer_labels"
    name: Literal["softmax_cross_entropy_with_integer_labels"]
    reduction: Reduction = Field(description=_EXAMPLES)
    label_smoothing: Smoothing = Field(default_factory=lambda: Number("0"), description=_SMOOTHING)


class BinaryCrossEntropyWithLogits(Loss):
    """−y log σ(a) − (1 − y) log(1 − σ(a)), of logits a."""

    form: ClassVar = "binary_cross_entropy_with_logits"
    name: Literal["binary_cross_entropy_with_logits"]
    reduction: Reduction = Field(description=_ELEMENTS)


class BinaryCrossEntropy(Loss):
    """−y log a − (1 − y) log(1 − a), of probabilities a."""

    form: ClassVar = "binary_cross_entropy"
    name: Literal["binary_cross_entropy"]
    reduction: Reduction = Field(description=_ELEMENTS)


class Huber(Loss):
    """½ d² where |d| ≤ δ, else δ (|d| − ½δ), with d = a − y."""

    form: ClassVar = "huber"
    name: Literal["huber"]
    reduction: Reduction = Field(description=_ELEMENTS)
    delta: Positive = Field(description="δ, where the square becomes a line.")


class SmoothL1(Loss):
    """½ d²/β where |d| < β, else |d| − ½β, with d = a − y: Huber's loss divided by its δ."""

    form: ClassVar = "smooth_l1"
    name: Literal["smooth_l1"]
    reduction: Reduction = Field(description=_ELEMENTS)
    beta: Positive = Field(description="β, where the square becomes a line.")


class L1(Loss):
    """|a − y|, with the derivative 0 where a = y."""

    form: ClassVar = "l1"
    name: Literal["l1"]
    reduction: Reduction = Field(description=_ELEMENTS)


AnyLoss: TypeAlias = (
    HalfSquaredError
    | MeanSquaredError
    | SoftmaxCrossEntropy
    | SoftmaxCrossEntropyWithIntegerLabels
    | BinaryCrossEntropyWithLogits
    | BinaryCrossEntropy
    | Huber
    | SmoothL1
    | L1
)
