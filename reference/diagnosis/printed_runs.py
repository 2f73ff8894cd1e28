"""Runs of every mistaken tape at once, in plain float64 NumPy, to see which come near what was printed.

A run of thousands of steps with a bound takes seconds, and there are hundreds of mistaken tapes. So
they are trained together first: a line that is right in most of them is computed once, with one axis more in
front, and the wrong lines of each tape on its own slice. A second run, of moved inputs, says how far to trust
the first. It decides nothing: what comes near is run again with a bound.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import count
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.case import Written
from cases.skeleton import FROM_NUMBERS
from reference import parts
from reference.agreement import ONE_DIGIT
from reference.arithmetic import PRINTED, Ball, Bounded, format_of, precision
from reference.certified import exact_balls
from reference.diagnosis.candidates import MistakenTape
from reference.diagnosis.context import Values
from reference.exact_run import MISTRUST
from reference.line import Line, evaluate, leading_to
from reference.parts import FailedPart
from reference.training import advance, as_array, data, initial_values, tape

Arrays: TypeAlias = dict[str, Any]

# A step and a quantity; and what a tape gives of each.
Site: TypeAlias = tuple[int, str]
Given: TypeAlias = dict[Site, NDArray[np.float64]]

# The names of lines, each with those of all that it may be computed from.
Needs: TypeAlias = dict[str, set[str]]

PART: Final = "a run of known mistakes in float64"


def float64_runs(
    problem: Problem,
    tapes: Sequence[MistakenTape],
    known: Values,
    sites: Sequence[Site],
    *,
    moved: bool = False,
) -> list[Given]:
    """Train every tape from what is known before the first step; return what each gives at the sites.

    Nothing is given of a tape that fails. With `moved` each input is moved by its error and a unit in its
    last place, up and down in turn.
    """
    start = {name: _moved(problem, number) if moved else number.value for name, number in known.items()}
    start[names.STEP] = known[names.STEP].value
    given: dict[int, Given] = {}
    with np.errstate(all="ignore"):  # a run that diverges comes near nothing
        for group in _groups(problem, tapes, start):
            with suppress(Exception):  # one of these may not take stacks: then each is run by itself
                run = _together(problem, [tapes[i] for i in group], start, sites)
                given |= dict(zip(group, run, strict=True))
        for i in set(range(len(tapes))) - given.keys():
            alone = parts.tried(PART, _alone, problem, tapes[i][2], start, sites)
            given[i] = {} if isinstance(alone, FailedPart) else alone
    return [given[i] for i in range(len(tapes))]


def with_uncertainty(
    first: Given, second: Given, right: Mapping[Site, Bounded], problem: Problem
) -> dict[Site, Bounded]:
    """Return the numbers of a run, each known to `MISTRUST` times its difference from a second run.

    Where there is a `right` number, not to more than a tenth of the distance from it: what is less certain
    says nothing of a mistake.
    """
    bounded, form = dict[Site, Bounded](), format_of(problem.dtype)
    with np.errstate(all="ignore"):
        for site, value in first.items():
            error = MISTRUST * np.maximum(np.abs(value - second[site]), np.spacing(np.abs(value)))
            if site in right and right[site].shape == value.shape:
                error = np.fmin(error, ONE_DIGIT * np.abs(value - right[site].value))
            bounded[site] = Bounded(value, error, form)
    return bounded


def certified_run(
    problem: Problem, lines: Sequence[Line], inputs: Mapping[str, Written], sites: Sequence[Site], bits: int
) -> Iterator[tuple[Site, Bounded]]:
    """Train one tape in balls of so many bits, from inputs as they are written; yield what it gives.

    Raises whatever a formula does that is not written for balls.
    """
    brief, wanted = leading_to(map(names.updated, problem.state), lines), _by_step(sites)
    with precision(bits):
        known = exact_balls(initial_values(problem))
        known |= {
            name: Ball.of_fractions(written.value, written.half_unit) for name, written in inputs.items()
        }
    for step in range(1, max(wanted) + 1):
        with precision(bits):
            values = evaluate(lines if step in wanted else brief, known)
            known = advance(known, values, problem)
            parts_of = {name: values[name].split() for name in wanted.get(step, ())}
        for name, (high, low, radius) in parts_of.items():
            error = np.where(np.isfinite(radius), radius, np.inf)
            yield (step, name), Bounded(high, error, PRINTED.certified, low=low)


def _moved(problem: Problem, number: Bounded) -> NDArray[np.float64]:
    unit = 2 * format_of(problem.dtype).unit_roundoff
    signs = 1 - 2 * (np.arange(number.value.size) % 2).reshape(number.shape)
    return np.asarray(number.value + signs * (number.error + unit * np.abs(number.value)))


def _groups(problem: Problem, tapes: Sequence[MistakenTape], start: Arrays) -> list[list[int]]:
    """Part tapes into groups of one order of lines, in which all have the shapes of the right ones."""
    groups: list[tuple[Needs, list[int]]] = []
    right = _shapes(tape(problem), start)
    for i, (*_, lines) in enumerate(tapes):
        if parts.tried(PART, _shapes, lines, start) == right:
            joined = ((_needs(lines, needs), needs, group) for needs, group in groups)
            both, needs, group = next((choice for choice in joined if _in_order(choice[0])), ({}, {}, []))
            if not group:
                both = _needs(lines, _needs(tape(problem), {}))
                groups.append((needs, group))
            needs.update(both)
            group.append(i)
    return [group for _, group in groups]


def _shapes(lines: Sequence[Line], start: Arrays) -> dict[str, tuple[int, ...]]:
    values = evaluate(lines, start, as_array(np.float64))
    return {name: np.shape(value) for name, value in values.items()}


def _needs(lines: Sequence[Line], before: Mapping[str, set[str]]) -> Needs:
    return {line.name: before.get(line.name, set()) | set(line.inputs) for line in lines}


def _in_order(needs: Needs) -> tuple[str, ...]:
    """Return names in an order in which each comes after all that it needs; () if there is none."""
    try:
        return tuple(name for name in TopologicalSorter(needs).static_order() if name in needs)
    except CycleError:
        return ()


def _by_step(sites: Iterable[Site]) -> dict[int, list[str]]:
    wanted: dict[int, list[str]] = {}
    for step, name in sites:
        wanted.setdefault(step, []).append(name)
    return wanted


def _alone(problem: Problem, lines: Sequence[Line], start: Arrays, sites: Sequence[Site]) -> Given:
    """Train one tape by itself."""
    brief, known, given = leading_to(map(names.updated, problem.state), lines), start, Given()
    wanted = _by_step(sites)
    for step in range(1, max(wanted) + 1):
        values = evaluate(lines if step in wanted else brief, known, as_array(np.float64))
        given |= {(step, name): np.asarray(values[name]) for name in wanted.get(step, ())}
        known = advance(known, values, problem)
    return given


def _together(
    problem: Problem, tapes: Sequence[MistakenTape], start: Arrays, sites: Sequence[Site]
) -> list[Given]:
    """Train tapes that can be computed in one order, stacked."""
    stack, wanted = Stack(problem, tapes, start), _by_step(sites)
    known, given = stack.before, [Given() for _ in tapes]
    for step in range(1, max(wanted) + 1):
        values, own = stack.step(known, all_lines=step in wanted)
        for name in wanted.get(step, ()):
            for i, of_tape in enumerate(given):
                of_tape[step, name] = np.asarray(_part(i, name, values, own.get(i, {})))
        known = advance(known, values, problem)
    return given


# A line that is not the right one: of one tape, by its index, or of several, stacked. A right line with all
# that are not.
Own: TypeAlias = tuple[int | slice, Line]
Planned: TypeAlias = tuple[Line, list[Own]]


@dataclass(eq=False)
class Stack:
    """Tapes of one problem, of which every quantity has the same shape in all.

    Arrays have one axis in front, the data's of length 1. What is computed from numbers alone has none: where
    a tape has another number, all that takes it is computed by itself. So is a wrong line, for each tape,
    unless its formula takes stacks; then it is computed at once for all sites of a mistake.
    """

    problem: Problem
    tapes: Sequence[MistakenTape]
    start: Arrays
    own: list[dict[str, Line]] = field(init=False)

    def __post_init__(self) -> None:
        self.own = [self._own(lines) for *_, lines in self.tapes]

    def _own(self, lines: Sequence[Line]) -> dict[str, Line]:
        right, own = {line.name: line for line in tape(self.problem)}, dict[str, Line]()
        for line in lines:
            if line != right[line.name] or _takes_one_of(own, line):
                own[line.name] = line
        return own

    @property
    def before(self) -> Arrays:
        """What is known before the first step."""
        lengths = dict.fromkeys(data(self.problem), 1)
        return {
            name: np.repeat(value[None], lengths.get(name, len(self.tapes)), axis=0)
            if np.ndim(value)
            else value
            for name, value in self.start.items()
        }

    @cached_property
    def _order(self) -> tuple[str, ...]:
        needs = _needs(tape(self.problem), {})
        for *_, lines in self.tapes:
            needs = _needs(lines, needs)
        return _in_order(needs)

    @cached_property
    def _every(self) -> list[Planned]:
        return self._plan([set(self._order)] * len(self.tapes))

    @cached_property
    def _brief(self) -> list[Planned]:
        """The lines that lead to the next step, in any of the tapes."""
        updated = list(map(names.updated, self.problem.state))
        return self._plan([{line.name for line in leading_to(updated, lines)} for *_, lines in self.tapes])

    def _plan(self, needed: Sequence[Collection[str]]) -> list[Planned]:
        right, leading = {line.name: line for line in tape(self.problem)}, set[str]().union(*needed)
        planned: list[Planned] = []
        for name in filter(leading.__contains__, self._order):
            by_mistake: dict[str, list[int]] = {}
            for i, own in enumerate(self.own):
                if name in own and name in needed[i]:
                    by_mistake.setdefault(self.tapes[i][0].name, []).append(i)
            others = [own_line for several in by_mistake.values() for own_line in self._joined(name, several)]
            planned.append((right[name], others))
        return planned

    def _joined(self, name: str, those: Sequence[int]) -> list[Own]:
        """Return a line of one mistake for these tapes: at once, if they are evenly apart, or for each."""
        line, apart = self.own[those[0]][name], set(np.diff(those).tolist())
        takes_own = any(_takes_one_of(self.own[i], line) for i in those)
        if len(apart) == 1 and name not in FROM_NUMBERS and not takes_own and self._takes_stacks(line):
            return [(slice(those[0], those[-1] + 1, apart.pop()), line)]
        return [(i, self.own[i][name]) for i in those]

    @cached_property
    def _first(self) -> Arrays:
        return self.start | evaluate(tape(self.problem), self.start, as_array(np.float64))

    def _takes_stacks(self, line: Line) -> bool:
        """Whether a formula gives of stacked cases, bit for bit, what it gives of each.

        They are numbers of the first step, moved; what is 0 there, as a momentum is, is not. Their count is
        no axis' length, so that the cases are not taken for examples.
        """
        given, same = [self._first[name] for name in line.inputs], data(self.problem).keys() | FROM_NUMBERS
        sizes = {size for array in given for size in np.shape(array)}
        number = next(size for size in count(2) if size not in sizes)
        moves = [name not in same and np.ndim(a) > 0 for name, a in zip(line.inputs, given, strict=True)]
        inputs = list(zip(given, moves, strict=True))
        cases = [[_another(a, i) if move else a for a, move in inputs] for i in range(number)]
        each = zip(*cases, strict=True)
        stacks = [
            np.stack(a if move else a[:1]) if np.ndim(a[0]) else a[0]
            for a, move in zip(each, moves, strict=True)
        ]
        with suppress(Exception):  # a formula for one case may fail in any way
            return np.array_equal(
                line.formula(*stacks), [line.formula(*case) for case in cases], equal_nan=True
            )
        return False

    def step(self, known: Arrays, *, all_lines: bool) -> tuple[Arrays, dict[int, Arrays]]:
        """Compute a step; return the values by name, and by tape those that it has of its own."""
        values, own = dict(known), dict[int, Arrays]()
        for line, others in self._every if all_lines else self._brief:
            value = line.formula(*[values[name] for name in line.inputs])
            if line.name in FROM_NUMBERS:
                value = np.asarray(value)
            elif others:  # a copy, as the formula may have returned one of its inputs
                value = value.copy() if len(value) > 1 else value.repeat(len(self.tapes), axis=0)
            for those, other in others:
                if type(those) is slice:
                    given = (values[name] for name in other.inputs)
                    value[those] = other.formula(*[a[those] if _is_stack(a) else a for a in given])
                else:
                    mine = own.setdefault(those, {})
                    result = other.formula(*[_part(those, name, values, mine) for name in other.inputs])
                    mine[line.name] = np.asarray(result)
                    if line.name not in FROM_NUMBERS:
                        value[those] = result
            values[line.name] = value
        return values, own


def _takes_one_of(numbers: Mapping[str, Line], line: Line) -> bool:
    """Whether a line takes a number of these that is computed from numbers alone."""
    return any(name in numbers and name in FROM_NUMBERS for name in line.inputs)


def _another(array: NDArray[Any], i: int) -> NDArray[Any]:
    return np.where(array == 0, (i + 1) / 16, array * (1 - i / 16))


def _is_stack(value: Any) -> bool:  # noqa: ANN401 - an array, or a number
    return type(value) is np.ndarray and value.shape[:1] > (1,)


def _part(i: int, name: str, values: Arrays, own: Arrays) -> Any:  # noqa: ANN401 - an array, or a number
    """Return what one tape has of a quantity, and keep it: a line that runs for several asks for it again."""
    if name not in own:
        value = values[name]
        is_number = name in FROM_NUMBERS or not np.ndim(value)
        own[name] = value if is_number else value[i if len(value) > 1 else 0]
    return own[name]
