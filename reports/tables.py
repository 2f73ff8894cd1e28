"""The tables, by pandas: each is a frame that is written as CSV, JSON or Markdown, or shown on the page."""

import re
from collections.abc import Iterable, Sequence

import pandas as pd

from reports.runs.accuracy import LostDigits
from reports.runs.comparison import Pair
from reports.runs.rows import PUBLISHED, Printed, Row
from reports.verdicts import cell, grouped

# The columns of results.csv and results.json.
COLUMNS = (
    "case", "adapter", "program", "dtype", "step", "steps", "quantity", "verdict", "used", "error",
    "tolerance", "digits", "ulps", "index", "claimed", "derived", "max_abs_diff", "max_rel_diff",
    "conventional", "reason", "truth", "explanation", "expected",
)  # fmt: skip

# Stands in a table where there is nothing to tell.
NOTHING = "–"


def results(rows: Iterable[Row]) -> pd.DataFrame:
    """Return one line for each row, with every number as it is; None where nothing was compared."""
    return pd.DataFrame([_record(row) for row in rows], columns=list(COLUMNS), dtype=object)


def _record(row: Row) -> tuple[object, ...]:
    who, found = row.subject, row.finding
    index = str([*found.index]) if found.index else ""
    numbers: tuple[object, ...] = (
        found.used, found.error, found.tolerance, found.digits, found.ulps, index,
        found.claimed, found.derived, row.max_abs_diff, row.max_rel_diff,
    )  # fmt: skip
    if not row.compared:
        numbers = (None,) * len(numbers)
    return (
        who.case, who.adapter, who.program, who.dtype, found.step or None, row.steps, found.quantity,
        str(found.verdict), *numbers, row.conventional, found.reason, found.truth,
        row.explanation, row.expected,
    )  # fmt: skip


def matrix(rows: Iterable[Row]) -> pd.DataFrame:
    """Return the case × adapter table: a line for each case and number format, a column for each adapter."""
    groups = {group: cell(found) for group, found in grouped(rows).items() if group[2] != PUBLISHED}
    adapters = dict.fromkeys(adapter for _, _, adapter in groups)
    lines = dict.fromkeys((case, dtype) for case, dtype, _ in groups)
    table = [(*line, *(groups.get((*line, adapter), NOTHING) for adapter in adapters)) for line in lines]
    return pd.DataFrame(table, columns=["case", "dtype", *adapters])


def printed(lines: Iterable[Printed]) -> pd.DataFrame:
    """Return the printed numbers of one case in the order of computation, each beside what it should be."""
    columns = [
        "step",
        "quantity",
        "printed",
        "what follows",
        "exact",
        "verdict",
        "reason",
        "explanation",
    ]
    return pd.DataFrame([_printed(line) for line in lines], columns=columns)


def _printed(line: Printed) -> tuple[object, ...]:
    found = line.row.finding
    several = f" (worst of {line.numbers})" if line.numbers > 1 else ""
    verdict = f"{found.verdict}, as its case says" if line.row.expected else str(found.verdict)
    derived = f"{found.derived:.10g} ± {found.tolerance:.2g}"
    return (
        found.step,
        found.element + several,
        line.text,
        derived,
        f"{line.exact:.15g}",
        verdict,
        "; ".join(filter(None, (found.reason, found.note))),
        line.row.explanation,
    )


def lost(lost_digits: Iterable[LostDigits]) -> pd.DataFrame:
    """Return the numbers that agree within their bound and have not one right digit: two may share them."""
    together: dict[tuple[str, ...], list[LostDigits]] = {}
    for one in lost_digits:
        key = (one.subject.case, one.subject.dtype, one.element, f"{one.exact:.3g}")
        together.setdefault(key, []).append(one)
    table = [(*key, *_shared(several)) for key, several in together.items()]
    return pd.DataFrame(table, columns=["case", "dtype", "element", "true value", "claimed", "off by ulps"])


def _shared(several: Sequence[LostDigits]) -> tuple[str, str]:
    claims = dict.fromkeys(f"{one.subject.implementation}: {one.claimed:.3g}" for one in several)
    return ", ".join(claims), _distance(max(one.ulps for one in several))


def direct(pairs: Iterable[Pair]) -> pd.DataFrame:
    """Return implementations directly against each other, over all cases: by format and kind of quantity."""
    table = pd.DataFrame([vars(pair) for pair in pairs])
    if table.empty:
        return table
    table["implementations"] = table["left"] + " × " + table["right"]
    table["quantity"] = [re.sub(r"\d+", "", name) for name in table["quantity"]]
    by = table.groupby(["implementations", "dtype", "quantity"], sort=False)
    sums = by.agg({"elements": "sum", "equal": "sum", "ulps": "max", "max_abs_diff": "max"}).reset_index()
    sums["bitwise equal"] = [_share(*counts) for counts in zip(sums["equal"], sums["elements"], strict=True)]
    sums["largest distance in ulps"] = [_distance(ulps) for ulps in sums["ulps"]]
    sums["largest difference"] = [f"{difference:.2g}" for difference in sums["max_abs_diff"]]
    sums["numbers"] = [f"{elements:,}" for elements in sums["elements"]]
    return sums.drop(columns=["equal", "elements", "ulps", "max_abs_diff"])


def _share(equal: int, of: int) -> str:
    """Return a percentage that is 100 only if all are equal."""
    return "100%" if equal == of else f"{min(equal / of, 0.999):.1%}"


def _distance(ulps: float) -> str:
    readable = 10**6
    return f"{ulps:.0f}" if ulps < readable else f"{ulps:.1e}"
