"""What a parity test adds to pytest's JUnit file: the verdict in numbers, and a line for each quantity.

They are the test's `user_properties`, which pytest-xdist carries from its workers. The strict schema (xunit2)
has no place for them in a test case: asked for by `-o junit_family=xunit2`, it holds none.
"""

import math
from collections.abc import Sequence

import pytest

from cases.errors import printable
from reference import parts
from reference.parts import FailedPart
from reports.outcome import Cell, agrees, at_step, badness, verdict, where
from reports.rows import Row, order


def record(item: pytest.Item, rows: Sequence[Row]) -> None:
    """Add what was found to a test, unless a JUnit file is written that has no place for it."""
    config = item.config
    if not config.getoption("xmlpath", None) or config.getini("junit_family") != "xunit2":
        found = parts.tried("the verdict in numbers", properties, rows)
        item.user_properties += [("failed", str(found))] if isinstance(found, FailedPart) else found


def properties(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return names and values: the verdict, what it rests on, and each quantity in the order of computation.

    Parameters
    ----------
    rows
        Of one case, in one number format, by all programs of one adapter; in any order.
    """
    compared = [row.finding for row in rows if row.compared]
    if not compared:
        return [("verdict", verdict(rows[0]) if rows else "nothing compared")]
    told = max(rows, key=lambda row: (row.fails, not agrees(row), *(-place for place in order(row))))
    found = [("verdict", verdict(told))]
    if not agrees(told):
        found += [("first difference", where(told).removeprefix(" at "))]
    used = max(math.inf if math.isnan(one.used) else one.used for one in compared)
    found += [
        ("used", f"{used:.4g}"),
        ("digits", f"{min(one.digits for one in compared):.4g}"),
        ("compared", str(sum(row.steps for row in rows if row.compared))),
    ]
    found += [(row.finding.quantity, Cell.of([row]).state + at_step(row)) for row in _worst(rows)]
    return [(printable(name), printable(value)) for name, value in found]


def _worst(rows: Sequence[Row]) -> list[Row]:
    """Return the worst row of each quantity, along the tape."""
    worst: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row.place):
        name = row.finding.quantity
        if name and (name not in worst or badness(row) > badness(worst[name])):
            worst[name] = row
    return list(worst.values())
