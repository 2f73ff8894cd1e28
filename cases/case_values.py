"""The single values of a case file: numbers, text and arrays, each with its JSON Schema for editors.

An array that is written out passes through unchecked: `cases.array_checks` checks it, because only there are
the marks of its elements known.
"""

import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final, TypeAlias, TypeVar

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

MAX_STEPS: Final = 1_000_000
MAX_SEED: Final = 2**64 - 1

_HEX = {"type": "string", "pattern": r"^[-+]?0x[0-9a-fA-F]+(\.[0-9a-fA-F]*)?[pP][-+]?[0-9]+$"}
REAL: dict[str, Any] = {"anyOf": [{"type": "number"}, _HEX]}

_T = TypeVar("_T")


def unexpected(expected: str) -> PydanticCustomError:
    """Return the error that says what was expected; `cases.validation` adds what was found."""
    return PydanticCustomError("unexpected", "{expected}", {"expected": expected})


def not_empty(value: object) -> object:
    """Refuse a list or mapping without entries."""
    if value in ([], {}):
        raise unexpected("at least one entry")
    return value


def _number(expected: str, accepts: Callable[[float], bool] = lambda _: True) -> PlainValidator:
    def check(value: object) -> Number:
        if not isinstance(value, Number) or not math.isfinite(value.nearest) or not accepts(value.nearest):
            raise unexpected(expected)
        return value

    return PlainValidator(check)


def _real(**limits: float) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "number", **limits}, _HEX]})


def _whole(least: int, most: int) -> PlainValidator:
    def check(value: object) -> int:
        number = value.whole if isinstance(value, Number) else None
        if number is None or not least <= number <= most:
            raise unexpected(f"a whole number from {least} to {most}")
        return number

    return PlainValidator(check)


def _integer(least: int, most: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


def _to_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise unexpected("text")
    return value.strip()


def _to_flag(value: object) -> object:
    if not isinstance(value, bool):
        raise unexpected("true or false")
    return value


def _not_blank(value: object) -> object:
    if value is None:
        raise unexpected("a value, or no such key at all")
    return value


Text: TypeAlias = Annotated[
    str, PlainValidator(_to_text), WithJsonSchema({"type": "string", "minLength": 1, "pattern": r"\S"})
]
Flag: TypeAlias = Annotated[bool, BeforeValidator(_to_flag)]
Real: TypeAlias = Annotated[Number, _number("a finite number"), _real()]
Positive: TypeAlias = Annotated[
    Number, _number("a finite number above 0", lambda near: near > 0), _real(exclusiveMinimum=0)
]
Share: TypeAlias = Annotated[
    Number, _number("a finite number of at least 0", lambda near: near >= 0), _real(minimum=0)
]
Fraction: TypeAlias = Annotated[
    Number,
    _number("a number above 0 and below 1", lambda near: 0 < near < 1),
    _real(exclusiveMinimum=0, exclusiveMaximum=1),
]
Smoothing: TypeAlias = Annotated[
    Number,
    _number("a number from 0 to below 1", lambda near: 0 <= near < 1),
    _real(minimum=0, exclusiveMaximum=1),
]
Length: TypeAlias = Annotated[int, _whole(1, MAX_LENGTH), _integer(1, MAX_LENGTH)]
Count: TypeAlias = Annotated[int, _whole(1, MAX_STEPS), _integer(1, MAX_STEPS)]
Seed: TypeAlias = Annotated[int, _whole(0, MAX_SEED), _integer(0, MAX_SEED)]
Some: TypeAlias = Annotated[_T, BeforeValidator(not_empty), Field(json_schema_extra={"minItems": 1})]
IfGiven: TypeAlias = Annotated[_T | None, BeforeValidator(_not_blank)]

# What may stand under a key of each kind (`cases.catalog.Key`).
KINDS: Final[dict[str, Any]] = {
    "positive": Positive,
    "share": Share,
    "fraction": Fraction,
    "smoothing": Smoothing,
    "count": Count,
    "flag": Flag,
}
_OptionalPositive: TypeAlias = IfGiven[Positive]
_OptionalShare: TypeAlias = IfGiven[Share]
_OptionalFraction: TypeAlias = IfGiven[Fraction]
OPTIONAL_KINDS: Final[dict[str, Any]] = {
    "positive": _OptionalPositive,
    "share": _OptionalShare,
    "fraction": _OptionalFraction,
}

_ROW: dict[str, Any] = {"type": "array", "items": REAL, "minItems": 1}
_ROWS: dict[str, Any] = {"type": "array", "items": _ROW, "minItems": 1}
ClassNumber: TypeAlias = Annotated[Any, WithJsonSchema({"type": "integer", "minimum": 0})]
ShapeOfDrawn: TypeAlias = Some[tuple[Length, ...]]


class Model(BaseModel):
    """Frozen, and strict about keys. `form` is its tag where one of several models may be given."""

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


class Classes(Model):
    """Targets that are one-hot rows: a 1 at each example's class, and 0 elsewhere."""

    form: ClassVar = "given by classes"
    classes: Some[tuple[ClassNumber, ...]] = Field(description="The class of each example, from 0.")
    of: Length = Field(description="How many classes there are: the number of outputs.")


# Nested lists of `Number`, of one shape; in published values None for what was not printed.
Nested: TypeAlias = list[Any]


def _form_of_array(value: object) -> str | None:
    if isinstance(value, list):
        return "written out"
    if not isinstance(value, dict):
        return None
    return next((f"{how} by {kind}" for kind, how in _DRAWN.items() if kind in value), None)


def _form_of_targets(value: object) -> str | None:
    by_class = isinstance(value, dict) and "classes" in value
    return Classes.form if by_class else _form_of_array(value)


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
Targets: TypeAlias = Annotated[
    Annotated[Nested, WithJsonSchema(_ROWS), Tag("written out")]
    | _DrawnForms
    | Annotated[Classes, Tag(Classes.form)],
    Discriminator(_form_of_targets),
]
