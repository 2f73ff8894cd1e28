"""What a case file may say, key by key. The JSON Schema that editors use is generated from these models.

The models of losses, optimizers, schedules and clippings follow from their records.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field, WithJsonSchema, create_model

from cases import catalog
from cases.case_values import (
    KINDS,
    NOT_BLANK,
    NOT_EMPTY,
    REAL,
    Count,
    IfGiven,
    Matrix,
    Model,
    OneOf,
    Positive,
    Share,
    Some,
    Targets,
    Text,
    Vector,
    refuse,
)
from cases.numbers import Number
from cases.protocol import DEFAULT_DTYPES, Format
from cases.skeleton import PATTERN

MAX_LAYERS: Final = 1000


class Stated(Model):
    """A loss, an optimizer, a schedule or a clipping: the base of one model for each record."""

    kind: ClassVar[catalog.Kind]

    def written(self) -> dict[str, Any]:
        """Return the value of each key of the record, by the name of the rule's number."""
        names = catalog.CLIPPING_NUMBERS if self.kind is catalog.GLOBAL_NORM else {}
        return {names.get(key, key): getattr(self, key) for key in self.kind.keys}

    def rule(self) -> catalog.Rule:
        """Return the rule, each number as the nearest float64."""
        written = {key: value for key, value in self.written().items() if value not in (None, False)}
        options = frozenset(key for key, value in written.items() if value is True)
        numbers = {key: value for key, value in written.items() if key not in options}
        nearest = tuple((key, getattr(value, "nearest", value)) for key, value in numbers.items())
        return catalog.Rule(self.form, nearest, options)


class LossForm(Stated):
    """A loss, with a reduction that its file chooses or its name implies."""

    name: str
    reduction: str

    def numbers(self, dtype: str) -> tuple[tuple[str, float], ...]:
        """Return each number that the loss takes, by name and rounded once to `dtype`."""
        return tuple((name, number.rounded(dtype)) for name, number in self.written().items())


class OptimizerForm(Stated):
    """An optimizer. Every number that its formula needs is stated; no framework's default is relied on."""

    name: str
    learning_rate: Positive = Field(description="The learning rate η, above 0.")


class ScheduleForm(Stated):
    """A schedule of the learning rate."""

    name: str


def _field(key: catalog.Key) -> tuple[Any, Any]:
    kind, default = KINDS[key.kind], key.default
    if isinstance(default, str):
        return kind, Field(default_factory=lambda: Number(default), description=key.about)
    field = Field(default, description=key.about)
    return Annotated[kind | None, NOT_BLANK] if default is None else kind, field


def _reduction(name: str) -> tuple[Any, Any]:
    loss = catalog.LOSSES[name]
    if len(loss.reductions) == 1:
        return ClassVar[str], loss.reductions[0]
    by_example = loss.mean_over == "examples"
    of, mean = ("the examples", "their mean") if by_example else ("all elements", "the mean over all of them")
    return Literal["sum", "mean"], Field(description=f"The sum over {of}, or {mean}.")


def _model(base: type[Stated], name: str, kind: catalog.Kind) -> type[Stated]:
    fields: dict[str, Any] = {"name": (Literal[name], ...)} if "name" in base.model_fields else {}
    fields |= {"reduction": _reduction(name)} if base is LossForm else {}
    fields |= {key: _field(stated) for key, stated in kind.keys.items()}
    title = "".join(part.title() for part in name.split("_"))
    model: type[Stated] = create_model(title, __base__=base, __doc__=kind.about, **fields)
    model.form, model.kind = name, kind
    globals()[title] = model  # cases are pickled for other processes: a pickle finds a class by its name here
    return model


def _one_of(base: type[Stated], kinds: Mapping[str, catalog.Kind]) -> OneOf:
    return OneOf({name: _model(base, name, kind) for name, kind in kinds.items()}, "name")


_Loss: TypeAlias = Annotated[LossForm, _one_of(LossForm, catalog.LOSSES)]
_Optimizer: TypeAlias = Annotated[OptimizerForm, _one_of(OptimizerForm, catalog.OPTIMIZERS)]
_Schedule: TypeAlias = Annotated[ScheduleForm, _one_of(ScheduleForm, catalog.SCHEDULES)]
_Clipping: TypeAlias = Annotated[Stated, _one_of(Stated, {"global_norm": catalog.GLOBAL_NORM})]
_Formats: TypeAlias = Some[tuple[Format, ...]]


class Layer(Model):
    """One layer: z = a Wᵀ + b, then the activation of z."""

    W: Matrix = Field(description="The weights, one row for each output: (n_out, n_in).")
    b: Vector = Field(description="The biases: (n_out,).")
    activation: Literal[catalog.ACTIVATIONS] = Field(  # type: ignore[valid-type]
        description="The function applied to z, element by element."
    )


class Until(Model):
    """When training is done: after the first step whose loss is at most this."""

    loss: Positive = Field(description="Compared with each step's loss, computed before its update.")


class ToleranceForm(Model):
    """A conventional tolerance besides the derived one: |difference| ≤ atol + rtol·|value|."""

    rtol: Share = Field(description="Relative to the reference's value.")
    atol: Share = Field(description="Absolute.")
    why: Text = Field(description="Why these numbers.")


ExpectedKind: TypeAlias = Literal["differs", "errs", "undecided", "no_equivalent"]

AT_A_QUANTITY: Final[tuple[ExpectedKind, ...]] = ("differs", "errs", "undecided")
# The keys of which an expectation has exactly one.
EXPECTED_KINDS: Final[tuple[ExpectedKind, ...]] = (*AT_A_QUANTITY, "no_equivalent")

