"""The page: its parts in their order, each with its own link, and its table of contents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from reports import changes, drawing, drift_table, walk
from reports import report as words
from reports.page.anchors import anchor
from reports.page.cases import sections
from reports.page.counts import counts
from reports.page.failures import failures, together
from reports.page.method import anatomy
from reports.page.templates import templates
from reports.power import TITLE, to_page
from reports.walk import walks

if TYPE_CHECKING:
    from reports.report import Report

FIRST: Final = 6
"""Kinds of failures that are named at the head of the page, and cases of each; all have their own part."""

STYLE: Final = Markup(drawing.STYLE + walk.STYLE)  # noqa: S704 - both are constants
"""The style sheet of the drawings and the walks."""

LONGEST: Final = 600
"""Lines of a picture's table that are shown: thousands would outweigh the page."""


@dataclass(frozen=True)
class Part:
    """A part of the page.

    Attributes
    ----------
    name, title
        Its link, and its heading.
    is_there
        Whether it has anything to tell.
    one
        What it tells, where several parts share a template.
    """

    name: str
    title: str
    is_there: bool = True
    one: object = None

    @property
    def template(self) -> str:
        """The name of its template: what its link begins with."""
        return self.name.partition(":")[0]


def index(report: Report) -> str:
    """Return the page; everything that comes from cases and adapters is escaped."""
    found = _found(report)
    template = templates(case.name for case, _ in report.quantities).get_template("index.html")
    return template.render(found, report=report, parts=_parts(report, found), words=words, drift=drift_table)


def _found(report: Report) -> dict[str, Any]:
    """Return everything that the parts show beside the report's own tables."""
    from reports.pictures import pictures  # noqa: PLC0415 - matplotlib is loaded where there is a page to write

    cases = {case.name: case for case, _ in report.quantities} | {
        example.case.name: example.case for example in report.examples
    }
    failing = failures(report.results.rows, cases, report.environment)
    return {
        "failures": failing,
        "failing": {one.anchor for one in failing},
        "alike": together(failing),
        "first": FIRST,
        "counts": counts(report.matrix),
        "cases": sections(report),
        "walks": walks(report),
        "pictures": pictures(report),
        "longest": LONGEST,
        "style": STYLE,
        "anatomy": anatomy(report.results.rows),
        "power": to_page(report.power) if report.power else None,
        "changes": changes.to_page(report.changes) if report.changes else None,
    }


def _parts(report: Report, found: dict[str, Any]) -> tuple[Part, ...]:
    """Return the parts in their order, without those that have nothing to tell."""
    parts = (
        Part("matrix", "Each case by each adapter"),
        Part("failures", "What fails", bool(found["failures"])),
        *(Part(anchor("walk", one.case), f"{one.case}, step by step", one=one) for one in found["walks"]),
        Part("changes", changes.TITLE, found["changes"] is not None),
        Part("printed", "Printed numbers", bool(report.examples)),
        Part("direct", report.direct_title, not report.direct.empty),
        Part("pictures", "Pictures", bool(found["pictures"])),
        Part("known", "Known differences", not report.known.empty),
        Part("no-equivalent", "No equivalent", not report.no_equivalent.empty),
        Part("lost", "Within the bound, and yet without one right digit", not report.lost.empty),
        Part("drift", drift_table.TITLE, not report.drift.empty),
        Part("cases", "The cases, line by line"),
        Part("method", "What a tolerance is made of"),
        Part("power", TITLE, found["power"] is not None),
        Part("environment", "How this was made"),
    )
    return tuple(part for part in parts if part.is_there)
