"""index.html and diff.html: each one page that needs nothing else, neither scripts nor a network."""

from reports.page.changes import diff
from reports.page.page import index

__all__ = ["diff", "index"]
