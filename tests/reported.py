"""Reports of rows that nobody computed, for what writes them down."""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd

from reference import Finding, Subject, Verdict
from reports import environment, report_tables
from reports.environment import Selection
from reports.outcome import Conclusion, expected_differences
from reports.report_tables import Table
from reports.runs.rows import Results, Row


def row(case: str, adapter: str, verdict: Verdict, used: float = 0.5, reason: str = "", **more: bool) -> Row:
    """Return a row of dL/dW1; with a `used` of NaN nothing was compared."""
    numbers = () if math.isnan(used) else ((0, 0), 0.25, 0.5, used / 8, 0.125, used, 1.0, 14.0)
    quantity = "dL/dW1" if numbers else ""
    finding = Finding(1, quantity, verdict, reason, *numbers)
    return Row(Subject(case, adapter, "", "float64"), finding, 5, **more)


def report_of(rows: Sequence[Row], *others: Table, **more: Any) -> SimpleNamespace:
    """Return what writers read of a report: its matrix, and these other tables."""
    failures = tuple(row.sentence for row in rows if row.fails)
    known = tuple(row.sentence for row in expected_differences(rows))
    headline = "Not all agree." if failures else "All agree."
    results = Results(tuple(rows))
    fields = {
        "conclusion": Conclusion(not failures and bool(rows), headline, failures, (), known),
        "environment": environment.describe("python -m reports.build"),
        "results": results,
        "tables": (report_tables.tables(results, Selection((), ()))[0], *others),
        "failed": (),
        "power": None,
        "changes": None,
    }
    return SimpleNamespace(**fields | more)


def table_of(name: str, frame: pd.DataFrame, about: str = "", **more: Any) -> Table:
    """Return a table that every writer shows."""
    return Table(name, name.capitalize(), about, lambda: frame, also_in=frozenset({"latex"}), **more)
