"""The tape of a training step: the document's equations as lines, each computed from the lines above it.

Such a straight-line list is called a tape, or a Wengert list, in automatic differentiation (Griewank and
Walther, *Evaluating Derivatives*, 2nd ed., section 2.2). The NumPy reference, the bounds and the reports all
follow from this one table.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cases import Problem, names
from cases.dtypes import SIXTEEN_BITS
from cases.names import STEP
from cases.skeleton import training_step
from cases.update_rules import UpdateRules
from reference import optimizers
from reference.activations import ACTIVATIONS
from reference.formulas import (
    bias_gradient,
    linear,
    through_activation,
    through_weights,
    weight_gradient,
)
from reference.line import Formula, Line, line_of
from reference.losses import loss_rule

# A loss by its name, its reduction and its numbers.
StatedLoss: TypeAlias = tuple[str, str, tuple[tuple[str, float], ...]]

# The formulas of a dense layer.
DENSE = {
    "linear": Formula(linear, "{0} {1}ᵀ + {2}"),
    "through activation": Formula(through_activation, "{0} ⊙ {1}"),
    "weight gradient": Formula(weight_gradient, "({0})ᵀ {1}"),
    "bias gradient": Formula(bias_gradient, "Σ {0}"),
    "through weights": Formula(through_weights, "{0} {1}"),
}


def tape(problem: Problem) -> tuple[Line, ...]:
    """Return the lines of one training step of `problem`, in the order they are computed."""
    loss = problem.loss, problem.reduction, problem.loss_numbers
    return _tape(problem.activations, loss, problem.update_rules)


@lru_cache(maxsize=1024)
def _tape(activations: tuple[str, ...], loss: StatedLoss, rules: UpdateRules) -> tuple[Line, ...]:
    formulas = formulas_of(activations, loss)
    return tuple(line_of(quantity, formulas) for quantity in training_step(activations, rules))


def formulas_of(activations: Iterable[str], loss: StatedLoss) -> dict[str, Formula]:
    """Return the formula of each operation of a training step of dense layers."""
    rule = loss_rule(*loss)
    formulas = DENSE | optimizers.FORMULAS
    formulas["loss"] = Formula(rule.value, rule.equation)
    formulas["loss gradient"] = Formula(rule.gradient, rule.gradient_equation)
    for name in activations:
        formulas[name] = Formula(ACTIVATIONS[name].value, f"{name}({{0}})")
        formulas[f"{name}'"] = Formula(ACTIVATIONS[name].derivative, f"{name}'({{0}})")
    return formulas


def evaluate(lines: tuple[Line, ...], known: Mapping[str, Any]) -> dict[str, Any]:
    """Compute every line from `known` inputs; return the lines' values by name, in order."""
    values, dtype = dict(known), getattr(known["x"], "dtype", None)  # bounded numbers and balls have none
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # values, as in every framework
        for line in lines:
            values[line.name] = computed(line, values, dtype)
    return {line.name: values[line.name] for line in lines}


def computed(line: Line, values: Mapping[str, Any], dtype: DTypeLike | None) -> Any:  # noqa: ANN401 - as the formula's
    """Compute one line; a Python number, as a schedule gives, becomes an array of the problem's dtype."""
    value = line.formula(*(values[name] for name in line.inputs))
    return np.asarray(value, dtype) if isinstance(value, float) else value


def in_float32(line: Line) -> Line:
    """Return a line that computes in float32, and rounds its result once to the format of its inputs.

    NumPy's own sums along the first axis accumulate in the 16 bits themselves, where 60,000 ones are 256
    (bfloat16) or 2048 (float16); its products of bfloat16 are float32.
    """

    def rounded(*inputs: NDArray[Any] | float) -> NDArray[Any] | float:
        arrays = [one for one in inputs if isinstance(one, np.ndarray)]
        short = next((one.dtype for one in arrays if str(one.dtype) in SIXTEEN_BITS), None)
        wide = [
            one.astype(np.float32) if isinstance(one, np.ndarray) and one.dtype == short else one
            for one in inputs
        ]
        result = line.formula(*wide)
        return result if isinstance(result, float) or short is None else np.asarray(result).astype(short)

    return replace(line, formula=rounded)


def is_done(problem: Problem, loss: Any) -> bool:  # noqa: ANN401 - a NumPy scalar or array of one element
    """Say whether a step with this loss ends the training: NaN never does."""
    return problem.until is not None and float(loss) <= problem.until


def training_steps(
    problem: Problem, lines: tuple[Line, ...] | None = None
) -> Iterator[dict[str, NDArray[Any]]]:
    """Train in plain NumPy, in the problem's dtype; in 16 bits each line in float32, rounded once.

    Parameters
    ----------
    lines
        Another tape than the problem's own: a mistaken one.

    Yields
    ------
    For each step every quantity by name (z1, a1, …, loss, dL/da2, …, W1_new, …), in the order computed; the
    last is the first whose loss is at most `problem.until`, if there is one before `problem.steps`.
    """
    lines, state = lines or tape(problem), problem.state
    if problem.dtype in SIXTEEN_BITS:
        lines = tuple(map(in_float32, lines))
    data = {"x": problem.x, "y": problem.y, **problem.constants}
    for step in range(1, problem.steps + 1):
        values = evaluate(lines, {**data, STEP: np.asarray(step, np.float64), **state})
        yield values
        if is_done(problem, values["loss"]):
            return
        state = {name: values[names.updated(name)] for name in state}


def advanced(known: Mapping[str, Any], values: Mapping[str, Any], problem: Problem) -> dict[str, Any]:
    """Return what is known before the next step: the data, the count, and the state as it was updated.

    Parameters
    ----------
    known
        What was known before this step.
    values
        What this step gave, among it every updated parameter and optimizer state.
    """
    after = {name: values[names.updated(name)].kept() for name in problem.state}
    return {**known, **after, STEP: replace(known[STEP], value=known[STEP].value + 1)}
