"""index.html: the report as one page that needs nothing else, neither scripts nor a network."""

from __future__ import annotations

from reports.page.page import index

__all__ = ["index"]
