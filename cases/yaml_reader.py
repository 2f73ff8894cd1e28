"""From the text of a YAML file to a tree of values with their marks: the strict subset that a case may use.

PyYAML's own constructors follow YAML 1.1 (`no` is false, `1e-3` is text, `012` is ten), drop the places and
expand aliases, so only its parser is used: its events are composed here, under the core rules of YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml
from yaml.reader import Reader

from cases.errors import START, Mark, Report, quoted
from cases.numbers import MAX_TEXT, Number

MAX_DEPTH: Final = 16  # lists and mappings within each other; a case needs seven
MAX_VALUES: Final = 100_000  # of one file, lists and keys among them; more numbers are better drawn

# A line that begins with %: instructions to YAML readers. Time grows with the square of their number.
_DIRECTIVE: Final = re.compile(r"(?:\A|[\r\n\x85\u2028\u2029])(%)")

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final[dict[str, Value]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


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
    """Say in words what a node is."""
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
    """Return the node under the keys of `path`, or None where there is none or it was refused."""
    for key in path:
        node = node.entries.get(key) if isinstance(node, Mapping) else None
    return None if isinstance(node, Refused) else node


class _StopReadingError(Exception):
    """The rest of the file cannot be read; the reason has been reported."""


def read_yaml(text: str, report: Report) -> Node | None:
    """Return the only document of `text`, or None where it cannot be read at all.

    Every defect is added to `report`; after one that leaves the structure clear (a duplicate key, an alias, a
    tag) reading goes on, with a `Refused` node in its place.
    """
    if strange := Reader.NON_PRINTABLE.search(text):
        report.add(mark_at(text, strange.start()), f"the character {strange[0]!a}", "printable text")
        return None
    if directive := _DIRECTIVE.search(text):
        report.add(
            mark_at(text, directive.start(1)), "a line that begins with %", "no instructions to YAML readers"
        )
        return None
    try:
        return _Composer(text, report).document()
    except _StopReadingError:
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.problem, error.context) if part)
        report.add(_mark(mark) if mark else START, f"not YAML: {what}", "well-formed YAML")
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # escapes beyond Unicode, absurd directives
        report.add(START, f"not YAML: {quoted(str(error))}", "well-formed YAML")
    return None


def mark_at(text: str, index: int) -> Mark:
    """Return the place of the character `text[index]`."""
    before = text[:index]
    return Mark(before.count("\n") + 1, index - before.rfind("\n"))


def resolve(text: str) -> Value:
    """Return what a plain scalar means under the core rules of YAML 1.2: `no` is text, `1e-3` a number."""
    if text in _WORDS:
        return _WORDS[text]
    return Number(text) if Number.is_one(text) else text


class _Composer:
    """Builds nodes from parser events, one call for each node."""

    def __init__(self, text: str, report: Report) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._report, self._values = report, 0

    def document(self) -> Node | None:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._report.add(START, "the file is empty", "a case")
            return None
        node = self._node(next(self._events), depth=1)
        next(self._events)  # the end of the document
        more = next(self._events)
        if not isinstance(more, yaml.StreamEndEvent):
            self._report.add(_mark(more.start_mark), "a second document", "one case in one file")
        return node

    def _node(self, event: Any, depth: int) -> Node:  # noqa: ANN401 - PyYAML's events have no common type
        mark = _mark(event.start_mark)
        self._values += 1
        if self._values > MAX_VALUES:
            self._report.add(mark, f"more than {MAX_VALUES:,} values", "fewer, or arrays that are drawn")
            raise _StopReadingError
        if isinstance(event, yaml.AliasEvent):
            self._report.add(mark, f"the alias {quoted(f'*{event.anchor}')}", "the value written out")
            return Refused(mark)
        if event.anchor is not None:
            self._report.add(mark, f"the anchor {quoted('&' + event.anchor)}", "a value without anchors")
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, mark)
        else:
            node = self._collection(event, mark, depth)
        if event.tag is not None:
            self._report.add(mark, f"the tag {quoted(event.tag)}", "a value without tags")
            return Refused(mark)
        return node

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Node:
        if event.style:  # quoted or block text, a plain scalar has none
            return Scalar(mark, event.value)
        value = resolve(event.value)
        if isinstance(value, Number) and len(value.text) > MAX_TEXT:
            wrong = f"a number of {len(value.text)} characters"
            self._report.add(mark, wrong, f"at most {MAX_TEXT}")
            return Refused(mark)
        return Scalar(mark, value)

    def _collection(self, event: Any, mark: Mark, depth: int) -> Node:  # noqa: ANN401 - as above
        if depth > MAX_DEPTH:
            wrong = f"lists and mappings nested more than {MAX_DEPTH} deep"
            self._report.add(mark, wrong, f"a depth of at most {MAX_DEPTH}")
            raise _StopReadingError
        if isinstance(event, yaml.SequenceStartEvent):
            return Sequence(mark, tuple(self._items(depth)))
        return self._mapping(mark, depth)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.CollectionEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, mark: Mark, depth: int) -> Mapping:
        entries: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        nodes = self._items(depth)
        for key in nodes:
            value = next(nodes)
            if isinstance(key, Refused):
                continue
            if not (isinstance(key, Scalar) and isinstance(key.value, str)):
                self._report.add(key.mark, f"a key that is {describe(key)}", "text")
            elif key.value in entries:
                first = keys[key.value].line
                wrong = f"duplicate key {quoted(key.value)}"
                self._report.add(key.mark, wrong, f"it once (it stands in line {first} too)")
            else:
                entries[key.value], keys[key.value] = value, key.mark
        return Mapping(mark, entries, keys)


def _mark(mark: Any) -> Mark:  # noqa: ANN401 - the C parser's marks are of a class of their own
    return Mark(mark.line + 1, mark.column + 1)
