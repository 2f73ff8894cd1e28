"""What other packages put on the page: the drawing of a case, the walk through the document, the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cases import Case
    from reports.report import Report
    from reports.rows import Row


class Walk(Protocol):
    """A worked example, step by step."""

    case: str


class Picture(Protocol):
    """A picture as the page shows it; `svg` is an element with its own name and alternative in words."""

    name: str
    title: str
    caption: str
    svg: str
    table: pd.DataFrame


STYLE = Markup()
"""The style sheet of the drawings."""


def drawing(case: Case, rows: Sequence[Row]) -> Markup:  # noqa: ARG001 - a slot
    """Draw a case as its tape."""
    return Markup()


def walks(report: Report) -> tuple[Walk, ...]:  # noqa: ARG001 - a slot
    """Walk through the worked examples; the template walk.html tells each."""
    return ()


def pictures(report: Report) -> tuple[Picture, ...]:  # noqa: ARG001 - a slot
    """Draw the pictures of a report."""
    return ()
