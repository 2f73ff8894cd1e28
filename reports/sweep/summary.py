"""What a sweep has found so far, by implementation and by feature: counted, shown, and written as CSV."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters import Adapter, Unavailable
from cases.errors import printable
from reports.outcome import one_implementation
from reports.sweep.store import write_whole
from reports.writers.csv_json import csv

BY_IMPLEMENTATION: Final = ["adapter", "program", "how"]

# Besides the activations, of which a case may have several.
FEATURES: Final = ["dtype", "depth", "batch", "steps", "loss", "update", "regime"]

FINDING: Final = ["case", "adapter", "program", "how", "verdict", "step", "first", "used", "told"]
SUMS: Final = ["cases", "quantities", "undecided", "agrees", "differs", "known", "findings"]
BY_EXPECTED: Final = ["known", "adapter", "program"]

# What the terminal shows of each implementation, by the headings that it has there.
COLUMNS: Final = {
    "adapter": "adapter", "program": "program", "how": "run", "cases": "cases", "agrees": "agree",
    "known": "expected difference", "findings": "findings", "worst": "worst used",
    "undecided_share": "undecided quantities",
}  # fmt: skip

# Findings that the terminal shows; all are in findings.csv.
MAX_SHOWN: Final = 10


@dataclass(frozen=True)
class Summary:
    """What was found.

    Attributes
    ----------
    cases
        How many cases were judged, each counted once.
    implementations
        A line for each implementation and each way of running it.
    features
        A line for each value of each feature, over all implementations.
    known
        How often each expected difference was met, by implementation.
    findings
        What differs or is in error and is not expected: case, implementation, first line, sentence.
    """

    cases: int
    implementations: pd.DataFrame
    features: pd.DataFrame
    known: pd.DataFrame
    findings: pd.DataFrame

    @property
    def headline(self) -> str:
        """The result in one sentence."""
        sums = self.implementations[SUMS].sum()
        expected = f"{sums['known']:,} trials" if sums["known"] else "no trial"
        findings = f"{sums['findings']:,}" if sums["findings"] else "no"
        counted = (
            f"{self.cases:,} cases, {sums['cases']:,} trials, {sums['quantities']:,} quantities compared"
        )
        return f"{counted}: {findings} findings; {expected} met an expected difference."


def shortfalls(
    summary: Summary, adapters: Iterable[Adapter | Unavailable], *, is_asked_for: bool
) -> tuple[str, ...]:
    """Say, a sentence each, why a sweep without findings shows no agreement, if it does not.

    `is_asked_for` is whether the adapters were named: then each has to run, and a single one is enough.
    """
    sums = summary.implementations.groupby("adapter")[SUMS].sum()
    compared = sums.index[sums["quantities"] > 0]
    if (sums["quantities"] == sums["undecided"]).all():
        what = "Every quantity is undecided" if len(compared) else "Nothing was compared"
        return (f"{what}, so nothing is known to agree.",)
    if is_asked_for:
        absent = [adapter for adapter in adapters if isinstance(adapter, Unavailable)]
        return tuple(f"Asked for, but not run: {one.name}, because {one.reason}." for one in absent)
    alone = one_implementation(adapters, compared)
    return (alone,) if alone else ()


def summarize(tables: Iterable[pd.DataFrame]) -> Summary:
    """Add up the rows of all tasks; of each table only a few lines are kept in memory."""
    sums, expected, findings, cases = [], [], [], 0
    for table in tables:
        rows = _counted(table)
        cases += rows["case"].nunique()
        sums.append(_sums(rows, [*BY_IMPLEMENTATION, *FEATURES, "activations"]))
        met = rows[rows["known"] == 1].assign(known=table["known"].astype(str))
        expected.append(met.groupby(BY_EXPECTED, as_index=False).agg(cases=("case", "size")))
        findings.append(rows.loc[rows["findings"] == 1, FINDING])
    total = pd.concat(sums, ignore_index=True)
    return Summary(
        cases,
        implementations=_sums(total, BY_IMPLEMENTATION),
        features=_by_feature(total),
        known=pd.concat(expected).groupby(BY_EXPECTED, as_index=False).sum(),
        findings=pd.concat(findings, ignore_index=True),
    )


def _counted(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a column of numbers for everything that is counted."""
    rows = table.astype(dict.fromkeys(table.select_dtypes("category").columns, str))
    agrees, differs = rows["verdict"] == "agrees", rows["verdict"].isin(["differs", "error"])
    is_expected = rows["known"] != ""
    return rows.assign(
        cases=1,
        quantities=rows["compared"].astype("int64"),
        agrees=agrees.astype("int64"),
        differs=differs.astype("int64"),
        known=is_expected.astype("int64"),
        findings=(differs & ~is_expected).astype("int64"),
        worst=rows["used"].where(agrees, 0.0),
    )


def _sums(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Add up rows that agree in some columns; of `worst` the largest counts."""
    groups = rows.groupby(by, as_index=False, sort=False)
    table = groups.agg({**dict.fromkeys(SUMS, "sum"), "worst": "max"})
    return table.assign(undecided_share=table["undecided"] / table["quantities"].clip(lower=1))


def _by_feature(sums: pd.DataFrame) -> pd.DataFrame:
    """Add up by each feature; a case counts once for each of its different activations."""
    each = sums["activations"].map(lambda names: list(dict.fromkeys(names.split())))
    one_each = sums.assign(activation=each).explode("activation")
    parts = [
        _sums(one_each if name == "activation" else sums, [name])
        .rename(columns={name: "value"})
        .assign(feature=name)
        for name in (*FEATURES, "activation")
    ]
    return pd.concat(parts, ignore_index=True)[["feature", "value", *SUMS, "worst", "undecided_share"]]


def write(summary: Summary, folder: Path) -> None:
    """Write what was found as CSV: by implementation, by feature, expected differences, findings."""
    for name in ("implementations", "features", "known", "findings"):
        write_whole(folder / f"{name}.csv", csv(getattr(summary, name)))


def show(summary: Summary, folder: Path, vacuous: Iterable[str], out: Console) -> None:
    """Show the programs, expected differences and first findings; then why it may show no agreement."""
    out.print(_table(summary.implementations[list(COLUMNS)].rename(columns=COLUMNS)))
    if len(summary.known):
        out.print(_table(summary.known))
    findings = summary.findings["told"]
    for line in (
        *findings[findings != ""].dropna().head(MAX_SHOWN),
        *vacuous,
        summary.headline,
        f"Rows and summary: {folder}",
    ):
        show_line(line, out)


def show_line(line: str, out: Console) -> None:
    out.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _table(frame: pd.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in frame.columns:
        is_number = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name), justify="right" if is_number else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(_cell(value)) for value in row))
    return table


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))
