"""What a sweep has found so far: by implementation, and by feature of what was drawn."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from adapters import Adapter, Unavailable
from reports.conclusion import one_implementation

BY_CLAIMANT: Final = ["adapter", "program", "how"]
# Besides the activations, of which a case may have several.
FEATURES: Final = ["dtype", "depth", "batch", "steps", "loss", "update", "regime"]

FINDING: Final = ["case", "adapter", "program", "how", "verdict", "step", "first", "used", "told"]
SUMS: Final = ["cases", "quantities", "undecided", "agrees", "differs", "known", "findings"]


@dataclass(frozen=True)
class Summary:
    """What was found.

    Attributes
    ----------
    cases
        How many cases were judged, each once, whoever by.
    implementations
        A line for each implementation and each way of running it.
    features
        A line for each value of each feature, over all implementations.
    known
        How often each expected difference was met, by implementation.
    findings
        What differs or is in error and is not known: case, implementation, first line, sentence.
    """

    cases: int
    implementations: pd.DataFrame
    features: pd.DataFrame
    known: pd.DataFrame
    findings: pd.DataFrame

    @property
    def headline(self) -> str:
        """The result in one sentence."""
        of = self.implementations[SUMS].sum()
        met = f"{of['known']:,} trials" if of["known"] else "no trial"
        found = f"{of['findings']:,}" if of["findings"] else "no"
        told = f"{self.cases:,} cases, {of['cases']:,} trials, {of['quantities']:,} quantities compared"
        return f"{told}: {found} findings; {met} met an expected difference."


def shortfalls(
    summary: Summary, adapters: Iterable[Adapter | Unavailable], *, is_asked_for: bool
) -> tuple[str, ...]:
    """Say, a sentence each, why a sweep without findings shows no agreement, if it does not.

    `is_asked_for` is whether the adapters were named: then each has to run, and one may stand alone.
    """
    sums = summary.implementations.groupby("adapter")[SUMS].sum()
    compared = sums.index[sums["quantities"] > 0]
    if (sums["quantities"] == sums["undecided"]).all():
        what = "Every quantity is undecided" if len(compared) else "Nothing was compared"
        return (f"{what}, so nothing is known to agree.",)
    if is_asked_for:
        absent = [one for one in adapters if isinstance(one, Unavailable)]
        return tuple(f"Asked for, but not run: {one.name}, because {one.reason}." for one in absent)
    alone = one_implementation(adapters, compared)
    return (alone,) if alone else ()


def summarize(tables: Iterable[pd.DataFrame]) -> Summary:
    """Add up what the tasks gave; of each, a few lines are kept."""
    sums, known, findings, cases = [], [], [], 0
    for table in tables:
        marked = _marked(table)
        cases += marked["case"].nunique()
        sums.append(_sums(marked, [*BY_CLAIMANT, *FEATURES, "activations"]))
        met = marked[marked["known"] != ""]
        known.append(met.groupby(["known", "adapter", "program"], as_index=False).agg(cases=("case", "size")))
        findings.append(marked.loc[marked["findings"] == 1, FINDING])
    together = pd.concat(sums, ignore_index=True)
    met = pd.concat(known).groupby(["known", "adapter", "program"], as_index=False).sum()
    return Summary(
        cases,
        _again(together, BY_CLAIMANT),
        _by_feature(together),
        met,
        pd.concat(findings, ignore_index=True),
    )


def _marked(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a column of numbers for everything that is counted."""
    words = table.astype(dict.fromkeys(table.select_dtypes("category").columns, str))
    wrong, is_known = words["verdict"].isin(["differs", "error"]), words["known"] != ""
    agrees = words["verdict"] == "agrees"
    return words.assign(
        cases=1,
        quantities=words["compared"].astype("int64"),
        agrees=agrees.astype("int64"),
        differs=wrong.astype("int64"),
        findings=(wrong & ~is_known).astype("int64"),
        worst=words["used"].where(agrees, 0.0),
    )


def _sums(marked: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    counted = marked.assign(known=(marked["known"] != "").astype("int64"))
    return _again(counted, by)


def _again(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Add up rows that agree in some columns; of `worst` the largest counts."""
    groups = rows.groupby(by, as_index=False, sort=False)
    table = groups.agg({**dict.fromkeys(SUMS, "sum"), "worst": "max"})
    return table.assign(undecided_share=table["undecided"] / table["quantities"].clip(lower=1))


def _by_feature(sums: pd.DataFrame) -> pd.DataFrame:
    each = sums.assign(activation=sums["activations"].map(_each_once))
    parts = [_again(sums, [name]).rename(columns={name: "value"}).assign(feature=name) for name in FEATURES]
    one_each = _again(each.explode("activation"), ["activation"])
    parts.append(one_each.rename(columns={"activation": "value"}).assign(feature="activation"))
    table = pd.concat(parts, ignore_index=True)
    return table[["feature", "value", *SUMS, "worst", "undecided_share"]]


def _each_once(activations: str) -> list[str]:
    return list(dict.fromkeys(activations.split()))
