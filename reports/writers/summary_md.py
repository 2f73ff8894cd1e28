"""summary.md: the report as Markdown, as it is shown on the page of a GitHub workflow.

GitHub shows no summary of more than 1 MiB, and no part of it either. So what fails is first, and what has no
room is left out and counted. `append` puts the summary where `$GITHUB_STEP_SUMMARY` says.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from reference import parts
from reports import regression_text
from reports.causes import summaries
from reports.detection import detection_tables as detection
from reports.outcome import Cell, Outcome, badness
from reports.report import Report, Table
from reports.writers import markdown_text as markdown
from reports.writers.markdown_text import Section, escape, item, shortened

LIMIT: Final = 1_000_000  # bytes; what is less than 1 MiB is left to whatever else a workflow's step may say
MAX_LINE: Final = 2_000  # characters of a failure or of a command; an exception's words may be a book
VARIABLE: Final = "GITHUB_STEP_SUMMARY"
MIN_ROOM: Final = 100_000  # bytes: with less room than this nothing is appended
FAILS, NOT_RUN, FAILED = "What fails", "What did not run", "Parts of this report that failed"
WORST_FIRST: Final = "What fails stands first, then what is known to differ."


def summary(report: Report, limit: int = LIMIT) -> str:
    headline = escape(shortened(report.conclusion.headline, MAX_LINE))
    head = f"# Backpropagation: do the frameworks agree?\n\n**{headline}**"
    return markdown.fitted(head, _sections(report), _environment(report), limit)


def _sections(report: Report) -> Iterator[Section]:
    """Give the sections; in the place of one that fails is its title with the reason."""
    for title, make in _made(report):
        made = parts.tried(f"“{title}”", make)
        yield from (Section(title, escape(str(made))),) if isinstance(made, parts.FailedPart) else made


def _made(report: Report) -> Iterator[tuple[str, Callable[[], Sequence[Section]]]]:
    """Give the titles of the sections, each with what makes it: none where there is nothing to say."""
    yield FAILS, lambda: _failures(report)
    yield NOT_RUN, lambda: _lines(NOT_RUN, report.conclusion.not_run)
    yield FAILED, lambda: _lines(FAILED, map(str, report.failed), "No verdict rests on them.")
    changes, power = report.changes, report.power
    yield regression_text.TITLE, lambda: [*regression_text.to_sections(changes)] if changes else ()
    for table in report.tables:
        yield table.heading, partial(_table, table)
    yield detection.TITLE, lambda: [*detection.to_sections(power)] if power else ()


def _failures(report: Report) -> Sequence[Section]:
    texts = summaries(sorted(report.failures, key=badness, reverse=True))
    return _lines(FAILS, texts, failing=len(texts))


def _lines(
    title: str, texts: Iterable[str], about: str = "", failing: int | None = None
) -> Sequence[Section]:
    lines = tuple(item(shortened(text, MAX_LINE)) for text in texts)
    return [Section(title, about, lines=lines, failing=failing)] if lines else ()


def _table(table: Table) -> Sequence[Section]:
    frame, about, failing = table.frame, escape(shortened(table.about, MAX_LINE)), None
    if frame.empty:
        return ()
    if table.worst_first:
        ranks = [_rank(line) for line in frame.itertuples(index=False, name=None)]
        frame = frame.iloc[sorted(range(len(ranks)), key=lambda line: -ranks[line])]
        about += f" {WORST_FIRST}" if any(ranks) else ""
        failing = ranks.count(Outcome.DIFFERS.rank)
    head, rows = markdown.table_head(frame), markdown.table_rows(frame)
    return [Section(table.heading, about, head, rows, failing)]


def _rank(line: Iterable[object]) -> int:
    return max((value.outcome.rank for value in line if isinstance(value, Cell)), default=0)


def _environment(report: Report) -> str:
    made = report.environment
    versions = ", ".join(f"{name} {version}" for name, version in made.versions.items())
    others = (f"{name} is {other.asked}: {other.runs_on}" for name, other in made.others.items())
    made_with = f"{made.made}, run {made.run}", f"Python {made.python}, {versions}"
    lines = (*made_with, *others, made.platform, made.cpu, made.seed)
    command = markdown.code(shortened(made.command, MAX_LINE))
    return "\n".join(("## How this was made", "", f"- {command}", *(item(shortened(line)) for line in lines)))


def append(report: Report) -> None:
    """Append the summary, if the environment says where; what prevents it is printed, and fails nothing.

    The limit holds for all that a step appends, and more than that GitHub does not show at all. So the
    summary has the room that is left.
    """
    if not os.environ.get(VARIABLE):
        return
    path, reason = Path(os.environ[VARIABLE]), ""
    try:
        room = LIMIT - (path.stat().st_size if path.exists() else 0)
        if room >= MIN_ROOM:
            with path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(summary(report, room - 1) + "\n")
        else:
            reason = "it has too little room left"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        print(f"the summary is not appended to {path} (${VARIABLE}): {reason}", file=sys.stderr)
