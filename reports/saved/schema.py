"""The JSON Schema of results.json, made from the dataclasses: `python -m reports.saved.schema` prints it."""

import json
from dataclasses import MISSING
from typing import Any, Final

from reports.saved.fields import Field, fields_of
from reports.saved.file import FORMAT, SCHEMA
from reports.saved.run import SavedRun

COUNT: Final = {"type": "integer", "minimum": 0}
NUMBER: Final = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
SCALARS: Final[dict[type, dict[str, Any]]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"$ref": "#/$defs/number"},
}
TEXTS: Final = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}


def schema() -> dict[str, Any]:
    """Return the schema."""
    head = {
        "format": {"const": FORMAT},
        "schema": {"const": SCHEMA},
        "numbers": {"type": "string"},
    }
    body = _record(SavedRun)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run of backprop-parity, saved whole; reports/README.md describes its fields",
        **_object(head | body["properties"], [*head, *body["required"]]),
        "$defs": {"number": NUMBER, "texts": _texts(TEXTS, COUNT)},
    }


def _record(kind: type) -> dict[str, Any]:
    fields = fields_of(kind)
    required = [field.name for field in fields if field.default is MISSING]
    return _object({field.name: _value(field) for field in fields}, required)


def _table(kind: type) -> dict[str, Any]:
    columns, required = _columns(kind, "")
    return _object({"count": COUNT, "columns": _object(columns, required)}, ["count", "columns"])


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _columns(kind: type, before: str) -> tuple[dict[str, Any], list[str]]:
    columns: dict[str, Any] = {}
    required: list[str] = []
    for field in fields_of(kind):
        name = before + field.name
        if field.is_flat:
            inside, needed = _columns(field.one, f"{name}.")
            columns |= inside
            required += needed if field.default is MISSING else []
        else:
            columns[name] = _column(field)
            required += [name] if field.default is MISSING else []
    return columns, required


def _column(field: Field) -> dict[str, Any]:
    if field.is_nested:
        counts = {"type": "array", "items": COUNT}
        return _object({"counts": counts, "items": _table(field.one)}, ["counts", "items"])
    if field.is_texts:
        is_plain = field.one is str and not field.is_optional
        known = {"type": "array", "items": _one(field), "uniqueItems": True}
        place = _or_null(COUNT) if field.is_optional else COUNT
        return {"$ref": "#/$defs/texts"} if is_plain else _texts(known, place)
    return {"type": "array", "items": _value(field)}


def _texts(texts: dict[str, Any], place: dict[str, Any]) -> dict[str, Any]:
    return _object({"texts": texts, "at": {"type": "array", "items": place}}, ["texts", "at"])


def _value(field: Field) -> dict[str, Any]:
    if field.is_mapping:
        told = {"type": "object", "additionalProperties": _one(field)}
    elif field.is_tuple:
        told = _table(field.one) if field.is_record else {"type": "array", "items": _one(field)}
    else:
        told = _one(field)
    return _or_null(told) if field.is_optional else told


def _one(field: Field) -> dict[str, Any]:
    if field.is_record:
        return _record(field.one)
    return SCALARS.get(field.one) or {"enum": [str(member) for member in field.one]}


def _or_null(told: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [told, {"type": "null"}]}


def text() -> str:
    """Return the schema as reports/results.schema.json holds it."""
    return json.dumps(schema(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    print(text(), end="")
