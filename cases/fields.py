"""The single values of a case file: numbers, whole numbers, text; each with what an editor is told of it."""

import math
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from cases.numbers import MAX_LENGTH, Number

MAX_STEPS: Final = 1_000_000
MAX_SEED: Final = 2**64 - 1

_T = TypeVar("_T")
_HEX = {"type": "string", "pattern": r"^[-+]?0x[0-9a-fA-F]+(\.[0-9a-fA-F]*)?[pP][-+]?[0-9]+$"}
REAL: dict[str, Any] = {"anyOf": [{"type": "number"}, _HEX]}


def unexpected(expected: str) -> PydanticCustomError:
    """Return the error that says what was expected; what stands there instead is told by its place."""
    return PydanticCustomError("unexpected", "{expected}", {"expected": expected})


def _number(expected: str, least: float = -math.inf, *, open_end: bool = False) -> PlainValidator:
    def check(value: object) -> Number:
        near = value.nearest if isinstance(value, Number) else math.nan
        if not isinstance(value, Number) or not math.isfinite(near) or near < least:
            raise unexpected(expected)
        if open_end and near == least:
            raise unexpected(expected)
        return value

    return PlainValidator(check)


def _to_fraction(value: object) -> Number:
    if not isinstance(value, Number) or not 0 < value.nearest < 1:
        raise unexpected("a number above 0 and below 1")
    return value


def _to_float(value: object) -> float:
    if not isinstance(value, Number) or not math.isfinite(value.nearest) or value.nearest < 0:
        raise unexpected("a finite number of at least 0")
    return value.nearest


def _whole(least: int, most: int) -> PlainValidator:
    def check(value: object) -> int:
        number = value.whole if isinstance(value, Number) else None
        if number is None or not least <= number <= most:
            raise unexpected(f"a whole number from {least} to {most}")
        return number

    return PlainValidator(check)


def not_empty(value: object) -> object:
    """Refuse a list or mapping without entries."""
    if value in ([], {}):
        raise unexpected("at least one entry")
    return value


def _not_blank(value: object) -> object:
    if value is None:
        raise unexpected("a value, or no such key at all")
    return value


def _to_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise unexpected("text")
    return value.strip()


Text: TypeAlias = Annotated[
    str, PlainValidator(_to_text), WithJsonSchema({"type": "string", "minLength": 1, "pattern": r"\S"})
]
Format: TypeAlias = Literal["float64", "float32", "bfloat16", "float16"]
Real: TypeAlias = Annotated[Number, _number("a finite number"), WithJsonSchema(REAL)]
Positive: TypeAlias = Annotated[
    Number,
    _number("a finite number above 0", 0, open_end=True),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _HEX]}),
]
Fraction: TypeAlias = Annotated[
    Number,
    PlainValidator(_to_fraction),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, _HEX]}),
]
Share: TypeAlias = Annotated[
    Number,
    _number("a finite number of at least 0", 0),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, _HEX]}),
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
Some: TypeAlias = Annotated[_T, BeforeValidator(not_empty), Field(json_schema_extra={"minItems": 1})]
IfGiven: TypeAlias = Annotated[_T | None, BeforeValidator(_not_blank)]
