"""The changes in words: one line that says what they come to, the terminal, Markdown."""

import math
import sys
from collections.abc import Iterator
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from cases.errors import printable
from reports.changes.compare import Changes
from reports.changes.tables import Section, sections
from reports.environment import Environment
from reports.writers import markdown_text
from reports.writers.markdown_text import escape, table_head, table_rows

TITLE: Final = "What has changed since the last run"

# Lines of one table that a terminal shows; the files show more.
ON_SCREEN: Final = 8

IN_MARKDOWN: Final = 100
# More lines than these would hide the rest.
ON_PAGE: Final = 400

# The sections in which each line tells of a failure.
WORSE: Final = ("failures", "uncompared")


def headline(changes: Changes) -> str:
    """Say in one line what it comes to."""
    worse = [
        _count(
            len(changes.failures),
            "comparison fails that did not before",
            "comparisons fail that did not before",
        ),
        _count(
            len(changes.uncompared),
            "comparison is no longer made in full",
            "comparisons are no longer made in full",
        ),
    ]
    told = ", and ".join(one for one in worse if one)
    fixed = _count(len(changes.fixed), "failure is fixed", "failures are fixed")
    parts = [f"Worse: {told}" if told else "Nothing is worse", *([fixed] if fixed else []), _moved(changes)]
    return f"{'; '.join(parts)}."


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}" if number else ""


def _moved(changes: Changes) -> str:
    found, of = changes.motion.moved, len(changes.motion.compared)
    if not of:
        return "no quantity is in both runs"
    if not found:
        return f"all {of:,} quantities are the same to the last bit"
    largest = max((one.ulps for one in found if not math.isnan(one.ulps)), default=0.0)
    how_far = f"by up to {largest:,.4g} ulps in the values that are kept"
    return f"{len(found):,} of {of:,} quantities have moved, {how_far}"


def made(one: Environment) -> str:
    """Name a run: when it was made, by which command."""
    return f"{one.made}, run {one.run}: {one.command}"


def show(changes: Changes, out: Console) -> None:
    """Print it."""
    for section in sections(changes):
        if section.name != "moved":  # the table by kind says it in fewer lines
            out.print(f"{section.title}:", soft_wrap=True)
            out.print(_on_screen(section))
            more = len(section.table) - ON_SCREEN
            out.print(f"… and {more:,} more.\n" if more > 0 else "", soft_wrap=True)
    out.print(printable(headline(changes)), soft_wrap=True)


def _on_screen(section: Section) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in section.table.columns:
        shown.add_column(str(column), overflow="fold")
    for row in section.table.head(ON_SCREEN).itertuples(index=False, name=None):
        shown.add_row(*(printable(str(cell)) for cell in row))
    return shown


def markdown(changes: Changes) -> str:
    """Return the whole of diff.md."""
    head = f"# {TITLE}", f"**{escape(headline(changes))}**"
    runs = f"- before: {escape(made(changes.old))}\n- now: {escape(made(changes.new))}"
    tables = (_fitting(section).within(sys.maxsize) for section in sections(changes))
    return "\n\n".join((*head, runs, *tables)) + "\n"


def to_sections(changes: Changes) -> Iterator[markdown_text.Section]:
    """Give the sections of the Markdown summary: what it comes to, and each table below it."""
    yield markdown_text.Section(TITLE, f"**{escape(headline(changes))}**")
    for section in sections(changes):
        yield _fitting(section, level=3)


def _fitting(section: Section, level: int = 2) -> markdown_text.Section:
    """Return a table's first lines as Markdown, of which a summary may show fewer."""
    more = len(section.table) - IN_MARKDOWN
    about = [section.about, f"These are the first {IN_MARKDOWN}, of {len(section.table):,}."][
        : 1 + (more > 0)
    ]
    rows = table_rows(section.table.head(IN_MARKDOWN))
    failing = len(rows) if section.name in WORSE else None
    return markdown_text.Section(
        section.title, " ".join(filter(None, about)), table_head(section.table), rows, failing, level
    )


def to_page(changes: Changes) -> dict[str, object]:
    """Return what the template of this part shows."""
    return {
        "headline": headline(changes),
        "regressed": changes.regressed,
        "runs": (("before", made(changes.old)), ("now", made(changes.new))),
        "sections": sections(changes),
        "most": ON_PAGE,
    }
