"""What is found of a stack, in arrays: one entry for each case."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import JudgedStep
from reference.agreement import AGREES, DIFFERS, UNDECIDED, VERDICTS
from reference.batched import StackFinding


@dataclass(frozen=True)
class Judged:
    """Each case's worst verdict, and where it is first found.

    Attributes
    ----------
    verdict
        "differs" before "undecided" before "agrees"; "error" and "no equivalent" stand alone.
    step, first
        The step and the quantity that are the first with that verdict; 0 and "" where all agree.
    used
        The largest share of a tolerance that was used, of what is not undecided.
    digits
        The fewest decimal digits certified, of what agrees.
    compared, undecided
        How many quantities, over all steps.
    """

    verdict: NDArray[Any]
    step: NDArray[np.int16]
    first: NDArray[Any]
    used: NDArray[np.float64]
    digits: NDArray[np.float64]
    compared: NDArray[np.int32]
    undecided: NDArray[np.int32]


def of_stack(findings: Sequence[StackFinding]) -> Judged:
    """Put the findings of a stack together, in the order of computation."""
    verdicts = np.stack([one.verdicts for one in findings])
    used = np.stack([one.used for one in findings])
    digits = np.stack([one.digits for one in findings])
    worst = verdicts.max(axis=0)
    place = (verdicts == worst).argmax(axis=0)
    steps = np.array([one.step for one in findings], np.int16)
    quantities = np.array([one.quantity for one in findings], object)
    fine = worst == AGREES
    return Judged(
        verdict=np.array([str(one) for one in VERDICTS], object)[worst],
        step=np.where(fine, 0, steps[place]).astype(np.int16),
        first=np.where(fine, "", quantities[place]),
        used=np.where(verdicts == UNDECIDED, 0.0, used).max(axis=0),
        digits=np.where(verdicts == AGREES, digits, np.inf).min(axis=0),
        compared=np.full(len(worst), len(findings), np.int32),
        undecided=(verdicts == UNDECIDED).sum(axis=0).astype(np.int32),
    )


def of_steps(steps: Sequence[JudgedStep]) -> Judged:
    """Put the findings of one case together, judged by itself."""
    findings = [one for step in steps for one in step.findings]
    verdicts = [str(one.verdict) for one in findings]
    order = ["error", "no equivalent", str(VERDICTS[DIFFERS]), str(VERDICTS[UNDECIDED])]
    worst = next((one for one in order if one in verdicts), str(VERDICTS[AGREES]))
    first = None if worst == str(VERDICTS[AGREES]) else findings[verdicts.index(worst)]
    compared = [one for one in findings if one.index is not None]
    decided = [one.used for one in compared if one.verdict is not VERDICTS[UNDECIDED]]
    certain = [one.digits for one in compared if one.verdict is VERDICTS[AGREES]]
    return Judged(
        verdict=np.array([worst], object),
        step=np.array([first.step if first else 0], np.int16),
        first=np.array([first.quantity if first else ""], object),
        used=np.array([max(np.nan_to_num(decided, nan=np.inf, posinf=np.inf), default=0.0)]),
        digits=np.array([min(certain, default=np.inf)]),
        compared=np.array([len(compared)], np.int32),
        undecided=np.array([verdicts.count(str(VERDICTS[UNDECIDED]))], np.int32),
    )


def declined(count: int) -> Judged:
    """Return what is found of a stack for which a framework has no equivalent."""
    zeros = np.zeros(count)
    return Judged(
        verdict=np.full(count, "no equivalent", object),
        step=zeros.astype(np.int16),
        first=np.full(count, "", object),
        used=zeros,
        digits=np.full(count, np.inf),
        compared=zeros.astype(np.int32),
        undecided=zeros.astype(np.int32),
    )


def joined(parts: Sequence[Judged]) -> Judged:
    """Put the cases of several one after the other."""
    return Judged(**{name: np.concatenate([getattr(one, name) for one in parts]) for name in vars(parts[0])})
