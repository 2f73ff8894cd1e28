"""Reports of rows that nobody computed, for what writes them down."""

import math
from dataclasses import replace

from reference import Finding, Subject, Verdict
from reports import environment
from reports.environment import Selection
from reports.report import Table, put_together
from reports.runs.rows import Results, Row


def row(case, adapter, verdict=Verdict.AGREES, used=0.5, reason="", dtype="float64", **more):
    """Return a row of dL/dW1; with a `used` of NaN nothing was compared."""
    numbers = () if math.isnan(used) else ((0, 0), 0.25, 0.5, used / 8, 0.125, used, 1.0, 14.0)
    quantity = "dL/dW1" if numbers else ""
    finding = Finding(1, quantity, verdict, reason, *numbers)
    return Row(Subject(case, adapter, "", dtype), finding, 5, **more)


def report_of(rows, *others, **conclusion):
    """Return a report of these rows whose tables are its matrix and these others."""
    here = environment.describe("python -m reports.build")
    made = put_together(Results(tuple(rows)), Selection((), ()), here, ("torch",))
    made = replace(made, conclusion=replace(made.conclusion, **conclusion))
    made.__dict__["tables"] = (made.tables[0], *others)
    return made


def table_of(name, frame, about=""):
    """Return a table that every writer shows."""
    return Table(name, name.capitalize(), about, lambda: frame, also_in=frozenset({"latex"}))
