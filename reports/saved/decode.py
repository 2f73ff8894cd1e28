"""From what JSON holds back to dataclasses; whatever is not as it should be is told with its place."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from reports.saved.fields import Field, fields_of

NUMBERS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_SHORT: Final = 40


class MalformedError(Exception):
    """Something is not as it should be; the message says where, what is there, and what was expected."""

    def __init__(self, where: str, found: object, expected: str) -> None:
        told = repr(found)
        shown = told if len(told) <= _SHORT else f"{told[:_SHORT]}…"
        super().__init__(f"{where or 'the whole'} is {shown}, expected {expected}")


def record(kind: type, told: object, where: str = "") -> Any:  # noqa: ANN401 - an instance of `kind`
    """Return the dataclass that an object holds; what it lacks is as its default says.

    Raises
    ------
    MalformedError
        If it is none of that kind.
    """
    found = _checked(told, dict, where, "an object")
    return kind(**{field.name: _field(field, found, where) for field in fields_of(kind)})


def _field(field: Field, told: dict[str, Any], where: str) -> Any:  # noqa: ANN401 - whatever its type is
    inside = f"{where}.{field.name}".lstrip(".")
    if field.name not in told:
        return _default(field, inside)
    return _value(field, told[field.name], inside)


def _default(field: Field, where: str) -> Any:  # noqa: ANN401 - whatever its type is
    if field.default is dataclasses.MISSING:
        raise MalformedError(where, None, "something, but it is not there")
    return field.default


def table(kind: type, told: object, where: str = "") -> tuple[Any, ...]:
    """Return the dataclasses that a table holds.

    Raises
    ------
    MalformedError
        If a column is missing, too short, or holds something else.
    """
    found = _checked(told, dict, where, "a table")
    count = _count(found.get("count"), f"{where}.count")
    columns = _checked(found.get("columns"), dict, f"{where}.columns", "an object")
    return tuple(_rows(kind, columns, count, (where, "")))


def _rows(kind: type, columns: dict[str, Any], count: int, where: tuple[str, str]) -> Iterator[Any]:
    names = [field.name for field in fields_of(kind)]
    read = [_column(field, columns, count, where) for field in fields_of(kind)]
    return (kind(**dict(zip(names, values, strict=True))) for values in zip(*read, strict=True))


def _column(field: Field, columns: dict[str, Any], count: int, where: tuple[str, str]) -> Sequence[Any]:
    name = where[1] + field.name
    inside = f"{where[0]}.{name}"
    if field.is_flat:
        if any(one.startswith(f"{name}.") for one in columns):
            return tuple(_rows(field.one, columns, count, (where[0], f"{name}.")))
        return [_default(field, inside)] * count
    if name not in columns:
        return [_default(field, inside)] * count
    values = _values(field, columns[name], inside)
    if len(values) != count:
        raise MalformedError(inside, f"{len(values)} values", f"{count}, as the table's other columns")
    return values


def _values(field: Field, told: object, where: str) -> Sequence[Any]:
    if field.is_nested:
        return _nested(field, told, where)
    if field.is_texts:
        return _texts(field, told, where)
    values: list[Any] = _checked(told, list, where, "a list")
    if field.is_scalar and set(map(type, values)) <= {field.one}:  # as most columns are
        return values
    if field.is_scalar and field.one is float and not field.is_optional:
        return [one if type(one) is float else _number(one, where) for one in values]
    return [_value(field, one, where) for one in values]


def _nested(field: Field, told: object, where: str) -> list[tuple[Any, ...]]:
    several = _checked(told, dict, where, "an object of counts and items")
    counts = _checked(several.get("counts"), list, f"{where}.counts", "a list")
    items = table(field.one, several.get("items"), f"{where}.items")
    inside = iter(items)
    found = [tuple(islice(inside, _count(one, f"{where}.counts"))) for one in counts]
    if sum(counts) != len(items):
        raise MalformedError(f"{where}.counts", sum(counts), "as many as there are items")
    return found


def _texts(field: Field, told: object, where: str) -> list[Any]:
    column = _checked(told, dict, where, "an object of texts and places")
    listed = _checked(column.get("texts"), list, f"{where}.texts", "a list")
    texts = [_one(field, text, f"{where}.texts") for text in listed]
    places = _checked(column.get("at"), list, f"{where}.at", "a list")
    known: dict[Any, Any] = dict(enumerate(texts)) | ({None: None} if field.is_optional else {})
    wrong = [place for place in places if type(place) not in (int, type(None)) or place not in known]
    if wrong:
        raise MalformedError(f"{where}.at", wrong[0], f"a place among {len(texts)} texts")
    return [known[place] for place in places]


def _value(field: Field, told: Any, where: str) -> Any:  # noqa: ANN401 - whatever the field's type is
    if told is None and field.is_optional:
        return None
    if field.is_mapping:
        named = _checked(told, dict, where, "an object")
        return {name: _one(field, one, f"{where}.{name}") for name, one in named.items()}
    if not field.is_tuple:
        return _one(field, told, where)
    if field.is_record:
        return table(field.one, told, where)
    return tuple(_one(field, one, where) for one in _checked(told, list, where, "a list"))


def _one(field: Field, told: Any, where: str) -> Any:  # noqa: ANN401 - whatever the field's type is
    if field.is_record:
        return record(field.one, told, where)
    return READERS[field.one](told, where) if field.one in READERS else _named(field.one, told, where)


def _named(kind: type, told: Any, where: str) -> Any:  # noqa: ANN401 - a member of an enumeration
    try:
        return kind(told)
    except ValueError:
        raise MalformedError(where, told, f"one of {', '.join(map(str, kind))}") from None  # type: ignore[call-overload]  # it is an enumeration


def _number(told: Any, where: str) -> float:  # noqa: ANN401 - whatever stands there
    if isinstance(told, float):
        return told
    if isinstance(told, str) and told in NUMBERS:
        return NUMBERS[told]
    if isinstance(told, int) and not isinstance(told, bool):
        return float(told)
    raise MalformedError(where, told, "a number")


def _count(told: object, where: str) -> int:
    if type(told) is not int or told < 0:
        raise MalformedError(where, told, "a whole number that is not negative")
    return told


def _checked(told: Any, kind: type, where: str, expected: str) -> Any:  # noqa: ANN401 - the same
    if not isinstance(told, kind) or (kind is int and isinstance(told, bool)):
        raise MalformedError(where, told, expected)
    return told


READERS: Final[dict[type, Callable[[Any, str], Any]]] = {
    float: _number,
    int: lambda told, where: _checked(told, int, where, "a whole number"),
    bool: lambda told, where: _checked(told, bool, where, "true or false"),
    str: lambda told, where: _checked(told, str, where, "a text"),
}
