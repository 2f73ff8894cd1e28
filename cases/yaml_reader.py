"""From the text of a YAML file to a tree of values with their marks: the strict subset that a case may use.

PyYAML's own constructors follow YAML 1.1 (`no` is false, `1e-3` is text, `012` is ten), drop the marks and
expand aliases, so only its parser is used: its events are composed here, under the core rules of YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
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
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_SPELLED = {"None": "empty", "True": "true", "False": "false"}


class Refused:
    """Stands for a value that has already been reported as a defect: nothing more is said of it."""


_REFUSED: Final = Refused()

Value: TypeAlias = "bool | Number | str | list[Node] | dict[str, Node] | Refused | None"


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its mark; `keys` are the marks of a mapping's keys."""

    mark: Mark
    value: Value
    keys: dict[str, Mark] = field(default_factory=dict)

    def at(self, *path: str) -> Node:
        """Return what stands under the keys of `path`; if nothing does, a node that says nothing."""
        node = self
        for key in path:
            node = node.entries.get(key, _ABSENT)
        return node

    @property
    def is_known(self) -> bool:
        return not isinstance(self.value, Refused)

    @property
    def items(self) -> list[Node]:
        """The items of a list, and none of anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def entries(self) -> dict[str, Node]:
        """The entries of a mapping, and none of anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def number(self) -> Number | None:
        return self.value if isinstance(self.value, Number) else None

    @property
    def whole(self) -> int | None:
        return self.value.whole if isinstance(self.value, Number) else None

    @property
    def text(self) -> str:
        """The text without spaces around it, or "" if it is none."""
        return self.value.strip() if isinstance(self.value, str) else ""

    @property
    def plain(self) -> object:
        """The tree as plain Python data: dicts, lists, `Number`, text, bool, None."""
        if isinstance(self.value, list):
            return [item.plain for item in self.value]
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        return self.value

    def __str__(self) -> str:
        match self.value:
            case str(text):
                return f"the text {quoted(text)}"
            case list(items):
                return "a list" if items else "an empty list"
            case dict():
                return "a mapping"
            case Refused():
                return "unreadable"
        return _SPELLED.get(str(self.value), str(self.value))


_ABSENT: Final = Node(START, _REFUSED)


class _StopReadingError(Exception):
    """The rest of the file cannot be read; the reason has been reported."""


def read_yaml(text: str, report: Report) -> Node | None:
    """Return the only document of `text`, or None where it cannot be read at all.

    Every defect is added to `report`; after one that leaves the structure clear (a duplicate key, an alias, a
    tag) reading goes on, with a refused value in its place.
    """
    if strange := Reader.NON_PRINTABLE.search(text):
        report.add(mark_at(text, strange.start()), f"the character {strange[0]!a}", "printable text")
        return None
    if directive := _DIRECTIVE.search(text):
        mark = mark_at(text, directive.start(1))
        report.add(mark, "a line that begins with %", "no instructions to YAML readers")
        return None
    try:
        return _Composer(text, report).document()
    except _StopReadingError:
        return None
    except yaml.MarkedYAMLError as error:
        position = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.problem, error.context) if part)
        report.add(_mark(position) if position else START, f"not YAML: {what}", "well-formed YAML")
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # escapes beyond Unicode, absurd directives
        report.add(START, f"not YAML: {quoted(str(error))}", "well-formed YAML")
    return None


def mark_at(text: str, index: int) -> Mark:
    """Return the position of the character `text[index]`."""
    before = text[:index]
    return Mark(before.count("\n") + 1, index - before.rfind("\n"))


def resolve(text: str) -> bool | Number | str | None:
    """Return what a plain scalar means under the core rules of YAML 1.2: `no` is text, `1e-3` a number."""
    if text in _WORDS:
        return _WORDS[text]
    return Number(text) if Number.is_one(text) else text


class _Composer:
    """Builds nodes from parser events, one call for each node."""

    def __init__(self, text: str, report: Report) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._add, self._values = report.add, 0

    def document(self) -> Node | None:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._add(START, "the file is empty", "a case")
            return None
        node = self._node(next(self._events), depth=1)
        next(self._events)  # the end of the document
        more = next(self._events)
        if not isinstance(more, yaml.StreamEndEvent):
            self._add(_mark(more.start_mark), "a second document", "one case in one file")
        return node

    def _node(self, event: Any, depth: int) -> Node:  # noqa: ANN401 - PyYAML's events have no common type
        mark = _mark(event.start_mark)
        self._values += 1
        if self._values > MAX_VALUES:
            self._add(mark, f"more than {MAX_VALUES:,} values", "fewer, or arrays that are drawn")
            raise _StopReadingError
        if isinstance(event, yaml.AliasEvent):
            self._add(mark, f"the alias {quoted(f'*{event.anchor}')}", "the value written out")
            return Node(mark, _REFUSED)
        if event.anchor is not None:
            self._add(mark, f"the anchor {quoted('&' + event.anchor)}", "a value without anchors")
        is_scalar = isinstance(event, yaml.ScalarEvent)
        node = self._scalar(event, mark) if is_scalar else self._collection(event, mark, depth)
        if event.tag is not None:
            self._add(mark, f"the tag {quoted(event.tag)}", "a value without tags")
            return Node(mark, _REFUSED)
        return node

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Node:
        value = event.value if event.style else resolve(event.value)  # a plain scalar has no style
        if isinstance(value, Number) and len(value.text) > MAX_TEXT:
            self._add(mark, f"a number of {len(value.text)} characters", f"at most {MAX_TEXT}")
            return Node(mark, _REFUSED)
        return Node(mark, value)

    def _collection(self, event: Any, mark: Mark, depth: int) -> Node:  # noqa: ANN401 - as above
        if depth > MAX_DEPTH:
            wrong = f"lists and mappings nested more than {MAX_DEPTH} deep"
            self._add(mark, wrong, f"a depth of at most {MAX_DEPTH}")
            raise _StopReadingError
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(mark, list(self._items(depth)))
        return self._mapping(mark, depth)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.CollectionEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, mark: Mark, depth: int) -> Node:
        entries: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        nodes = self._items(depth)
        for key in nodes:
            value = next(nodes)
            if not key.is_known:
                continue
            if not isinstance(key.value, str):
                self._add(key.mark, f"a key that is {key}", "text")
            elif key.value in entries:
                first = keys[key.value].line
                wrong = f"duplicate key {quoted(key.value)}"
                self._add(key.mark, wrong, f"it once (it stands in line {first} too)")
            else:
                entries[key.value], keys[key.value] = value, key.mark
        return Node(mark, entries, keys)


def _mark(mark: Any) -> Mark:  # noqa: ANN401 - the C parser's marks are of a class of their own
    return Mark(mark.line + 1, mark.column + 1)
