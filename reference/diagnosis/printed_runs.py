"""Runs of every mistaken tape at once, in plain float64 NumPy, to see which come near what was printed.

A run of thousands of steps with a bound takes seconds, and there are hundreds of mistaken tapes. So
they are trained together first: a line that is right in most of them is computed once, with one axis more in
front, and the wrong lines of each tape on its own slice. A second run, of moved inputs, says how far to trust
the first. It decides nothing: what comes near is run again with a bound.
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
from reference.diagnosis.stack import Arrays, Needs, Stack, in_order, needs_of, part_of
from reference.exact_run import MISTRUST
from reference.line import Line, evaluate, leading_to
from reference.parts import FailedPart
from reference.training import advance, as_array, initial_values, tape

# A step and a quantity; and what a tape gives of each.
Site: TypeAlias = tuple[int, str]
Given: TypeAlias = dict[Site, NDArray[np.float64]]

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
            joined = ((needs_of(lines, needs), needs, group) for needs, group in groups)
            both, needs, group = next((choice for choice in joined if in_order(choice[0])), ({}, {}, []))
            if not group:
                both = needs_of(lines, needs_of(tape(problem), {}))
                groups.append((needs, group))
            needs.update(both)
            group.append(i)
    return [group for _, group in groups]


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
    """Train tapes that can be computed in one order, stacked."""
    stack, wanted = Stack(problem, tapes, start), _by_step(sites)
    known, given = stack.before, [Given() for _ in tapes]
    for step in range(1, max(wanted) + 1):
        values, own = stack.step(known, all_lines=step in wanted)
        for name in wanted.get(step, ()):
            for i, of_tape in enumerate(given):
                of_tape[step, name] = np.asarray(part_of(i, name, values, own.get(i, {})))
        known = advance(known, values, problem)
    return given
