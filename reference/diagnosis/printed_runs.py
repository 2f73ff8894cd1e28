"""Runs of every mistaken tape at once, in plain float64 NumPy, to see which come near what was printed.

A run of thousands of steps on `Bounded` numbers takes seconds, and there are hundreds of mistaken tapes. So
they are trained together first: a line that is right in most of them is computed once, with one axis more in
front, and the wrong lines of each tape on its own slice. A second run, of moved inputs, says how far to trust
the first. It decides nothing: what comes near is run again on `Bounded` numbers.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.skeleton import FROM_NUMBERS
from reference import parts
from reference.arithmetic import Bounded, format_of
from reference.diagnosis.context import Values
from reference.exact_run import MISTRUST
from reference.line import Line, evaluate, leading_to
from reference.parts import FailedPart
from reference.training import advance, as_array, tape

Tape: TypeAlias = tuple[Line, ...]
Arrays: TypeAlias = dict[str, Any]

# A step and a quantity; and what a tape gives of each.
Site: TypeAlias = tuple[int, str]
Given: TypeAlias = dict[Site, NDArray[np.float64]]

PART: Final = "a run of known mistakes in float64"


def float64_runs(
    problem: Problem, tapes: Sequence[Tape], known: Values, sites: Sequence[Site], *, moved: bool = False
) -> list[Given]:
    """Train every tape from what is known before the first step; return what each gives at the sites.

    Nothing is given of a tape that fails. With `moved` each input is moved by its error and a unit in its
    last place, up and down in turn.
    """
    start = {name: _moved(problem, one) if moved else one.value for name, one in known.items()}
    start[names.STEP] = known[names.STEP].value
    given: list[Given] = [{} for _ in tapes]
    with np.errstate(all="ignore"):  # a run that diverges comes near nothing
        right = _first_step(tape(problem), start)
        alike = [i for i, lines in enumerate(tapes) if _is_alike(lines, start, right)]
        alone = [i for i in range(len(tapes)) if i not in alike]
        for group in _groups(problem, tapes, alike):
            together = parts.tried(PART, _together, problem, [tapes[i] for i in group], start, sites)
            if isinstance(together, FailedPart):
                alone += group
            else:
                given = [dict(zip(group, together, strict=True)).get(i, one) for i, one in enumerate(given)]
        for i in alone:
            by_itself = parts.tried(PART, _alone, problem, tapes[i], start, sites)
            given[i] = {} if isinstance(by_itself, FailedPart) else by_itself
    return given


def between(first: Given, second: Given, problem: Problem) -> dict[Site, Bounded]:
    """Return the numbers of a run, each known to `MISTRUST` times its difference from a second run."""
    form = format_of(problem.dtype)
    with np.errstate(all="ignore"):
        return {
            site: Bounded(value, MISTRUST * np.maximum(np.abs(value - second[site]), np.spacing(value)), form)
            for site, value in first.items()
        }


def _moved(problem: Problem, number: Bounded) -> NDArray[np.float64]:
    unit = 2 * format_of(problem.dtype).unit_roundoff
    off = number.error + unit * np.abs(number.value)
    signs = 1 - 2 * (np.arange(number.value.size) % 2).reshape(number.shape)
    return np.asarray(number.value + signs * off)


def _first_step(lines: Tape, start: Arrays) -> dict[str, tuple[int, ...]]:
    values = evaluate(lines, start, as_array(np.float64))
    return {name: np.shape(value) for name, value in values.items()}


def _is_alike(lines: Tape, start: Arrays, right: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether all quantities of a tape have the shapes of the right ones, so that they can be stacked."""
    shapes = parts.tried(PART, _first_step, lines, start)
    return shapes == right


def _groups(problem: Problem, tapes: Sequence[Tape], those: Iterable[int]) -> list[list[int]]:
    """Part tapes into groups whose lines can all be computed in one order."""
    groups: list[tuple[dict[str, set[str]], list[int]]] = []
    for i in those:
        for needs, group in groups:
            both = _needs(tapes[i], needs)
            if _in_order(both):
                needs.update(both)
                group.append(i)
                break
        else:
            groups.append((_needs(tapes[i], _needs(tape(problem), {})), [i]))
    return [group for _, group in groups]


def _needs(lines: Tape, before: Mapping[str, set[str]]) -> dict[str, set[str]]:
    return {line.name: before.get(line.name, set()) | set(line.inputs) for line in lines}


