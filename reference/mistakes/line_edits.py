"""How a mistake changes lines of the right tape: which lines, other inputs, another formula."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import Bounded
from reference.line import Line
from reference.mistakes.mistake import Inexpressible
from reference.tape import tape

Array = TypeVar("Array", NDArray[Any], Bounded)

NO_HIDDEN_LAYER = Inexpressible("there is no hidden layer")
ONE_EXAMPLE = Inexpressible("there is only one example")
ONE_STEP = Inexpressible("there is only one step")
ALL_TRAINED = Inexpressible("every parameter is trained")
NO_STATE = Inexpressible("the optimizer keeps no state of a parameter that is not trained")


def layers(problem: Problem, first: int = 1) -> range:
    """Return the layers from `first` to the last, counted from 1 as in the document."""
    return range(first, problem.depth + 1)


def width(problem: Problem, k: int) -> int:
    return int(problem.parameters[names.b(k)].size)


def square_layers(problem: Problem, first: int = 1) -> list[int]:
    """Return the layers from `first` on whose weights are square, and more than one number."""
    shapes = {k: problem.parameters[names.W(k)].shape for k in layers(problem, first)}
    return [k for k, (rows, columns) in shapes.items() if rows == columns > 1]


def lines_of(problem: Problem) -> dict[str, Line]:
    """Return the right lines by name."""
    return {line.name: line for line in tape(problem)}


def lines_with(problem: Problem, *formulas: Any) -> list[Line]:  # noqa: ANN401 - functions of any kind
    """Return the right lines that have one of these formulas."""
    return [line for line in tape(problem) if line.formula in formulas]


def update_lines(problem: Problem) -> list[Line]:
    """Return the right lines of W_new and b_new, of the parameters that are trained."""
    updated = set(map(names.updated, problem.trained))
    return [line for line in tape(problem) if line.name in updated]


def state_lines(problem: Problem, *kinds: str) -> dict[str, Line]:
    """Return the right lines of these kinds of an optimizer's state, by the name of the state before."""
    states = [names.state(kind, name) for kind in kinds for name in problem.trained]
    right = lines_of(problem)
    return {state: right[names.updated(state)] for state in states if names.updated(state) in right}


def rate_of(problem: Problem) -> str:
    """Return the name of the rate that an update takes."""
    return names.RATE if problem.schedule else names.LEARNING_RATE


def rewired(line: Line, others: Mapping[str, str]) -> Line:
    """Return the line with other inputs for some, by name."""
    return replace(line, inputs=tuple(others.get(name, name) for name in line.inputs))


def changed(line: Line, name: str, change: Callable[[Any], Any], template: str) -> Line:
    """Return the line with one input changed before the formula takes it."""
    i = line.inputs.index(name)

    def formula(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers, as the right formula's
        return line.formula(*given[:i], change(given[i]), *given[i + 1 :])

    return replace(line, formula=formula, template=template)


def placeholder(line: Line, name: str) -> str:
    """Return an input's {i} in the line's template."""
    return f"{{{line.inputs.index(name)}}}"


# Operations that only wrong formulas need, on arrays and on bounded numbers.


def magnitude(w: Array) -> Array:
    """|w|; an error bound stays what it is."""
    if isinstance(w, Bounded):
        return Bounded(np.abs(w.value), w.error, w.format)
    return np.abs(w)


def negative(array: Array) -> Array:
    """−w, exact."""
    if isinstance(array, Bounded):
        return Bounded(-array.value, array.error, array.format)
    return -array


def zeros_like(array: Array) -> Array:
    if isinstance(array, Bounded):
        return Bounded.exact(np.zeros_like(array.value), array.format)
    return np.zeros_like(array)


def next_count(step: Array) -> Array:
    """t + 1 for a count t."""
    if isinstance(step, Bounded):
        return Bounded.exact(step.value + 1, step.format)
    return step + 1


def first_example(rows: Array) -> Array:
    """Return the first row alone, shape (1, n)."""
    return _rearranged(rows, lambda array: array[:1])


def broadcast(rows: Array, like: Array) -> Array:
    """Repeat a single column until it has the shape of `like`, as NumPy does silently."""
    return _rearranged(rows, lambda array: np.broadcast_to(array, like.shape))


def row_sums(rows: Array) -> Array:
    """Return each row's sum in each of its elements: shape (N, n)."""
    ones = np.ones((rows.shape[1], rows.shape[1]))
    if isinstance(rows, Bounded):
        return rows @ Bounded.exact(ones, rows.format)
    return rows @ ones.astype(rows.dtype)


def _rearranged(rows: Array, move: Callable[[NDArray[Any]], NDArray[Any]]) -> Array:
    if isinstance(rows, Bounded):
        error = rows.error if isinstance(rows.error, float) else move(rows.error)
        return Bounded(move(rows.value), error, rows.format)
    return move(rows)
