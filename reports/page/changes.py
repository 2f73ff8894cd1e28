"""diff.html: what has changed between two runs, as a page like the report's."""

from reports.page.templates import templates
from reports.regression import Changes
from reports.regression_text import TITLE, to_page


def diff(changes: Changes) -> str:
    """Return the page; everything that comes from cases and adapters is escaped."""
    return templates(()).get_template("diff.html").render(title=TITLE, changes=to_page(changes))
