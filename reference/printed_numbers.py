"""Published numbers as a claim: each held against the exact run and the numbers printed above it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.case import Published, PublishedArray, PublishedStep
from reference.agreement import ONE_DIGIT
from reference.arithmetic import Bounded, Real
from reference.claim import JudgedStep
from reference.exact_run import ExactStep, exact_run
from reference.line import Line, evaluate, leading_to
from reference.printed_array import OPEN_HALF_UNITS, Influence, JudgedArray, Reference, verdicts_of
from reference.tape import tape


@dataclass(frozen=True)
class JudgedPrint(JudgedStep):
    """One training step of which numbers are printed.

    Attributes
    ----------
    arrays
        Each printed quantity with a verdict on each of its numbers, by name, in the order computed.
    exact
        The exact run's step.
    """

    arrays: Mapping[str, JudgedArray] = field(default_factory=dict)
    exact: ExactStep | None = field(default=None, repr=False)


def judge_published(problem: Problem, published: Published) -> Iterator[JudgedPrint]:
    """Judge published numbers as a claim.

    A printed number stands for every number that rounds to it. It agrees if the exact value, of the run from
    the inputs alone, is one of those; or if it follows from the numbers printed above it in the same step,
    each known to half a unit in its last place, and those leave at most its own last digit open. What crosses
    to the next step is the state: as printed where it was printed of the step before, else the exact one.

    Parameters
    ----------
    problem
        The published example, in float64 or in the format that computed the numbers.
    published
        The printed numbers, by step.

    Yields
    ------
    One judged step for each training step that has printed numbers, with the state that leads to it.
    """
    run = exact_run(problem, published)
    before: JudgedPrint | None = None
    for entry in published.steps:
        printed = _printed_state(problem, before) if before and before.step == entry.step - 1 else {}
        before = PrintedWalk(problem, entry, run[entry.step], printed).judge()
        yield before


def _printed_state(problem: Problem, before: JudgedPrint) -> dict[str, PrintedInput]:
    """Return the state that was printed of the step before, by the names it has in this one."""
    updated = {name: before.arrays.get(names.updated(name)) for name in problem.state}
    return {name: PrintedInput.of(one) for name, one in updated.items() if one is not None}


@dataclass(frozen=True, eq=False)
class PrintedInput:
    """What later lines take for a printed array: each number ± what it leaves open, NaN where none is."""

    value: Real
    error: Real
    text: NDArray[np.object_]

    @classmethod
    def of(cls, judged: JudgedArray) -> PrintedInput:
        return cls(judged.printed.value, judged.left_open, judged.printed.text)

    def instead_of(self, derived: Bounded) -> Bounded:
        """Put the printed numbers in the place of the derived ones."""
        given = ~np.isnan(self.value)
        value, error = np.where(given, self.value, derived.value), np.where(given, self.error, derived.error)
        return Bounded(value, error, derived.format)

    @property
    def is_open(self) -> bool:
        """Whether a number was rounded in print, so that it leaves something open."""
        return bool((self.error > 0).any())


@dataclass(eq=False)
class PrintedWalk:
    """The walk over one step, each line derived from the printed numbers above it.

    Attributes
    ----------
    problem, entry, exact
        What is computed, what is printed of the step, and the exact run's step.
    printed
        The printed arrays by name; at first the state that was printed of the step before.
    sources
        The printed arrays that leave something open, from which each quantity follows.
    """

    problem: Problem
    entry: PublishedStep
    exact: ExactStep
    printed: dict[str, PrintedInput]
    sources: dict[str, frozenset[str]] = field(init=False)
    arrays: dict[str, JudgedArray] = field(default_factory=dict)

    def judge(self) -> JudgedPrint:
        """Judge what is printed of the step."""
        self.sources = {name: frozenset({name}) for name, one in self.printed.items() if one.is_open}
        known = self._start(self.printed)
        evaluate(tape(self.problem), known, self._settle)
        findings = tuple(judged.finding() for judged in self.arrays.values())
        state = {name: known[name] for name in (*self.problem.state, names.STEP)}
        return JudgedPrint(
            self.entry.step, findings=findings, state=state, arrays=self.arrays, exact=self.exact
        )

    def _start(self, printed: Mapping[str, PrintedInput]) -> dict[str, Bounded]:
        before = self.exact.before
        return {
            name: printed[name].instead_of(one) if name in printed else one for name, one in before.items()
        }

    def _settle(self, line: Line, derived: Bounded) -> Bounded:
        """Judge what is printed of a line; return that, and what was derived where no number is printed."""
        name = line.name
        sources = frozenset().union(*(self.sources.get(above, frozenset()) for above in line.inputs))
        self.sources[name] = sources
        if name not in self.entry.values:
            return derived
        self.arrays[name] = self._judged(name, self.entry.values[name], derived)
        self.printed[name] = printed = PrintedInput.of(self.arrays[name])
        partly = np.isnan(printed.value).any()
        self.sources[name] = frozenset({name} if printed.is_open else ()) | (
            sources if partly else frozenset()
        )
        return printed.instead_of(derived)

    def _judged(self, name: str, printed: PublishedArray, derived: Bounded) -> JudgedArray:
        """Judge every printed number of one quantity, as it was derived from those above it."""
        half_unit, right = _half_unit(printed), self.exact.values[name]
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
        return JudgedArray(
            self.entry.step,
            name,
            printed,
            half_unit,
            exact,
            follows,
            () if certain else self._influences(name, derived),
            verdicts_of(printed, half_unit, exact, follows),
            self.exact,
        )

    def _influences(self, name: str, derived: Bounded) -> tuple[Influence, ...]:
        """Return what each printed array that a line follows from makes of it, in the order of the tape."""
        order = [line.name for line in tape(self.problem)]
        sources = sorted(self.sources[name], key=lambda one: order.index(one) if one in order else -1)
        return tuple(self._influence(name, derived, source) for source in sources)

    def _influence(self, name: str, derived: Bounded, source: str) -> Influence:
        without, printed = self._with_exact(name, source), self.printed[source]
        makes = np.abs(derived.value - without.value) + (derived.error - np.asarray(without.error))
        coarsest = np.unravel_index(int(np.nan_to_num(printed.error).argmax()), printed.error.shape)
        is_state = source in self.exact.before
        exact = (self.exact.before if is_state else self.exact.values)[source].value[coarsest]
        named = f"{names.updated(source)} of the step before" if is_state else source
        text, error = str(printed.text[coarsest]), float(printed.error[coarsest])
        return Influence(named, makes, text, float(exact), error)

    def _with_exact(self, name: str, source: str) -> Bounded:
        """Derive a line again, with one of the printed arrays above it exact."""
        printed = {one: array for one, array in self.printed.items() if one != source}

        def settle(line: Line, derived: Bounded) -> Bounded:
            if line.name == source:
                return self.exact.values[source].in_format(derived.format)
            return printed[line.name].instead_of(derived) if line.name in printed else derived

        lines = leading_to([name], tape(self.problem))
        return evaluate(lines, self._start(printed), settle)[name]


def _half_unit(printed: PublishedArray) -> Real:
    """Return half a unit in each last place; of a hexadecimal number, which has none, half of float64's."""
    return np.where(printed.half_unit == 0, np.abs(printed.value) * 2.0**-53, printed.half_unit)
