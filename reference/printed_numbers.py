"""Published numbers as a claim: each held against the exact run and the numbers printed above it."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.case import Published, PublishedArray, PublishedStep
from cases.protocol import Verdict
from reference.agreement import ONE_DIGIT, certified_digits
from reference.arithmetic import Bounded, Real
from reference.exact_run import NEGLIGIBLE, ExactStep, exact_run
from reference.findings import Finding, JudgedStep, error_pattern
from reference.line import Line, evaluate, leading_to
from reference.training import tape

# Printed numbers are named that matter at least this much of what the one that matters most does.
MATTERS: Final = 0.1

# Half units of the last printed place, as many as are in half a unit of the place before it. A wider bound
# leaves more open than the last printed digit, and certifies nothing.
OPEN_HALF_UNITS: Final = 10

WORST_FIRST: Final = (Verdict.DIFFERS, Verdict.UNDECIDED, Verdict.AGREES)


@dataclass(frozen=True, eq=False)
class Influence:
    """What a printed array above a line makes of it."""

    name: str  # the array's, with its step where that is the one before
    makes: Real  # how far each element would move, and what its bound would lose, if the array were exact
    text: str  # the array's coarsest number, as it was printed
    exact: float  # the exact number in its stead
    half_unit: float  # in its last place


@dataclass(frozen=True, eq=False)
class Reference:
    """What printed numbers are held against."""

    derived: Bounded
    off: Real  # |printed − derived|
    bound: Real  # what the derived numbers themselves are uncertain by
    limit: Real  # the widest bound that certifies the printed number
    is_exact: bool = False  # whether the bound is what a program may add to the exact numbers

    def agrees(self, half_unit: Real) -> NDArray[np.bool_]:
        """Which numbers are within a bound that certifies them, or what the exact ones round to."""
        agrees = (self.off <= self.bound + half_unit) & self.certifies
        return agrees | (self.off <= half_unit) if self.is_exact else agrees

    def outside(self, half_unit: Real) -> NDArray[np.bool_]:
        """Which are certainly farther off than rounding and the bound allow; none where there is no bound."""
        return np.isfinite(self.bound) & ~(self.off <= self.bound + half_unit)

    @property
    def certifies(self) -> NDArray[np.bool_]:
        return self.bound <= self.limit


@dataclass(frozen=True, eq=False)
class JudgedArray:
    """Every printed number of one quantity of one step, with its verdict."""

    step: int
    quantity: str
    printed: PublishedArray
    half_unit: Real  # of each last printed place
    exact: Reference
    above: Reference  # what follows from the printed numbers above; the exact one where none is above
    influences: tuple[Influence, ...]  # of the printed arrays above, where a number is not the exact one
    run: ExactStep

    @cached_property
    def verdicts(self) -> NDArray[np.object_]:
        """Agrees, differs or undecided for each number; None where none was printed."""
        right, follows = self.exact.agrees(self.half_unit), self.above.agrees(self.half_unit)
        unsettled = ~self.exact.certifies | self.exact.outside(self.half_unit)
        verdicts = np.full(self.printed.value.shape, Verdict.UNDECIDED, dtype=object)
        verdicts[self.above.outside(self.half_unit) & unsettled] = Verdict.DIFFERS
        verdicts[right | follows] = Verdict.AGREES
        verdicts[~self.printed.given] = None
        return verdicts

    @property
    def right(self) -> NDArray[np.bool_]:
        """The printed numbers that the exact ones round to."""
        return self.printed.given & self.exact.agrees(self.half_unit)

    @property
    def wrong(self) -> NDArray[np.bool_]:
        return self.verdicts == Verdict.DIFFERS

    @cached_property
    def left_open(self) -> Real:
        """What is left open for later lines: nothing where the exact run gives that number and no other."""
        exact = (self.exact.off <= self.exact.bound) & (self.exact.bound <= NEGLIGIBLE * self.half_unit)
        return np.where(exact, np.abs(self.printed.value) * 2.0**-53 * (self.exact.bound > 0), self.half_unit)

    @property
    def is_open(self) -> bool:
        return bool((self.left_open > 0).any())

    def instead_of(self, derived: Bounded) -> Bounded:
        """Return what later lines take: each number ± what it leaves open, and derived ones for the rest."""
        given = self.printed.given
        error = np.where(given, self.left_open, derived.error)
        return Bounded(np.where(given, self.printed.value, derived.value), error, derived.format)

    def finding(self, among: NDArray[np.bool_] | None = None) -> Finding:
        """Return the verdict on the printed numbers, or on some of them; its numbers are the worst one's."""
        chosen = self.printed.given if among is None else self.printed.given & among
        verdict = next(verdict for verdict in WORST_FIRST if ((self.verdicts == verdict) & chosen).any())
        alike = (self.verdicts == verdict) & chosen
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
            wrong, within = self.wrong & chosen, self._either("bound") + self.half_unit
            return error_pattern(self.printed.value, derived, wrong, among=chosen, within=within)
        if verdict is Verdict.AGREES and not self.right[place]:
            exact = rounded_to(float(self.exact.derived.value[place]), float(self.half_unit[place]) / 100)
            *others, last = that_matter(self.influences, place) or ["numbers above it"]
            sources = f"{', '.join(others)} and {last}" if others else last
            return f"it follows only from {sources} as printed; the exact value is {exact}"
        before = self.right & chosen & self.above.outside(self.half_unit)
        if verdict is Verdict.AGREES and before.any():
            return "right in itself; a number before it is not"
        return ""

    def _why_undecided(self, place: tuple[int, ...]) -> str:
        """Name what is too coarse, and how it would have to be printed."""
        bound, limit = float(self.above.bound[place]), float(self.above.limit[place])
        too_short = max(self.influences, key=lambda influence: float(influence.makes[place]), default=None)
        if too_short is None or too_short.makes[place] < MATTERS * bound:
            return f"{self.run.open_by} leaves ± {bound:.2g} open, too much to decide it"
        enough = too_short.half_unit * min(limit / bound if bound else 1.0, ONE_DIGIT)
        return (
            f"{too_short.name} above it, printed as {too_short.text}, is too short, as it leaves "
            f"± {bound:.2g} open; printed as {rounded_to(too_short.exact, enough)} it would decide"
        )


