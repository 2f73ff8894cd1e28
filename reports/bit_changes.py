"""Quantities that are not the same to the last bit in two runs, and by how many units in the last place."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from reports.results_file import SavedRun
from reports.runs.accuracy import kind
from reports.runs.comparison import bitwise_equal, ulp_distance
from reports.runs.recorded import Bits

# Of a `Subject`, in its order.
SUBJECT: Final = ["case", "adapter", "program", "dtype"]
QUANTITY: Final = [*SUBJECT, "quantity"]

# Ulps from which on they are printed as a power of ten.
MANY_ULPS: Final = 10**6


@dataclass(frozen=True, eq=False)
class BitChanges:
    """How many quantities have changed bits, and how far they have moved.

    Attributes
    ----------
    compared
        A line for each quantity that both runs have.
    changed
        A line for each that has changed, implementation by implementation, in the order of computation: the
        first kept `step` at which it has, how many of the kept `elements` have changed there, of how many
        (`of`), their largest distance there in `ulps` and at any `later` step, and whether nothing above it
        in its step, and nothing in the steps before, has changed (`begins_here`). Ulps are NaN where the
        kept values are the same, and those of a step before it are not.
    ended
        Trainings that end after another step than before.
    """

    compared: pd.DataFrame
    changed: pd.DataFrame
    ended: pd.DataFrame

    def __str__(self) -> str:
        if self.compared.empty:
            return "no quantity is in both runs"
        if self.changed.empty:
            return f"all {len(self.compared):,} quantities are the same to the last bit"
        largest = self.changed["ulps"].max() if self.changed["ulps"].notna().any() else 0.0
        moved = f"{len(self.changed):,} of {len(self.compared):,} quantities have moved"
        return f"{moved}, by up to {largest:,.4g} ulps in the values that are kept"


def bit_changes(old: SavedRun, new: SavedRun, edited: Collection[str] = ()) -> BitChanges:
    """Compare the bits of two runs, except of edited cases, which have other numbers anyway."""
    before, now = _steps(old), _steps(new)
    in_both = now.merge(before[QUANTITY].drop_duplicates())
    in_both = in_both[~in_both["case"].isin(list(edited))]
    compared = in_both[QUANTITY].drop_duplicates()
    steps = in_both.merge(before, on=[*QUANTITY, "step"], suffixes=("_now", "_before"))
    different = steps[steps["digest_now"] != steps["digest_before"]].sort_values("step", kind="stable")
    changed = compared.merge(_first_changes(different))
    return BitChanges(_named(compared), _ordered(changed, new), _ended(before, now, compared))


def _steps(run: SavedRun) -> pd.DataFrame:
    lines = [
        (*vars(one.subject).values(), one.quantity, one.step, one.digest, one) for one in run.results.bits
    ]
    return pd.DataFrame(lines, columns=[*QUANTITY, "step", "digest", "bits"])


def _first_changes(steps: pd.DataFrame) -> pd.DataFrame:
    """Return the first changed step of each quantity, and the largest distance at any later one."""
    pairs = zip(steps["bits_before"], steps["bits_now"], strict=True)
    distances = pd.DataFrame([_distance(*pair) for pair in pairs], columns=["elements", "of", "ulps"])
    steps = pd.concat([steps[[*QUANTITY, "step"]].reset_index(drop=True), distances], axis=1)
    later = steps[steps.duplicated(QUANTITY)].groupby(QUANTITY)["ulps"].max().rename("later")
    return steps.drop_duplicates(QUANTITY).join(later, on=QUANTITY)


def _distance(old: Bits, new: Bits) -> tuple[int, int, float]:
    """Return how many kept elements have changed, of how many, and their largest distance in ulps."""
    before, now = old.array, new.array
    if old.shape != new.shape:
        return now.size, now.size, math.inf
    if old.values == new.values:  # noqa: PD011 - a text
        return 0, now.size, math.nan
    changed = int(np.count_nonzero(~bitwise_equal(before, now)))
    return changed, now.size, float(ulp_distance(before, now).max(initial=0))


def _ordered(changed: pd.DataFrame, run: SavedRun) -> pd.DataFrame:
    """Put what has changed into the order of computation, and mark where each implementation's begins."""
    table = _named(changed)
    table["subject"] = table.groupby(SUBJECT, sort=False).ngroup()
    places = {
        (row.subject.case, row.finding.quantity): row.place for row in run.results.rows if row.place >= 0
    }
    keys = zip(table["case"], table["quantity"], strict=True)
    table["place"] = [places.get(key, math.inf) for key in keys]
    table = table.sort_values(["subject", "step", "place"], kind="stable", ignore_index=True)
    table["begins_here"] = ~table["subject"].duplicated()
    return table.drop(columns=["subject", "place"])


