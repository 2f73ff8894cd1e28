"""What a YAML file says, as a tree in which every value knows its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from cases.defects import Mark, quoted
from cases.numbers import Number

Value: TypeAlias = bool | Number | str | None
_SPELLED = {"None": "empty", "True": "true", "False": "false"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value."""

    mark: Mark
    value: Value


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    mark: Mark
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping with text keys; `keys` holds the place of each key."""

    mark: Mark
    entries: dict[str, Node]
    keys: dict[str, Mark]


@dataclass(frozen=True, slots=True)
class Refused:
    """A value that has already been reported as a defect: nothing more is said of it."""

    mark: Mark


Node: TypeAlias = Scalar | Sequence | Mapping | Refused


def plain(node: Node) -> object:
    """Return the tree as plain Python data: dicts, lists, `Number`, text, bool, None."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key: plain(value) for key, value in node.entries.items()}
        case Refused():
            return node


def describe(node: Node) -> str:
    """Say in words what stands there."""
    match node:
        case Scalar(value=str(text)):
            return f"the text {quoted(text)}"
        case Scalar():
            return _SPELLED.get(str(node.value), str(node.value))
        case Sequence():
            return "a list" if node.items else "an empty list"
        case _:
            return "a mapping" if isinstance(node, Mapping) else "unreadable"


def child(node: Node | None, *path: str) -> Node | None:
    """Return what stands under the keys of `path`, or None where it is not there or was refused."""
    for key in path:
        node = node.entries.get(key) if isinstance(node, Mapping) else None
    return None if isinstance(node, Refused) else node
