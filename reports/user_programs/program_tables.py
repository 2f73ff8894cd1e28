"""What a report says of programs: in its conclusion, and as a table."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from cases.errors import printable
from reference import Finding, Subject
from reports.outcome import NOTHING, Cell, Conclusion, Outcome, group_by, plural
from reports.runs.rows import Row
from reports.user_programs.program_results import ProgramResult

UNDECIDED: Final = "undecided"  # the class of a tint
MAX_SAID: Final = 3  # lines of a verdict that are in the conclusion
ABOUT: Final = (
    "Of each program the framework’s own gradient is held against the exact derivative of what the program "
    "computes, and of an original and its port whether both are one function. “used” is the largest part of "
    "what rounding may cause; “digits” are certified decimal digits, and of two programs those to which both "
    "are equal where nothing is rounded."
)


def programs(results: Sequence[ProgramResult]) -> pd.DataFrame:
    """Return a line for each verdict, those first that do not agree."""
    ordered = sorted(results, key=lambda result: not result.fails)
    lines = [
        (
            result.file, result.program, result.framework or NOTHING, result.dtype or NOTHING,
            ProgramCell.of([row_of(result)]), *_numbers(result), reason_of(result),
        )
        for result in ordered
    ]  # fmt: skip
    columns = [
        "file",
        "program",
        "framework",
        "format",
        "verdict",
        "used",
        "digits",
        "lines judged",
        "reason",
    ]
    frame = pd.DataFrame(lines, columns=columns, dtype=object)
    return frame if any(frame["reason"]) else frame.drop(columns="reason")


def _numbers(result: ProgramResult) -> tuple[str, str, str]:
    """Return what is used, the digits, and how many lines were judged."""
    lines = f"{result.judged} of {result.lines}" if result.lines else NOTHING
    if not result.compared:
        return NOTHING, NOTHING, lines
    return f"{result.used:.2g}", digits_of(result.digits), lines


def digits_of(digits: float) -> str:
    """Write certified digits; fewer than none are none."""
    return f"{max(digits, 0.0):.1f}" if digits < math.inf else "exact"


class ProgramCell(Cell):
    """How a verdict on a program stands in a table; what is undecided has its own tint."""

    @property
    def css_class(self) -> str:
        return UNDECIDED if self.outcome is Outcome.UNDECIDED else super().css_class


def row_of(result: ProgramResult) -> Row:
    """Return a verdict as a row of a report: on a claim as a whole, with what it uses and certifies."""
    index = () if result.compared else None
    numbers = math.nan, math.nan, math.nan, math.nan, result.used, math.nan, result.digits
    finding = Finding(1, "", result.verdict, result.text, index, *numbers)
    return Row(Subject(result.file, result.framework, result.program, result.dtype), finding)


def with_programs(said: Conclusion, results: Sequence[ProgramResult], *, has_cases: bool) -> Conclusion:
    """Return the conclusion on cases and programs together; on programs alone where there are no cases."""
    if not results:
        return said
    failing = [result for result in results if result.fails]
    count = ", ".join(f"{n} × {verdict}" for verdict, n in Counter(r.verdict for r in failing).items())
    wrong = f"{count}, of {plural(len(results), 'verdict')} on programs"
    scope = _scope([result for result in results if not result.fails])
    alike = group_by(failing, lambda result: (result.file, result.text)).values()
    failures = tuple(printable(f"{_titles(those)}: {reason_of(those[0])}") for those in alike)
    if not has_cases:
        headline = f"Not all agree: {wrong}." if failing else "All agree."
        return Conclusion(not failing, headline, failures, (), scope=scope)
    headline = said.headline
    if failing:
        headline = f"Not all agree: {wrong}." if said.passed else f"{headline} Programs: {wrong}."
    return replace(
        said,
        passed=said.passed and not failing,
        headline=headline,
        failures=(*said.failures, *failures),
        scope=" ".join(filter(None, (said.scope, scope))),
    )


def _titles(alike: Sequence[ProgramResult]) -> str:
    """Name verdicts of one file: "layer_norm, port"."""
    return f"{alike[0].file}, {', '.join(result.program for result in alike)}"


def reason_of(result: ProgramResult) -> str:
    """Return what is wrong in one line, shortened; "" where nothing is."""
    lines = result.text.split("\n") if result.fails else []
    more = [f"… and {plural(len(lines) - MAX_SAID, 'line')} more."] if len(lines) > MAX_SAID else []
    return " ".join((*lines[:MAX_SAID], *more))


def _scope(agreeing: Sequence[ProgramResult]) -> str:
    """Say what agrees: "2 programs and 1 pair agree by torch 2.13.0, jax 0.10.2, …"."""
    if not agreeing:
        return ""
    alone = [result for result in agreeing if not result.is_pair]
    pairs = len(agreeing) - len(alone)
    kinds = [(len(alone), plural(len(alone), "program")), (pairs, plural(pairs, "pair"))]
    counted = " and ".join(text for count, text in kinds if count)
    by = ", ".join(dict.fromkeys(result.framework for result in alone))
    used, digits = max(r.used for r in agreeing), min((r.digits for r in alone), default=math.inf)
    certified = f", and {digits:.1f} decimal digits are certified" if digits < math.inf else ""
    what = f"{counted} {'agrees' if len(agreeing) == 1 else 'agree'}{f' by {by}' if by else ''}"
    return printable(f"{what}: no error is larger than {used:.2g} of what rounding may cause{certified}.")
