"""Mistaken tapes of one problem as a stack: the arrays of all, with one axis more in front.

A step of a small network is hundreds of calls, of a few elements each. So a line that is right in most tapes
is computed once; a wrong formula once for all tapes that have it, whatever the mistake; and what takes each
element by itself once for all lines that have it, as the derivatives of all layers.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import count
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.skeleton import FROM_NUMBERS
from reference.diagnosis.candidates import MistakenTape
from reference.diagnosis.context import changed_by
from reference.diagnosis.joined import Indices, Joined, Member
from reference.diagnosis.program import Program, identity, on_arrays, recorded
from reference.line import Line, evaluate, leading_to
from reference.training import as_array, data, tape

Arrays: TypeAlias = dict[str, Any]

# The names of lines, each with those of all that it may be computed from.
Needs: TypeAlias = dict[str, set[str]]

# What a formula may be called for: the elements of any arrays, as a program; stacked arrays; or one tape's.
STACKS: Final = "stacks"
ONE_TAPE: Final = "one tape"
Takes: TypeAlias = Program | str

# To join fewer lines takes longer than to call each.
WORTH_JOINING: Final = 3

# A wrong line, the indices of the tapes that have it, and what its formula may be called for.
Wrong: TypeAlias = tuple[Line, list[int], Takes]


class Own(NamedTuple):
    """A wrong line that is computed by itself: of one tape, by its index, or of several, stacked."""

    those: int | slice | Indices
    line: Line
    inputs: tuple[tuple[str, bool], ...] = ()  # and whether there is one for each tape


class Planned(NamedTuple):
    """Right lines; the wrong ones that are joined; and the others."""

    right: Sequence[Line]
    joined: Joined | None
    others: Sequence[Own]


@dataclass(eq=False)
class Stack:
    """Tapes of one problem, of which every quantity has the same shape in all.

    Arrays have one axis in front, the data's of length 1. What is computed from numbers alone has none: where
    a tape has another number, all that takes it is computed by itself. So is a wrong line, for each tape,
    whose formula takes no stacks. `may_take` is what formulas may be called for, as far as they were tried.

    All have one order of lines. A tape that cannot have it, as it takes what others compute from the same
    line, is first computed without its mistake, and then, `late`, with it.
    """

    problem: Problem
    tapes: Sequence[MistakenTape]
    start: Arrays
    may_take: dict[Hashable, Takes] = field(default_factory=dict)
    own: list[dict[str, Line]] = field(init=False)
    late: dict[int, list[Line]] = field(init=False, default_factory=dict)
    needs: Needs = field(init=False)

    def __post_init__(self) -> None:
        self.own = [self._own(lines) for *_, lines in self.tapes]
        self.needs = {name: set(line.inputs) for name, line in self._right.items()}
        changed = [
            [line for line in lines if line.name in changed_by(lines, own, ())]
            for (*_, lines), own in zip(self.tapes, self.own, strict=True)
        ]
        for i in sorted(range(len(self.tapes)), key=lambda i: -len(changed[i])):  # fewest lines are late
            both = {line.name: self.needs[line.name] | set(line.inputs) for line in self.tapes[i][2]}
            if both == self.needs or _in_order(both):
                self.needs = both
            else:
                self.late[i] = changed[i]
                self.own[i] = {}

    def _own(self, lines: Sequence[Line]) -> dict[str, Line]:
        own = dict[str, Line]()
        for line in lines:
            if line != self._right[line.name] or _takes_one_of(own, line):
                own[line.name] = line
        return own

    def of(self, those: Iterable[int]) -> "Stack":
        """Return a stack of these tapes alone."""
        return Stack(self.problem, [self.tapes[i] for i in those], self.start, self.may_take)

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
    def _right(self) -> dict[str, Line]:
        return {line.name: line for line in tape(self.problem)}

    @cached_property
    def _every(self) -> list[Planned]:
        return self._plan([self.needs.keys()] * len(self.tapes))

    @cached_property
    def _brief(self) -> list[Planned]:
        """The lines that lead to the next step, in any of the tapes."""
        return self._plan([{line.name for line in self._leading(i)} for i in range(len(self.tapes))])

    def _leading(self, i: int) -> tuple[Line, ...]:
        return leading_to(map(names.updated, self.problem.state), self.tapes[i][2])

    def alike(self) -> list[list[int]]:
        """Return the tapes in groups of the same state in all steps, as they update it in the same way."""
        groups: dict[Hashable, list[int]] = {}
        for i in range(len(self.tapes)):
            lines = [line for line in self._leading(i) if line != self._right[line.name]]
            key = tuple(map(_same, lines))
            groups.setdefault(key, []).append(i)
        return list(groups.values())

    def has_settled(self, before: Arrays, after: Arrays) -> NDArray[np.bool_]:
        """Say of which tapes a step has left the state as it was, to the last bit: so does each later one."""
        settled = [
            all(names.STEP not in line.inputs for line in self._leading(i)) for i in range(len(self.tapes))
        ]
        for name in self.problem.state:
            same = before[name].view(np.int64) == after[name].view(np.int64)
            settled &= same.reshape(len(self.tapes), -1).all(axis=1)
        return np.asarray(settled)

    def _plan(self, needed: Sequence[Collection[str]]) -> list[Planned]:
        leading = set[str]().union(*needed)
        wrong = {name: self._wrong(name, needed) for name in _in_order(self.needs) if name in leading}
        kinds = {name: self._kind(name, lines) for name, lines in wrong.items()}
        planned = [self._planned(those, wrong) for those in _by_kind(kinds, self.needs)]
        waiting = {i: [line for line in lines if line.name in needed[i]] for i, lines in self.late.items()}
        late = [
            own
            for line, those in _in_groups(waiting)
            for own in self._others(line, those, self._takes_of(line, those[0]))
        ]
        return [*planned, Planned((), None, late)]

    def _takes_of(self, line: Line, i: int) -> Takes:
        """Return what the formula of a late line of this tape, and of others, may be called for."""
        own = {other.name: other for other in self.late[i]}
        by_itself = line.name in FROM_NUMBERS or _takes_one_of(own, line)
        return ONE_TAPE if by_itself else self._takes(line)

    def _wrong(self, name: str, needed: Sequence[Collection[str]]) -> list[Wrong]:
        """Return the wrong lines of a name: those of one formula and the same inputs together."""
        alike: dict[Hashable, list[int]] = {}
        for i, own in enumerate(self.own):
            if name in own and name in needed[i]:
                by_itself = name in FROM_NUMBERS or _takes_one_of(own, own[name])
                key = i if by_itself else _same(own[name])
                alike.setdefault(key, []).append(i)
        firsts = {key: self.own[those[0]][name] for key, those in alike.items()}
        return [
            (line, alike[key], ONE_TAPE if type(key) is int else self._takes(line))
            for key, line in firsts.items()
        ]

    def _kind(self, name: str, wrong: Iterable[Wrong]) -> Hashable:
        """Return what lines that are computed together have in common: a right formula, or the name."""
        joins = any(isinstance(takes, Program) for *_, takes in wrong)
        return self._right[name].formula if joins else name

    def _planned(self, those: Sequence[str], wrong: Mapping[str, Sequence[Wrong]]) -> Planned:
        joined, others = list[Member](), list[Own]()
        for line, tapes, takes in (each for name in those for each in wrong[name]):
            if isinstance(takes, Program):
                joined.append(Member(line, takes, np.array(tapes)))
            else:
                others += self._others(line, tapes, takes)
        if len(joined) < WORTH_JOINING:
            for one in joined:
                others += self._others(one.line, one.those.tolist(), one.program)
            joined = []
        right = [_on_arrays(self._right[name]) for name in those]
        return Planned(right, Joined.of(joined, self._shapes) if joined else None, others)

    def _others(self, line: Line, those: Sequence[int], takes: Takes) -> list[Own]:
        """Return a wrong line of several tapes: at once, if its formula takes stacks, or for each."""
        line = _on_arrays(line)
        if isinstance(takes, Program):
            line = replace(line, formula=takes, inputs=tuple(line.inputs[i] for i in takes.arguments))
        elif takes == ONE_TAPE:
            return [Own(i, line) for i in those]
        apart = set(np.diff(those).tolist()) or {1}
        evenly = slice(those[0], those[-1] + 1, min(apart))
        same = data(self.problem)
        inputs = tuple((name, name not in same and bool(self._shapes[name])) for name in line.inputs)
        return [Own(evenly if len(apart) == 1 else np.array(those), line, inputs)]

    @cached_property
    def _first(self) -> Arrays:
        return self.start | evaluate(tape(self.problem), self.start, as_array(np.float64))

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each quantity, stacked; () of numbers."""
        lengths = dict.fromkeys(data(self.problem), 1)
        return {
            name: (lengths.get(name, len(self.tapes)), *np.shape(value)) if np.ndim(value) else ()
            for name, value in self._first.items()
        }

    def _takes(self, line: Line) -> Takes:
        given, same = [self._first[name] for name in line.inputs], data(self.problem).keys() | FROM_NUMBERS
        moves = [name not in same and np.ndim(a) > 0 for name, a in zip(line.inputs, given, strict=True)]
        shape = np.shape(self._first[line.name])
        key = identity(line.formula), shape, tuple(map(np.shape, given)), tuple(moves)
        if key not in self.may_take:
            self.may_take[key] = _may_take(line.formula, given, moves, shape)
        return self.may_take[key]

    def step(self, known: Arrays, *, all_lines: bool) -> tuple[Arrays, dict[int, Arrays]]:
        """Compute a step; return the values by name, and by tape those that it has of its own."""
        values, own = dict(known), dict[int, Arrays]()
        for right, joined, others in self._every if all_lines else self._brief:
            for line in right:
                values[line.name] = self._stacked(
                    line, values, changes=bool(others) or line.name in self._late_names
                )
            if joined:
                values |= joined.compute(values)
            for those, line, inputs in others:
                if type(those) is int:
                    _compute_own(those, line, values, own.setdefault(those, {}))
                else:
                    given = [values[name][those] if is_stack else values[name] for name, is_stack in inputs]
                    values[line.name][those] = line.formula(*given)
        return values, own

    @cached_property
    def _late_names(self) -> set[str]:
        return {line.name for lines in self.late.values() for line in lines}

    def _stacked(self, line: Line, values: Arrays, *, changes: bool) -> NDArray[Any]:
        """Compute a right line; what then `changes` is a copy, as the formula may have returned its input."""
        value = line.formula(*[values[name] for name in line.inputs])
        if line.name in FROM_NUMBERS:
            return np.asarray(value)
        if len(value) < len(self.tapes):
            return np.repeat(value, len(self.tapes), axis=0)
        return value.copy() if changes else value


