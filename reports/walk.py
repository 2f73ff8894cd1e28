"""The worked examples as walks through the texts that printed them: part by part, with everybody's numbers.

Everything is taken from a report; only the NumPy reference is evaluated again, for what was not printed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cases import Case, names
from cases.published import PublishedStep
from reference import Line, tape
from reports.runs.rows import PUBLISHED, Printed, Row
from reports.walk_line import Teller, WalkLine

# How walks look; the page's own colours are used.
STYLE: Final = """
.stage { border-left: .25rem solid var(--line, #d4d4d4); padding-left: 1rem; margin: 1.5rem 0 }
.stage h4 { margin: 0 0 .5rem }
.stage .line { margin: .75rem 0 1.25rem }
.stage .line p { margin: .25rem 0 }
.stage .equation { font: 1.15rem/1.6 "Cambria Math", "STIX Two Math", Cambria, Georgia, serif }
.stage .equation sup { line-height: 0 }
.stage dl { display: flex; flex-wrap: wrap; gap: .5rem 1rem; margin: .25rem 0; font-size: .875rem;
  font-variant-numeric: tabular-nums }
.stage dl div { flex: 1 0 13rem }
.stage dl .short { flex: 1 0 7rem }
.stage dd { margin: 0 }
.stage small { white-space: nowrap }
.stage .found { font-size: .9rem }
.stage .wrong .equation, .stage .wrong .found { border-left: .25rem solid var(--news, #a4161a);
  padding-left: .75rem }
.stage .note { background: var(--soft, #f5f5f3); padding: .5rem .75rem }
@media print { .stage .line { break-inside: avoid } }
"""


@dataclass(frozen=True)
class Stage:
    """A part of the text: its headings, its lines, and what a reader should know there."""

    section: str
    title: str
    note: str
    lines: tuple[WalkLine, ...]


@dataclass(frozen=True)
class Walk:
    """A worked example: its training steps in order, each with its number and its parts.

    `single` says whether every quantity is a single number, so that numbers can be put in.
    """

    case: str
    about: str
    source: str
    single: bool
    steps: tuple[tuple[int, tuple[Stage, ...]], ...]


def walk(case: Case, rows: Sequence[Row], printed: Sequence[Printed]) -> Walk:
    """Return the walk through a case that has printed numbers; of the rows and numbers its own are taken."""
    own = [row for row in rows if row.subject.case == case.name and row.subject.adapter != PUBLISHED]
    of_case = [one for one in printed if one.row.subject.case == case.name]
    published = case.published
    entries = published.steps if published else ()
    steps = tuple((entry.step, tuple(_stages(case, entry, own, of_case))) for entry in entries)
    single = all(array.size == 1 for array in case.problem("float64").inputs.values())
    return Walk(case.name, case.about, published.source if published else "", single, steps)


def _stages(
    case: Case, entry: PublishedStep, rows: Sequence[Row], printed: Sequence[Printed]
) -> Iterator[Stage]:
    found = [row for row in rows if row.finding.step == entry.step]
    known = {one.row.finding.quantity: one for one in printed if one.row.finding.step == entry.step}
    teller = Teller(case.problem("float64"), entry, found, known)
    for section, title, quantities, note in _parts(tape(teller.problem), entry):
        yield Stage(section, title, note, tuple(map(teller.line, quantities)))


def _parts(lines: Sequence[Line], entry: PublishedStep) -> Iterator[tuple[str, str, Sequence[str], str]]:
    """Give the parts that the case tells or, if it tells none, the three of any training step."""
    if entry.walk:
        yield from ((part.section, part.title, part.quantities, part.note) for part in entry.walk)
        return
    order = [line.name for line in lines]
    ends = order.index("loss") + 1, order.index(names.gradient(names.b(1))) + 1
    thirds = order[: ends[0]], order[ends[0] : ends[1]], order[ends[1] :]
    for title, third in zip(("Forward pass", "Backward pass", "Update"), thirds, strict=True):
        quantities = [name for name in third if entry.step == 1 or name in entry.values]
        if quantities:
            yield "", title, quantities, ""
