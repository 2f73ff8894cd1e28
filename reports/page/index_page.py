"""index.html and diff.html: each one page that needs nothing else, neither scripts nor a network."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Final, TypeVar

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from cases import Case
from reference import parts
from reference.parts import FailedPart
from reports import regression_text, report_tables, worked_example
from reports.detection import detection_tables as detection
from reports.page.case_sections import case_sections
from reports.page.failing import Failure, alike, failures
from reports.page.method import anatomy
from reports.page.rendering import anchor, templates
from reports.regression import Changes
from reports.report import Report
from reports.report_tables import Table
from reports.runs.rows import PUBLISHED

# Kinds of failures that are named at the head of the page, and cases of each; all have their own part.
MAX_AT_HEAD: Final = 6

# Lines of a picture's table that are shown: thousands would outweigh the page.
MAX_PICTURE_LINES: Final = 600

Measured = TypeVar("Measured")
Shown = Mapping[str, object] | None


@dataclass(frozen=True)
class Part:
    """A part of the page.

    Attributes
    ----------
    name, title
        Its link, and its heading. The name of its template is what its link begins with.
    shows
        Returns what its template shows; None if it has nothing to show.
    made_from
        How the names of those parts of the run begin that it is made from: one that failed is named here.
    template
        The name of its template, where that is another.
    """

    name: str
    title: str
    shows: Callable[[], Shown] = dict
    made_from: tuple[str, ...] = ()
    template: str = ""

    @property
    def kind(self) -> str:
        """What its link begins with: "walk" of every worked example."""
        return self.name.partition(":")[0]

    def missing(self, failed: Iterable[FailedPart]) -> list[FailedPart]:
        return [part for part in failed if part.part.startswith(self.made_from)]

    def rendered(self, made: Environment) -> Markup | None:
        """Return its body, or None if it has nothing to show."""
        shown = self.shows()
        if shown is None:
            return None
        template = made.get_template(f"parts/{self.template or self.kind}.html")
        return Markup(template.render(shown))  # noqa: S704 - escaped there


def index(report: Report) -> str:
    """Return the page; everything that comes from cases and adapters is escaped.

    A part that fails is there with its reason in its place.
    """
    made = templates(row.subject.case for row in report.results.rows if row.subject.adapter != PUBLISHED)
    cases = {case.name: case for case in report.selection.cases}
    found = parts.tried("“What fails”", failures, report.results.rows, cases, report.environment)
    failing = () if isinstance(found, FailedPart) else found
    made.globals.update(
        report=report,
        max_at_head=MAX_AT_HEAD,
        max_picture_lines=MAX_PICTURE_LINES,
        failures=failing,
        failing={failure.anchor for failure in failing},
        alike=alike(failing),
    )
    bodies = [
        (part, parts.tried(f"“{part.title}”", part.rendered, made), part.missing(report.results.failed))
        for part in _parts(report, found)
    ]
    shown = [body for body in bodies if body[1] is not None or body[2]]
    contents = [list(same) for _, same in groupby((part for part, *_ in shown), attrgetter("kind"))]
    page = made.get_template("index.html")
    return page.render(
        style=Markup(worked_example.STYLE),  # noqa: S704 - a constant
        contents=contents,
        parts=shown,
        failed=report.failed,
    )


def diff(changed: Changes) -> str:
    """Return diff.html: what has changed between two runs, as a page like the report's."""
    page = templates(()).get_template("diff.html")
    return page.render(title=regression_text.TITLE, changes=regression_text.to_page(changed))


def _parts(report: Report, failing: tuple[Failure, ...] | FailedPart) -> Iterator[Part]:
    """Give the parts in their order: the matrix, what explains it, the other tables, the cases."""
    matrix, *others = report.tables
    yield Part(matrix.name, matrix.title, partial(_matrix, matrix))
    yield Part("failures", "What fails", lambda: {"found": failing} if failing else None)
    for case in filter(None, (table.case for table in others)):
        shows = partial(_walk, report, case)
        yield Part(anchor("walk", case.name), f"{case.name}, step by step", shows)
    bits = ("the bits of ",)
    yield Part(
        "changes",
        regression_text.TITLE,
        lambda: _made("changes", report.changes, regression_text.to_page),
        bits,
    )
    drawn = ("the losses of ", "the accuracy of ", "the activations' errors")
    yield Part("pictures", "Pictures", lambda: _pictures(report), drawn)
    for title, alike_tables in groupby(others, lambda table: table.title):
        tables = list(alike_tables)
        yield Part(
            tables[0].name.partition(":")[0], title, partial(_tables, tables), tables[0].made_from, "tables"
        )
    plain = ("the plain differences of ",)
    yield Part("cases", "The cases, line by line", lambda: {"cases": case_sections(report)}, plain)
    yield Part("method", "What a tolerance is made of", lambda: {"anatomy": anatomy(report.results.rows)})
    measured = ("the suite's power",)
    yield Part("power", detection.TITLE, lambda: _made("power", report.power, detection.to_page), measured)
    yield Part("environment", "How this was made", made_from=("how this was made",))


def _matrix(matrix: Table) -> Shown:
    return {"matrix": matrix, "counts": report_tables.counts(matrix.frame)}


def _tables(tables: Iterable[Table]) -> Shown:
    """Return tables that have lines, each with its frame, or with why there is none."""
    frames = [(table, parts.tried(f"“{table.heading}”", _frame, table)) for table in tables]
    shown = [(table, frame) for table, frame in frames if isinstance(frame, FailedPart) or len(frame)]
    return {"tables": shown} if shown else None


def _frame(table: Table) -> pd.DataFrame:
    first = [name for name in table.frame.columns if name not in table.page_last]
    return table.frame[[*first, *table.page_last]]


def _made(name: str, measured: Measured | None, show: Callable[[Measured], object]) -> Shown:
    return None if measured is None else {name: show(measured)}


def _walk(report: Report, case: Case) -> Shown:
    return {"one": worked_example.walk(case, report.results.rows, report.results.printed)}


def _pictures(report: Report) -> Shown:
    from reports.plots import pictures  # noqa: PLC0415 - matplotlib is loaded where there is a page to write

    drawn = pictures(report)
    return {"pictures": drawn} if drawn else None
