"""The fields of a frozen dataclass and their types: what a saved run is written by, and read back by.

Whatever is built of dataclasses, texts, numbers, flags, enumerations of texts and tuples of them is saved
without a line of code for it. A field's type must be imported where the dataclass is defined at run time, and
not for type checkers only.
"""

import dataclasses
import types
from dataclasses import dataclass, is_dataclass
from enum import StrEnum
from functools import cache, cached_property
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

Scalar: TypeAlias = type[str] | type[bool] | type[int] | type[float]

SCALARS: tuple[Scalar, ...] = (str, bool, int, float)


@dataclass(frozen=True)
class Field:
    """A field that can be saved.

    Attributes
    ----------
    name
        As the dataclass has it.
    one
        The type of what it holds: str, bool, int, float, an enumeration of texts, or a dataclass.
    is_optional
        Whether None may stand there.
    is_tuple
        Whether it holds any number of them.
    is_mapping
        Whether it holds them by name.
    default
        What it is where nothing was saved; `dataclasses.MISSING` where it must have been.
    """

    name: str
    one: Any
    is_optional: bool
    is_tuple: bool
    is_mapping: bool
    default: Any

    @cached_property
    def is_record(self) -> bool:
        """Whether it holds dataclasses."""
        return is_dataclass(self.one)

    @cached_property
    def is_flat(self) -> bool:
        """Whether a table has a column for each field of what this one holds: subject.case."""
        return self.is_record and not (self.is_tuple or self.is_mapping or self.is_optional)

    @cached_property
    def is_nested(self) -> bool:
        """Whether each row of a table holds a table of its own here."""
        return self.is_record and self.is_tuple and not self.is_optional

    @cached_property
    def is_scalar(self) -> bool:
        """Whether it holds one text, number or flag."""
        return not (self.is_tuple or self.is_mapping or self.is_record)

    @cached_property
    def is_texts(self) -> bool:
        """Whether a table's column holds texts, of which each is written once."""
        return self.is_scalar and issubclass(self.one, str)


@cache
def fields_of(kind: type) -> tuple[Field, ...]:
    """Return the fields of a dataclass in their order.

    Raises
    ------
    TypeError
        If one of them cannot be saved, or its type is not known at run time; the message names it.
    """
    try:
        hints = get_type_hints(kind)
    except NameError as error:
        told = (
            f"{kind.__module__} imports {error.name} for type checkers only, expected an import at run time"
        )
        raise TypeError(f"{told}: by the types of its fields a saved {kind.__name__} is read back") from None
    return tuple(_field(kind, one, hints[one.name]) for one in dataclasses.fields(kind) if one.init)


def _field(kind: type, one: dataclasses.Field[Any], hint: object) -> Field:
    hint, is_optional = _without_none(hint)
    is_tuple, is_mapping = get_origin(hint) is tuple, get_origin(hint) is dict
    inside = get_args(hint)[-2 if is_tuple else -1] if is_tuple or is_mapping else hint
    any_length = not is_tuple or get_args(hint)[1:] == (Ellipsis,)
    if not any_length or not isinstance(inside, type) or not _can_be_saved(inside):
        raise TypeError(f"{kind.__name__}.{one.name} is of a type that cannot be saved: {hint}")
    return Field(one.name, inside, is_optional, is_tuple, is_mapping, _default(one))


def _without_none(hint: object) -> tuple[Any, bool]:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    others = [one for one in get_args(hint) if one is not type(None)]
    return (others[0] if len(others) == 1 else hint), len(others) < len(get_args(hint))


def _can_be_saved(kind: type) -> bool:
    return is_dataclass(kind) or kind in SCALARS or issubclass(kind, StrEnum)


def _default(one: dataclasses.Field[Any]) -> Any:  # noqa: ANN401 - whatever the field's type is
    return one.default if one.default_factory is dataclasses.MISSING else one.default_factory()
