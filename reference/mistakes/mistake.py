"""What a mistake is: lines of the tape with another formula or other inputs; and how a line gets them."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import Bounded
from reference.line import Array, Line
from reference.training import tape

# The lines as a mistake has them, each for the tape's line of that name; or, in words, why it has none.
Lines: TypeAlias = list[Line] | str
Change: TypeAlias = Callable[[Problem], Lines]


@dataclass(frozen=True)
class Inexpressible:
    """Why a mistake cannot be made on a problem, or could not be seen there: a clause in words."""

    reason: str


@dataclass(frozen=True)
class Mistake:
    """A mistake that people make in backpropagation.

    `name` is what a person types, "sum-for-mean"; `sentence` is what happened, as a clause: "the mean over
    the batch was taken as a sum"; `source` where it was seen: a thread, a paper, a program. With `by_layer`
    the lines of a layer are wrong together, such as z and what automatic differentiation makes of it; with
    `together` all its lines are, as its sentence says of the loss and its gradient. With
    `numpy_only` the formulas are NumPy's alone: a mistake of precision is no exact function of its inputs, so
    it cannot be expressed on `Bounded` numbers.
    """

    name: str
    sentence: str
    change: Change
    source: str = ""
    by_layer: bool = False
    numpy_only: bool = False
    together: bool = False

    def lines(self, problem: Problem) -> tuple[Line, ...] | Inexpressible:
        """Return the lines that the mistake changes, as it has them, in the order of the tape."""
        return _lines_of(self.change, _ByIdentity(problem))

    def sites(self, problem: Problem) -> tuple[tuple[str, ...], ...]:
        """Return where it can be made, by the names of lines: everywhere, and in a line or a layer alone."""
        changed = self.lines(problem)
        if isinstance(changed, Inexpressible):
            return ()
        if self.together:
            return (tuple(line.name for line in changed),)
        layer = {line.name: _layer(problem, line.name) if self.by_layer else line.name for line in changed}
        parts = [tuple(name for name in layer if layer[name] == part) for part in layer.values()]
        hidden = tuple(name for name in layer if layer[name] != problem.depth) if self.by_layer else ()
        return tuple(dict.fromkeys(filter(None, [tuple(layer), hidden, *parts])))

    def tape(
        self, problem: Problem, only: Collection[str] | None = None, base: Sequence[Line] = ()
    ) -> tuple[Line, ...] | Inexpressible:
        """Return the mistaken tape of a step, or why there is none; `only` these lines are wrong, or all.

        It is made in the `base`, by default the right tape, in lines that no other mistake has changed there.
        """
        changed, right = self.lines(problem), tape(problem)
        if isinstance(changed, Inexpressible):
            return changed
        wrong = {line.name: line for line in changed if only is None or line.name in only}
        if base and any(line.name in wrong and line not in right for line in base):
            return Inexpressible("another mistake is made in this line")
        lines = tuple(wrong.get(line.name, line) for line in base or right)
        if _is_ordered(lines, wrong):
            return lines
        lines = _in_order(lines)
        if _is_ordered(lines, {line.name for line in lines}):
            return lines
        return Inexpressible("made in these lines alone, they would be computed from each other")


@dataclass(frozen=True, eq=False)
class _ByIdentity:
    """A problem as the key of a cache: its arrays are not compared, as it is the same object or another."""

    problem: Problem

    def __hash__(self) -> int:
        return id(self.problem)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.problem is other.problem


@lru_cache(maxsize=1024)
def _lines_of(change: Change, of: _ByIdentity) -> tuple[Line, ...] | Inexpressible:
    changed = change(of.problem)
    if isinstance(changed, str):
        return Inexpressible(changed)
    order = {line.name: i for i, line in enumerate(tape(of.problem))}
    return tuple(sorted(changed, key=lambda line: order[line.name]))


def _is_ordered(lines: Sequence[Line], those: Collection[str]) -> bool:
    """Whether these of the lines take nothing that comes later."""
    position = {line.name: i for i, line in enumerate(lines)}
    return all(
        position.get(name, -1) < position[line.name]
        for line in lines
        if line.name in those
        for name in line.inputs
    )


def mistake(
    sentence: str,
    *,
    source: str = "",
    by_layer: bool = False,
    numpy_only: bool = False,
    together: bool = False,
    unless: Callable[[Problem], str] = lambda _: "",
) -> Callable[[Change], Mistake]:
    """Make a mistake of the function that gives its lines; its name is the function's, with hyphens.

    It is called only where `unless` gives no reason why the mistake cannot be made.
    """

    def named(change: Change) -> Mistake:
        def lines(problem: Problem) -> Lines:
            return unless(problem) or change(problem)

        return Mistake(
            change.__name__.replace("_", "-"), sentence, lines, source, by_layer, numpy_only, together
        )

    return named


def _layer(problem: Problem, quantity: str) -> int:
    """Return the layer whose line, or whose line's derivative, this is; L + 1 for the loss and its gradient.

    ∂L/∂a_{k−1} comes out of layer k, through whose weights it is sent.
    """
    number = re.search(r"[zaWb](\d+)", quantity)
    if number is None:
        return problem.depth + 1 if quantity == "loss" else 0
    return int(number[1]) + quantity.startswith("dL/da")


def _in_order(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Move a line up where another needs it earlier than the tape computes it."""
    waiting, ordered = {line.name: line for line in lines}, list[Line]()

    def settle(name: str) -> None:
        line = waiting.pop(name, None)
        if line is not None:
            for needed in line.inputs:
                settle(needed)
            ordered.append(line)

    for line in lines:
        settle(line.name)
    return tuple(ordered)


