"""Markdown within a number of bytes, whatever there is to tell: what has no room is left out and counted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from reports.marks import escape

# Bytes that are kept for naming the sections that are left out.
ROOM: Final = 5_000

# Bytes that are kept in a section for saying how much of it is left out.
NOTE: Final = 300

# More sections that are left out are counted, and not named.
NAMED: Final = 5

# Characters of such a name.
LONGEST_NAME: Final = 50

ELSEWHERE: Final = "The report's other files hold everything."

# A text of more characters is shortened, where it is no line that could be left out.
SHORTENED: Final = 500


@dataclass(frozen=True)
class Section:
    """A part of a text: a heading, something about it, and lines of which the last may be left out.

    Attributes
    ----------
    title, about
        The heading as text, the rest as Markdown.
    head
        What stands before the lines: a table's first two.
    lines
        The worst first.
    failing
        How many of the lines tell of a failure: they are the first. None where that is no question.
    level
        Of the heading.
    """

    title: str
    about: str = ""
    head: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    failing: int | None = None
    level: int = 2

    def within(self, limit: int) -> str:
        """Return the section in at most so many bytes, or "" where not one line of it has room."""
        whole = self._text(self.lines)
        if size(whole) <= limit:
            return whole
        kept = tuple(_first(self.lines, limit - size(self._text(())) - NOTE))
        return f"{self._text(kept)}\n\n{self._left_out(len(kept))}" if kept else ""

    def _text(self, lines: tuple[str, ...]) -> str:
        block = "\n".join((*self.head, *lines))
        return "\n\n".join(filter(None, (f"{'#' * self.level} {escape(self.title)}", self.about, block)))

    def _left_out(self, kept: int) -> str:
        told = f"{len(self.lines) - kept:,} more lines are left out here for their size"
        if self.failing is not None:
            failing = max(self.failing - kept, 0)
            told += f", of which {failing:,} tell of a failure" if failing else ", and none of them fails"
        return f"**{told}.** {ELSEWHERE}"


def fitted(head: str, sections: Iterable[Section], tail: str, limit: int) -> str:
    """Return all parts in at most `limit` bytes; a section may take half of what those before it leave.

    Parameters
    ----------
    head, tail
        What always stands; with `ROOM` they must have fewer bytes than the limit.
    """
    left = limit - size(head) - size(tail) - ROOM
    parts, omitted = [head], []
    for section in sections:
        text = section.within(left // 2)
        if text:
            parts.append(text)
            left -= size(text)
        else:
            omitted.append(section.title)
    return "\n\n".join((*parts, *_omitted(omitted), tail)) + "\n"


def _first(lines: Iterable[str], limit: int) -> Iterator[str]:
    for line in lines:
        limit -= size(line)
        if limit < 0:
            return
        yield line


def _omitted(titles: list[str]) -> Iterator[str]:
    if titles:
        named = ", ".join(escape(shortened(title, LONGEST_NAME)) for title in titles[:NAMED])
        more = f" and {len(titles) - NAMED:,} more" if len(titles) > NAMED else ""
        yield f"**Left out here for their size: {named}{more}.** {ELSEWHERE}"


def shortened(text: str, longest: int = SHORTENED) -> str:
    """Return a text of at most so many characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def size(text: str) -> int:
    """Return a text's size in UTF-8 with the empty line after it, in bytes."""
    return len(text.encode()) + 2
