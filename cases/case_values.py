"""The single values of a case file: numbers, text and arrays, each with its JSON Schema for editors.

An array that is written out passes through unchecked: `cases.array_checks` checks it, because only there are
the marks of its elements known.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from cases.numbers import MAX_LENGTH, Number

MAX_STEPS: Final = 1_000_000
MAX_SEED: Final = 2**64 - 1

_HEX = {"type": "string", "pattern": r"^[-+]?0x[0-9a-fA-F]+(\.[0-9a-fA-F]*)?[pP][-+]?[0-9]+$"}
REAL: dict[str, Any] = {"anyOf": [{"type": "number"}, _HEX]}
# What holds between a number and each limit, by JSON Schema's name of that.
_HOLDS = {"minimum": operator.ge, "exclusiveMinimum": operator.gt, "exclusiveMaximum": operator.lt}

_T = TypeVar("_T")


def unexpected(expected: str) -> PydanticCustomError:
    """Return the error that says what was expected; `cases.validation` adds what stands there."""
    return PydanticCustomError("unexpected", "{expected}", {"expected": expected})


def _value(expected: str, schema: dict[str, Any], read: Callable[[Any], object]) -> GetPydanticSchema:
    """Return the annotation of a value that is `schema` for editors, and refused where `read` gives None."""

    def check(value: object) -> object:
        if (result := read(value)) is None:
            raise unexpected(expected)
        return result

    return GetPydanticSchema(
        lambda *_: core_schema.no_info_plain_validator_function(check), lambda *_: {**schema}
    )


def _real(expected: str, **limits: float) -> GetPydanticSchema:
    def read(value: object) -> Number | None:
        if not isinstance(value, Number) or not math.isfinite(value.nearest):
            return None
        return value if all(_HOLDS[name](value.nearest, limit) for name, limit in limits.items()) else None

    return _value(expected, {"anyOf": [{"type": "number", **limits}, _HEX]}, read)


def _whole(least: int, most: int) -> GetPydanticSchema:
    def read(value: object) -> int | None:
        number = value.whole if isinstance(value, Number) else None
        return number if number is not None and least <= number <= most else None

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return _value(f"a whole number from {least} to {most}", schema, read)


def _text(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def refuse(is_wrong: Callable[[Any], bool], expected: str) -> BeforeValidator:
    """Return the annotation that lets all but some values through."""

    def check(value: object) -> object:
        if is_wrong(value):
            raise unexpected(expected)
        return value

    return BeforeValidator(check)


NOT_EMPTY: Final = refuse(lambda value: value in ([], {}), "at least one entry")
NOT_BLANK: Final = refuse(lambda value: value is None, "a value, or no such key at all")

Text: TypeAlias = Annotated[str, _value("text", {"type": "string", "minLength": 1, "pattern": r"\S"}, _text)]
Real: TypeAlias = Annotated[Number, _real("a finite number")]
Positive: TypeAlias = Annotated[Number, _real("a finite number above 0", exclusiveMinimum=0)]
Share: TypeAlias = Annotated[Number, _real("a finite number of at least 0", minimum=0)]
_FRACTION = _real("a number above 0 and below 1", exclusiveMinimum=0, exclusiveMaximum=1)
Length: TypeAlias = Annotated[int, _whole(1, MAX_LENGTH)]
Count: TypeAlias = Annotated[int, _whole(1, MAX_STEPS)]
Seed: TypeAlias = Annotated[int, _whole(0, MAX_SEED)]
Some: TypeAlias = Annotated[_T, NOT_EMPTY, Field(json_schema_extra={"minItems": 1})]
IfGiven: TypeAlias = Annotated[_T | None, NOT_BLANK]

# What may stand under a key of each kind (`cases.catalog.Key`).
KINDS: Final[dict[str, Any]] = {
    "positive": Positive,
    "share": Share,
    "fraction": Annotated[Number, _FRACTION],
    "smoothing": Annotated[Number, _real("a number from 0 to below 1", minimum=0, exclusiveMaximum=1)],
    "count": Count,
    "flag": Annotated[bool, refuse(lambda value: not isinstance(value, bool), "true or false")],
}


class Model(BaseModel):
    """Frozen, and strict about keys. `form` is its tag where one of several models may be given."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    form: ClassVar[str] = ""