# Lines of the right tape, and what may be done to them.

NO_HIDDEN_LAYER = "there is no hidden layer"
ONE_EXAMPLE = "there is only one example"
ONE_STEP = "there is only one step"
ALL_TRAINED = "every parameter is trained"
NO_STATE = "the optimizer keeps no state of a parameter that is not trained"


def one_layer(problem: Problem) -> str:
    return NO_HIDDEN_LAYER if problem.depth == 1 else ""


def one_example(problem: Problem) -> str:
    return ONE_EXAMPLE if len(problem.x) == 1 else ""


def rate_of_one(problem: Problem) -> str:
    return "the learning rate is 1" if problem.learning_rate == 1 and problem.schedule is None else ""


def layers(problem: Problem, first: int = 1) -> range:
    return range(first, problem.depth + 1)


def activation(problem: Problem, k: int) -> str:
    return problem.activations[k - 1]


def is_identity(problem: Problem, k: int) -> bool:
    return activation(problem, k) == "identity"


def width(problem: Problem, k: int) -> int:
    """Return how many numbers layer k gives for each example; layer 0 is the input."""
    return int(problem.parameters[names.b(k)].size) if k else problem.x.shape[1]


def curved_layers(problem: Problem, first: int = 1) -> list[int]:
    """Return the layers from `first` on whose activation is not the identity, with derivative 1."""
    return [k for k in layers(problem, first) if not is_identity(problem, k)]


def square_layers(problem: Problem, first: int = 1) -> list[int]:
    """Return the layers from `first` on whose weights are square, and more than one number."""
    shapes = {k: problem.parameters[names.W(k)].shape for k in layers(problem, first)}
    return [k for k, (rows, columns) in shapes.items() if rows == columns > 1]


def lines_named(problem: Problem, wanted: Iterable[str]) -> list[Line]:
    those = set(wanted)
    return [line for line in tape(problem) if line.name in those]


def trained(problem: Problem, letter: str) -> list[str]:
    """Return the names of the weights, "W", or of the biases, "b", that are trained."""
    return [name for name in problem.trained if name.startswith(letter)]


def trained_by_layer(problem: Problem) -> list[list[str]]:
    """Return for each layer of which a parameter is trained the names of these."""
    both = ([w for w in (names.W(k), names.b(k)) if w in problem.trained] for k in layers(problem))
    return list(filter(None, both))