def _on_arrays(line: Line) -> Line:
    return replace(line, formula=on_arrays(line.formula))


def _same(line: Line) -> Hashable:
    """Return what the lines have in common that compute the same."""
    return line.name, identity(line.formula), line.inputs


def _in_groups(waiting: Mapping[int, Sequence[Line]]) -> Iterator[tuple[Line, list[int]]]:
    """Yield lines of tapes, those of each in their order, together with all tapes that can have them then."""
    left = {i: [(_same(line), line) for line in lines] for i, lines in waiting.items()}
    while left := {i: lines for i, lines in left.items() if lines}:
        later = {key for lines in left.values() for key, _ in lines[1:]}
        heads = [lines[0] for lines in left.values()]
        key, line = next((head for head in heads if head[0] not in later), heads[0])
        those = [i for i, lines in left.items() if lines[0][0] == key]
        yield line, those
        left |= {i: left[i][1:] for i in those}


def _in_order(needs: Needs) -> tuple[str, ...]:
    """Return names in an order in which each comes after all that it needs; () if there is none."""
    try:
        return tuple(name for name in TopologicalSorter(needs).static_order() if name in needs)
    except CycleError:
        return ()


def _by_kind(kinds: Mapping[str, Hashable], needs: Needs) -> Iterator[list[str]]:
    """Order lines so that those of a kind are computed together, if none of them needs another."""
    waiting = dict(kinds)
    while waiting:
        ready = [name for name in waiting if needs[name].isdisjoint(waiting)]
        awaited = {kind for name, kind in waiting.items() if name not in ready}
        kind = next((waiting[name] for name in ready if waiting[name] not in awaited), waiting[ready[0]])
        those = [name for name in ready if waiting[name] == kind]
        yield those
        waiting = {name: other for name, other in waiting.items() if name not in those}


