"""Numbers within their bound and without one right digit, where a formula rounds all of them away."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reference import Finding, JudgedStep, Subject, Verdict
from reference.agreement import ONE_DIGIT, distance


@dataclass(frozen=True)
class LostDigits:
    """A number that agrees and has no right digit: of one quantity of one program, in the first such step.

    Attributes
    ----------
    element
        The quantity with its index: "dL/dz1[0, 0]".
    claimed, exact
        The number as it is stated, and as it follows.
    ulps
        How far it is off, in units in the last place of the format.
    """

    subject: Subject
    element: str
    claimed: float
    exact: float
    ulps: float


class LostDigitsKeeper:
    """Keeps for each quantity of each program the number without a right digit that is nearest its bound."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Subject, str], LostDigits] = {}

    def add(self, judged: Mapping[Subject, JudgedStep]) -> None:
        """Look through every element of one step that agrees; steps judged together show none."""
        for subject, step in judged.items():
            for finding in step.findings:
                key = subject, finding.quantity
                if key not in self._kept and finding.verdict is Verdict.AGREES:
                    lost = _lost_in(subject, step, finding)
                    self._kept |= {} if lost is None else {key: lost}

    def finished(self) -> tuple[LostDigits, ...]:
        """Return what has been kept, after the last step."""
        return tuple(self._kept.values())


def _lost_in(subject: Subject, step: JudgedStep, finding: Finding) -> LostDigits | None:
    derived = step.derived.get(finding.quantity)
    if derived is None or derived.is_exact:
        return None
    stated = np.asarray(step.claim[finding.quantity], np.float64)
    with np.errstate(all="ignore"):  # what is not finite is no digit lost
        off = distance(stated, derived)
        lost = (off > ONE_DIGIT * derived.magnitude) & (derived.magnitude > 0)
        if not lost.any():
            return None
        place = np.unravel_index(int(np.where(lost, off / derived.error, -1.0).argmax()), off.shape)
    element = f"{finding.quantity}{[int(i) for i in place]}" if place else finding.quantity
    exact = float(derived.value[place])
    return LostDigits(
        subject, element, float(stated[place]), exact, float(off[place]) / derived.format.ulp(exact)
    )
