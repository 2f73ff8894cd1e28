"""A measurement as tables, by pandas, and in sentences, each made from its numbers."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import pandas as pd

from reference.mistakes import MISTAKES
from reports.detection import (
    KINDS,
    OURS,
    PRECISION,
    SUITE,
    SUITE_OUTCOME,
    TOOLS,
    Answer,
    Coverage,
    FaultResult,
    MistakeResult,
    Power,
    naming_tables,
)
from reports.detection.counts import part_of
from reports.outcome import NOTHING
from reports.runs.accuracy import kind
from reports.writers.markdown_text import Section, item, table_head, table_rows

TITLE = "What this suite catches, compared with the usual tools"

LEGEND = (
    "Every tool has its defaults. The two that compare values hold each quantity against the NumPy "
    "reference's own run in the same number format, and see everything that is shown of up to three steps. "
    "The checks of gradients see the gradients of the first step with the right loss, so they cannot see a "
    "wrong loss or update; gradcheck is run where there are few enough parameters. Counted are the mistakes "
    "that change any number at all; a tool that objects to the right numbers too is given every catch. A "
    "false alarm is an objection to a correct claim: to the loss, gradients and updates that PyTorch and JAX "
    "compute (by this suite, to all that they show), or, by a check of gradients, to its framework's own."
)

FAULTS = (
    "One element of one quantity is multiplied by 1 + 10⁻ᵏ, in a correct claim that shows everything; the "
    "smallest 10⁻ᵏ that is caught is given as “median (worst)” over the elements tried. “none” means that "
    "not even twice the value is caught: such an element is itself of the size of rounding, or of a tool's "
    "absolute tolerance. This suite is asked about that quantity alone, not about the lines that follow."
)

FIRST = (
    "For each mistake and case the line at which this suite catches it first, with the step if it is not the "
    "first. “–”: the mistake cannot be made there; “same numbers”: it changes nothing there, so there is "
    "nothing to catch. Without a number format, it is the same in each in which the mistake can be made."
)

# The title, the legend and the table of each part.
SECTIONS = (
    ("Mistakes caught, and false alarms", LEGEND, "tools"),
    ("The smallest relative fault that is caught", FAULTS, "by_kind"),
    ("Each mistake: in how many cases it is caught", "", "by_mistake"),
    ("Each mistake in each case: where it is caught first", FIRST, "matrix"),
    ("What each case adds", "Mistakes are counted once for each number format.", "by_case"),
)

ALARMS = "false alarms"
MAX_MISSES_NAMED = 5  # more misses than this are left to the tables


def to_frames(power: Power) -> dict[str, pd.DataFrame]:
    """Return every table by name, as `sections_of` has them, and "by_quantity"."""
    kinds, quantities = ("quantity", "dtype"), ("case", "dtype", "quantity")
    return {
        "tools": tools(power),
        "by_kind": by_fault(power.faults, lambda fault: (kind(fault.quantity), fault.dtype), kinds),
        "by_mistake": pd.DataFrame(list(_by_mistake(power.meetings))),
        "by_case": pd.DataFrame(map(_coverage_line, power.coverage)),
        "matrix": matrix(power.meetings),
        "by_quantity": by_fault(
            power.faults, lambda fault: (fault.case, fault.dtype, fault.quantity), quantities
        ),
        **(naming_tables.to_frames(power.naming) if power.naming else {}),
    }


def sections_of(power: Power) -> tuple[tuple[str, str, str], ...]:
    """Return the title, the legend and the table of each part that was measured."""
    return (*SECTIONS, *naming_tables.SECTIONS) if power.naming else SECTIONS


def to_sections(power: Power) -> Iterator[Section]:
    """Give the sections of the Markdown summary.

    The smallest fault in each quantity of each case is left to the page and to "by_quantity": it is long.
    """
    frames = to_frames(power)
    yield Section(TITLE, lines=tuple(map(item, sentences(power))))
    for title, legend, name in sections_of(power):
        yield Section(title, legend, table_head(frames[name]), table_rows(frames[name]), level=3)


def to_page(power: Power) -> dict[str, Any]:
    """Return what the page shows: "sentences"; "sections" of title, legend, table; "by_quantity"."""
    frames = to_frames(power)
    by_quantity = frames["by_quantity"].groupby(["case", "dtype"], sort=False)
    return {
        "sentences": list(sentences(power)),
        "sections": [(title, legend, frames[name]) for title, legend, name in sections_of(power)],
        "by_quantity": [(" ".join(map(str, group)), frame) for group, frame in by_quantity],
    }


# Tables


def measured(power: Power) -> Iterator[tuple[str, str, str, list[Answer | None]]]:
    """Give the answers by number format, tool and measure: mistakes that change a number, by kind; alarms."""
    for dtype in dict.fromkeys(result.dtype for result in power.meetings):
        changing = [result for result in power.meetings if result.dtype == dtype and result.changes]
        alarms = [alarm.answer for alarm in power.alarms if alarm.dtype == dtype]
        for tool in (*OURS, *TOOLS):
            for of_kind, words in KINDS.items():
                yield dtype, tool, f"caught: {words}", [r.by(tool) for r in changing if r.kind == of_kind]
            yield dtype, tool, ALARMS, [answer for answer in alarms if answer.tool == tool]


def tools(power: Power) -> pd.DataFrame:
    """Return what share of the mistakes each tool catches, and how often it objects to a correct claim."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for dtype, tool, measure, answers in measured(power):
        rows.setdefault((tool, dtype), {"tool": tool, "dtype": dtype})[measure] = share(answers)
    return pd.DataFrame(list(rows.values()))