def _may_take(
    formula: Callable[..., Any], given: Sequence[Any], moves: Sequence[bool], shape: tuple[int, ...]
) -> Takes:
    """Say for what a formula gives, bit for bit, what it gives of each of several cases.

    They are numbers of the first step, moved; what is 0 there, as a momentum is, is not. Their count is no
    axis' length, so that the cases are not taken for examples.
    """
    sizes = {size for array in given for size in np.shape(array)}
    number = next(size for size in count(2) if size not in sizes)
    inputs = list(zip(given, moves, strict=True))
    cases = [[_another(a, i) if move else a for a, move in inputs] for i in range(number)]
    each = zip(*cases, moves, strict=True)
    stacks = [np.stack(of if move else of[:1]) if np.ndim(of[0]) else of[0] for *of, move in each]
    with suppress(Exception):  # a formula for one case may fail in any way
        expected = [formula(*case) for case in cases]
        program = _program(formula, cases, expected, shape)
        if program is not None:
            return program
        if np.array_equal(formula(*stacks), expected, equal_nan=True):
            return STACKS
    return ONE_TAPE


def _program(
    formula: Callable[..., Any],
    cases: Sequence[Sequence[Any]],
    expected: Sequence[Any],
    shape: tuple[int, ...],
) -> Program | None:
    """Return what a formula does to each element, if it does no more and takes arrays of that shape."""
    with suppress(Exception):  # a formula that does anything else may fail in any way
        program = recorded(formula, [np.shape(a) for a in cases[0]])
        used = [[case[i] for i in program.arguments] for case in cases]
        made = [program(*case) for case in used]
        if {np.shape(a) for a in used[0] if np.ndim(a)} == {shape} and np.array_equal(
            made, expected, equal_nan=True
        ):
            return program
    return None


def _compute_own(i: int, line: Line, values: Arrays, own: Arrays) -> None:
    """Compute a line of one tape, which has these values of its own."""
    result = line.formula(*[part_of(i, name, values, own) for name in line.inputs])
    own[line.name] = np.asarray(result)
    if line.name not in FROM_NUMBERS:
        values[line.name][i] = result


def _takes_one_of(numbers: Mapping[str, Line], line: Line) -> bool:
    """Whether a line takes a number of these that is computed from numbers alone."""
    return any(name in numbers and name in FROM_NUMBERS for name in line.inputs)


def _another(array: NDArray[Any], i: int) -> NDArray[Any]:
    return np.where(array == 0, (i + 1) / 16, array * (1 - i / 16))


def part_of(i: int, name: str, values: Arrays, own: Arrays) -> Any:  # noqa: ANN401 - an array, or a number
    """Return what one tape has of a quantity, and keep it: a line that runs for several asks for it again."""
    if name not in own:
        value = values[name]
        is_number = name in FROM_NUMBERS or not np.ndim(value)
        own[name] = value if is_number else value[i if len(value) > 1 else 0]
    return own[name]