def gradients(problem: Problem, of: Callable[[int], str], those: Iterable[int]) -> list[Line]:
    """Return the right lines of ∂L/∂z_k, with `of` names.z, or of another gradient, for these layers k."""
    return lines_named(problem, (names.gradient(of(k)) for k in those))


def lines_with(problem: Problem, *formulas: Any) -> list[Line]:  # noqa: ANN401 - functions of any kind
    return [line for line in tape(problem) if line.formula in formulas]


def update_lines(problem: Problem) -> list[Line]:
    return lines_named(problem, map(names.updated, problem.trained))


def state_lines(problem: Problem, *kinds: str) -> list[Line]:
    states = (names.state(kind, name) for kind in kinds for name in problem.trained)
    return lines_named(problem, map(names.updated, states))


def rate_of(problem: Problem) -> str:
    return names.RATE if problem.schedule else names.LEARNING_RATE


def rewritten(
    lines: Iterable[Line], formula: Callable[..., Any], template: str = "", kept: int | None = None
) -> list[Line]:
    """Return lines with another formula and its template, of the first `kept` of their inputs, or of all."""
    return [Line(line.name, formula, line.inputs[:kept], template or line.template) for line in lines]


def rewired(line: Line, others: Mapping[str, str]) -> Line:
    return replace(line, inputs=tuple(others.get(name, name) for name in line.inputs))


def changed(line: Line, name: str, change: Callable[[Any], Any], template: str) -> Line:
    """Return the line with one input changed before the formula takes it."""
    i = line.inputs.index(name)

    def formula(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers, as the right formula's
        return line.formula(*given[:i], change(given[i]), *given[i + 1 :])

    return replace(line, formula=formula, template=template)


def placeholder(line: Line, name: str) -> str:
    return f"{{{line.inputs.index(name)}}}"


# Operations that only wrong formulas need, on arrays and on bounded numbers.

# The derivatives that programs write as functions of a, with the template of their argument.
SLOPES_FROM_A: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sigmoid": (lambda a: a * (1 - a), "{0} (1 − {0})"),
    "tanh": (lambda a: 1 - a * a, "1 − {0}²"),
}


def slope_from_a(name: str, k: int, array: str) -> Line:
    """Return the line of σ'(z_k) by the formula in a of sigmoid or tanh, at this array."""
    formula, template = SLOPES_FROM_A[name]
    return Line(names.slope(k), formula, (array,), template)


def negative(array: Array) -> Array:
    return Bounded(-array.value, array.error, array.format) if isinstance(array, Bounded) else -array


def constant(array: Array, value: Callable[[Any], Any]) -> Array:
    """Return a function of an array's numbers that has no error: zeros of its shape, t + 1 for a count t."""
    if isinstance(array, Bounded):
        return Bounded.exact(value(array.value), array.format)
    return value(array)


def next_count(step: Array) -> Array:
    return constant(step, lambda count: count + 1)


def zeros(array: Array) -> Array:
    return constant(array, np.zeros_like)


def examples(rows: Array, start: int, stop: int | None) -> Array:
    """Return some rows, of shape (stop − start, n), as a slice takes them; of a stack those of each array."""
    return rearranged(rows, lambda array: array[..., start:stop, :])


def first_example(rows: Array) -> Array:
    return examples(rows, 0, 1)


def last_example(rows: Array) -> Array:
    return examples(rows, -1, None)


def broadcast(rows: Array, shape: tuple[int, ...]) -> Array:
    """Repeat a single column until it has this shape, as NumPy does silently."""
    return rearranged(rows, lambda array: np.broadcast_to(array, shape))


def rearranged(rows: Array, move: Callable[[NDArray[Any]], NDArray[Any]]) -> Array:
    """Return elements of an array, each with its own error, at other places or repeated."""
    if isinstance(rows, Bounded):
        error = rows.error if isinstance(rows.error, float) else move(rows.error)
        return Bounded(move(rows.value), error, rows.format)
    return move(rows)