@dataclass(frozen=True, eq=False)
class OneOf:
    """The annotation of a value that is read as one of several types, by its tag; a single one needs none.

    `tag` is the key that gives it, or a function of the plain value that returns it, None for no tag.
    """

    types: Mapping[str, Any]
    tag: str | Callable[[Any], str | None]

    def __get_pydantic_core_schema__(self, _: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        schemas = {tag: handler.generate_schema(form) for tag, form in self.types.items()}
        if len(schemas) == 1:
            return schemas.popitem()[1]
        return core_schema.tagged_union_schema(schemas, self.tag)


_ShapeOfDrawn: TypeAlias = Some[tuple[Length, ...]]


class Normal(Model):
    """Numbers drawn from a normal distribution by numpy.random.Generator(PCG64(seed)), in float64."""

    form: ClassVar = "drawn by normal"
    normal: _ShapeOfDrawn = Field(description="The shape of the array.")
    scale: Positive = Field(description="The standard deviation.")
    seed: Seed = Field(description="The seed of the generator; each array has its own.")
    mean: Real = Field(default_factory=lambda: Number("0"), description="The mean, 0 if not given.")


class Uniform(Model):
    """Numbers drawn uniformly from low to high by numpy.random.Generator(PCG64(seed)), in float64."""

    form: ClassVar = "drawn by uniform"
    uniform: _ShapeOfDrawn = Field(description="The shape of the array.")
    low: Real = Field(description="The lowest value.")
    high: Real = Field(description="The highest value.")
    seed: Seed = Field(description="The seed of the generator; each array has its own.")


class Constant(Model):
    """One number everywhere."""

    form: ClassVar = "filled by constant"
    constant: _ShapeOfDrawn = Field(description="The shape of the array.")
    value: Real = Field(description="The number.")


def _to_class(value: object, info: ValidationInfo) -> int:
    """Return the number of a class, one of as many as stand under `of`, if that could be read."""
    number, of = value.whole if isinstance(value, Number) else None, info.data.get("of")
    if number is None or number < 0 or (of and number >= of):
        raise unexpected(
            f"a whole number from 0 to {of - 1}, below y.of" if of else "a whole number from 0 on"
        )
    return number


_Class: TypeAlias = Annotated[
    int, PlainValidator(_to_class), WithJsonSchema({"type": "integer", "minimum": 0})
]


class Classes(Model):
    """Targets that are one-hot rows: a 1 at each example's class, and 0 elsewhere."""

    form: ClassVar = "given by classes"
    of: Length = Field(description="How many classes there are: the number of outputs.")
    classes: Some[tuple[_Class, ...]] = Field(description="The class of each example, from 0.")


# What an array is drawn or filled by.
DRAWN: Final[dict[str, type[Model]]] = {"normal": Normal, "uniform": Uniform, "constant": Constant}


def _array(written: dict[str, Any], by_key: Mapping[str, type[Model]] = DRAWN) -> OneOf:
    """Return the annotation of an array: nested lists by that schema, or a mapping with one of the keys."""

    def form(value: object) -> str | None:
        if isinstance(value, dict):
            return next((model.form for key, model in by_key.items() if key in value), None)
        return "written out" if isinstance(value, list) else None

    written_out = Annotated[list[Any], WithJsonSchema(written)]
    return OneOf({"written out": written_out} | {model.form: model for model in by_key.values()}, form)


_ROW: dict[str, Any] = {"type": "array", "items": REAL, "minItems": 1}
_ROWS: dict[str, Any] = {"type": "array", "items": _ROW, "minItems": 1}
Vector: TypeAlias = Annotated[Any, _array(_ROW)]
Matrix: TypeAlias = Annotated[Any, _array(_ROWS)]
Targets: TypeAlias = Annotated[Any, _array(_ROWS, {"classes": Classes, **DRAWN})]
