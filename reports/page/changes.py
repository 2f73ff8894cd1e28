"""diff.html: what has changed between two runs, as a page like the report's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.changes import TITLE, to_page
from reports.page.templates import templates

if TYPE_CHECKING:
    from reports.changes import Changes


def diff(changes: Changes) -> str:
    """Return the page; everything that comes from cases and adapters is escaped."""
    return templates(()).get_template("diff.html").render(title=TITLE, changes=to_page(changes))
