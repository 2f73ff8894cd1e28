"""One printed quantity, judged number by number: what is right, what only follows, what is wrong."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cases.published_values import PublishedArray, PublishedStep
from cases.verdict import Verdict
from reference.above import MATTERS, Above, Influence, that_matter
from reference.agreement import ONE_DIGIT
from reference.bounded import Bounded, Real
from reference.exact import NEGLIGIBLE, ExactStep
from reference.findings import Finding
from reference.patterns import error_pattern

# Half units of the last printed place, as many as are in half a unit of the place before it. A wider bound
# leaves more open than the last printed digit, and certifies nothing.
OPEN: Final = 10


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
        by_exact = self._told_by_exact
        off, bound = (np.where(by_exact, a, b) for a, b in zip(*self._both("off", "bound"), strict=True))
        allowed = bound + self.half_unit
        with np.errstate(all="ignore"):  # what is not finite is the worst
            used = np.where(off == 0, 0.0, np.nan_to_num(off / allowed, nan=np.inf))
        worst = np.unravel_index(int(np.where(alike, used, -1.0).argmax()), used.shape)
        place = tuple(int(i) for i in worst)
        reference = self.exact if by_exact[place] else self.above
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
            digits=_digits(float(allowed[chosen].max()), largest),
            truth=self.run.truth if reference is self.exact else "float64",
            note=self._note(verdict, place, chosen),
        )

    def _both(self, *names: str) -> tuple[list[Real], list[Real]]:
        return [getattr(self.exact, name) for name in names], [getattr(self.above, name) for name in names]

    @property
    def _told_by_exact(self) -> NDArray[np.bool_]:
        """Where a number is shown beside the exact one: it is right, or the lines above it are too coarse."""
        coarse = self.wrong & ~self.above.certifies & self.exact.certifies
        return self.right | coarse

    def _note(self, verdict: Verdict, place: tuple[int, ...], chosen: NDArray[np.bool_]) -> str:
        if verdict is Verdict.DIFFERS:
            derived = np.where(self._told_by_exact, self.exact.derived.value, self.above.derived.value)
            return error_pattern(
                self.printed.value,
                derived,
                self.wrong & chosen,
                among=chosen,
                within=np.where(self._told_by_exact, self.exact.bound, self.above.bound) + self.half_unit,
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
    """Return a number with the decimal places of a half unit, or with all that float64 can tell."""
    if not (math.isfinite(number) and 0 < half_unit < math.inf):
        return repr(number)
    places = -math.floor(math.log10(2 * half_unit))
    digits = max(places + (math.floor(math.log10(abs(number))) + 1 if number else 1), 1)
    return f"{number:.{min(digits, 17)}g}"


def judge_array(name: str, entry: PublishedStep, above: Above) -> JudgedArray:
    """Judge every printed number of one quantity, whose line has just been derived from those above it."""
    printed, exact_step = entry.values[name], above.exact
    half_unit = _half_unit(printed)
    off, bound = exact_step.distance(name, printed)
    derived = exact_step.values[name]
    limit = OPEN * half_unit
    if exact_step.is_program:  # judged as a program is: it certifies a digit, or nothing
        limit = np.maximum(limit, ONE_DIGIT * derived.peak)
    bound = np.where(np.isnan(bound), np.inf, bound)
    exact = Reference(derived, off, bound, limit, is_exact=exact_step.is_program)
    follows = exact
    if above.sources[name]:
        known = above.values[name]
        own = bound if exact_step.is_program else 0.0
        error = np.broadcast_to(known.error, printed.value.shape)
        error = np.where(np.isnan(error) | np.isnan(known.value), np.inf, error)
        follows = Reference(known, np.abs(printed.value - known.value), error, OPEN * half_unit + own)
    verdicts = _verdicts(printed, half_unit, exact, follows)
    certain = all(exact.agrees(half_unit)[printed.given])
    influences = () if certain or follows is exact else above.influences(name)
    return JudgedArray(entry.step, name, printed, half_unit, exact, follows, influences, verdicts, exact_step)


def _half_unit(printed: PublishedArray) -> Real:
    """Return half a unit in each last place; of a hexadecimal number, which has none, half of float64's."""
    return np.where(printed.half_unit == 0, np.abs(printed.value) * 2.0**-53, printed.half_unit)


def _verdicts(
    printed: PublishedArray, half_unit: Real, exact: Reference, above: Reference
) -> NDArray[np.object_]:
    right, follows = exact.agrees(half_unit), above.agrees(half_unit)
    unsettled = ~exact.certifies | exact.outside(half_unit)
    verdicts = np.full(printed.value.shape, Verdict.UNDECIDED, dtype=object)
    verdicts[above.outside(half_unit) & unsettled] = Verdict.DIFFERS
    verdicts[right | follows] = Verdict.AGREES
    verdicts[~printed.given] = None
    return verdicts


def _digits(bound: float, largest: float) -> float:
    if not bound:
        return math.inf
    return math.log10(largest) - math.log10(bound) if largest > 0 and math.isfinite(bound) else -math.inf
