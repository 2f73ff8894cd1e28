"""Running one implementation on some cases and judging it: a row for each case.

A program that takes a stack runs once over all its cases, and the stack is judged by float64 values and their
bound. A program that takes one case at a time is run and judged as a user runs it, against certified truth.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import pandas as pd

from cases import Problem
from cases.problem import sliced, unstacked
from cases.protocol import NoEquivalent
from reference import Claim, Finding, JudgedStep, Subject, Verdict, sentence
from reference.agreement import AGREES, UNDECIDED, VERDICTS
from reference.batched import StackFinding, judge_stack
from reports.runs.runner import diagnosed
from reports.sweep.implementations import Implementation, expected_alone, expected_in_stack

FAILING: Final = frozenset({Verdict.DIFFERS, Verdict.ERROR})

# The first of these that a case has is its verdict; else it agrees.
WORST_FIRST: Final = (Verdict.ERROR, Verdict.NO_EQUIVALENT, Verdict.DIFFERS, Verdict.UNDECIDED)

MAX_SENTENCES: Final = 3  # how many findings of a stack have one; the others are only counted

# The types of the columns of numbers.
NUMBERS: Final = {
    "step": "int16", "used": "float64", "digits": "float64", "compared": "int32", "undecided": "int32"
}  # fmt: skip


def evaluate_stack(implementation: Implementation, stack: Problem) -> pd.DataFrame:
    """Run and judge a program over a stack; where it fails as a whole, halves are tried, then single cases.

    Returns a row for each case: its `verdict` ("differs" before "undecided" before "agrees"; "error" and "no
    equivalent" stand alone); `step` and `first`, the first quantity with it (0 and "" where all agree);
    `used`, the largest share of a tolerance, of what is not undecided; `digits`, the fewest certified, of
    what agrees; `compared` and `undecided`, how many quantities; `known`, why a difference is expected;
    `sentence`, a finding in a sentence.
    """
    program, claims = implementation.program, list[Claim]()
    if program.stacked is None:
        raise ValueError(f"{implementation.name} has no program over a stack")
    run = _recording(program.stacked.run, claims)
    try:
        steps = judge_stack(stack, run, program.promises(stack.depth), program.accumulators)
        findings = [finding for step in steps for finding in step]
    except NoEquivalent:
        return pd.DataFrame([_row([], Verdict.NO_EQUIVALENT)] * len(stack.x)).astype(NUMBERS)
    except (Exception, SystemExit):  # noqa: BLE001 - each case is then run by itself, and has its own error
        middle = len(stack.x) // 2
        if middle == 0:
            return evaluate_alone(implementation, stack)
        halves = sliced(stack, 0, middle), sliced(stack, middle, len(stack.x))
        return pd.concat([evaluate_stack(implementation, half) for half in halves], ignore_index=True)
    rows = _worst(findings)
    differs = (rows["verdict"] == str(Verdict.DIFFERS)).to_numpy()
    first = np.where(differs, rows["first"], "")
    known = expected_in_stack(implementation, stack, rows["step"].to_numpy(), first, claims)
    unexpected = np.flatnonzero(differs & (known == ""))[:MAX_SENTENCES].tolist()
    sentences = {i: _sentence_in_stack(implementation, stack, i, claims) for i in unexpected}
    return rows.assign(known=known, sentence=[sentences.get(i, "") for i in range(len(rows))])


def evaluate_alone(implementation: Implementation, stack: Problem) -> pd.DataFrame:
    """Run and judge a program on each case of a stack by itself; returns what `evaluate_stack` does."""
    cases = (_case(stack, i) for i in range(len(stack.x)))
    return pd.DataFrame([_evaluate_case(implementation, case) for case in cases]).astype(NUMBERS)


def _recording(run: Callable[..., Iterator[Claim]], claims: list[Claim]) -> Callable[..., Iterator[Claim]]:
    def recorded(problem: Problem) -> Iterator[Claim]:
        for claim in run(problem):
            claims.append(claim)
            yield claim

    return recorded


def _worst(findings: Sequence[StackFinding]) -> pd.DataFrame:
    """Return the worst verdict on each case of a stack, from its findings in the order of computation."""
    verdicts = np.stack([finding.verdicts for finding in findings])
    used = np.stack([finding.used for finding in findings])
    digits = np.stack([finding.digits for finding in findings])
    steps = np.array([finding.step for finding in findings])
    quantities = np.array([finding.quantity for finding in findings], object)
    worst = verdicts.max(axis=0)
    place, agrees = (verdicts == worst).argmax(axis=0), worst == AGREES
    columns = {
        "verdict": np.array([str(verdict) for verdict in VERDICTS], object)[worst],
        "step": np.where(agrees, 0, steps[place]),
        "first": np.where(agrees, "", quantities[place]),
        "used": np.where(verdicts == UNDECIDED, 0.0, used).max(axis=0),
        "digits": np.where(verdicts == AGREES, digits, np.inf).min(axis=0),
        "compared": len(findings),
        "undecided": (verdicts == UNDECIDED).sum(axis=0),
    }
    return pd.DataFrame(columns).astype(NUMBERS)


def _evaluate_case(implementation: Implementation, problem: Problem) -> dict[str, object]:
    steps = list(implementation.judge(problem))
    findings = [finding for step in steps for finding in step.findings]
    given = {finding.verdict for finding in findings}
    worst = next((verdict for verdict in WORST_FIRST if verdict in given), Verdict.AGREES)
    row = _row(findings, worst)
    if worst is Verdict.DIFFERS:
        first = next(finding for finding in findings if finding.verdict is worst)
        row["known"] = expected_alone(implementation, problem, first, steps)
    if worst in FAILING and not row["known"]:
        row["sentence"] = _first_sentence(implementation, problem, steps)
    return row


def _row(findings: Sequence[Finding], worst: Verdict) -> dict[str, object]:
    """Return what `evaluate_stack` says of one case, of which `worst` is the verdict."""
    first = next((finding for finding in findings if finding.verdict is worst is not Verdict.AGREES), None)
    compared = [finding for finding in findings if finding.index is not None]
    used = [finding.used for finding in compared if finding.verdict is not Verdict.UNDECIDED]
    return {
        "verdict": str(worst),
        "step": first.step if first else 0,
        "first": first.quantity if first else "",
        "used": max(np.nan_to_num(used, nan=np.inf, posinf=np.inf), default=0.0),
        "digits": min((one.digits for one in compared if one.verdict is Verdict.AGREES), default=np.inf),
        "compared": len(compared),
        "undecided": sum(finding.verdict is Verdict.UNDECIDED for finding in findings),
        "known": "",
        "sentence": "",
    }


def _case(stack: Problem, i: int) -> Problem:
    """Return a case of a stack under its own name: the stack's name ends with the number of its first."""
    start, _, number = stack.case.rpartition(" ")
    return unstacked(stack, i, f"{start} {int(number) + i}")


def _sentence_in_stack(
    implementation: Implementation, stack: Problem, i: int, claims: Sequence[Claim]
) -> str:
    """Judge what was claimed of one case again, by itself."""
    own = [{name: array[i] if array.ndim else array for name, array in claim.items()} for claim in claims]
    problem = _case(stack, i)
    return _first_sentence(implementation, problem, implementation.judge(problem, lambda _: iter(own)))


def _first_sentence(implementation: Implementation, problem: Problem, steps: Iterable[JudgedStep]) -> str:
    for step in steps:
        for finding in step.findings:
            if finding.verdict in FAILING:
                return described(implementation, problem, step, finding)[1]
    return "in the stack it differs; judged by itself against certified truth it does not"


def described(
    implementation: Implementation, problem: Problem, step: JudgedStep, finding: Finding
) -> tuple[frozenset[str], str]:
    """Return the names of the mistakes that explain a failure, and its sentence with the explanation."""
    is_number = finding.verdict is Verdict.DIFFERS
    explanations, text = diagnosed(problem, step, finding) if is_number else (frozenset[str](), "")
    subject = Subject(problem.case, implementation.adapter.name, implementation.program.name, problem.dtype)
    return explanations, f"{sentence(finding, subject)}. {text}".strip()
