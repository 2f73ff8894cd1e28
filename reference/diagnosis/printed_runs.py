"""Runs of every mistaken tape at once, in plain float64 NumPy, to see which come near what was printed.

A run of thousands of steps with a bound takes seconds, and there are hundreds of mistaken tapes. So
they are trained together first, as a stack. A second run, of moved inputs, says how far to trust the first.
It decides nothing: what comes near is run again with a bound.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.case import Written
from reference import parts
from reference.agreement import ONE_DIGIT
from reference.arithmetic import PRINTED, Ball, Bounded, format_of, precision
from reference.certified import exact_balls
from reference.diagnosis.candidates import MistakenTape
from reference.diagnosis.context import Values
from reference.diagnosis.stack import Arrays, Stack, part_of
from reference.exact_run import MISTRUST
from reference.line import Line, evaluate, leading_to
from reference.parts import FailedPart
from reference.training import advance, as_array, initial_values, tape

# A step and a quantity; and what a tape gives of each.
Site: TypeAlias = tuple[int, str]
Given: TypeAlias = dict[Site, NDArray[np.float64]]

# The steps after which it is looked which tapes have settled; then the others need a new plan.
SETTLED_BY: Final = tuple(4**i for i in range(3, 12))

# To plan a stack of so few tapes, or for so few steps, takes longer than to run each by itself.
FEW: Final = 2

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
        to_stack = min(len(tapes), max(step for step, _ in sites)) > FEW
        those = _of_right_shapes(problem, tapes, start) if to_stack else []
        with suppress(Exception):  # one of these may not take stacks: then each is run by itself
            run = _together(problem, [tapes[i] for i in those], start, sites)
            given = dict(zip(those, run, strict=True))
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


def _of_right_shapes(problem: Problem, tapes: Sequence[MistakenTape], start: Arrays) -> list[int]:
    """Return the tapes, by their indices, of which every quantity has the shape of the right one."""
    right = _shapes(tape(problem), start)
    return [i for i, (*_, lines) in enumerate(tapes) if parts.tried(PART, _shapes, lines, start) == right]


def _shapes(lines: Sequence[Line], start: Arrays) -> dict[str, tuple[int, ...]]:
    values = evaluate(lines, start, as_array(np.float64))
    return {name: np.shape(value) for name, value in values.items()}


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
    """Train tapes of which every quantity has the shape of the right one, stacked."""
    wanted, given = _by_step(sites), [Given() for _ in tapes]
    walk = Walk(Stack(problem, tapes, start))
    for step in range(1, max(wanted) + 1):
        if step not in wanted:
            walk.step()
            continue
        values, own = walk.step_of_all()
        for name in wanted[step]:
            for i, of_tape in enumerate(given):
                of_tape[step, name] = np.asarray(part_of(i, name, values, own.get(i, {})))
    return given


class Walk:
    """Training of a stack: each different tape is run once, and no further than to where it settles.

    Tapes are different if they update the state in different ways. One has settled if a step leaves its state
    as it was.
    """

    def __init__(self, stack: Stack) -> None:
        self.all, self.problem = stack, stack.problem
        alike = stack.alike()
        self.like = np.empty(len(stack.tapes), np.intp)  # by tape, which of the different ones it is
        for i, those in enumerate(alike):
            self.like[those] = i
        self.firsts = np.array([those[0] for those in alike])
        self.moving = np.arange(len(alike))  # of the different ones
        self.stack = stack.of(self.firsts)
        self.known = self.stack.before
        self.states = {name: self.known[name].copy() for name in self.problem.state}

    def step_of_all(self) -> tuple[Arrays, dict[int, Arrays]]:
        """Make a step of all lines; return their values as `Stack.step` does."""
        known = self.known | {name: states[self.like] for name, states in self._settled().items()}
        values, own = self.all.step(known, all_lines=True)
        updated = map(names.updated, self.problem.state)
        self._go_on({name: values[name][self.firsts[self.moving]] for name in updated})
        return values, own

    def step(self) -> None:
        """Make a step of the lines that lead to the next."""
        if self.moving.size:
            self._go_on(self.stack.step(self.known, all_lines=False)[0])
        else:
            self._go_on({names.updated(name): self.known[name] for name in self.problem.state})

    def _go_on(self, values: Arrays) -> None:
        before, self.known = self.known, advance(self.known, values, self.problem)
        if float(before[names.STEP]) in SETTLED_BY and self.moving.size:
            states, those = self._settled(), np.flatnonzero(~self.stack.has_settled(before, self.known))
            self.moving, self.stack = self.moving[those], self.stack.of(those)
            self.known |= {name: states[name][self.moving] for name in states}

    def _settled(self) -> Arrays:
        """Return the states of all different tapes, with those that have settled as they were then."""
        for name, states in self.states.items():
            states[self.moving] = self.known[name]
        return self.states
