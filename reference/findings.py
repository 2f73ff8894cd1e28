"""Findings of the checker: a verdict on one quantity, and the sentence that states it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cases.numbers import rounded_once
from cases.protocol import DTYPES, Verdict


@dataclass(frozen=True)
class Subject:
    """Who is judged, on what."""

    case: str
    adapter: str
    program: str
    dtype: str

    @property
    def implementation(self) -> str:
        """The adapter, with its program's name where it has several."""
        return f"{self.adapter} {self.program}".strip()


@dataclass(frozen=True)
class Finding:
    """The verdict on one quantity of one step; the numbers are those of its worst element.

    Attributes
    ----------
    step
        The training step, from 1.
    quantity
        Its name on the tape, or "" for a verdict on the claim as a whole.
    verdict, reason
        The verdict, and for anything but agreement the reason in words.
    index
        The worst element's index, () for a scalar; None where nothing was compared.
    claimed, derived
        The number the implementation states, and the number that follows from its inputs.
    error, tolerance, used
        |claimed − derived|, the largest error a correct implementation may have, and their quotient.
    ulps
        The error in units in the last place of the implementation's format.
    digits
        Decimal digits that the comparison certifies: −log10(largest tolerance / largest |value|);
        where the value is what is left of a sum that cancels, of its largest terms.
    truth
        What the derived number is: "certified" by a ball, or "float64", evaluated with its own bound. Of
        printed numbers also "two runs": the middles of balls, with what a run of fewer bits is off from them.
    conventional
        Whether the case's own rtol and atol hold; None where the case asks for none.
    note
        A remark on the verdict: how many are wrong, and where; what alone it follows from.
    """

    step: int
    quantity: str
    verdict: Verdict
    reason: str = ""
    index: tuple[int, ...] | None = None
    claimed: float = math.nan
    derived: float = math.nan
    error: float = math.nan
    tolerance: float = math.nan
    used: float = math.nan
    ulps: float = math.nan
    digits: float = math.nan
    truth: str = ""
    conventional: bool | None = None
    note: str = ""

    @property
    def passes(self) -> bool:
        """Whether the quantity agrees, and also meets the case's conventional tolerance if there is one."""
        return self.verdict.passes and self.conventional is not False

    @property
    def element(self) -> str:
        """The quantity with its worst index: dL/dW1[0, 2]."""
        return f"{self.quantity}{list(self.index)}" if self.index else self.quantity

    def digits_told(self, dtype: str) -> tuple[str, str]:
        """Return what is claimed, in `dtype`, and what is derived, with the digits that read back exactly."""
        return shortest(self.claimed, dtype), shortest(self.derived, "float64")


def sentence(finding: Finding, subject: Subject) -> str:
    """Return a finding as one sentence, in the same form everywhere."""
    step = f", step {finding.step}" if finding.step > 1 else ""
    where = f"({subject.implementation}, {subject.dtype}, {subject.case}{step})"
    if finding.index is None:
        return f"{finding.quantity or subject.implementation} {finding.reason} {where}"
    claimed, derived = finding.digits_told(subject.dtype)
    follows = f"follows from its inputs as {derived} ± {finding.tolerance:.2g}"
    what = f"{finding.element} is {claimed}"
    note = f"; {finding.note}" if finding.note else ""
    if finding.verdict is Verdict.AGREES and finding.conventional is not False:
        return f"{what}, and {follows}{note} {where}"
    if finding.reason:
        return f"{what}, and {follows}: {finding.reason}{note} {where}"
    return f"{what}, but {follows}: off by {finding.error:.2g}{note} {where}"


def shortest(value: float, dtype: str) -> str:
    """Print the shortest digits that read back as the same number of `dtype`, else of float64."""
    if dtype not in DTYPES:  # printed numbers are kept in float64
        return repr(float(value))
    with np.errstate(all="ignore"):  # what the format has no number for is printed as it is
        if dtype == "bfloat16":  # ml_dtypes prints more than it needs
            texts = (text for text in _ever_longer(value) if rounded_once(float(text), dtype) == value)
            return next(texts, str(value))
        number = np.dtype(dtype).type(value)
    return str(number) if float(number) == value or math.isnan(value) else repr(float(value))


def _ever_longer(value: float) -> Iterator[str]:
    """Give a number to 1, 2, 3, … digits; four distinguish every bfloat16 from the next."""
    return (str(float(f"{value:.{digits}g}")) for digits in range(1, 5))
