"""The pages of a report and of a comparison, in HTML."""

from reports.page.index_page import diff, index

__all__ = ["diff", "index"]
