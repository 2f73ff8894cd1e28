"""From dataclasses to what JSON can hold, without losing a bit.

A dataclass becomes an object; a tuple of them a table, column by column, because names and long texts would
otherwise be repeated a hundred thousand times. A column of texts holds each text once, and where it stands.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from reports.saved.fields import Field, fields_of


def record(kind: type, one: object) -> dict[str, Any]:
    """Return one dataclass as an object: its fields by name."""
    return {field.name: _value(field, getattr(one, field.name)) for field in fields_of(kind)}


def table(kind: type, rows: Sequence[object]) -> dict[str, Any]:
    """Return dataclasses of one kind as {"count": how many, "columns": {"subject.case": …}}."""
    return {"count": len(rows), "columns": dict(_columns(kind, rows, ""))}


def _columns(kind: type, rows: Sequence[object], before: str) -> Iterator[tuple[str, object]]:
    for field in fields_of(kind):
        values = [getattr(row, field.name) for row in rows]
        if field.is_flat:
            yield from _columns(field.one, values, f"{before}{field.name}.")
        else:
            yield before + field.name, _column(field, values)


def _column(field: Field, values: Sequence[Any]) -> object:
    if field.is_nested:
        inside = [one for several in values for one in several]
        return {"counts": [len(several) for several in values], "items": table(field.one, inside)}
    if field.is_scalar and field.one is float and not field.is_optional:  # as most columns are
        return [number(float(value)) for value in values]
    if not field.is_texts:
        return [_value(field, value) for value in values]
    texts = [text for text in dict.fromkeys(values) if text is not None]
    places = {text: place for place, text in enumerate(texts)}
    return {"texts": list(map(str, texts)), "at": [places.get(text) for text in values]}


def _value(field: Field, value: Any) -> Any:  # noqa: ANN401 - whatever the field's type is
    if value is None:
        return None
    if field.is_mapping:
        return {str(name): _one(field, one) for name, one in value.items()}
    if not field.is_tuple:
        return _one(field, value)
    return table(field.one, value) if field.is_record else [_one(field, one) for one in value]


def _one(field: Field, value: Any) -> Any:  # noqa: ANN401 - the same
    if field.is_record:
        return record(field.one, value)
    return number(float(value)) if field.one is float else _plain(field.one)(value)


def _plain(kind: type) -> type:
    return str if issubclass(kind, str) else kind


def number(value: float) -> float | str:
    """Return a number as it is, and as text what JSON has no number for."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
