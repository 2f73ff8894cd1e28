"""index.html: the report as one page that needs nothing else, neither scripts nor a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.drift_table import ABOUT, TITLE
from reports.power import to_html
from reports.report import DIRECTLY, KNOWN, LEGEND, LOST, NO_EQUIVALENT

if TYPE_CHECKING:
    from reports.report import Report


NEWS = ("differs", "undecided", "error", "not run", "outside", "not as its case expects")


def index(report: Report) -> str:
    """Return the page; everything that comes from cases and adapters is escaped."""
    templates = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("index.html").render(
        report=report,
        legend=LEGEND,
        directly=DIRECTLY,
        lost=LOST,
        known=KNOWN,
        no_equivalent=NO_EQUIVALENT,
        drift_title=TITLE,
        about_drift=ABOUT,
        is_news=is_news,
        power=Markup(to_html(report.power)) if report.power else "",  # noqa: S704 - escaped by its own template
    )


def is_news(cell: object) -> bool:
    """Whether a table's cell says something that a reader must not overlook."""
    told = str(cell)
    return " as expected" not in told and told.startswith(NEWS)