def _named(table: pd.DataFrame) -> pd.DataFrame:
    implementation = (table["adapter"] + " " + table["program"]).str.strip()
    return table.assign(implementation=implementation, kind=[kind(name) for name in table["quantity"]])


def _ended(before: pd.DataFrame, now: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """Return the trainings whose last step is another one."""
    last = [table.groupby(QUANTITY, as_index=False)["step"].max() for table in (before, now)]
    ends = compared.merge(last[0]).merge(last[1], on=QUANTITY, suffixes=("_before", "_now"))
    ends = ends.drop_duplicates(SUBJECT)
    ends = _named(ends[ends["step_before"] != ends["step_now"]])
    shown = ends[["case", "dtype", "implementation", "step_before", "step_now"]]
    return shown.rename(columns={"step_before": "before", "step_now": "now"})


def by_kind(changes: BitChanges) -> pd.DataFrame:
    """Return a line for each number format, program and kind of quantity of which something has changed."""
    by = ["dtype", "implementation", "kind"]
    table = changes.changed.assign(ulps=changes.changed["ulps"].fillna(-1))  # less than any distance
    kinds = table.groupby(by, sort=False).agg(
        moved=("quantity", "size"), begin=("begins_here", "sum"), ulps=("ulps", "max"), later=("later", "max")
    )
    worst = table.sort_values("ulps", ascending=False, kind="stable").drop_duplicates(by).set_index(by)
    counts = changes.compared.groupby(by).size()
    kinds = kinds.join(worst["case"].rename("in")).join(counts.rename("quantities"))
    columns = [*by, "quantities", "moved", "begin", "ulps", "in", "later"]
    return _with_ulps(kinds.reset_index()[columns]).rename(columns={"begin": "begin here"})


def by_quantity(changes: BitChanges) -> pd.DataFrame:
    """Return a line for each quantity that has changed, the largest distance first."""
    table = changes.changed.assign(ulps=changes.changed["ulps"].fillna(-1))
    table["elements"] = [f"{one:,} of {of:,}" for one, of in zip(table["elements"], table["of"], strict=True)]
    table["begins_here"] = table["begins_here"].map({True: "yes", False: ""})
    columns = ["case", "dtype", "implementation", "quantity", "step", "elements", "ulps", "later"]
    shown = _with_ulps(table[[*columns, "begins_here"]])
    return shown.rename(columns={"step": "from step", "begins_here": "begins here"})


def _with_ulps(table: pd.DataFrame) -> pd.DataFrame:
    """Sort by the distance, and write distances as text."""
    table = table.sort_values("ulps", ascending=False, kind="stable", ignore_index=True)
    ulps = ["earlier" if one < 0 else _shown(one) for one in table["ulps"]]
    later = ["–" if math.isnan(one) else _shown(one) for one in table["later"]]
    return table.assign(ulps=ulps, later=later)


def _shown(ulps: float) -> str:
    return f"{ulps:,.0f}" if ulps < MANY_ULPS else f"{ulps:.1e}"
