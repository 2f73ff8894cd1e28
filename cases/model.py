"""What a case file may say. The JSON Schema that editors use is generated from these models.

Arrays that are written out pass through here as they stand: `cases.arrays` checks them, because only there
are the places of their elements known.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from cases.numbers import MAX_LENGTH, Number
from cases.quantities import PATTERN

MAX_STEPS: Final = 1_000_000
MAX_LAYERS: Final = 1000
MAX_SEED: Final = 2**64 - 1

_T = TypeVar("_T")
_HEX = {"type": "string", "pattern": r"^[-+]?0x[0-9a-fA-F]+(\.[0-9a-fA-F]*)?[pP][-+]?[0-9]+$"}
_REAL: dict[str, Any] = {"anyOf": [{"type": "number"}, _HEX]}
_ROW: dict[str, Any] = {"type": "array", "items": _REAL, "minItems": 1}
_ROWS: dict[str, Any] = {"type": "array", "items": _ROW, "minItems": 1}


def _unexpected(expected: str) -> PydanticCustomError:
    return PydanticCustomError("unexpected", "{expected}", {"expected": expected})


def _number(expected: str, least: float = -math.inf, *, open_end: bool = False) -> PlainValidator:
    def check(value: object) -> Number:
        near = value.nearest if isinstance(value, Number) else math.nan
        if not isinstance(value, Number) or not math.isfinite(near) or near < least:
            raise _unexpected(expected)
        if open_end and near == least:
            raise _unexpected(expected)
        return value

    return PlainValidator(check)


def _to_float(value: object) -> float:
    if not isinstance(value, Number) or not math.isfinite(value.nearest) or value.nearest < 0:
        raise _unexpected("a finite number of at least 0")
    return value.nearest


def _whole(least: int, most: int) -> PlainValidator:
    def check(value: object) -> int:
        number = value.whole if isinstance(value, Number) else None
        if number is None or not least <= number <= most:
            raise _unexpected(f"a whole number from {least} to {most}")
        return number

    return PlainValidator(check)


def _not_empty(value: object) -> object:
    if value in ([], {}):
        raise _unexpected("at least one entry")
    return value


def _not_blank(value: object) -> object:
    if value is None:
        raise _unexpected("a mapping, or no such key at all")
    return value


def _not_too_deep(value: object) -> object:
    if isinstance(value, list) and len(value) > MAX_LAYERS:
        raise _unexpected(f"at most {MAX_LAYERS} layers")
    return value


def _to_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _unexpected("text")
    return value.strip()


Text: TypeAlias = Annotated[
    str, PlainValidator(_to_text), WithJsonSchema({"type": "string", "minLength": 1, "pattern": r"\S"})
]
Real: TypeAlias = Annotated[Number, _number("a finite number"), WithJsonSchema(_REAL)]
Positive: TypeAlias = Annotated[
    Number,
    _number("a finite number above 0", 0, open_end=True),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _HEX]}),
]
NotNegative: TypeAlias = Annotated[
    float, PlainValidator(_to_float), WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, _HEX]})
]
Length: TypeAlias = Annotated[
    int, _whole(1, MAX_LENGTH), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_LENGTH})
]
Count: TypeAlias = Annotated[
    int, _whole(1, MAX_STEPS), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_STEPS})
]
Seed: TypeAlias = Annotated[
    int, _whole(0, MAX_SEED), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_SEED})
]
_Some: TypeAlias = Annotated[_T, BeforeValidator(_not_empty), Field(json_schema_extra={"minItems": 1})]
_IfGiven: TypeAlias = Annotated[_T | None, BeforeValidator(_not_blank)]
ShapeOfDrawn: TypeAlias = _Some[tuple[Length, ...]]


class Model(BaseModel):
    """Frozen, and strict about keys. `form` names the model among those that may stand in one place."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    form: ClassVar[str] = ""


class Normal(Model):
    """Numbers drawn from a normal distribution by numpy.random.Generator(PCG64(seed)), in float64."""

    form: ClassVar = "drawn by normal"
    normal: ShapeOfDrawn = Field(description="The shape of the array.")
    scale: Positive = Field(description="The standard deviation.")
    seed: Seed = Field(description="The seed of the generator; each array has its own.")
    mean: Real = Field(default_factory=lambda: Number("0"), description="The mean, 0 if not given.")


class Uniform(Model):
    """Numbers drawn uniformly from low to high by numpy.random.Generator(PCG64(seed)), in float64."""

    form: ClassVar = "drawn by uniform"
    uniform: ShapeOfDrawn = Field(description="The shape of the array.")
    low: Real = Field(description="The lowest value.")
    high: Real = Field(description="The highest value.")
    seed: Seed = Field(description="The seed of the generator; each array has its own.")


class Constant(Model):
    """One number everywhere."""

    form: ClassVar = "filled by constant"
    constant: ShapeOfDrawn = Field(description="The shape of the array.")
    value: Real = Field(description="The number.")


