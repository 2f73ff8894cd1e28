"""The pictures of a report: SVG for its page, each with its words and the numbers it is drawn from.

They are drawn by matplotlib, from a report and nothing else, and the same report gives the same bytes.

>>> from reports.pictures import pictures
"""

from reports.pictures.gallery import pictures
from reports.pictures.picture import Picture

__all__ = ["Picture", "pictures"]
