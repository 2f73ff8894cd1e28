"""Two runs compared: what fails now, what is fixed, what is no longer compared, what has lost margin.

The quantities of both runs are one outer merge by case, implementation and number format; what has changed
are lines of it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import pandas as pd

from cases.errors import printable
from reference import Subject
from reports.bit_changes import QUANTITY, SUBJECT, BitChanges, bit_changes, by_kind, by_quantity
from reports.environment import Environment
from reports.outcome import NOTHING, group_by, verdict, where
from reports.results_file import SavedRun
from reports.runs.rows import Row, order

SHOWN: Final = ["case", "dtype", "implementation"]


@dataclass(frozen=True, eq=False)
class Section:
    """One kind of change: its heading, what it means, and the table."""

    name: str
    title: str
    about: str
    table: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Changes:
    """What has changed from one run to another, made in these environments; the worst section is first."""

    old: Environment
    new: Environment
    sections: tuple[Section, ...]
    bits: BitChanges

    def count(self, name: str) -> int:
        """Return how many lines the section of this name has; 0 where there is none."""
        return sum(len(one.table) for one in self.sections if one.name == name)

    @property
    def regressed(self) -> bool:
        """Whether anything is worse: something fails that did not, or is compared no longer."""
        return self.count("failures") + self.count("uncompared") > 0


def compare(old: SavedRun, new: SavedRun) -> Changes:
    """Compare two runs."""
    texts = {one.name: one.text for one in old.cases}
    edited = [one.name for one in new.cases if texts.get(one.name, one.text) != one.text]
    bits = bit_changes(old, new, edited)
    tables = _tables(old, new, edited, bits)
    sections = tuple(Section(name, *TEXTS[name], table) for name, table in tables if len(table))
    return Changes(old.environment, new.environment, sections, bits)


def _tables(
    old: SavedRun, new: SavedRun, edited: list[str], bits: BitChanges
) -> Iterator[tuple[str, pd.DataFrame]]:
    both = _quantities(old).merge(_quantities(new), how="outer", on=QUANTITY, suffixes=("_before", "_now"))
    yield "failures", _new_failures(both, new)
    yield "uncompared", _uncompared(both, new)
    yield "fixed", _fixed(both, old)
    yield "versions", _different(_versions(old), _versions(new))
    yield "selected", _different(_selected(old), _selected(new))
    yield "edited", pd.DataFrame({"case": edited})
    yield "kinds", by_kind(bits)
    yield "bit_changes", by_quantity(bits)
    yield "ended", bits.ended
    yield "margin", _lost_margin(both, edited)


BY_KIND: Final = (
    "How many quantities are no longer the same to the last bit, in any element at any step. “begin here” "
    "counts those above which nothing has moved: there something computes otherwise, and what comes below "
    "follows. Ulps are the largest distance in the values that are kept, at most 1,024 of one array, at the "
    "first step at which the quantity moved; “later” is the largest at any later step, after training with "
    "the moved numbers."
)
BY_QUANTITY: Final = (
    "The largest distance first. “elements” is how many of those that are kept have moved, of how many; "
    "“earlier” means that only steps have moved of which no values are kept."
)

# The title of each section, and what its table means.
TEXTS: Final = {
    "failures": (
        "New failures",
        "What fails now, and did not fail before: the first line of each implementation, and how many more.",
    ),
    "uncompared": (
        "Compared before, and not now",
        "A comparison that is no longer made can no longer fail.",
    ),
    "fixed": ("Fixed", "What failed before, and does not fail now."),
    "versions": ("Versions and platform", ""),
    "selected": ("Cases, adapters and number formats", "Only one of the two runs has these."),
    "edited": (
        "Cases that were edited",
        "Their files are others, so their numbers are, and are not compared with those of before.",
    ),
    "kinds": ("Moved bits, by kind of quantity", BY_KIND),
    "bit_changes": ("Moved bits, each quantity", BY_QUANTITY),
    "ended": (
        "Trainings that end elsewhere",
        "A training ends with the first loss that is small enough, and roundings decide which step that is.",
    ),
    "margin": (
        "Headroom lost",
        (
            "These agree as before, and use more of their tolerance; 1 would be all of it. The largest loss "
            "first."
        ),
    ),
}


def _quantities(run: SavedRun) -> pd.DataFrame:
    """Return a line for each quantity of each implementation: what its rows come to, over all steps.

    `used` is NaN unless it agrees throughout, `first_failing` the index of the first row that fails, or NaN.
    """
    lines = [(*vars(row.subject).values(), row.finding.quantity, *_facts(row)) for row in run.results.rows]
    rows = pd.DataFrame(
        lines, columns=[*QUANTITY, "step", "place", "compared", "passes", "fails", "agrees", "used"]
    )
    rows = rows.astype(dict.fromkeys(["compared", "passes", "fails", "agrees"], bool) | {"used": float})
    groups = rows.groupby(QUANTITY, sort=False)
    table = groups[["compared", "passes"]].any()
    table["used"] = groups["used"].max().where(groups["agrees"].all())
    failing = rows[rows["fails"]].sort_values(["step", "place"], kind="stable").reset_index()
    table["first_failing"] = failing.groupby(QUANTITY, sort=False)["index"].first()
    table["order"] = range(len(table))
    return table.reset_index()


def _facts(row: Row) -> tuple[object, ...]:
    finding, compared = row.finding, row.compared
    step, used = finding.step, float(finding.used)
    return step, row.place, compared, compared and row.passes, row.fails, compared and finding.passes, used


def _new_failures(both: pd.DataFrame, new: SavedRun) -> pd.DataFrame:
    is_new = both["first_failing_now"].notna() & both["first_failing_before"].isna()
    lines = list(_first_lines(new, both["first_failing_now"][is_new]))
    return pd.DataFrame(lines, columns=[*SHOWN, "now", "more quantities", "told"])


def _fixed(both: pd.DataFrame, old: SavedRun) -> pd.DataFrame:
    """Return what failed and passes now; a whole claim passes where anything of it does."""
    passes = both["passes_now"].eq(True)
    passes |= both["quantity"].eq("") & passes.groupby([both[name] for name in SUBJECT]).transform("any")
    is_fixed = both["first_failing_before"].notna() & both["first_failing_now"].isna() & passes
    lines = [line[:-1] for line in _first_lines(old, both["first_failing_before"][is_fixed])]
    return pd.DataFrame(lines, columns=[*SHOWN, "before", "more quantities"])


def _first_lines(run: SavedRun, indices: Iterable[float]) -> Iterator[tuple[object, ...]]:
    """Give for each implementation the first of these rows, how many more, and the sentence of the first."""
    rows = sorted((run.results.rows[int(index)] for index in sorted(indices)), key=order)
    for subject, (first, *others) in group_by(rows, attrgetter("subject")).items():
        shown = printable(verdict(first) + where(first)), len(others), printable(first.sentence)
        yield subject.case, subject.dtype, subject.implementation, *shown


def _uncompared(both: pd.DataFrame, new: SavedRun) -> pd.DataFrame:
    is_gone = both["compared_before"].eq(True) & ~both["compared_now"].eq(True)
    gone = both[is_gone].sort_values("order_before")
    reasons = {
        row.subject: f"{row.finding.verdict}: {row.finding.reason}"
        for row in new.results.rows
        if not row.compared
    }
    lines = []
    for key, names in gone.groupby(SUBJECT, sort=False)["quantity"]:
        subject = Subject(*map(str, key))
        why = printable(reasons.get(subject) or _why(subject, new))
        lines.append((subject.case, subject.dtype, subject.implementation, len(names), names.iloc[0], why))
    return pd.DataFrame(lines, columns=[*SHOWN, "quantities", "the first", "why"])


def _why(subject: Subject, new: SavedRun) -> str:
    """Say why nothing is stated of a subject that has no row of its own."""
    if subject.case not in {case.name for case in new.cases}:
        return "the case is not in this run"
    if subject.adapter not in {row.subject.adapter for row in new.results.rows}:
        return "the adapter is not in this run"
    absent = {one.name: f"{one.verdict}: {one.reason}" for one in new.adapters if one.verdict is not None}
    if subject.adapter in absent:
        return absent[subject.adapter]
    if not any(
        (row.subject.case, row.subject.dtype) == (subject.case, subject.dtype) for row in new.results.rows
    ):
        return f"the case did not run in {subject.dtype}"
    return "it is not stated any more"


def _lost_margin(both: pd.DataFrame, edited: Collection[str]) -> pd.DataFrame:
    """Return what agrees in both runs, and uses more of its tolerance at some step than before at any."""
    both = both[~both["case"].isin(list(edited))].sort_values("order_now")
    both = both.assign(change=both["used_now"] - both["used_before"])
    more = both[both["change"] > 0].sort_values("change", ascending=False, kind="stable")
    lines = [
        (line.case, line.dtype, f"{line.adapter} {line.program}".strip(), line.quantity,
         f"{line.used_before:.3g}", f"{line.used_now:.3g}", f"{line.change:+.2g}")
        for line in more.itertuples()
    ]  # fmt: skip
    return pd.DataFrame(lines, columns=[*SHOWN, "quantity", "used before", "used now", "change"])


def _different(before: Mapping[str, str], now: Mapping[str, str]) -> pd.DataFrame:
    lines = [(name, before.get(name, NOTHING), now.get(name, NOTHING)) for name in {**before, **now}]
    return pd.DataFrame([line for line in lines if line[1] != line[2]], columns=["what", "before", "now"])


def _versions(run: SavedRun) -> dict[str, str]:
    """Return the versions of packages, and those of adapters that are not a package's: another Python's."""
    made = run.environment
    packages = {"Python": made.python, **made.versions}
    known = set(made.versions.values())
    adapters = {
        f"adapter {one.name}": one.version for one in run.adapters if one.version and one.version not in known
    }
    return {**packages, **adapters, "platform": made.platform, "processor": made.cpu}


def _selected(run: SavedRun) -> dict[str, str]:
    names = [f"case {one.name}" for one in run.cases] + [f"adapter {one.name}" for one in run.adapters]
    names += [f"number format {one}" for one in dict.fromkeys(row.subject.dtype for row in run.results.rows)]
    return dict.fromkeys(names, "there")
