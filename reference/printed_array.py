"""One printed quantity, judged number by number: what is right, what only follows, what is wrong."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cases.case import PublishedArray
from cases.protocol import Verdict
from reference.agreement import ONE_DIGIT, certified_digits
from reference.arithmetic import Bounded, Error, Real
from reference.exact_run import NEGLIGIBLE, ExactStep
from reference.findings import Finding

# Printed numbers are named that matter at least this much of what the one that matters most does.
MATTERS: Final = 0.1

# Elements that are named one by one where they form no pattern.
MAX_NAMED: Final = 3

# The largest term of a fraction as which a constant factor is named.
MAX_TERM: Final = 12

# Half units of the last printed place, as many as are in half a unit of the place before it. A wider bound
# leaves more open than the last printed digit, and certifies nothing.
OPEN_HALF_UNITS: Final = 10


@dataclass(frozen=True, eq=False)
class Influence:
    """What a printed array above a line makes of it.

    Attributes
    ----------
    name
        The array's name, with its step where that is the one before.
    makes
        For each element of the line, how far it would move and what its bound would lose if the array were
        exact.
    text, exact, half_unit
        The coarsest number of the array as it was printed, the exact one, and half a unit in its last place.
    """

    name: str
    makes: Real
    text: str
    exact: float
    half_unit: float


@dataclass(frozen=True, eq=False)
class Reference:
    """What printed numbers are held against: each one's distance from it, and the bound on that.

    Attributes
    ----------
    derived
        What follows.
    off, bound
        |printed − derived|, and what the derived numbers themselves are uncertain by.
    limit
        The widest bound that certifies the printed number.
    is_exact
        Whether the derived numbers are the exact ones, and the bound what a program may add to them.
    """

    derived: Bounded
    off: Real
    bound: Real
    limit: Real
    is_exact: bool = False

    def agrees(self, half_unit: Real) -> NDArray[np.bool_]:
        """Which numbers are within a bound that certifies them, or what the exact ones round to."""
        agrees = self.within(half_unit) & self.certifies
        return agrees | (self.off <= half_unit) if self.is_exact else agrees

    def within(self, half_unit: Real) -> NDArray[np.bool_]:
        """Which numbers are as near as rounding and the bound allow."""
        return self.off <= self.bound + half_unit

    def outside(self, half_unit: Real) -> NDArray[np.bool_]:
        """Which are certainly farther off; NaN, and what a bound that is none allows, is neither."""
        return np.isfinite(self.bound) & ~self.within(half_unit)

    @property
    def certifies(self) -> NDArray[np.bool_]:
        """Where the bound is narrow enough."""
        return self.bound <= self.limit


@dataclass(frozen=True, eq=False)
class JudgedArray:
    """Every printed number of one quantity of one step, with its verdict.

    Attributes
    ----------
    printed
        What was printed.
    half_unit
        Half a unit in each last printed place.
    exact, above
        The exact run, and what follows from the printed numbers above; the same where none is above.
    influences
        What each printed array above makes of what follows, where a number is not the exact one.
    verdicts
        Agrees, differs or undecided for each number; None where none was printed.
    run
        The step of the exact run.
    """

    step: int
    quantity: str
    printed: PublishedArray
    half_unit: Real
    exact: Reference
    above: Reference
    influences: tuple[Influence, ...]
    verdicts: NDArray[np.object_]
    run: ExactStep

    @property
    def right(self) -> NDArray[np.bool_]:
        """The printed numbers that the exact ones round to."""
        return self.printed.given & self.exact.agrees(self.half_unit)

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """The printed numbers that differ."""
        return self.having(Verdict.DIFFERS)

    def having(self, verdict: Verdict) -> NDArray[np.bool_]:
        """Return which numbers have a verdict."""
        return self.verdicts == verdict

    @property
    def left_open(self) -> Real:
        """What each printed number leaves open for later lines: half a unit, or nothing where it is exact.

        It is exact where the exact run gives that number and no other.
        """
        exact = (self.exact.off <= self.exact.bound) & (self.exact.bound <= NEGLIGIBLE * self.half_unit)
        return np.where(exact, np.abs(self.printed.value) * 2.0**-53 * (self.exact.bound > 0), self.half_unit)

    def finding(self, among: NDArray[np.bool_] | None = None) -> Finding:
        """Return the verdict on the printed numbers, or on some of them; its numbers are the worst one's."""
        chosen = self.printed.given if among is None else self.printed.given & among
        verdict = next(one for one in _WORST_FIRST if (self.having(one) & chosen).any())
        alike = self.having(verdict) & chosen
        if verdict is Verdict.AGREES and (alike & ~self.right).any():
            alike &= ~self.right
        off, allowed = self._either("off"), self._either("bound") + self.half_unit
        with np.errstate(all="ignore"):  # what is not finite is the worst
            used = np.where(off == 0, 0.0, np.nan_to_num(off / allowed, nan=np.inf))
        worst = np.unravel_index(int(np.where(alike, used, -1.0).argmax()), used.shape)
        place = tuple(int(i) for i in worst)
        reference = self.exact if self._compared_with_exact[place] else self.above
        largest = float(np.abs(self.printed.value[chosen]).max())
        return Finding(
            step=self.step,
            quantity=self.quantity,
            verdict=verdict,
            reason=self._why_undecided(place) if verdict is Verdict.UNDECIDED else "",
            index=place,
            claimed=float(self.printed.value[place]),
            derived=float(reference.derived.value[place]),
            error=float(off[place]),
            tolerance=float(allowed[place]),
            used=float(used[place]),
            ulps=math.nan,
            digits=certified_digits(float(allowed[chosen].max()), largest),
            truth=self.run.truth if reference is self.exact else "float64",
            note=self._note(verdict, place, chosen),
        )

    def _either(self, name: str) -> Real:
        return np.where(self._compared_with_exact, getattr(self.exact, name), getattr(self.above, name))

    @property
    def _compared_with_exact(self) -> NDArray[np.bool_]:
        """Where a number is compared with the exact one: it is right, or the lines above are too coarse."""
        coarse = self.wrong & ~self.above.certifies & self.exact.certifies
        return self.right | coarse

    def _note(self, verdict: Verdict, place: tuple[int, ...], chosen: NDArray[np.bool_]) -> str:
        if verdict is Verdict.DIFFERS:
            derived = np.where(self._compared_with_exact, self.exact.derived.value, self.above.derived.value)
            return error_pattern(
                self.printed.value,
                derived,
                self.wrong & chosen,
                among=chosen,
                within=self._either("bound") + self.half_unit,
            )
        if verdict is Verdict.AGREES and not self.right[place]:
            exact = rounded_to(float(self.exact.derived.value[place]), float(self.half_unit[place]) / 100)
            return f"it follows only from {self._sources(place)} as printed; the exact value is {exact}"
        before = self.right & chosen & self.above.outside(self.half_unit)
        if verdict is Verdict.AGREES and before.any():
            return "right in itself; a number before it is not"
        return ""

    def _sources(self, place: tuple[int, ...]) -> str:
        *others, last = [one.name for one in that_matter(self.influences, place)] or ["numbers above it"]
        return f"{', '.join(others)} and {last}" if others else last

    def _why_undecided(self, place: tuple[int, ...]) -> str:
        """Name what is too coarse, and how it would have to be printed."""
        bound, limit = float(self.above.bound[place]), float(self.above.limit[place])
        too_short = max(self.influences, key=lambda one: float(one.makes[place]), default=None)
        if too_short is None or too_short.makes[place] < MATTERS * bound:
            return f"{self.run.open_by} leaves ± {bound:.2g} open, too much to decide it"
        enough = too_short.half_unit * min(limit / bound if bound else 1.0, ONE_DIGIT)
        exactly = rounded_to(too_short.exact, enough)
        return (
            f"{too_short.name} above it, printed as {too_short.text}, is too short, "
            f"as it leaves ± {bound:.2g} open; printed as {exactly} it would decide"
        )


