"""What has changed between two runs that were kept: another release, another machine, another device."""

from reports.changes.compare import Changes, compare
from reports.changes.telling import TITLE, headline, markdown, show, to_page, to_sections

__all__ = ["TITLE", "Changes", "compare", "headline", "markdown", "show", "to_page", "to_sections"]