def objections(answers: Iterable[Answer | None]) -> tuple[int, int]:
    """Return how many answers are objections, of how many that were given."""
    given = [answer.objects for answer in answers if answer is not None and answer.objects is not None]
    return sum(given), len(given)


def share(answers: Sequence[Answer | None]) -> str:
    """Count the objections among the answers: "29 of 170 (17%)"; if there are none, why."""
    part, whole = objections(answers)
    if whole:
        return part_of(part, whole)
    return next((answer.reason for answer in answers if answer is not None), NOTHING)


def by_fault(
    faults: Iterable[FaultResult], key: Callable[[FaultResult], tuple[str, ...]], columns: Sequence[str]
) -> pd.DataFrame:
    """Return the smallest relative fault caught by each tool, median and worst, in each group of faults."""
    groups: dict[tuple[str, ...], dict[str, list[FaultResult]]] = {}
    for fault in faults:
        groups.setdefault(key(fault), {}).setdefault(fault.tool, []).append(fault)
    used = [tool for tool in (SUITE, *TOOLS) if any(tool in group for group in groups.values())]
    rows = [(*group, *(_extent(by.get(tool, [])) for tool in used)) for group, by in groups.items()]
    return pd.DataFrame(rows, columns=[*columns, *used])


def _extent(faults: Sequence[FaultResult]) -> str:
    """Return the median, of two middle ones the larger, and the worst: "1e-15 (1e-11)"; of none, why."""
    smallest = sorted(number for fault in faults for number in fault.smallest)
    if smallest:
        return f"{_fraction(smallest[len(smallest) // 2])} ({_fraction(smallest[-1])})"
    return next((fault.reason for fault in faults), NOTHING)


def _fraction(smallest: float) -> str:
    if smallest == math.inf:
        return "none"
    return f"1e-{round(-math.log10(smallest))}" if smallest < 1 else "1"


def _by_mistake(results: Sequence[MistakeResult]) -> Iterator[dict[str, str]]:
    """Give for each mistake in how many cases it is caught, of those where it changes any number."""
    dtypes = dict.fromkeys(result.dtype for result in results)
    for name, dtype in product(MISTAKES, dtypes):
        group = [r for r in results if (r.mistake, r.dtype) == (name, dtype) and r.changes]
        answers = [result.by(SUITE) for result in group]
        first = dict.fromkeys(kind(answer.quantity) for answer in answers if answer and answer.objects)
        if group:
            yield {
                "mistake": name,
                "what happened": MISTAKES[name].sentence,
                "dtype": dtype,
                "caught": share(answers),
                "caught by the outcome only": share([result.by(SUITE_OUTCOME) for result in group]),
                "first at": ", ".join(first) or NOTHING,
            }


def _coverage_line(of: Coverage) -> dict[str, object]:
    return {
        "case": of.case,
        "mistakes caught": of.catches,
        "caught by no other case": ", ".join(of.alone) or "redundant: nothing",
        "in the small set that catches all": "yes" if of.needed else NOTHING,
    }