_WORST_FIRST: Final = (Verdict.DIFFERS, Verdict.UNDECIDED, Verdict.AGREES)


def rounded_to(number: float, half_unit: float) -> str:
    """Return a number with the decimal places of a half unit, or with all that float64 has."""
    if not (math.isfinite(number) and 0 < half_unit < math.inf):
        return repr(number)
    places = -math.floor(math.log10(2 * half_unit))
    digits = max(places + (math.floor(math.log10(abs(number))) + 1 if number else 1), 1)
    return f"{number:.{min(digits, 17)}g}"


def verdicts_of(
    printed: PublishedArray, half_unit: Real, exact: Reference, above: Reference
) -> NDArray[np.object_]:
    """Return each printed number's verdict, from the exact numbers and those that follow from above."""
    right, follows = exact.agrees(half_unit), above.agrees(half_unit)
    unsettled = ~exact.certifies | exact.outside(half_unit)
    verdicts = np.full(printed.value.shape, Verdict.UNDECIDED, dtype=object)
    verdicts[above.outside(half_unit) & unsettled] = Verdict.DIFFERS
    verdicts[right | follows] = Verdict.AGREES
    verdicts[~printed.given] = None
    return verdicts


def that_matter(influences: Iterable[Influence], index: tuple[int, ...]) -> tuple[Influence, ...]:
    """Return those that matter for one element, in the order of the tape."""
    sizes = {one: float(np.nan_to_num(one.makes[index], nan=np.inf)) for one in influences}
    most = max(sizes.values(), default=0.0)
    return tuple(one for one, size in sizes.items() if size >= MATTERS * most and size > 0)


