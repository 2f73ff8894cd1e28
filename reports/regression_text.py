"""The comparison of two runs as text: its headline, for the terminal, for Markdown, for the page."""

import sys
from collections.abc import Iterator
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from cases.errors import printable
from reports.environment import Environment
from reports.regression import Changes, Section
from reports.writers import markdown_text
from reports.writers.markdown_text import escape, table_head, table_rows

TITLE: Final = "What has changed since the last run"

# Lines of one table; the files show more than a terminal.
MAX_LINES_ON_SCREEN, MAX_LINES_IN_MARKDOWN, MAX_LINES_ON_PAGE = 8, 100, 400

WORSE: Final = ("failures", "uncompared")  # the sections in which each line is a failure


def headline(changes: Changes) -> str:
    failures, uncompared = (changes.count(name) for name in WORSE)
    worse = ", and ".join(filter(None, (
        _count(failures, "comparison fails that did not before", "comparisons fail that did not before"),
        _count(uncompared, "comparison is no longer made in full", "comparisons are no longer made in full"),
    )))  # fmt: skip
    fixed = _count(changes.count("fixed"), "failure is fixed", "failures are fixed")
    return "; ".join(
        filter(None, (f"Worse: {worse}" if worse else "Nothing is worse", fixed, f"{changes.bits}."))
    )


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number:,} {singular if number == 1 else plural}" if number else ""


def _made(run: Environment) -> str:
    return f"{run.made}, run {run.run}: {run.command}"


def show(changes: Changes, out: Console) -> None:
    for section in changes.sections:
        if section.name != "bit_changes":  # the table by kind says it in fewer lines
            out.print(f"{section.title}:", soft_wrap=True)
            out.print(_on_screen(section))
            more = len(section.table) - MAX_LINES_ON_SCREEN
            out.print(f"… and {more:,} more.\n" if more > 0 else "", soft_wrap=True)
    out.print(printable(headline(changes)), soft_wrap=True)


def _on_screen(section: Section) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in section.table.columns:
        shown.add_column(str(column), overflow="fold")
    for row in section.table.head(MAX_LINES_ON_SCREEN).itertuples(index=False, name=None):
        shown.add_row(*(printable(str(cell)) for cell in row))
    return shown


def markdown(changes: Changes) -> str:
    head = f"# {TITLE}", f"**{escape(headline(changes))}**"
    runs = f"- before: {escape(_made(changes.old))}\n- now: {escape(_made(changes.new))}"
    tables = (_in_markdown(section).within(sys.maxsize) for section in changes.sections)
    return "\n\n".join((*head, runs, *tables)) + "\n"


def to_sections(changes: Changes) -> Iterator[markdown_text.Section]:
    """Give the sections of the Markdown summary: what it comes to, and each table below it."""
    yield markdown_text.Section(TITLE, f"**{escape(headline(changes))}**")
    for section in changes.sections:
        yield _in_markdown(section, level=3)


def _in_markdown(section: Section, level: int = 2) -> markdown_text.Section:
    """Return a table's first lines as Markdown, of which a summary may show fewer."""
    count, most = len(section.table), MAX_LINES_IN_MARKDOWN
    more = f" These are the first {most}, of {count:,}." if count > most else ""
    about = f"{section.about}{more}".strip()
    rows = table_rows(section.table.head(most))
    failing = len(rows) if section.name in WORSE else None
    return markdown_text.Section(section.title, about, table_head(section.table), rows, failing, level)


def to_page(changes: Changes) -> dict[str, object]:
    return {
        "headline": headline(changes),
        "regressed": changes.regressed,
        "runs": (("before", _made(changes.old)), ("now", _made(changes.new))),
        "sections": changes.sections,
        "most": MAX_LINES_ON_PAGE,
    }
