"""What a case file may say. The JSON Schema that editors use is generated from these models."""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from cases.array_forms import Matrix, Model, Targets, Vector
from cases.dtypes import DEFAULT_DTYPES
from cases.expectations import Expectation
from cases.fields import (
    REAL,
    Count,
    Format,
    IfGiven,
    NotNegative,
    Positive,
    Some,
    Text,
    not_empty,
    unexpected,
)
from cases.loss_forms import AnyLoss
from cases.quantities import PATTERN
from cases.update_forms import Clipping, Optimizer, Schedule

MAX_LAYERS: Final = 1000

Activation: TypeAlias = Literal[
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
    "selu",
    "hardtanh",
    "relu6",
    "softsign",
    "log_sigmoid",
]


def _not_too_deep(value: object) -> object:
    if isinstance(value, list) and len(value) > MAX_LAYERS:
        raise unexpected(f"at most {MAX_LAYERS} layers")
    return value


class Layer(Model):
    """One layer: z = a Wᵀ + b, then the activation of z."""

    W: Matrix = Field(description="The weights, one row for each output: (n_out, n_in).")
    b: Vector = Field(description="The biases: (n_out,).")
    activation: Activation = Field(description="The function applied to z, element by element.")


class Until(Model):
    """When training is done: after the first step whose loss is at most this."""

    loss: Positive = Field(
        description="The threshold; compared with the loss that a step states, computed before its update."
    )


class ToleranceForm(Model):
    """A conventional tolerance beside the derived one: |difference| ≤ atol + rtol·|value|."""

    rtol: NotNegative = Field(description="Relative to the reference's value.")
    atol: NotNegative = Field(description="Absolute.")
    why: Text = Field(description="Why these numbers.")


_Printed: TypeAlias = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                REAL,
                {
                    "type": "array",
                    "items": {
                        "anyOf": [
                            REAL,
                            {"type": "null"},
                            {"type": "array", "items": {"anyOf": [REAL, {"type": "null"}]}},
                        ]
                    },
                },
            ]
        }
    ),
]


class Part(Model):
    """A part of a published text: what it computes there, and what is to be said of it."""

    section: Text = Field("", description="The heading of a section that begins here.")
    title: Text = Field(description="The heading of this part.")
    quantities: Some[tuple[Text, ...]] = Field(
        description="What it computes, in its order; also what it does not print."
    )
    note: Text = Field("", description="What a reader should know here: a slip, a rounding.")


class PrintedStep(Model):
    """What was printed about one training step."""

    step: Count = Field(description="The training step, from 1; it may lie beyond `steps`.")
    values: Annotated[dict[str, _Printed], BeforeValidator(not_empty)] = Field(
        description="Printed numbers by quantity: z1, a1, da1/dz1, loss, dL/da1, dL/dz1, dL/dW1, dL/db1, "
        "W1_new, b1_new, …; null for what was not printed.",
        json_schema_extra={"minProperties": 1, "propertyNames": {"pattern": f"^({PATTERN})$"}},
    )
    rejected: dict[str, Text] = Field(
        {},
        description="Printed numbers known to be wrong, and why: by element, as W1_new[0, 2] (from 0), or by "
        "the array's name where one of its numbers is wrong.",
    )
    walk: Some[tuple[Part, ...]] = Field(
        (),
        description="The parts of the text, to show the numbers in; forward, backward, update if not given.",
    )


class Printed(Model):
    """Numbers that somebody published for this problem; the checker judges them like any other claim."""

    source: Text = Field(description="Where they were printed.")
    computed_in: IfGiven[Format] = Field(
        None,
        description="The number format of the program that printed them, whose roundings are then allowed; "
        "if not given, only the rounding to the last printed place is.",
    )
    inputs: Literal["exact", "as printed"] = Field(
        "exact",
        description="exact (if not given): x, y and the parameters are what is written. as printed: they are "
        "known to half a unit in their last written place only; whole numbers are exact.",
    )
    steps: Some[tuple[PrintedStep, ...]]


class File(Model):
    """A case: a network, its data, and what is known about one or more training steps."""

    about: Text = Field(description="What the case is, and what mistake it is there to catch.")
    layers: Annotated[Some[tuple[Layer, ...]], BeforeValidator(_not_too_deep)] = Field(
        description="The layers, from the input to the output."
    )
    x: Matrix = Field(description="The inputs, one row for each example: (N, n_in).")
    y: Targets = Field(description="The targets, one row for each example: (N, n_out).")
    loss: AnyLoss = Field(discriminator="name", description="The loss.")
    optimizer: Optimizer = Field(discriminator="name", description="The rule that updates the parameters.")
    schedule: IfGiven[Schedule] = Field(
        None, discriminator="name", description="How the learning rate changes from step to step."
    )
    clipping: IfGiven[Clipping] = Field(None, description="How the gradients are clipped before the update.")
    steps: Count = Field(1, description="How many training steps are run at most, 1 if not given.")
    until: IfGiven[Until] = Field(None, description="What ends the training before `steps` are run.")
    not_trained: tuple[Text, ...] = Field((), description="Parameters that the update leaves as they are.")
    dtypes: Some[tuple[Format, ...]] = Field(
        DEFAULT_DTYPES, description="The number formats it runs in, float64 and float32 if not given."
    )
    forms: Literal["stated", "defaults"] = Field(
        "stated",
        description="stated (if not given): whoever has no form equal to what is stated says so. "
        "defaults: each framework's function of that name runs as its defaults have it.",
    )
    expect: Annotated[dict[str, Expectation], BeforeValidator(not_empty)] = Field(
        {},
        description="By adapter: a difference that is known, or why it has no equivalent.",
        json_schema_extra={"minProperties": 1},
    )
    tolerance: IfGiven[ToleranceForm] = Field(None, description="A tolerance beside the derived one.")
    published: IfGiven[Printed] = Field(None, description="What somebody printed about this problem.")
