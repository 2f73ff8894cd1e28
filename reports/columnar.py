"""Dataclasses as JSON, read by pydantic: a record is an object, a tuple of records a table of columns.

Field names and long texts would otherwise be repeated a hundred thousand times. A table is written as
{"count": 2, "columns": {"subject.case": …, "place": [0, 1]}}, where a column of texts holds each text once.
Forms and columns follow from the types of the fields, so a new field needs no code, only a default, by which
older files are still read.
"""

# ruff: noqa: ANN401 - types are values here

import dataclasses
import math
import types
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, is_dataclass
from functools import cache, partial
from itertools import islice
from operator import attrgetter
from typing import Annotated, Any, Final, NotRequired, Union, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BeforeValidator, NonNegativeInt, Strict, WithJsonSchema
from typing_extensions import TypedDict

# JSON has no numbers for these.
NON_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

# Columns that schema 1 of results.json has under another name.
RENAMED_COLUMNS: Final = {"claimant": "implementation"}


@dataclass(frozen=True)
class Field:
    """A field of a record, or a column of a table, whose name then leads to it: "subject.case".

    `default` is `MISSING` where a file must have it.
    """

    name: str
    type: Any
    default: Any

    @property
    def row_type(self) -> Any:
        """The dataclass of which it holds a tuple, or None."""
        kind = get_args(self.type)[0] if get_origin(self.type) is tuple else None
        return kind if _is_record(kind) else None

    @property
    def is_text(self) -> bool:
        """Whether it holds one text, or a member of an enumeration of texts, or None instead."""
        kind = _without_none(self.type)
        return isinstance(kind, type) and issubclass(kind, str)


@cache
def _fields(kind: type) -> tuple[Field, ...]:
    hints = get_type_hints(kind)
    fields = (field for field in dataclasses.fields(kind) if field.init)
    return tuple(Field(field.name, hints[field.name], _default(field)) for field in fields)


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


@cache
def _columns(row_type: type) -> tuple[Field, ...]:
    """Return the columns of a table, in the order of the fields; a record in a row has one for each field."""
    return tuple(column for field in _fields(row_type) for column in _columns_of(field))


def _columns_of(field: Field) -> Iterator[Field]:
    if not _is_record(field.type):
        yield field
        return
    for inner in _columns(field.type):
        default = inner.default if field.default is MISSING else attrgetter(inner.name)(field.default)
        yield Field(f"{field.name}.{inner.name}", inner.type, default)


def _is_record(hint: Any) -> bool:
    return is_dataclass(hint)


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _without_none(hint: Any) -> Any:
    others = [one for one in get_args(hint) if one is not type(None)]
    return others[0] if _is_union(hint) and len(others) == 1 else hint


def _holds_floats(hint: Any) -> bool:
    return hint is float or any(map(_holds_floats, get_args(hint)))


def written(value: Any) -> Any:
    """Return a record, or what one holds, as JSON can hold it."""
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, tuple):
        return list(map(written, value))
    if isinstance(value, dict):
        return {name: written(one) for name, one in value.items()}
    if _is_record(value):
        return {
            field.name: _written_field(field, getattr(value, field.name))
            for field in _fields(value.__class__)
        }
    return value


def _written_field(field: Field, value: Any) -> Any:
    return written_table(field.row_type, value) if field.row_type else written(value)


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return float(value)
    return "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"


def written_table(row_type: type, rows: Sequence[Any]) -> dict[str, Any]:
    """Return records of one type as a table."""
    columns = {
        column.name: _written_column(column, list(map(attrgetter(column.name), rows)))
        for column in _columns(row_type)
    }
    return {"count": len(rows), "columns": columns}


def _written_column(column: Field, values: list[Any]) -> object:
    if column.row_type:
        items = [one for several in values for one in several]
        return {"counts": list(map(len, values)), "items": written_table(column.row_type, items)}
    if column.is_text:
        texts = [text for text in dict.fromkeys(values) if text is not None]
        indices = {text: index for index, text in enumerate(texts)}
        return {"texts": texts, "at": list(map(indices.get, values))}
    if column.type is float:
        return list(map(_number, values))
    return list(map(written, values)) if _holds_floats(column.type) else values


# Each form below is a type by which pydantic checks what JSON holds, and makes the value that was written.


def _read_float(value: object) -> object:
    return NON_FINITE.get(value, value) if isinstance(value, str) else value


