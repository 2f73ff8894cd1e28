"""A step whose numbers were printed, judged to their last printed digit."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.recordings.printed_text import read_text
from adapters.recordings.recorded_step import Description, PrintedStep, read_printed
from cases import Case, case_of
from cases.protocol import Claim, Verdict
from cases.recording import Recording, UnreadableError
from reference import Subject, parts
from reference.parts import FailedPart
from reference.printed_steps import judge_printed_steps
from reports.judge_step import StepVerdict
from reports.runs.expectations import judge_case
from reports.runs.rows import Row
from reports.runs.runner import rows_of
from reports.sweep.case_text import document

Texts = NDArray[np.str_]

# More significant digits than float32 has: with these a number was computed in float64.
FLOAT32_DIGITS: Final = 9


def judge_printed(paths: Sequence[Path], described: Description, known: Case | None = None) -> StepVerdict:
    """Judge the numbers that text files print together; what a step starts from may be a known case's.

    Raises `UnreadableError`, and `CaseErrors` where a number cannot be one of a case.
    """
    texts = _together(paths)
    dtype = described.computed_in or _format_of(texts)
    program = ", ".join(path.name for path in paths)
    described = Description(**{**vars(described), "computed_in": dtype})
    printed = read_printed(texts, described, program, known.problem(dtype) if known else None)
    rows = list(_rows(printed, program, explained=_explanations(printed, program, paths[0])))
    open_rows = [row for row in rows if row.finding.verdict is Verdict.UNDECIDED]
    notes = (
        [f"taken as computed in {dtype}; --computed-in says otherwise."] if not described.computed_in else []
    )
    notes += [f"the printed digits leave {row.finding.quantity} open." for row in open_rows]
    empty: tuple[Claim, ...] = tuple({} for _ in printed.claims)
    recording = Recording(printed.problem, empty, program, notes=tuple(notes))
    decided = [row for row in rows if row.finding.verdict is not Verdict.UNDECIDED]
    return StepVerdict(printed.problem, {program: recording}, {program: decided})


def _together(paths: Sequence[Path]) -> dict[str, Texts]:
    texts: dict[str, Texts] = {}
    for path in paths:
        arrays = read_text(path)
        if twice := texts.keys() & arrays.keys():
            raise UnreadableError(f"{path}: prints {min(twice)!r}, as another file does")
        texts |= arrays
    return texts


def _format_of(texts: Mapping[str, Texts]) -> str:
    """Return float64 where an array has more digits than float32 does, and otherwise float32.

    A single number does not tell: a loss in float32 is mostly printed by Python, with float64's digits.
    """
    arrays = [array for array in texts.values() if array.ndim]
    digits = (len(_decimal(text).as_tuple().digits) for array in arrays for text in array.flat)
    return "float64" if max(digits, default=0) > FLOAT32_DIGITS else "float32"


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise UnreadableError(f"{text!r} is no number") from None


def _half_unit(text: str) -> float:
    """Return half a unit in the last place; 0 of a whole number, which is a count or a label, and of NaN."""
    exponent = _decimal(text).as_tuple().exponent
    return 0.5 * 10.0**exponent if isinstance(exponent, int) and "." in text else 0.0


def _half_units(texts: Mapping[str, Texts]) -> dict[str, NDArray[np.float64]]:
    return {
        name: np.array([_half_unit(text) for text in array.flat]).reshape(array.shape)
        for name, array in texts.items()
    }


def _rows(printed: PrintedStep, program: str, explained: Mapping[tuple[int, str], Row]) -> Iterator[Row]:
    problem = printed.problem
    subject = Subject(problem.case, program, "", problem.dtype)
    claims = [{name: array.astype(float) for name, array in claim.items()} for claim in printed.claims]
    halves = [_half_units(claim) for claim in printed.claims]
    for judged in judge_printed_steps(problem, _half_units(printed.start), claims, halves):
        for row in rows_of(problem, subject, judged):
            cause = explained.get((row.finding.step, row.finding.quantity)) if row.fails else None
            yield Row(subject, row.finding, row.place, explanation=cause.explanation) if cause else row


def _explanations(printed: PrintedStep, program: str, path: Path) -> dict[tuple[int, str], Row]:
    """Return what explains a printed number that is wrong, by its step and its quantity."""
    judged = parts.tried(f"the diagnosis of {program}", _judged_as_published, printed, program, path)
    rows = [] if isinstance(judged, FailedPart) else judged
    return {(row.finding.step, row.finding.quantity): row for row in rows if row.explanation}


def _judged_as_published(printed: PrintedStep, program: str, path: Path) -> list[Row]:
    written = {name: array.tolist() for name, array in printed.start.items()}
    text = document(printed.problem, f"What {program} starts from.", written)
    case = case_of("printed", path, text + _published(program, printed.claims))
    return [judged.row for judged in judge_case(case, explain=True)]


def _published(source: str, steps: Sequence[Mapping[str, NDArray[np.str_]]]) -> str:
    lines = ["published:", f"  source: {source!r}", "  inputs: as printed", "  steps:"]
    for number, values in enumerate(steps, start=1):
        lines += [f"    - step: {number}", "      values:"]
        lines += [f"        {name}: {_flow(array.tolist())}" for name, array in values.items()]
    return "\n".join([*lines, ""])


def _flow(value: Any) -> str:  # noqa: ANN401 - nested lists of texts
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return "null" if value.strip("+-") in ("nan", "inf") else value