def rounded_to(number: float, half_unit: float) -> str:
    """Return a number with the decimal places of a half unit, or with all that float64 has."""
    if not (math.isfinite(number) and 0 < half_unit < math.inf):
        return repr(number)
    places = -math.floor(math.log10(2 * half_unit))
    digits = max(places + (math.floor(math.log10(abs(number))) + 1 if number else 1), 1)
    return f"{number:.{min(digits, 17)}g}"


def that_matter(influences: Iterable[Influence], index: tuple[int, ...]) -> list[str]:
    """Return the names of those that matter for one element, in the order of the tape."""
    sizes = {one.name: float(np.nan_to_num(one.makes[index], nan=np.inf)) for one in influences}
    most = max(sizes.values(), default=0.0)
    return [name for name, size in sizes.items() if size >= MATTERS * most and size > 0]


@dataclass(frozen=True)
class JudgedPrint(JudgedStep):
    """One training step of which numbers are printed.

    `arrays` has each printed quantity, by name, in the order computed; `exact` is the exact run's step.
    """

    arrays: Mapping[str, JudgedArray] = field(default_factory=dict)
    exact: ExactStep | None = field(default=None, repr=False)


def judge_published(problem: Problem, published: Published) -> Iterator[JudgedPrint]:
    """Judge published numbers as a claim.

    A printed number stands for every number that rounds to it. It agrees if the exact value, of the run from
    the inputs alone, is one of those; or if it follows from the numbers printed above it in the same step,
    each known to half a unit in its last place, and those leave at most its own last digit open. What crosses
    to the next step is the state: as printed where it was printed of the step before, else the exact one.

    The problem is the published example, in float64 or in the format that computed the numbers. A step is
    yielded for each training step that has printed numbers, with the state that leads to it.
    """
    run = exact_run(problem, published)
    before: JudgedPrint | None = None
    for entry in published.steps:
        printed: dict[str, JudgedArray] = {}
        if before and before.step == entry.step - 1:
            state = {names.updated(name): name for name in problem.state}
            printed = {state[name]: array for name, array in before.arrays.items() if name in state}
        before = PrintedWalk(problem, entry, run[entry.step], printed).judge()
        yield before


