"""Lines of the right tape with other inputs, or with an input changed: how most wrong updates are made."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cases import Problem, names
from reference.line import Line
from reference.tape import tape


def lines_of(problem: Problem) -> dict[str, Line]:
    """Return the right lines by name."""
    return {line.name: line for line in tape(problem)}


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
    """Return the line with other inputs in the place of some."""
    longest_first = sorted(map(re.escape, others), key=len, reverse=True)
    equation = re.sub("|".join(longest_first), lambda found: others[found[0]], line.equation)
    return replace(line, inputs=tuple(others.get(name, name) for name in line.inputs), equation=equation)


def changed(line: Line, name: str, change: Callable[[Any], Any], equation: str) -> Line:
    """Return the line with one input changed before the formula takes it."""
    i = line.inputs.index(name)

    def formula(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers, as the right formula's
        return line.formula(*given[:i], change(given[i]), *given[i + 1 :])

    return replace(line, formula=formula, equation=equation)