Drawn: TypeAlias = Normal | Uniform | Constant
Nested: TypeAlias = list[Any]
"""Nested lists of `Number`, of one shape; in published values None for what was not printed."""


def _form_of_array(value: object) -> str | None:
    if isinstance(value, list):
        return "written out"
    if not isinstance(value, dict):
        return None
    return next((f"{how} by {kind}" for kind, how in _DRAWN.items() if kind in value), None)


_DRAWN = {"normal": "drawn", "uniform": "drawn", "constant": "filled"}
_DrawnForms: TypeAlias = (
    Annotated[Normal, Tag(Normal.form)]
    | Annotated[Uniform, Tag(Uniform.form)]
    | Annotated[Constant, Tag(Constant.form)]
)
Matrix: TypeAlias = Annotated[
    Annotated[Nested, WithJsonSchema(_ROWS), Tag("written out")] | _DrawnForms, Discriminator(_form_of_array)
]
Vector: TypeAlias = Annotated[
    Annotated[Nested, WithJsonSchema(_ROW), Tag("written out")] | _DrawnForms, Discriminator(_form_of_array)
]
Activation: TypeAlias = Literal["sigmoid", "tanh", "relu", "identity"]


class Layer(Model):
    """One layer: z = a Wᵀ + b, then the activation of z."""

    W: Matrix = Field(description="The weights, one row for each output: (n_out, n_in).")
    b: Vector = Field(description="The biases: (n_out,).")
    activation: Activation = Field(description="The function applied to z, element by element.")


class HalfSquaredError(Model):
    """½ Σ (a − y)² over outputs, summed over the batch or averaged over it."""

    form: ClassVar = "half_squared_error"
    name: Literal["half_squared_error"]
    reduction: Literal["sum", "mean"] = Field(description="Over the batch: the sum, or the mean.")


class MeanSquaredError(Model):
    """The mean of (a − y)² over all elements."""

    form: ClassVar = "mean_squared_error"
    name: Literal["mean_squared_error"]


class Sgd(Model):
    """Stochastic gradient descent: W_new = W − η dL/dW."""

    name: Literal["sgd"]
    learning_rate: Positive = Field(description="The learning rate η, above 0.")


class Tolerance(Model):
    """A conventional tolerance beside the derived one: |difference| ≤ atol + rtol·|value|."""

    rtol: NotNegative = Field(description="Relative to the reference's value.")
    atol: NotNegative = Field(description="Absolute.")
    why: Text = Field(description="Why these numbers.")


_Printed: TypeAlias = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                _REAL,
                {
                    "type": "array",
                    "items": {
                        "anyOf": [
                            _REAL,
                            {"type": "null"},
                            {"type": "array", "items": {"anyOf": [_REAL, {"type": "null"}]}},
                        ]
                    },
                },
            ]
        }
    ),
]


class PrintedStep(Model):
    """What was printed about one training step."""

    step: Count = Field(description="The training step, from 1; it may lie beyond `steps`.")
    values: Annotated[dict[str, _Printed], BeforeValidator(_not_empty)] = Field(
        description="Printed numbers by quantity: z1, a1, da1/dz1, loss, dL/da1, dL/dz1, dL/dW1, dL/db1, "
        "W1_new, b1_new, …; null for what was not printed.",
        json_schema_extra={"minProperties": 1, "propertyNames": {"pattern": f"^({PATTERN})$"}},
    )
    rejected: dict[str, Text] = Field({}, description="Printed numbers known to be wrong, and why.")


class Printed(Model):
    """Numbers that somebody published for this problem; the checker judges them like any other claim."""

    source: Text = Field(description="Where they were printed.")
    steps: _Some[tuple[PrintedStep, ...]]


class File(Model):
    """A case: a network, its data, and what is known about one or more training steps."""

    about: Text = Field(description="What the case is, and what mistake it is there to catch.")
    layers: Annotated[_Some[tuple[Layer, ...]], BeforeValidator(_not_too_deep)] = Field(
        description="The layers, from the input to the output."
    )
    x: Matrix = Field(description="The inputs, one row for each example: (N, n_in).")
    y: Matrix = Field(description="The targets, one row for each example: (N, n_out).")
    loss: HalfSquaredError | MeanSquaredError = Field(discriminator="name", description="The loss.")
    optimizer: Sgd = Field(description="The rule that updates the parameters.")
    steps: Count = Field(1, description="How many training steps are run, 1 if not given.")
    not_trained: tuple[Text, ...] = Field((), description="Parameters that the update leaves as they are.")
    dtypes: _Some[tuple[Literal["float64", "float32"], ...]] = Field(
        ("float64", "float32"), description="The number formats it runs in, both if not given."
    )
    tolerance: _IfGiven[Tolerance] = Field(None, description="A tolerance beside the derived one.")
    published: _IfGiven[Printed] = Field(None, description="What somebody printed about this problem.")