@dataclass(eq=False)
class PrintedWalk:
    """The walk over one step, each line derived from the printed numbers above it."""

    problem: Problem
    entry: PublishedStep
    exact: ExactStep
    printed: dict[str, JudgedArray]  # by name; at first the state that was printed of the step before
    sources: dict[str, frozenset[str]] = field(init=False)  # open arrays that each quantity follows from
    arrays: dict[str, JudgedArray] = field(default_factory=dict)

    def judge(self) -> JudgedPrint:
        self.sources = {name: frozenset({name}) for name, one in self.printed.items() if one.is_open}
        known = self._start(self.printed)
        evaluate(tape(self.problem), known, self._settle)
        findings = tuple(judged.finding() for judged in self.arrays.values())
        state = {name: known[name] for name in (*self.problem.state, names.STEP)}
        step = self.entry.step
        return JudgedPrint(step, findings=findings, state=state, arrays=self.arrays, exact=self.exact)

    def _start(self, printed: Mapping[str, JudgedArray]) -> dict[str, Bounded]:
        before = self.exact.before.items()
        return {name: printed[name].instead_of(one) if name in printed else one for name, one in before}

    def _settle(self, line: Line, derived: Bounded) -> Bounded:
        """Judge what is printed of a line; return that, and what was derived where no number is printed."""
        name = line.name
        sources = frozenset().union(*(self.sources.get(above, frozenset()) for above in line.inputs))
        self.sources[name] = sources
        if name not in self.entry.values:
            return derived
        self.arrays[name] = self.printed[name] = judged = self._judged(name, derived)
        own = frozenset({name} if judged.is_open else ())
        self.sources[name] = own if judged.printed.given.all() else own | sources
        return judged.instead_of(derived)

    def _judged(self, name: str, derived: Bounded) -> JudgedArray:
        printed, right = self.entry.values[name], self.exact.values[name]
        # of a hexadecimal number, which has no last place, half a unit is float64's
        half_unit = np.where(printed.half_unit == 0, np.abs(printed.value) * 2.0**-53, printed.half_unit)
        off, bound = self.exact.distance(name, printed)
        bound, limit = np.where(np.isnan(bound), np.inf, bound), OPEN_HALF_UNITS * half_unit
        own: Real | float = 0.0
        if self.exact.is_program:  # judged as a program is: it certifies a digit, or nothing
            limit, own = np.maximum(limit, ONE_DIGIT * right.peak), bound
        exact = follows = Reference(right, off, bound, limit, is_exact=self.exact.is_program)
        if self.sources[name]:
            error = np.broadcast_to(derived.error, printed.value.shape)
            error = np.where(np.isnan(error) | np.isnan(derived.value), np.inf, error)
            off = np.abs(printed.value - derived.value)
            follows = Reference(derived, off, error, OPEN_HALF_UNITS * half_unit + own)
        certain = follows is exact or all(exact.agrees(half_unit)[printed.given])
        influences = () if certain else self._influences(name, derived)
        return JudgedArray(self.entry.step, name, printed, half_unit, exact, follows, influences, self.exact)

    def _influences(self, name: str, derived: Bounded) -> tuple[Influence, ...]:
        """Return what each printed array that a line follows from makes of it, in the order of the tape."""
        order = [line.name for line in tape(self.problem)]
        sources = sorted(self.sources[name], key=lambda one: order.index(one) if one in order else -1)
        return tuple(self._influence(name, derived, source) for source in sources)

    def _influence(self, name: str, derived: Bounded, source: str) -> Influence:
        without, judged = self._with_exact(name, source), self.printed[source]
        makes = np.abs(derived.value - without.value) + (derived.error - np.asarray(without.error))
        error = judged.left_open
        coarsest = np.unravel_index(int(np.nan_to_num(error).argmax()), error.shape)
        is_state = source in self.exact.before
        exact = (self.exact.before if is_state else self.exact.values)[source].value[coarsest]
        named = f"{names.updated(source)} of the step before" if is_state else source
        text = str(judged.printed.text[coarsest])
        return Influence(named, makes, text, float(exact), float(error[coarsest]))

    def _with_exact(self, name: str, source: str) -> Bounded:
        printed = {other: array for other, array in self.printed.items() if other != source}

        def settle(line: Line, derived: Bounded) -> Bounded:
            if line.name == source:
                return self.exact.values[source].in_format(derived.format)
            return printed[line.name].instead_of(derived) if line.name in printed else derived

        return evaluate(leading_to([name], tape(self.problem)), self._start(printed), settle)[name]