def _in_order(needs: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Return names in an order in which each comes after all that it needs; () if there is none."""
    try:
        return tuple(name for name in TopologicalSorter(needs).static_order() if name in needs)
    except CycleError:
        return ()


def _alone(problem: Problem, lines: Tape, start: Arrays, sites: Sequence[Site]) -> Given:
    """Train one tape by itself."""
    brief, known, given = leading_to(map(names.updated, problem.state), lines), start, Given()
    wanted = _by_step(sites)
    for step in range(1, max(wanted) + 1):
        values = evaluate(lines if step in wanted else brief, known, as_array(np.float64))
        given |= {(step, name): np.asarray(values[name]) for name in wanted.get(step, ())}
        known = advance(known, values, problem)
    return given


def _by_step(sites: Iterable[Site]) -> dict[int, list[str]]:
    wanted: dict[int, list[str]] = {}
    for step, name in sites:
        wanted.setdefault(step, []).append(name)
    return wanted


def _together(problem: Problem, tapes: Sequence[Tape], start: Arrays, sites: Sequence[Site]) -> list[Given]:
    """Train tapes that can be computed in one order, stacked."""
    stack, wanted = _Stack(problem, tapes), _by_step(sites)
    known = {name: value[None] if np.ndim(value) else value for name, value in start.items()}
    given: list[Given] = [{} for _ in tapes]
    for step in range(1, max(wanted) + 1):
        values, own = stack.step(known, all_lines=step in wanted)
        for name in wanted.get(step, ()):
            for i, one in enumerate(given):
                one[step, name] = np.asarray(_part(i, name, values, own[i]))
        known = advance(known, values, problem)
    return given


# The right line, and the lines of tapes that have another one, or take another number: by the tapes' indices.
Planned: TypeAlias = tuple[Line, list[tuple[int, Line]]]


@dataclass(eq=False)
class _Stack:
    """Tapes of one problem, of which every quantity has the same shape in all.

    Arrays have one axis in front, of length 1 as long as all tapes have the same numbers. What is computed
    from numbers alone has none: where a tape has another number, all that takes it is computed by itself.
    """

    problem: Problem
    tapes: Sequence[Tape]
    own: list[dict[str, Line]] = field(init=False)

    def __post_init__(self) -> None:
        self.own = [self._own(lines) for lines in self.tapes]

    def _own(self, lines: Tape) -> dict[str, Line]:
        right, own = {line.name: line for line in tape(self.problem)}, dict[str, Line]()
        for line in lines:
            if line != right[line.name] or any(
                name in own for name in FROM_NUMBERS.intersection(line.inputs)
            ):
                own[line.name] = line
        return own

    @cached_property
    def _order(self) -> tuple[str, ...]:
        needs = _needs(tape(self.problem), {})
        for lines in self.tapes:
            needs = _needs(lines, needs)
        return _in_order(needs)

    @cached_property
    def _every(self) -> list[Planned]:
        return self._plan([set(self._order)] * len(self.tapes))

    @cached_property
    def _brief(self) -> list[Planned]:
        """The lines that lead to the next step, in any of the tapes."""
        updated = list(map(names.updated, self.problem.state))
        return self._plan([{line.name for line in leading_to(updated, lines)} for lines in self.tapes])

    def _plan(self, needed: Sequence[Collection[str]]) -> list[Planned]:
        right = {line.name: line for line in tape(self.problem)}
        any_needs = set().union(*needed)
        return [
            (
                right[name],
                [(i, own[name]) for i, own in enumerate(self.own) if name in own and name in needed[i]],
            )
            for name in self._order
            if name in any_needs
        ]

    def step(self, known: Arrays, *, all_lines: bool) -> tuple[Arrays, list[Arrays]]:
        """Compute a step; return the values by name, and of each tape those that are its own."""
        values, own = dict(known), [Arrays() for _ in self.tapes]
        for line, others in self._every if all_lines else self._brief:
            value = line.formula(*[values[name] for name in line.inputs])
            if line.name in FROM_NUMBERS:
                value = np.asarray(value)
            elif others:
                # a copy, as the formula may have returned one of its inputs
                value = value.copy() if len(value) > 1 else value.repeat(len(self.tapes), axis=0)
            for i, other in others:
                result = other.formula(*[_part(i, name, values, own[i]) for name in other.inputs])
                own[i][line.name] = np.asarray(result)
                if line.name not in FROM_NUMBERS:
                    value[i] = result
            values[line.name] = value
        return values, own


def _part(i: int, name: str, values: Arrays, own: Arrays) -> Any:  # noqa: ANN401 - an array, or a number
    """Return what one tape has of a quantity, and keep it: a line that runs for several asks for it again."""
    if name not in own:
        value = values[name]
        is_number = name in FROM_NUMBERS or not value.shape
        own[name] = value if is_number else value[i if len(value) > 1 else 0]
    return own[name]