def matrix(results: Sequence[MistakeResult]) -> pd.DataFrame:
    """Return the table mistake × case: the line at which each is caught first."""
    cells: dict[str, dict[str, dict[str, str]]] = {}
    for result in results:
        of_mistake = cells.setdefault(result.mistake, {})
        of_mistake.setdefault(result.case, {})[result.dtype] = _first_line(result)
    cases = dict.fromkeys(result.case for result in results)
    rows = [
        (name, *(_merged(cells[name].get(case, {})) for case in cases)) for name in MISTAKES if name in cells
    ]
    return pd.DataFrame(rows, columns=["mistake", *cases])


def _first_line(result: MistakeResult) -> str:
    """Return the line that catches a mistake, "missed", "same numbers", or "–"."""
    if result.inexpressible:
        return NOTHING
    answer = result.by(SUITE)
    if answer is not None and answer.objects:
        return answer.where
    return "missed" if result.changes else "same numbers"


def _merged(by_dtype: dict[str, str]) -> str:
    """Name no format where it is the same in every number format in which the mistake can be made."""
    lines = {dtype: text for dtype, text in by_dtype.items() if text != NOTHING}
    if len(set(lines.values())) <= 1:
        return next(iter(lines.values()), NOTHING)
    return "; ".join(f"{text} ({dtype})" for dtype, text in lines.items())


# Sentences


def sentences(power: Power) -> Iterator[str]:
    """Say what is caught, what is missed, what the usual tools miss, what alarms are false, what is spare."""
    yield _caught(power.meetings)
    changing = [result for result in power.meetings if result.changes]
    of_float64 = [result for result in changing if (result.kind, result.dtype) == (PRECISION, "float64")]
    if of_float64:  # where the tools differ most
        shares = [f"{tool} {share([result.by(tool) for result in of_float64])}" for tool in (*OURS, *TOOLS)]
        yield f"Of the mistakes of {KINDS[PRECISION]} in float64 are caught: {'; '.join(shares)}."
    answers = [alarm.answer for alarm in power.alarms if alarm.answer.tool == SUITE]
    given = [answer for answer in answers if answer.objects is not None]
    yield f"False alarms of this suite on correct claims by PyTorch and JAX: {share(given)}."
    yield from _coverage(power.coverage)
    if power.naming:
        yield from naming_tables.sentences(power.naming)
    yield from power.not_run


def _caught(results: Sequence[MistakeResult]) -> str:
    changing = [result for result in results if result.changes]
    missed = [
        f"{result.mistake} in {result.case} {result.dtype}"
        for result in changing
        if not result.caught_by(SUITE)
    ]
    misses = f"; missed: {', '.join(missed)}" if 0 < len(missed) <= MAX_MISSES_NAMED else ""
    overall = f"Over all cases this suite catches {share([result.by(SUITE) for result in changing])}{misses}."
    made = [result for result in results if not result.inexpressible]
    possible = {result.mistake for result in made}
    nowhere = [name for name in dict.fromkeys(result.mistake for result in results) if name not in possible]
    if nowhere:
        overall += f" Not possible in any of these cases: {', '.join(nowhere)}."
    caught = {(result.mistake, result.dtype) for result in made if result.caught_by(SUITE)}
    uncaught = dict.fromkeys((r.mistake, r.dtype) for r in made if (r.mistake, r.dtype) not in caught)
    if uncaught:
        named = (f"{mistake} ({dtype})" for mistake, dtype in uncaught)
        return f"Caught in no case: {', '.join(named)}. {overall}"
    each = f"Each of {len(possible)} mistakes is caught by at least one case"
    return f"{each}, in each number format in which it can be made. {overall}"


def _coverage(coverage: Sequence[Coverage]) -> Iterator[str]:
    spare = [each.case for each in coverage if not each.alone]
    needed = [each.case for each in coverage if each.needed]
    yield f"{len(needed)} of {len(coverage)} cases together catch all of this: {', '.join(needed)}."
    if spare:
        which = "every single case" if len(spare) == len(coverage) else ", ".join(spare)
        yield (
            f"Redundant for these mistakes, because other cases catch all that it does: {which}. Each could "
            "be left out, but not all at once; a case may be there for another reason, which its description "
            "gives."
        )
