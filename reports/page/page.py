"""The page: its parts in their order, each with its own link, and its table of contents."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Final, TypeVar

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from reference import parts
from reference.parts import FailedPart
from reports import changes, drawing, drift_table, walk
from reports import report as words
from reports.page.anchors import anchor
from reports.page.cases import sections
from reports.page.counts import counts
from reports.page.failures import Failure, failures, together
from reports.page.method import anatomy
from reports.page.templates import templates
from reports.power import TITLE, to_page
from reports.report import Example, Report
from reports.runs.rows import PUBLISHED

Told = TypeVar("Told")

# Kinds of failures that are named at the head of the page, and cases of each; all have their own part.
FIRST: Final = 6

# The style sheet of the drawings and the walks.
STYLE: Final = Markup(drawing.STYLE + walk.STYLE)  # noqa: S704 - both are constants

# Lines of a picture's table that are shown: thousands would outweigh the page.
LONGEST: Final = 600


@dataclass(frozen=True)
class Part:
    """A part of the page.

    Attributes
    ----------
    name, title
        Its link, and its heading. The name of its template is what its link begins with.
    shows
        Returns what its template shows beside the report's own tables; None if it has nothing to tell.
    made_from
        How the names of those parts of the run begin that it is made from: one that failed is named here.
    """

    name: str
    title: str
    shows: Callable[[], Mapping[str, object] | None] = dict
    made_from: tuple[str, ...] = ()

    def missing(self, failed: Iterable[FailedPart]) -> list[FailedPart]:
        """Return which of these it would have been made from."""
        return [one for one in failed if one.part.startswith(self.made_from)]

    @property
    def kind(self) -> str:
        """What it is one of: "walk" of every worked example's, else its name."""
        return self.name.partition(":")[0]

    def rendered(self, made: Environment) -> Markup | None:
        """Return its body, or None if it has nothing to tell."""
        shown = self.shows()
        if shown is None:
            return None
        return Markup(made.get_template(f"parts/{self.kind}.html").render(shown))  # noqa: S704 - escaped there


def index(report: Report) -> str:
    """Return the page; everything that comes from cases and adapters is escaped.

    A part that fails stands with its reason in its place.
    """
    made = templates(row.subject.case for row in report.results.rows if row.subject.adapter != PUBLISHED)
    cases = {case.name: case for case in report.selection.cases}
    found = parts.tried("“What fails”", failures, report.results.rows, cases, report.environment)
    failing = () if isinstance(found, FailedPart) else found
    about = {"report": report, "words": words, "drift": drift_table, "first": FIRST, "longest": LONGEST}
    about |= {"failures": failing, "failing": {one.anchor for one in failing}, "alike": together(failing)}
    made.globals.update(about)
    bodies = [
        (part, parts.tried(f"“{part.title}”", part.rendered, made), part.missing(report.results.failed))
        for part in _parts(report, found)
    ]
    shown = [one for one in bodies if one[1] is not None or one[2]]
    contents = [list(alike) for _, alike in groupby((part for part, *_ in shown), key=lambda part: part.kind)]
    page = made.get_template("index.html")
    return page.render(style=STYLE, contents=contents, parts=shown, failed=report.failed)


def _parts(report: Report, failing: tuple[Failure, ...] | FailedPart) -> Iterator[Part]:
    """Give the parts in their order."""
    yield Part("matrix", "Each case by each adapter", lambda: {"counts": counts(report.matrix)})
    yield Part("failures", "What fails", lambda: {"found": failing} if failing else None)
    for one in report.examples:
        name = one.case.name
        yield Part(anchor("walk", name), f"{name}, step by step", partial(_walk, report, one))
    yield Part(
        "changes", changes.TITLE, lambda: _if(report.changes, "changes", changes.to_page), ("the bits of ",)
    )
    yield Part("printed", "Printed numbers", lambda: _printed(report))
    yield Part(
        "direct", report.direct_title, lambda: _unless_empty(report.direct), ("the direct comparison of ",)
    )
    drawn = "the losses of ", "the accuracy of ", "the activations' errors"
    yield Part("pictures", "Pictures", lambda: _pictures(report), drawn)
    yield Part("known", "Expected differences", lambda: _unless_empty(report.known))
    yield Part("no-equivalent", "No equivalent", lambda: _unless_empty(report.no_equivalent))
    lost = "Within the bound, and yet without one right digit"
    yield Part("lost", lost, lambda: _unless_empty(report.lost), ("the lost digits of ",))
    yield Part("drift", drift_table.TITLE, lambda: _unless_empty(report.drift), ("the drift of ",))
    plain = ("the plain differences of ",)
    yield Part("cases", "The cases, line by line", lambda: {"cases": sections(report)}, plain)
    yield Part("method", "What a tolerance is made of", lambda: {"anatomy": anatomy(report.results.rows)})
    yield Part("power", TITLE, lambda: _if(report.power, "power", to_page), ("the suite's power",))
    yield Part("environment", "How this was made", made_from=("how this was made",))


def _unless_empty(frame: pd.DataFrame) -> dict[str, object] | None:
    return None if frame.empty else {}


def _if(one: Told | None, name: str, show: Callable[[Told], object]) -> dict[str, object] | None:
    return None if one is None else {name: show(one)}


def _walk(report: Report, example: Example) -> dict[str, object]:
    return {"one": walk.walk(example.case, report.results.rows, report.results.printed)}


def _printed(report: Report) -> dict[str, object] | None:
    tables = [
        (one, parts.tried(f"“Printed numbers: {one.case.name}”", attrgetter("table"), one))
        for one in report.examples
    ]
    return {"examples": tables} if tables else None


def _pictures(report: Report) -> dict[str, object] | None:
    from reports.pictures import pictures  # noqa: PLC0415 - matplotlib is loaded where there is a page to write

    drawn = pictures(report)
    return {"pictures": drawn} if drawn else None
