"""Two runs compared: what fails now, what is fixed, what is compared no longer, which bits have moved.

The quantities of both runs are one outer merge by case, implementation and number format, and so are the
steps whose bits are kept; what has changed are lines of these.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import numpy as np
import pandas as pd

from cases.errors import printable
from reference import Subject
from reports.environment import Environment
from reports.outcome import NOTHING, group_by, verdict, where
from reports.results_file import SavedRun
from reports.runs.accuracy import kind
from reports.runs.comparison import bitwise_equal, ulp_distance
from reports.runs.recorded import Bits
from reports.runs.rows import Row, order

SUBJECT: Final = ["case", "adapter", "program", "dtype"]  # of a `Subject`, in its order
QUANTITY: Final = [*SUBJECT, "quantity"]
SHOWN: Final = ["case", "dtype", "implementation"]
MANY_ULPS: Final = 10**6  # from which on they are printed as a power of ten


@dataclass(frozen=True, eq=False)
class Section:
    """One kind of change: its heading, what it means, and the table."""

    name: str
    title: str
    about: str
    table: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Changes:
    """What has changed from one run to another, made in these environments; the worst section is first.

    `bits` says in a few words how many quantities have moved.
    """

    old: Environment
    new: Environment
    sections: tuple[Section, ...]
    bits: str

    def count(self, name: str) -> int:
        """Return how many lines the section of this name has; 0 where there is none."""
        return sum(len(section.table) for section in self.sections if section.name == name)

    @property
    def regressed(self) -> bool:
        """Whether anything is worse: something fails that did not, or is compared no longer."""
        return self.count("failures") + self.count("uncompared") > 0


def compare(old: SavedRun, new: SavedRun) -> Changes:
    texts = {case.name: case.text for case in old.cases}
    edited = [case.name for case in new.cases if texts.get(case.name, case.text) != case.text]
    both = _quantities(old).merge(_quantities(new), how="outer", on=QUANTITY, suffixes=("_before", "_now"))
    before, now = _steps(old), _steps(new)
    compared = _named(now.merge(before[QUANTITY].drop_duplicates())[QUANTITY].drop_duplicates())
    compared = compared[~compared["case"].isin(edited)]  # which have other numbers anyway
    moved = _moved(before, now, compared, new)
    tables = {
        "failures": _new_failures(both, new),
        "uncompared": _uncompared(both, new),
        "fixed": _fixed(both, old),
        "versions": _different(_versions(old), _versions(new)),
        "selected": _different(_selected(old), _selected(new)),
        "edited": pd.DataFrame({"case": edited}),
        "kinds": _by_kind(moved, compared),
        "bit_changes": _by_quantity(moved),
        "ended": _ended(before, now, compared),
        "margin": _lost_margin(both, edited),
    }
    sections = tuple(Section(name, *TEXTS[name], table) for name, table in tables.items() if len(table))
    return Changes(old.environment, new.environment, sections, _in_words(moved, len(compared)))


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

NEW_FAILURES: Final = (
    "What fails now, and did not fail before: the first line of each implementation, and how many more."
)
EDITED: Final = "Their files are others, so their numbers are, and are not compared with those of before."
ENDED: Final = (
    "A training ends with the first loss that is small enough, and roundings decide which step that is."
)
MARGIN: Final = (
    "These agree as before, and use more of their tolerance; 1 would be all of it. The largest loss first."
)

# The title of each section, and what its table means.
TEXTS: Final = {
    "failures": ("New failures", NEW_FAILURES),
    "uncompared": ("Compared before, and not now", "A comparison that is no longer made can no longer fail."),
    "fixed": ("Fixed", "What failed before, and does not fail now."),
    "versions": ("Versions and platform", ""),
    "selected": ("Cases, adapters and number formats", "Only one of the two runs has these."),
    "edited": ("Cases that were edited", EDITED),
    "kinds": ("Moved bits, by kind of quantity", BY_KIND),
    "bit_changes": ("Moved bits, each quantity", BY_QUANTITY),
    "ended": ("Trainings that end elsewhere", ENDED),
    "margin": ("Headroom lost", MARGIN),
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
    return pd.DataFrame(lines, columns=[*SHOWN, "now", "more quantities", "sentence"])


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
    for saved in new.adapters:
        if saved.name == subject.adapter and saved.verdict is not None:
            return f"{saved.verdict}: {saved.reason}"
    runs = {(row.subject.case, row.subject.dtype) for row in new.results.rows}
    is_run = (subject.case, subject.dtype) in runs
    return "it is not stated any more" if is_run else f"the case did not run in {subject.dtype}"


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


def _in_words(moved: pd.DataFrame, compared: int) -> str:
    if not compared:
        return "no quantity is in both runs"
    if moved.empty:
        return f"all {compared:,} quantities are the same to the last bit"
    largest = moved["ulps"].max() if moved["ulps"].notna().any() else 0.0
    count = f"{len(moved):,} of {compared:,} quantities have moved"
    return f"{count}, by up to {largest:,.4g} ulps in the values that are kept"


def _steps(run: SavedRun) -> pd.DataFrame:
    bits = run.results.bits
    lines = [(*vars(kept.subject).values(), kept.quantity, kept.step, kept.digest, kept) for kept in bits]
    return pd.DataFrame(lines, columns=[*QUANTITY, "step", "digest", "bits"])


def _named(table: pd.DataFrame) -> pd.DataFrame:
    implementation = (table["adapter"] + " " + table["program"]).str.strip()
    return table.assign(implementation=implementation, kind=[kind(name) for name in table["quantity"]])


def _moved(before: pd.DataFrame, now: pd.DataFrame, compared: pd.DataFrame, new: SavedRun) -> pd.DataFrame:
    """Return a line for each quantity whose bits have moved, by implementation and order of computation.

    It has the first kept `step` at which it has, how many of the kept `elements` have moved there, `of` how
    many, their largest distance there in `ulps` and at any `later` step, and whether nothing above it in its
    step, and nothing in the steps before, has moved (`begins_here`). Ulps are NaN where the kept values are
    the same, and those of a step before it are not.
    """
    steps = now.merge(before, on=[*QUANTITY, "step"], suffixes=("_now", "_before"))
    steps = steps[steps["digest_now"] != steps["digest_before"]].sort_values("step", kind="stable")
    pairs = zip(steps["bits_before"], steps["bits_now"], strict=True)
    distances = pd.DataFrame([_distance(*pair) for pair in pairs], columns=["elements", "of", "ulps"])
    steps = pd.concat([steps[[*QUANTITY, "step"]].reset_index(drop=True), distances], axis=1)
    later = steps[steps.duplicated(QUANTITY)].groupby(QUANTITY)["ulps"].max().rename("later")
    moved = compared.merge(steps.drop_duplicates(QUANTITY).join(later, on=QUANTITY), on=QUANTITY)
    places = {
        (row.subject.case, row.finding.quantity): row.place for row in new.results.rows if row.place >= 0
    }
    keys = zip(moved["case"], moved["quantity"], strict=True)
    moved["place"] = [places.get(key, math.inf) for key in keys]
    moved["subject"] = moved.groupby(SUBJECT, sort=False).ngroup()
    moved = moved.sort_values(["subject", "step", "place"], kind="stable", ignore_index=True)
    return moved.assign(begins_here=~moved["subject"].duplicated())


def _distance(old: Bits, new: Bits) -> tuple[int, int, float]:
    """Return how many kept elements have changed, of how many, and their largest distance in ulps."""
    before, now = old.array, new.array
    if old.shape != new.shape:
        return now.size, now.size, math.inf
    if old.values == new.values:  # noqa: PD011 - a text
        return 0, now.size, math.nan
    changed = int(np.count_nonzero(~bitwise_equal(before, now)))
    return changed, now.size, float(ulp_distance(before, now).max(initial=0))


def _ended(before: pd.DataFrame, now: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    ends = compared.drop_duplicates(SUBJECT)
    for name, table in (("before", before), ("now", now)):
        ends = ends.join(table.groupby(QUANTITY)["step"].max().rename(name), on=QUANTITY)
    return ends.loc[ends["before"] != ends["now"], [*SHOWN, "before", "now"]]


def _by_kind(moved: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each number format, program and kind of quantity of which something has moved."""
    by = ["dtype", "implementation", "kind"]
    table = moved.assign(ulps=moved["ulps"].fillna(-1))  # less than any distance
    kinds = table.groupby(by, sort=False).agg(
        moved=("quantity", "size"), begin=("begins_here", "sum"), ulps=("ulps", "max"), later=("later", "max")
    )
    worst = table.sort_values("ulps", ascending=False, kind="stable").drop_duplicates(by).set_index(by)
    kinds = kinds.join(worst["case"].rename("in")).join(compared.groupby(by).size().rename("quantities"))
    columns = [*by, "quantities", "moved", "begin", "ulps", "in", "later"]
    return _with_ulps(kinds.reset_index()[columns]).rename(columns={"begin": "begin here"})


def _by_quantity(moved: pd.DataFrame) -> pd.DataFrame:
    counts = zip(moved["elements"], moved["of"], strict=True)
    table = moved.assign(
        ulps=moved["ulps"].fillna(-1),
        elements=[f"{some:,} of {all_:,}" for some, all_ in counts],
        begins_here=moved["begins_here"].map({True: "yes", False: ""}),
    )
    columns = [*SHOWN, "quantity", "step", "elements", "ulps", "later", "begins_here"]
    return _with_ulps(table[columns]).rename(columns={"step": "from step", "begins_here": "begins here"})


def _with_ulps(table: pd.DataFrame) -> pd.DataFrame:
    table = table.sort_values("ulps", ascending=False, kind="stable", ignore_index=True)
    ulps = ["earlier" if number < 0 else _shown(number) for number in table["ulps"]]
    later = ["–" if math.isnan(number) else _shown(number) for number in table["later"]]
    return table.assign(ulps=ulps, later=later)


def _shown(ulps: float) -> str:
    return f"{ulps:,.0f}" if ulps < MANY_ULPS else f"{ulps:.1e}"
