"""The tables of a measurement that are for reading, by pandas."""

import math
from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from reference.mistakes import MISTAKES
from reports.power.results import Answer, Coverage, Fault, Meeting, Power, kind, middle
from reports.power.words import KINDS, OURS, OUTCOME, SHOWN, TOOLS

NOTHING = "–"


def tools(power: Power) -> pd.DataFrame:
    """Return what share of the mistakes each tool catches, and how often it objects to a right claim."""
    dtypes = dict.fromkeys(met.dtype for met in power.meetings)
    rows = [_tool(power, tool, dtype) for dtype in dtypes for tool in (*OURS, *TOOLS)]
    return pd.DataFrame(rows)


def _tool(power: Power, tool: str, dtype: str) -> dict[str, object]:
    row: dict[str, object] = {"tool": tool, "dtype": dtype}
    for sort, words in KINDS.items():
        met = [met for met in power.meetings if (met.kind, met.dtype) == (sort, dtype) and met.changes]
        row[f"caught: {words}"] = share([one.by(tool) for one in met])
    heard = [alarm.answer for alarm in power.alarms if alarm.answer.tool == tool and alarm.dtype == dtype]
    row["false alarms"] = share(heard)
    return row


def share(answers: Sequence[Answer | None]) -> str:
    """Count the objections among the answers: "29 of 170 (17%)"; if there are none, why."""
    given = [answer for answer in answers if answer is not None and answer.objects is not None]
    if given:
        objections = sum(answer.objects is True for answer in given)
        return f"{objections:,} of {len(given):,} ({percentage(objections, len(given))})"
    return next((answer.reason for answer in answers if answer is not None), NOTHING)


def percentage(part: int, whole: int) -> str:
    """Return a percentage that is 100 only if all are meant, and 0 only if none."""
    if part in {0, whole}:
        return "100%" if part else "0%"
    return f"{min(max(100 * part / whole, 0.1), 99.9):.1f}%"


def by_kind(faults: Iterable[Fault]) -> pd.DataFrame:
    """Return the smallest relative fault caught in each kind of quantity by each tool: median and worst."""
    return _faults(faults, lambda fault: (fault.kind, fault.dtype), ("quantity", "dtype"))


def by_quantity(faults: Iterable[Fault]) -> pd.DataFrame:
    """Return the same in each quantity of each case."""
    columns = ("case", "dtype", "quantity")
    return _faults(faults, lambda fault: (fault.case, fault.dtype, fault.quantity), columns)


def _faults(
    faults: Iterable[Fault], key: Callable[[Fault], tuple[str, ...]], columns: tuple[str, ...]
) -> pd.DataFrame:
    groups: dict[tuple[str, ...], dict[str, list[Fault]]] = {}
    for fault in faults:
        groups.setdefault(key(fault), {}).setdefault(fault.tool, []).append(fault)
    used = [tool for tool in (SHOWN, *TOOLS) if any(tool in group for group in groups.values())]
    rows = [(*group, *(_extent(tools.get(tool, [])) for tool in used)) for group, tools in groups.items()]
    return pd.DataFrame(rows, columns=[*columns, *used])


def _extent(faults: Sequence[Fault]) -> str:
    """Say the median and the worst: "1e-15 (1e-11)"; if nothing was tried, why."""
    smallest = tuple(number for fault in faults for number in fault.smallest)
    if smallest:
        return f"{fraction(middle(smallest))} ({fraction(max(smallest))})"
    return next((fault.reason for fault in faults), NOTHING)


def fraction(smallest: float) -> str:
    """Write a relative fault; one that is not caught even where it doubles the value is "none"."""
    if smallest == math.inf:
        return "none"
    return f"1e-{round(-math.log10(smallest))}" if smallest < 1 else "1"


def by_mistake(meetings: Sequence[Meeting]) -> pd.DataFrame:
    """Return for each mistake in how many cases it is caught, of those where it changes any number."""
    groups: dict[tuple[str, str], list[Meeting]] = {}
    for met in meetings:
        if met.changes:
            groups.setdefault((met.mistake, met.dtype), []).append(met)
    dtypes = dict.fromkeys(met.dtype for met in meetings)
    rows = [
        {
            "mistake": name,
            "what happened": mistake.sentence,
            "dtype": dtype,
            "caught": share([met.by(SHOWN) for met in groups[name, dtype]]),
            "caught by the outcome only": share([met.by(OUTCOME) for met in groups[name, dtype]]),
            "first at": _first(groups[name, dtype]),
        }
        for name, mistake in MISTAKES.items()
        for dtype in dtypes
        if (name, dtype) in groups
    ]
    return pd.DataFrame(rows)


def _first(group: Iterable[Meeting]) -> str:
    """Name the kinds of lines at which a mistake is caught first."""
    caught = [met.by(SHOWN) for met in group]
    lines = dict.fromkeys(kind(answer.quantity) for answer in caught if answer is not None and answer.objects)
    return ", ".join(lines) or NOTHING


def by_case(coverage: Iterable[Coverage]) -> pd.DataFrame:
    """Return for each case what it catches, and what no other case catches."""
    rows = [
        {
            "case": one.case,
            "mistakes caught": one.catches,
            "caught by no other case": ", ".join(one.alone) or "redundant: nothing",
            "in the small set that catches all": "yes" if one.needed else NOTHING,
        }
        for one in coverage
    ]
    return pd.DataFrame(rows)


def matrix(meetings: Sequence[Meeting]) -> pd.DataFrame:
    """Return the table mistake × case: the line at which each is caught first."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for met in meetings:
        cells.setdefault((met.mistake, met.case), {})[met.dtype] = outcome(met)
    cases = dict.fromkeys(met.case for met in meetings)
    names = [name for name in MISTAKES if any(name == met.mistake for met in meetings)]
    rows = [(name, *(_cell(cells.get((name, case), {})) for case in cases)) for name in names]
    return pd.DataFrame(rows, columns=["mistake", *cases])


def outcome(met: Meeting) -> str:
    """Say what comes of a mistake: the line that catches it, "missed", "same numbers", or "–"."""
    if met.inexpressible:
        return NOTHING
    answer = met.by(SHOWN)
    if answer is not None and answer.objects:
        return answer.where
    return "missed" if met.changes else "same numbers"


def _cell(by_dtype: dict[str, str]) -> str:
    """Say it once where it is the same in every number format in which the mistake can be made."""
    told = {dtype: text for dtype, text in by_dtype.items() if text != NOTHING}
    if len(set(told.values())) <= 1:
        return next(iter(told.values()), NOTHING)
    return "; ".join(f"{text} ({dtype})" for dtype, text in told.items())