def error_pattern(
    claimed: ArrayLike,
    derived: ArrayLike,
    wrong: NDArray[np.bool_],
    *,
    among: NDArray[np.bool_] | None = None,
    within: Error = 0.0,
) -> str:
    """Say how many elements are wrong of how many, in which pattern, and by which factor if it is one.

    Parameters
    ----------
    claimed, derived
        What is claimed and what follows, arrays of one shape.
    wrong
        Which elements are wrong.
    among
        Which elements were compared; all, if not given.
    within
        What the claimed numbers are known to; a factor is named only if every wrong element has it to that.

    Returns
    -------
    str
        "2 of 4 are wrong: row 1, each 2 times what it should be"; "" for one number alone.
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
        for what, across in (("row", wrong), ("column", wrong.T)):
            lines = np.flatnonzero(across.any(axis=1))
            whole = compared if what == "row" else compared.T
            if len(lines) == 1 and across[lines[0]].sum() == whole[lines[0]].sum() > 1:
                return f"{what} {lines[0]}"
        if wrong.shape[0] == wrong.shape[1] and _only(wrong, compared, np.eye(len(wrong), dtype=np.bool_)):
            return "the diagonal"
        if wrong.shape[0] == wrong.shape[1] and _only(wrong, compared, ~np.eye(len(wrong), dtype=np.bool_)):
            return "all off the diagonal"
    places = [str(place) for place in np.argwhere(wrong).tolist()]
    return ", ".join(places[:MAX_NAMED]) + ", …" * (len(places) > MAX_NAMED)


def _only(wrong: NDArray[np.bool_], compared: NDArray[np.bool_], pattern: NDArray[np.bool_]) -> bool:
    return int(wrong.sum()) > 1 and np.array_equal(wrong, pattern & compared)


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
                return _each(factor, top, below)
    return ""


def _fractions(near: float) -> list[tuple[int, int]]:
    """Return the small fractions next to a number, the simplest first."""
    if not np.isfinite(near):
        return []
    every = [(round(near * below) or 1, below) for below in range(1, MAX_TERM + 1)]
    return [pair for pair in every if pair[0] <= MAX_TERM * pair[1]]


def _each(factor: Any, top: int, below: int) -> str:  # noqa: ANN401 - NumPy's own scalar
    if factor == -1:
        return "each with the other sign"
    size = f"{top}" if below == 1 else f"{top}/{below}"
    return f"each {'−' if factor < 0 else ''}{size} times what it should be"
