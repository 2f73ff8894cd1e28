"""What a report says of programs: in its conclusion, and as a table."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from cases.errors import printable
from cases.protocol import Verdict
from reference import Finding, Subject
from reports.outcome import NOTHING, Cell, Conclusion, plural
from reports.runs.rows import Row
from reports.user_programs.program_results import ProgramResult

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
            result.file, result.program, result.framework or NOTHING, result.dtype or NOTHING, cell_of(result),
            *_numbers(result), f"{result.judged} of {result.lines}" if result.lines else NOTHING,
        )
        for result in ordered
    ]  # fmt: skip
    columns = ["file", "program", "framework", "format", "verdict", "used", "digits", "lines judged"]
    return pd.DataFrame(lines, columns=columns, dtype=object)


def _numbers(result: ProgramResult) -> tuple[str, str]:
    if not result.compared:
        return NOTHING, NOTHING
    return f"{result.used:.2g}", f"{result.digits:.1f}" if result.digits < math.inf else "exact"


def cell_of(result: ProgramResult) -> Cell:
    """Return how a verdict stands in a table: "✓ 11.9", "differs", "undecided"."""
    numbers = (math.nan,) * 4
    index = () if result.compared else None
    finding = Finding(1, "", result.verdict, "", index, *numbers, result.used, math.nan, result.digits)
    return Cell.of([Row(Subject(result.file, result.framework, result.program, result.dtype), finding)])


def with_programs(said: Conclusion, results: Sequence[ProgramResult], *, has_cases: bool) -> Conclusion:
    """Return the conclusion on cases and programs together; on programs alone where there are no cases."""
    if not results:
        return said
    failing = [result for result in results if result.fails]
    count = ", ".join(f"{n} × {verdict}" for verdict, n in Counter(r.verdict for r in failing).items())
    wrong = f"{count}, of {plural(len(results), 'verdict')} on programs"
    scope = _scope([result for result in results if not result.fails])
    failures = tuple(map(sentence_of, failing))
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


def sentence_of(result: ProgramResult) -> str:
    """Return what is wrong, in one line: "layer_norm: original and port: Two functions: …"."""
    lines = result.text.split("\n")
    more = f" {NOTHING} {len(lines) - MAX_SAID} more lines are in the report." if len(lines) > MAX_SAID else ""
    return printable(f"{result.title}: {' '.join(lines[:MAX_SAID])}{more}")


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
