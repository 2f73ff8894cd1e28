"""Claims: what an implementation states of each training step; and findings, the verdicts on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cases import Problem, errors
from cases.claim_intake import claims_from, taken
from cases.errors import well_formed
from cases.numbers import rounded_once
from cases.protocol import DTYPES, NoEquivalent, Verdict
from reference.arithmetic import Bounded, Error, Real
from reference.training import is_done

# What an implementation states of one training step: quantities by name.
Claim: TypeAlias = Mapping[str, NDArray[Any]]

# Takes a problem, trains, and yields one claim for each step.
Implementation: TypeAlias = Callable[[Problem], Iterator[Claim]]

# The parameters, the optimizer's state and the step's number, before a step.
State: TypeAlias = Mapping[str, Bounded]

# Elements that are named one by one where they form no pattern.
MAX_NAMED: Final = 3

# The largest term of a fraction as which a constant factor is named.
MAX_TERM: Final = 12

# A run is searched for mistakes if the first number that differs is within these steps; more takes minutes.
MAX_SEARCHED_STEPS: Final = 200


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
    """The verdict on one quantity of one step; the numbers are those of its worst element."""

    step: int  # from 1
    quantity: str  # its name on the tape, or "" for a verdict on the claim as a whole
    verdict: Verdict
    reason: str = ""  # for anything but agreement, in words
    index: tuple[int, ...] | None = None  # the worst element's, () for a scalar; None if nothing was compared
    claimed: float = math.nan
    derived: float = math.nan  # what follows from the implementation's own inputs
    error: float = math.nan  # |claimed − derived|
    tolerance: float = math.nan  # the largest error that a correct implementation may have
    used: float = math.nan  # the error over the tolerance
    ulps: float = math.nan  # the error in units in the last place of the implementation's format
    # Decimal digits that the comparison certifies: −log10(largest tolerance / largest |value|); where the
    # value is what is left of a sum that cancels, of its largest terms.
    digits: float = math.nan
    # What the derived number is: "certified" by a ball, or "float64", evaluated with its own bound. Of
    # printed numbers also "two runs": the middles of balls, with what a run of fewer bits is off from them.
    truth: str = ""
    conventional: bool | None = None  # whether the case's own rtol and atol hold, if it asks for any
    note: str = ""  # a remark: how many are wrong, and where; what alone it follows from

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
    if finding.passes or finding.reason:
        reason = "" if finding.passes else f": {finding.reason}"
        return f"{what}, and {follows}{reason}{note} {where}"
    return f"{what}, but {follows}: off by {finding.error:.2g}{note} {where}"


def shortest(value: float, dtype: str) -> str:
    """Print the shortest digits that read back as the same number of `dtype`, else of float64."""
    if dtype not in DTYPES:  # printed numbers are kept in float64
        return repr(float(value))
    with np.errstate(all="ignore"):  # what the format has no number for is printed as it is
        if dtype == "bfloat16":  # ml_dtypes prints more than it needs; four digits distinguish any two
            texts = (str(float(f"{value:.{digits}g}")) for digits in range(1, 5))
            return next((text for text in texts if rounded_once(float(text), dtype) == value), str(value))
        number = np.dtype(dtype).type(value)
    return str(number) if float(number) == value or math.isnan(value) else repr(float(value))


@dataclass(frozen=True, eq=False)
class AgreeingFindings(Sequence[Finding]):
    """The findings of the i-th step of a batch in which all agree; each is made where it is asked for."""

    by_quantity: Sequence[Any]  # `reference.agreement.FindingsOfSteps`, of all steps of the batch
    i: int

    def __len__(self) -> int:
        return len(self.by_quantity)

    @overload
    def __getitem__(self, k: int) -> Finding: ...
    @overload
    def __getitem__(self, k: slice) -> Sequence[Finding]: ...
    def __getitem__(self, k: int | slice) -> Finding | Sequence[Finding]:
        if isinstance(k, slice):
            return [findings[self.i] for findings in self.by_quantity[k]]
        return self.by_quantity[k][self.i]


@dataclass(frozen=True)
class JudgedStep:
    """One training step of one implementation, judged from the `state` before it.

    The findings are in the order computed. `derived` is what each claimed line was judged against, by name;
    nothing of a batch of steps that all agree. `previous`, the step before, has its own previous one only if
    state before it is hidden, and within `MAX_SEARCHED_STEPS`: a long run does not keep every step.
    """

    step: int
    claim: Claim = field(default_factory=lambda: MappingProxyType({}))
    findings: Sequence[Finding] = ()
    state: State = field(default_factory=lambda: MappingProxyType({}), repr=False)
    previous: JudgedStep | None = field(default=None, repr=False)
    derived: Mapping[str, Bounded] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def failures(self) -> tuple[Finding, ...]:
        if isinstance(self.findings, AgreeingFindings):
            return ()
        return tuple(finding for finding in self.findings if not finding.passes)

    def as_previous(self) -> JudgedStep:
        """Return what the next step keeps of this one; where some state was hidden, with those before it."""
        if self.step > MAX_SEARCHED_STEPS or all(number.is_exact for number in self.state.values()):
            return replace(self, previous=None)
        return replace(self, derived={})


def claims_of(implementation: Implementation, problem: Problem, given: Problem) -> Iterator[Claim | Finding]:
    """Give one claim for each step up to the last; or a finding, after which nothing comes.

    It works on `given`, a copy of the problem. All that it raises is a finding, but `KeyboardInterrupt`.
    """
    claims: Iterator[object] | None = None
    for step in range(1, problem.steps + 1):
        try:
            claims = claims_from(implementation(given)) if claims is None else claims
            claim = taken(next(claims), problem)
        except StopIteration:
            yield Finding(step, "", Verdict.ERROR, _too_early(problem, step))
            return
        except NoEquivalent as reason:
            yield Finding(step, "", Verdict.NO_EQUIVALENT, well_formed(str(reason)))
            return
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it does costs its own row
            yield Finding(step, "", Verdict.ERROR, errors.describe_exception(error))
            return
        yield claim
        if is_last(problem, step, claim):
            return


def is_last(problem: Problem, step: int, claim: Claim) -> bool:
    """Whether training ends with this step, by the program's own loss; a malformed one ends nothing."""
    if step == problem.steps or problem.until is None:
        return step == problem.steps
    loss = claim.get("loss")
    return not wrong_kind(loss, (), problem.dtype) and is_done(problem, loss)


