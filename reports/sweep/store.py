"""What a sweep keeps: a folder with what was asked for, the rows of each finished task, and their summary.

A file appears whole or not at all, so a sweep can be killed at any moment and read while it runs:

>>> import pandas
>>> frame = pandas.read_parquet("sweep/rows")  # doctest: +SKIP
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters import Adapter, Unavailable
from cases.errors import printable
from reports.outcome import one_implementation
from reports.sweep.plan import Plan, Task
from reports.writers.csv_json import csv

SCHEMA: Final = 1  # the version of the columns; it grows whenever their meaning changes

BY_IMPLEMENTATION: Final = ["adapter", "program", "how"]
# Besides the activations, of which a case may have several.
FEATURES: Final = ["dtype", "depth", "batch", "steps", "loss", "update", "regime"]
FINDING: Final = ["case", *BY_IMPLEMENTATION, "verdict", "step", "first", "used", "sentence"]
SUMS: Final = ["cases", "quantities", "undecided", "agrees", "differs", "known", "findings"]
BY_EXPECTED: Final = ["known", "adapter", "program"]

# What the terminal shows of each implementation, by the headings that it has there.
COLUMNS: Final = {
    "adapter": "adapter", "program": "program", "how": "run", "cases": "cases", "agrees": "agree",
    "known": "expected difference", "findings": "findings", "worst": "worst used",
    "undecided_share": "undecided quantities",
}  # fmt: skip

MAX_SHOWN: Final = 10  # findings that the terminal shows; all are in findings.csv


class SweepError(Exception):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True)
class Store:
    folder: Path

    @property
    def rows(self) -> Path:
        return self.folder / "rows"

    def open(self, plan: Plan, versions: dict[str, str], *, resume: bool) -> None:
        """Begin a sweep, or go on with the one that is here, if that is the same.

        Raises `SweepError` if there is one and it is not to be resumed, or it was asked for something else.
        """
        description = self.folder / "sweep.json"
        text = json.dumps({"schema": SCHEMA, "plan": asdict(plan), "versions": versions}, indent=2)
        if not description.exists():
            self.rows.mkdir(parents=True, exist_ok=True)
            write_whole(description, partial(Path.write_bytes, data=f"{text}\n".encode()))
            return
        try:
            present = {**json.loads(description.read_bytes())}
        except (TypeError, ValueError):
            raise SweepError(f"{description} is not of a sweep") from None
        if not resume:
            raise SweepError(f"{self.folder} holds a sweep already; --resume goes on with it")
        if different := _difference(present, json.loads(text)):
            raise SweepError(f"{self.folder} holds another sweep: {different}")

    @property
    def done(self) -> frozenset[str]:
        return frozenset(path.stem for path in self.rows.glob("*.parquet"))

    def write(self, task: Task, table: pd.DataFrame) -> None:
        write_whole(self.rows / f"{task.name}.parquet", lambda path: table.to_parquet(path, index=False))

    def tables(self) -> Iterator[pd.DataFrame]:
        """Give the tables of all finished tasks, in the order of their cases."""
        return map(pd.read_parquet, sorted(self.rows.glob("*.parquet")))


def _difference(present: dict[str, Any], asked: dict[str, Any]) -> str:
    old, new = ({**given.get("plan", {}), **given, "plan": None} for given in (present, asked))
    differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return "; ".join(f"its {name} is {old.get(name)}, asked for is {new.get(name)}" for name in differing)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a temporary file in the same folder, and move it to `path`."""
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    write(unfinished)
    unfinished.replace(path)


@dataclass(frozen=True)
class Summary:
    """What all tasks add up to: how many cases, each counted once, and four tables."""

    cases: int
    implementations: pd.DataFrame  # a line for each implementation and each way of running it
    features: pd.DataFrame  # a line for each value of each feature, over all implementations
    known: pd.DataFrame  # how often each expected difference was met, by implementation
    findings: pd.DataFrame  # what differs or is in error and is not expected

    @property
    def headline(self) -> str:
        sums = self.implementations[SUMS].sum()
        expected = f"{sums['known']:,} trials" if sums["known"] else "no trial"
        findings = f"{sums['findings']:,}" if sums["findings"] else "no"
        counted = f"{self.cases:,} cases, {sums['cases']:,} trials, {sums['quantities']:,} quantities"
        return f"{counted} compared: {findings} findings; {expected} met an expected difference."

    def shortfalls(self, adapters: Iterable[Adapter | Unavailable], *, is_asked_for: bool) -> tuple[str, ...]:
        """Say why a sweep without findings shows no agreement, if it does not.

        If the adapters were asked for by name, each has to run, and a single one is enough.
        """
        sums = self.implementations.groupby("adapter")[SUMS].sum()
        compared = sums.index[sums["quantities"] > 0]
        if (sums["quantities"] == sums["undecided"]).all():
            what = "Every quantity is undecided" if len(compared) else "Nothing was compared"
            return (f"{what}, so nothing is known to agree.",)
        if is_asked_for:
            absent = [adapter for adapter in adapters if isinstance(adapter, Unavailable)]
            return tuple(f"Asked for, but not run: {one.name}, because {one.reason}." for one in absent)
        alone = one_implementation(adapters, compared)
        return (alone,) if alone else ()

    def write(self, folder: Path) -> None:
        for name in ("implementations", "features", "known", "findings"):
            text = csv(getattr(self, name)).encode()
            write_whole(folder / f"{name}.csv", partial(Path.write_bytes, data=text))

    def show(self, folder: Path, vacuous: Iterable[str], out: Console) -> None:
        """Show the programs, expected differences and first findings; why it may show no agreement."""
        out.print(_table(self.implementations[list(COLUMNS)].rename(columns=COLUMNS)))
        if len(self.known):
            out.print(_table(self.known))
        findings = self.findings["sentence"]
        first = findings[findings != ""].dropna().head(MAX_SHOWN)
        for line in (*first, *vacuous, self.headline, f"Rows and summary: {folder}"):
            show_line(line, out)


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
    counts = {"agrees": agrees, "differs": differs, "known": is_expected, "findings": differs & ~is_expected}
    rows = rows.assign(cases=1, quantities=rows["compared"], worst=rows["used"].where(agrees, 0.0), **counts)
    return rows.astype(dict.fromkeys(("quantities", *counts), "int64"))


def _sums(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Add up rows that agree in some columns; of `worst` the largest counts."""
    groups = rows.groupby(by, as_index=False, sort=False)
    table = groups.agg({**dict.fromkeys(SUMS, "sum"), "worst": "max"})
    return table.assign(undecided_share=table["undecided"] / table["quantities"].clip(lower=1))


def _by_feature(sums: pd.DataFrame) -> pd.DataFrame:
    """Add up by each feature; a case counts once for each of its different activations."""
    each = sums["activations"].map(lambda names: list(dict.fromkeys(names.split())))
    rows = {**dict.fromkeys(FEATURES, sums), "activation": sums.assign(activation=each).explode("activation")}
    parts = {name: _sums(of, [name]).rename(columns={name: "value"}) for name, of in rows.items()}
    table = pd.concat(parts, names=["feature", None]).reset_index("feature").reset_index(drop=True)
    return table[["feature", "value", *SUMS, "worst", "undecided_share"]]


def show_line(line: str, out: Console) -> None:
    out.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _table(frame: pd.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False)
    for name, column in frame.items():
        table.add_column(str(name), justify="right" if pd.api.types.is_numeric_dtype(column) else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(_cell(value)) for value in row))
    return table


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else printable(str(value))