_ONE_OF: Final[list[Any]] = [
    *({"required": [kind, "because"]} for kind in AT_A_QUANTITY),
    {"required": ["no_equivalent"], "not": {"required": ["step"]}},
]


def _quantity(description: str) -> Any:  # noqa: ANN401 - as pydantic's own Field
    return Field("", description=description, json_schema_extra={"pattern": f"^({PATTERN})$"})


class Expectation(Model):
    """What one adapter is expected to do. Exactly one of the first four is given; the others are empty."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _ONE_OF})

    differs: Text = _quantity("The quantity that is the first to differ.")
    errs: Text = _quantity("The quantity that is the first to be in error: of a wrong dtype or shape.")
    undecided: Text = _quantity("The quantity that is the first to be undecided.")
    no_equivalent: Text = Field("", description="Why the framework has no form equal to what is stated.")
    because: Text = Field("", description="The cause; required but with no_equivalent, which is its own.")
    see: Text = Field("", description="Where it is documented or discussed.")
    step: Count = Field(1, description="The training step at which it first shows, 1 if not given.")
    dtypes: _Formats = Field((), description="The number formats in which it shows, all if not given.")
    shown_by: dict[str, Text] = Field(
        {},
        description="By framework: code that shows it, each print with its output as a comment.",
    )

    @property
    def kind(self) -> ExpectedKind:
        """Which of the four is given."""
        return next(kind for kind in EXPECTED_KINDS if getattr(self, kind))

    @property
    def quantity(self) -> str:
        """The quantity at which it shows, or "" where the adapter is to decline."""
        return "" if self.kind == "no_equivalent" else str(getattr(self, self.kind))

    @property
    def cause(self) -> str:
        return self.because or self.no_equivalent

    @property
    def description(self) -> str:
        """The cause, and where it is documented: "it takes the tanh form (jax #4428)"."""
        return f"{self.cause} ({self.see})" if self.see else self.cause


def _list_of(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": {"anyOf": list(items)}}


_BLANK: Final = {"type": "null"}
_Printed: TypeAlias = Annotated[
    Any, WithJsonSchema({"anyOf": [REAL, _list_of(REAL, _BLANK, _list_of(REAL, _BLANK))]})
]


class Original(Model):
    """The headings of a part of a published text as they were printed, where they are translated."""

    section: Text = Field("", description="The heading of the section.")
    title: Text = Field(description="The heading of the part.")


class Slip(Model):
    """A formula that was printed wrongly, and the right one."""

    printed: Text = Field(description="The formula as it was printed.")
    right: Text = Field(description="The right formula.")


class Part(Model):
    """A part of a published text: what it computes there, and what is to be said of it."""

    section: Text = Field("", description="The heading of a section that begins here.")
    title: Text = Field(description="The heading of this part.")
    original: IfGiven[Original] = Field(None, description="The headings as printed, if these are translated.")
    quantities: Some[tuple[Text, ...]] = Field(description="What it computes, in order, printed or not.")
    note: Text = Field("", description="What a reader should know here: a slip, a rounding.")
    slip: IfGiven[Slip] = Field(None, description="A formula that was printed wrongly, and the right one.")


class PrintedStep(Model):
    """What was printed about one training step."""

    step: Count = Field(description="The training step, from 1; it may lie beyond `steps`.")
    values: Annotated[dict[str, _Printed], NOT_EMPTY] = Field(
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
    language: Text = Field("", description="The language of headings in the original, as in HTML: zh.")
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


_NOT_TOO_DEEP = refuse(
    lambda value: isinstance(value, list) and len(value) > MAX_LAYERS, f"at most {MAX_LAYERS} layers"
)


class File(Model):
    """A case: a network, its data, and what is known about one or more training steps."""

    about: Text = Field(description="What the case is, and what mistake it is there to catch.")
    layers: Annotated[Some[tuple[Layer, ...]], _NOT_TOO_DEEP] = Field(description="From input to output.")
    x: Matrix = Field(description="The inputs, one row for each example: (N, n_in).")
    y: Targets = Field(description="The targets, one row for each example: (N, n_out).")
    loss: _Loss = Field(description="The loss.")
    optimizer: _Optimizer = Field(description="The rule that updates the parameters.")
    schedule: IfGiven[_Schedule] = Field(None, description="How the learning rate changes by steps.")
    clipping: IfGiven[_Clipping] = Field(None, description="How gradients are clipped before the update.")
    steps: Count = Field(1, description="How many training steps are run at most, 1 if not given.")
    until: IfGiven[Until] = Field(None, description="What ends the training before `steps` are run.")
    not_trained: tuple[Text, ...] = Field((), description="Parameters that the update leaves as they are.")
    dtypes: _Formats = Field(DEFAULT_DTYPES, description="float64 and float32 if not given.")
    forms: Literal["stated", "defaults"] = Field(
        "stated",
        description="stated (if not given): an adapter without a form equal to what is stated declines. "
        "defaults: each framework's function of that name runs as its defaults have it.",
    )
    expect: Annotated[dict[str, Expectation], NOT_EMPTY] = Field(
        {},
        description="By adapter: a difference that is known, or why it has no equivalent.",
        json_schema_extra={"minProperties": 1},
    )
    tolerance: IfGiven[ToleranceForm] = Field(None, description="A tolerance besides the derived one.")
    published: IfGiven[Printed] = Field(None, description="What somebody printed about this problem.")
