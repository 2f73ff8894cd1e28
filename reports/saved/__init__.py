"""Runs that are kept: `results.json` holds one whole, and it is read back as it was.

>>> from reports.saved import SavedRun
>>> [field for field in SavedRun.__dataclass_fields__][:3]
['conclusion', 'environment', 'cases']
"""

from reports.saved.file import FORMAT, NAME, SCHEMA, UnreadableError, dumps, read
from reports.saved.run import SavedAdapter, SavedCase, SavedRun, saved_run

__all__ = [
    "FORMAT",
    "NAME",
    "SCHEMA",
    "SavedAdapter",
    "SavedCase",
    "SavedRun",
    "UnreadableError",
    "dumps",
    "read",
    "saved_run",
]
