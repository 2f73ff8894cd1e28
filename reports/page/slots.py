"""What other packages put on the page: the drawing of a case, the walk through the document, the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from markupsafe import Markup

from reports import drawing as drawings
from reports import walk
from reports.walk import walks

__all__ = ["STYLE", "drawing", "pictures", "walks"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cases import Case
    from reports.report import Report
    from reports.rows import Row


class Picture(Protocol):
    """A picture as the page shows it; `svg` is an element with its own name and alternative in words."""

    name: str
    title: str
    caption: str
    svg: str
    table: pd.DataFrame


STYLE = Markup(drawings.STYLE + walk.STYLE)  # noqa: S704 - both are constants
"""The style sheet of the drawings and the walks."""


def drawing(case: Case, rows: Sequence[Row]) -> Markup:
    """Draw a case as its tape."""
    return drawings.tape_drawing(case.problem(case.dtypes[0]), rows)


def pictures(report: Report) -> tuple[Picture, ...]:  # noqa: ARG001 - a slot
    """Draw the pictures of a report."""
    return ()
