"""Mistakes in the averages of gradients and of their squares: what is averaged, and with which weights."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cases import Problem
from reference.line import Array, Line
from reference.mistakes.mistake import Lines, lines_with, mistake, rewired, rewritten, state_lines
from reference.mistakes.wrong_momentum import swapped_average
from reference.mistakes.wrong_states import (
    NO_AVERAGE,
    NO_SQUARES,
    SUM_OF_SQUARES,
    centered,
)
from reference.optimizers.averages import AVERAGE_OF_SQUARES, MOVING_AVERAGE, average
from reference.optimizers.sgd import accumulate
from reference.training import tape

NO_TWO_BETAS = "this optimizer has no two betas"
EQUAL_BETAS = "β₁ is β₂"


@mistake("β₁ and β₂ were swapped")
def betas_swapped(problem: Problem) -> Lines:
    """m with β₂, and v, or Adamax's u, with β₁."""
    swap = {"beta1": "beta2", "beta2": "beta1"}
    return _of_other_betas(problem, swap, tape(problem))


@mistake("the squares were averaged with β₁, as the gradients are")
def squares_averaged_with_beta1(problem: Problem) -> Lines:
    return _of_other_betas(problem, {"beta2": "beta1"}, state_lines(problem, "v", "u"))


def _of_other_betas(problem: Problem, others: Mapping[str, str], lines: Iterable[Line]) -> Lines:
    rule = problem.optimizer
    if not rule.has("beta1"):
        return NO_TWO_BETAS
    if rule["beta1"] == rule["beta2"]:
        return EQUAL_BETAS
    return [rewired(line, others) for line in lines if not others.keys().isdisjoint(line.inputs)]


@mistake(
    "the weights of the averages were swapped: 1 − β is before the old average, β before the gradient",
    source="mila-iqia/blocks #1159",
)
def weights_of_the_averages_swapped(problem: Problem) -> Lines:
    """m = (1 − β) m + β ∂L/∂w, and v so too."""
    rates = [problem.optimizer[key] for key in ("beta1", "beta2", "alpha") if problem.optimizer.has(key)]
    if rates and set(rates) == {1 / 2}:
        return "β is ½"

    def of_squares(beta: Array, v: Array, g: Array) -> Array:
        return swapped_average(beta, v, g * g)

    averages = rewritten(lines_with(problem, MOVING_AVERAGE), swapped_average, "(1 − {0}) {1} + {0} {2}")
    squares = rewritten(lines_with(problem, AVERAGE_OF_SQUARES), of_squares, "(1 − {0}) {1} + {0} ({2})²")
    return averages + squares or NO_AVERAGE


@mistake("the weight 1 − β of the gradient is missing, so that the average is a sum", unless=centered)
def weight_of_the_gradient_missing(problem: Problem) -> Lines:
    """m = β m + ∂L/∂w."""
    lines = lines_with(problem, MOVING_AVERAGE)
    return rewritten(lines, lambda beta, m, g: accumulate(m, g, beta), "{0} {1} + {2}") or NO_AVERAGE


@mistake(
    "the weight 1 − β of the square is missing, so that the average is a sum", source="fastai/fastbook #342"
)
def weight_of_the_square_missing(problem: Problem) -> Lines:
    """v = β v + (∂L/∂w)²."""
    lines = lines_with(problem, AVERAGE_OF_SQUARES)
    return rewritten(lines, lambda beta, v, g: accumulate(v, g * g, beta), "{0} {1} + ({2})²") or NO_SQUARES


@mistake("the squares were summed up, not averaged, as in Adagrad")
def squares_summed(problem: Problem) -> Lines:
    """v = v + (∂L/∂w)²."""
    lines = [replace(line, inputs=line.inputs[1:]) for line in lines_with(problem, AVERAGE_OF_SQUARES)]
    return rewritten(lines, SUM_OF_SQUARES, "{0} + ({1})²") or NO_SQUARES


@mistake("the square is missing: the magnitudes of the gradient were averaged, or summed up", unless=centered)
def magnitudes_for_squares(problem: Problem) -> Lines:
    """v = β v + (1 − β) |∂L/∂w|, or v + |∂L/∂w|."""

    def averaged(beta: Array, v: Array, g: Array) -> Array:
        return average(beta, v, abs(g))

    averages = rewritten(lines_with(problem, AVERAGE_OF_SQUARES), averaged, "{0} {1} + (1 − {0}) |{2}|")
    sums = rewritten(lines_with(problem, SUM_OF_SQUARES), lambda v, g: v + abs(g), "{0} + |{1}|")
    return averages + sums or NO_SQUARES


@mistake("the squares are those of the averaged gradient, not of the gradient")
def squares_of_the_average(problem: Problem) -> Lines:
    if not problem.optimizer.has("beta1"):
        return "this optimizer does not average both the gradients and their squares"
    averages = {line.inputs[2]: line.name for line in state_lines(problem, "m")}
    return [rewired(line, averages) for line in state_lines(problem, "v", "u")]
