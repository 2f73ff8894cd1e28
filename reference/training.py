"""Training: the tape of a step, what a first step is computed from and the next one starts from, whole runs.

The tape holds the document's equations as lines, each computed from the lines above it. Such a straight-line
list is called a tape, or a Wengert list, in automatic differentiation (Griewank and Walther, *Evaluating
Derivatives*, 2nd ed., section 2.2). The NumPy reference, the bounds and the reports all follow from it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cases import Problem, names
from cases.catalog import UpdateRules
from cases.protocol import IN_FLOAT32, SIXTEEN_BITS, Accumulators
from cases.skeleton import training_step
from reference import optimizers
from reference.activations import ACTIVATIONS
from reference.arithmetic import Ball, Bounded, Format, format_of, to_int
from reference.line import DENSE_FORMULAS, Formula, Line, Settle, evaluate, leading_to, line_of
from reference.losses import loss_rule

# A loss by its name, its reduction and its numbers.
StatedLoss: TypeAlias = tuple[str, str, tuple[tuple[str, float], ...]]


def tape(problem: Problem) -> tuple[Line, ...]:
    loss = problem.loss, problem.reduction, problem.loss_numbers
    return _tape(problem.activations, loss, problem.update_rules)


@lru_cache(maxsize=1024)
def _tape(activations: tuple[str, ...], loss: StatedLoss, rules: UpdateRules) -> tuple[Line, ...]:
    formulas = formulas_of(activations, loss)
    return tuple(line_of(quantity, formulas) for quantity in training_step(activations, rules))


def formulas_of(activations: Iterable[str], loss: StatedLoss) -> dict[str, Formula]:
    rule = loss_rule(*loss)
    formulas = DENSE_FORMULAS | optimizers.FORMULAS
    formulas["loss"] = Formula(rule.value, rule.equation)
    formulas["loss gradient"] = Formula(rule.gradient, rule.gradient_equation)
    for name in activations:
        formulas[name] = Formula(ACTIVATIONS[name].value, f"{name}({{0}})")
        formulas[f"{name}'"] = Formula(ACTIVATIONS[name].derivative, f"{name}'({{0}})")
    return formulas


def data(problem: Problem) -> dict[str, NDArray[Any]]:
    """Return what is the same in every step: x, y, the rates and the rules' other numbers."""
    return {"x": problem.x, "y": problem.y, **problem.constants}


def initial_values(problem: Problem) -> dict[str, NDArray[Any]]:
    """Return all that the first step is computed from: the data, the state, and the step's number."""
    return {**data(problem), **problem.state, names.STEP: np.asarray(problem.steps_before + 1.0)}


def exact(arrays: Mapping[str, NDArray[Any]], form: Format) -> dict[str, Bounded]:
    return {name: Bounded.exact(array, form) for name, array in arrays.items()}


def exact_inputs(problem: Problem, form: Format) -> dict[str, Bounded]:
    return exact(initial_values(problem), form)


def initial_state(problem: Problem, accumulators: Accumulators = IN_FLOAT32) -> dict[str, Bounded]:
    """Return what a run starts from: the parameters, the optimizer's state, the step's number, by name."""
    first = np.asarray(problem.steps_before + 1.0)
    return exact({**problem.state, names.STEP: first}, format_of(problem.dtype, accumulators))


def advance(known: Mapping[str, Any], values: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    """Return what is known before the next step; this one gave `values`, among it every updated state."""
    state = {name: values[names.updated(name)] for name in problem.state}
    kept = {name: one.kept() if isinstance(one, Bounded) else one for name, one in state.items()}
    return {**known, **kept, names.STEP: _plus_one(known[names.STEP])}


def _plus_one(step: Any) -> Any:  # noqa: ANN401 - in any arithmetic
    match step:
        case Bounded():
            return Bounded.exact(step.value + 1, step.format)
        case Ball():
            return Ball.exact(to_int(step) + 1)
    return step + 1


def propagate(
    problem: Problem, lines: Sequence[Line], known: Mapping[str, Bounded], steps: int
) -> dict[str, Bounded]:
    """Propagate what is known, by a right or mistaken tape, through steps of which nothing is observed."""
    needed, after = leading_to(map(names.updated, problem.state), lines), dict(known)
    for _ in range(steps):
        after = advance(after, evaluate(needed, after), problem)
    return after


def training_steps(
    problem: Problem, lines: tuple[Line, ...] | None = None
) -> Iterator[dict[str, NDArray[Any]]]:
    """Train in plain NumPy, in the problem's dtype; in 16 bits each line in float32, rounded once.

    Every quantity of a step's lines is yielded by name, in the order computed. The last step is the first
    whose loss is at most `problem.until`, if there is one before `problem.steps`.
    """
    lines, known, settle = lines or tape(problem), initial_values(problem), as_array(problem.x.dtype)
    if problem.dtype in SIXTEEN_BITS:
        lines = tuple(map(in_float32, lines))
    for _ in range(problem.steps):
        values = evaluate(lines, known, settle)
        yield values
        if is_done(problem, values["loss"]):
            return
        known = advance(known, values, problem)


def as_array(dtype: DTypeLike) -> Settle:
    """Return what makes an array of a Python number, such as a schedule gives, and leaves arrays alone."""
    return lambda line, value: np.asarray(value, dtype) if isinstance(value, float) else value  # noqa: ARG005


def in_float32(line: Line) -> Line:
    """Return a line that computes in float32, and rounds its result once to the format of its inputs.

    NumPy's own sums along the first axis accumulate in the 16 bits themselves, where 60,000 ones are 256
    (bfloat16) or 2048 (float16); its products of bfloat16 are float32.
    """

    def rounded(*inputs: NDArray[Any] | float) -> NDArray[Any] | float:
        arrays = [array for array in inputs if isinstance(array, np.ndarray)]
        short = next((array.dtype for array in arrays if str(array.dtype) in SIXTEEN_BITS), None)
        wide = [
            array.astype(np.float32) if isinstance(array, np.ndarray) and array.dtype == short else array
            for array in inputs
        ]
        result = line.formula(*wide)
        return result if isinstance(result, float) or short is None else np.asarray(result).astype(short)

    return replace(line, formula=rounded)


def is_done(problem: Problem, loss: Any) -> bool:  # noqa: ANN401 - a NumPy scalar or array of one element
    """Say whether a step with this loss ends the training: NaN never does."""
    return problem.until is not None and float(loss) <= problem.until