NUMBER_SCHEMA: Final = {"anyOf": [{"type": "number"}, {"enum": list(NON_FINITE)}]}
SCALARS: Final[dict[object, Any]] = {
    bool: Annotated[bool, Strict()],
    int: Annotated[int, Strict()],
    float: Annotated[float, Strict(), BeforeValidator(_read_float), WithJsonSchema(NUMBER_SCHEMA)],
}


def form(hint: Any) -> Any:
    """Return the form of a dataclass, a scalar, or a tuple, a mapping or a union of them."""
    if _is_record(hint):
        return _record_form(hint)
    if _is_union(hint):
        return Union[tuple(map(form, get_args(hint)))]  # noqa: UP007 - of any number
    if get_args(hint):
        return get_origin(hint)[tuple(map(form, get_args(hint)))]
    return SCALARS.get(hint, hint)


def _object(name: str, fields: dict[str, Any]) -> Any:
    """Return the form of an object with these fields, and others that a newer version may have added."""
    return TypedDict(name, fields)  # type: ignore[operator]  # mypy expects the fields in the source


def _if_there(field: Field, form: Any) -> Any:
    return form if field.default is MISSING else NotRequired[form]


def _record_form(kind: Any) -> Any:
    forms = {
        field.name: table_form(field.row_type) if field.row_type else form(field.type)
        for field in _fields(kind)
    }
    fields = {field.name: _if_there(field, forms[field.name]) for field in _fields(kind)}
    return Annotated[_object(kind.__name__, fields), AfterValidator(lambda fields: kind(**fields))]


@cache
def table_form(row_type: type) -> Any:
    """Return the form of a tuple of records of one type."""
    columns = {column.name: _if_there(column, _column_form(column)) for column in _columns(row_type)}
    with_old_names = _with_old_names(_object(f"{row_type.__name__}Columns", columns))
    table = _object(f"{row_type.__name__}Table", {"count": NonNegativeInt, "columns": with_old_names})
    return Annotated[table, AfterValidator(partial(_rows, row_type))]


def _with_old_names(form: Any) -> Any:
    return Annotated[form, BeforeValidator(_renamed)]


def _renamed(columns: Any) -> Any:
    if not isinstance(columns, dict):
        return columns
    return {RENAMED_COLUMNS.get(name, name): column for name, column in columns.items()}


def _column_form(column: Field) -> Any:
    if column.row_type:
        nested = {"counts": list[NonNegativeInt], "items": table_form(column.row_type)}
        return Annotated[_object(f"{column.row_type.__name__}Tables", nested), AfterValidator(_split)]
    if column.is_text:
        return _texts_form(_without_none(column.type), is_optional=_is_union(column.type))
    return types.GenericAlias(list, form(column.type))


@cache
def _texts_form(kind: Any, *, is_optional: bool) -> Any:
    index = NonNegativeInt | None if is_optional else NonNegativeInt
    name = f"{'Optional' * is_optional}{kind.__name__.capitalize()}Texts"
    texts = _object(name, {"texts": types.GenericAlias(list, kind), "at": types.GenericAlias(list, index)})
    return Annotated[texts, AfterValidator(_spread)]


def _spread(column: Any) -> list[str | None]:
    texts = dict(enumerate(column["texts"])) | {None: None}
    if missing := set(column["at"]) - texts.keys():
        raise ValueError(f"at has {missing.pop()}, expected the index of one of {len(texts) - 1} texts")
    return [texts[index] for index in column["at"]]


def _split(column: Any) -> list[tuple[Any, ...]]:
    counts, items = column["counts"], column["items"]
    if sum(counts) != len(items):
        raise ValueError(f"counts has the sum {sum(counts)}, expected {len(items)}, the number of items")
    each = iter(items)
    return [tuple(islice(each, count)) for count in counts]


def _rows(row_type: type, table: Any) -> tuple[Any, ...]:
    columns, count = table["columns"], table["count"]
    values = [columns.get(one.name, [one.default] * count) for one in _columns(row_type)]
    for column, one in zip(_columns(row_type), values, strict=True):
        if len(one) != count:
            raise ValueError(
                f"columns.{column.name} has {len(one)} values, expected {count}, the table's count"
            )
    return tuple(_records(row_type, iter(values)))


def _records(kind: type, columns: Iterator[Sequence[Any]]) -> Iterator[Any]:
    """Make records of columns, taking as many as they have fields; a record inside takes its own."""
    fields = [
        _records(field.type, columns) if _is_record(field.type) else next(columns) for field in _fields(kind)
    ]
    return map(kind, *fields)
