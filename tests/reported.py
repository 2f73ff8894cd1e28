"""Reports of rows that nobody computed, for what writes them down."""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd

from reference import Finding, Subject, Verdict
from reports import environment, tables
from reports.runs.rows import Results, Row
from reports.verdicts import Conclusion, known_differences


def row(case: str, adapter: str, verdict: Verdict, used: float = 0.5, reason: str = "", **more: bool) -> Row:
    """Return a row of dL/dW1; with a `used` of NaN nothing was compared."""
    numbers = () if math.isnan(used) else ((0, 0), 0.25, 0.5, used / 8, 0.125, used, 1.0, 14.0)
    quantity = "dL/dW1" if numbers else ""
    return Row(
        Subject(case, adapter, "", "float64"), Finding(1, quantity, verdict, reason, *numbers), 5, **more
    )


def report_of(rows: Sequence[Row], **more: Any) -> SimpleNamespace:
    """Return what writers read of a report."""
    failures = tuple(one.sentence for one in rows if one.fails)
    known = tuple(one.sentence for one in known_differences(rows))
    headline = "Not all agree." if failures else "All agree."
    nothing = dict.fromkeys(("known", "no_equivalent", "direct", "lost", "drift"), pd.DataFrame())
    told = {
        "conclusion": Conclusion(not failures and bool(rows), headline, failures, (), known),
        "environment": environment.describe("python -m reports.build"),
        "results": Results(tuple(rows)),
        "matrix": tables.matrix(rows),
        "direct_title": "PyTorch × JAX directly",
        "examples": (),
        "failed": (),
        "power": None,
        "changes": None,
        **nothing,
    }
    return SimpleNamespace(**{**told, **more})
