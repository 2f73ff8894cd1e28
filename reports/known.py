"""The tables of what is known not to agree: the differences that cases expect, and who has no equivalent."""

from collections.abc import Iterable, Mapping

import pandas as pd

from cases import Case
from reports.runs.rows import Row
from reports.tables import NOTHING
from reports.verdicts import at_step, known_differences, without_equivalent


def differences(rows: Iterable[Row], cases: Mapping[str, Case]) -> pd.DataFrame:
    """Return the expected differences: where each first shows, how large it is, its cause and the thread."""
    columns = ["case", "dtype", "adapter", "first at", "claimed", "should be", "off by", "cause", "see"]
    table = [_difference(row, cases[row.subject.case]) for row in known_differences(rows)]
    return pd.DataFrame(table, columns=columns)


def _difference(row: Row, case: Case) -> tuple[str, ...]:
    who, found = row.subject, row.finding
    about = (*_who(row), found.element + at_step(row))
    expectation = case.expectation(who.adapter, who.dtype)
    why = (expectation.cause, expectation.see) if expectation else ("", "")
    if not row.compared:
        return (*about, found.reason, NOTHING, NOTHING, *why)
    claimed, derived = found.digits_told(who.dtype)
    return (*about, claimed, f"{derived} ± {found.tolerance:.2g}", f"{found.error:.2g}", *why)


def no_equivalent(rows: Iterable[Row]) -> pd.DataFrame:
    """Return who declines which case, why, and whether the case says so too."""
    columns = ["case", "dtype", "adapter", "reason", "said by the case"]
    table = [
        (*_who(row), row.finding.reason, "yes" if row.expected else "no") for row in without_equivalent(rows)
    ]
    return pd.DataFrame(table, columns=columns)


def _who(row: Row) -> tuple[str, str, str]:
    return row.subject.case, row.subject.dtype, row.subject.adapter