def wrong_kind(claimed: object, shape: tuple[int, ...], dtype: str, name: str = "loss") -> str:
    """Say what is wrong with a claimed value before its numbers are looked at, or nothing."""
    if isinstance(claimed, np.ndarray | np.generic):
        if claimed.dtype != dtype:
            return f"has dtype {claimed.dtype}, expected {dtype}{_how_to_round(claimed, shape, dtype, name)}"
        return "" if claimed.shape == shape else f"has shape {claimed.shape}, expected {shape}"
    kind = type(claimed).__name__
    if kind in ("list", "tuple"):
        return f"is a {kind} that is no array, expected numbers in rows of one length"
    return f"is a {kind}, expected a NumPy array"


def _how_to_round(claimed: NDArray[Any] | np.generic, shape: tuple[int, ...], dtype: str, name: str) -> str:
    """Say how to mend a single number of another format, which is seldom meant."""
    if claimed.dtype != np.float64 or shape or claimed.shape:
        return ""
    scalar = f"ml_dtypes.{dtype}" if dtype == "bfloat16" else f"np.{dtype}"
    return f"; {scalar}({name}) rounds it (NumPy's sums and means of Python's own numbers are float64)"


def _too_early(problem: Problem, step: int) -> str:
    reason = f"stopped after {step - 1} of {problem.steps} steps"
    return reason if problem.until is None else f"{reason}, with no loss of at most {problem.until:.9g}"


# The pattern of what is wrong in an array.


def error_pattern(
    claimed: ArrayLike,
    derived: ArrayLike,
    wrong: NDArray[np.bool_],
    *,
    among: NDArray[np.bool_] | None = None,
    within: Error = 0.0,
) -> str:
    """Say what is wrong: "2 of 4 are wrong: row 1, each 2 times what it should be"; "" for one number alone.

    All are arrays of one shape; `among` says which elements were compared, by default all. The claimed
    numbers are known to `within`, and a factor is named only if every wrong element has it to that.
    """
    compared = np.ones(wrong.shape, np.bool_) if among is None else among
    total, count = int(compared.sum()), int(wrong.sum())
    if total <= 1 or not count:
        return ""
    head = f"{count} of {total} {'is' if count == 1 else 'are'} wrong"
    place = "" if count == total else _place(wrong, compared)
    factor = _factor(np.asarray(claimed, np.float64), np.asarray(derived, np.float64), wrong, within)
    parts = ", ".join(filter(None, (place, factor)))
    return f"{head}: {parts}" if parts else head


def _place(wrong: NDArray[np.bool_], compared: NDArray[np.bool_]) -> str:
    """Name the row, the column, the diagonal or the few elements that are wrong, and nothing else of them."""
    if wrong.ndim == 2:  # noqa: PLR2004 - a matrix
        for what, across, whole in (("row", wrong, compared), ("column", wrong.T, compared.T)):
            lines = np.flatnonzero(across.any(axis=1))
            if len(lines) == 1 and across[lines[0]].sum() == whole[lines[0]].sum() > 1:
                return f"{what} {lines[0]}"
        diagonal = np.eye(*wrong.shape, dtype=np.bool_)
        if wrong.shape[0] == wrong.shape[1] and wrong.sum() > 1:
            for what, pattern in (("the diagonal", diagonal), ("all off the diagonal", ~diagonal)):
                if np.array_equal(wrong, pattern & compared):
                    return what
    places = [str(place) for place in np.argwhere(wrong).tolist()]
    return ", ".join(places[:MAX_NAMED]) + ", …" * (len(places) > MAX_NAMED)


def _factor(claimed: Real, derived: Real, wrong: NDArray[np.bool_], within: Error) -> str:
    """Return the one factor, a small fraction, that several wrong elements share; "" where there is none."""
    if int(wrong.sum()) < 2:  # noqa: PLR2004 - one alone has any factor
        return ""
    stated, right = claimed[wrong], derived[wrong]
    uncertain = np.broadcast_to(within, wrong.shape)[wrong]
    widest = int(np.abs(right).argmax())
    with np.errstate(all="ignore"):  # what is not finite, or overflows on the way, has no factor
        ratio = stated[widest] / right[widest]
        room = uncertain + 4 * np.finfo(np.float64).eps * np.abs(stated)  # top / below and a product, rounded
        for top, below in _fractions(abs(float(ratio))):
            factor = np.copysign(top / below, ratio)
            within_room = np.abs(stated - factor * right) <= room
            if factor != 1 and within_room.all() and (np.abs(stated) > room).any():
                size = f"{top}" if below == 1 else f"{top}/{below}"
                times = f"each {'−' if factor < 0 else ''}{size} times what it should be"
                return "each with the other sign" if factor == -1 else times
    return ""


def _fractions(near: float) -> list[tuple[int, int]]:
    """Return the small fractions next to a number, the simplest first."""
    if not np.isfinite(near * MAX_TERM):
        return []
    every = [(round(near * below) or 1, below) for below in range(1, MAX_TERM + 1)]
    return [pair for pair in every if pair[0] <= MAX_TERM * pair[1]]
