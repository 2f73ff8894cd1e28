"""Markdown as GitHub reads it: tables, text that is not read as Markdown, sections that may be cut short."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import pandas as pd

from cases.errors import printable

_MARKS: Final = str.maketrans(
    {mark: f"\\{mark}" for mark in "\\`*_[]~|"}
    | {"<": "&lt;", "&": "&amp;", "$": "<span>$</span>"}  # between two bare $ GitHub reads mathematics
)

# Text that would open a heading, a quotation, a list or a rule at the start of a line.
_OPENING: Final = re.compile(r"(\d{0,9})([-+=#>.)].*)", re.DOTALL)

OMITTED_BYTES: Final = 5_000  # bytes that are kept for naming the sections that are left out
NOTE_BYTES: Final = 300  # bytes that are kept in a section for saying how much of it is left out
MAX_NAMED: Final = 5  # more sections that are left out are counted, and not named
MAX_NAME: Final = 50  # characters of such a name
MAX_TEXT: Final = 500  # a text of more characters is shortened, where it is no line that could be left out
ELSEWHERE: Final = "The report's other files hold everything."


def escape(text: str) -> str:
    """Keep text from being read as Markdown."""
    return printable(text).translate(_MARKS)


def item(text: str) -> str:
    plain = printable(text).strip()
    opening = _OPENING.match(plain)
    return f"- {opening[1]}\\{escape(opening[2])}" if opening else f"- {escape(plain)}"


def code(text: str) -> str:
    """Return text as code: between more backticks than any run of them in it."""
    plain = printable(text)
    longest = max(map(len, re.findall("`+", plain)), default=0)
    fence, space = "`" * (longest + 1), " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{space}{plain}{space}{fence}"


def table_head(frame: pd.DataFrame) -> tuple[str, str]:
    """Return a table's first two lines: the names of its columns, and the rule beneath."""
    return _row(frame.columns), f"| {' | '.join(['---'] * len(frame.columns))} |"


def table_rows(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(_row(values) for values in frame.itertuples(index=False, name=None))


def _row(values: Iterable[object]) -> str:
    return f"| {' | '.join(escape(str(value)) for value in values)} |"


@dataclass(frozen=True)
class Section:
    """A part of a text: a heading, something about it, and lines of which the last may be left out.

    All but the title is Markdown. `head` stands before the lines, as a table's first two; of `lines` the
    worst are first, and the first `failing` of them are failures; None where that is no question.
    """

    title: str
    about: str = ""
    head: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    failing: int | None = None
    level: int = 2

    def within(self, limit: int) -> str:
        """Return the section in at most `limit` bytes, or "" where not one line of it has room."""
        whole = self._text(self.lines)
        if size(whole) <= limit:
            return whole
        room = limit - size(self._text(())) - NOTE_BYTES
        kept = sum(total <= room for total in accumulate(map(size, self.lines)))
        return f"{self._text(self.lines[:kept])}\n\n{self._left_out(kept)}" if kept else ""

    def _text(self, lines: tuple[str, ...]) -> str:
        block = "\n".join((*self.head, *lines))
        return "\n\n".join(filter(None, (f"{'#' * self.level} {escape(self.title)}", self.about, block)))

    def _left_out(self, kept: int) -> str:
        note = f"{len(self.lines) - kept:,} more lines are left out here for their size"
        if self.failing is not None:
            failing = max(self.failing - kept, 0)
            note += f", of which {failing:,} are failures" if failing else ", and none of them fails"
        return f"**{note}.** {ELSEWHERE}"


def fitted(head: str, sections: Iterable[Section], tail: str, limit: int) -> str:
    """Return all parts in at most `limit` bytes; a section may take half of what those before it leave.

    `head` and `tail` are always written; with `OMITTED_BYTES` they must have fewer bytes than the limit.
    """
    left = limit - size(head) - size(tail) - OMITTED_BYTES
    texts, omitted = [head], []
    for section in sections:
        if text := section.within(left // 2):
            texts.append(text)
            left -= size(text)
        else:
            omitted.append(section.title)
    if omitted:
        named = ", ".join(escape(shortened(title, MAX_NAME)) for title in omitted[:MAX_NAMED])
        more = f" and {len(omitted) - MAX_NAMED:,} more" if len(omitted) > MAX_NAMED else ""
        texts.append(f"**Left out here for their size: {named}{more}.** {ELSEWHERE}")
    return "\n\n".join((*texts, tail)) + "\n"


def shortened(text: str, longest: int = MAX_TEXT) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def size(text: str) -> int:
    """Return a text's size in bytes, with the empty line after it."""
    return len(text.encode()) + 2
