"""Mistakes in what an optimizer carries from step to step: momentum, and the averages of squares."""

from dataclasses import replace
from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Problem
from reference.arithmetic import Bounded
from reference.formulas import descend
from reference.line import Line
from reference.mistakes.mistake import Inexpressible, mistake
from reference.mistakes.operations import none_of
from reference.mistakes.rewiring import changed, rate_of, rewired, state_lines, update_lines
from reference.optimizers.averages import MOVING_AVERAGE
from reference.optimizers.sgd import DESCEND_AHEAD, accumulate, accumulate_dampened
from reference.tape import tape

Array = TypeVar("Array", NDArray[Any], Bounded)

ONE_STEP = Inexpressible("there is only one step")
NO_MOMENTUM = Inexpressible("there is no momentum")
NO_DAMPENING = Inexpressible("there is no dampening")


@mistake("the momentum, or the average of the gradients, was begun anew in every step")
def momentum_not_carried_over(problem: Problem) -> list[Line] | Inexpressible:
    """m = μ · 0 + ∂L/∂w, or (1 − β₁) ∂L/∂w."""
    return _begun_anew(problem, "m") or Inexpressible("this optimizer averages no gradients")


@mistake("the average, the sum or the maximum of the squared gradients was begun anew in every step")
def squares_not_carried_over(problem: Problem) -> list[Line] | Inexpressible:
    """v = (1 − β₂) (∂L/∂w)², or what Adagrad starts from and one square."""
    return _begun_anew(problem, "v", "u") or Inexpressible("this optimizer averages no squares")


def _begun_anew(problem: Problem, *kinds: str) -> list[Line] | Inexpressible:
    if problem.steps == 1:
        return ONE_STEP
    lines = state_lines(problem, *kinds).items()
    if problem.optimizer.has("initial_accumulator"):
        return [rewired(line, {state: "initial_accumulator"}) for state, line in lines]
    return [changed(line, state, none_of, line.equation.replace(state, "0")) for state, line in lines]


@mistake("the dampening was applied in the first step too")
def dampening_in_the_first_step(problem: Problem) -> list[Line] | Inexpressible:
    """m = μ m + (1 − τ) ∂L/∂w, always."""

    def always(m: Array, g: Array, mu: Array, tau: Array) -> Array:
        return mu * m + (1 - tau) * g

    return [
        Line(line.name, always, line.inputs[:4], line.equation.partition(",")[0])
        for line in tape(problem)
        if line.formula is accumulate_dampened
    ] or NO_DAMPENING


@mistake("the dampening is missing")
def dampening_missing(problem: Problem) -> list[Line] | Inexpressible:
    """m = μ m + ∂L/∂w."""
    lines = [line for line in tape(problem) if line.formula is accumulate_dampened]
    if lines and problem.steps == 1:
        return Inexpressible("there is only one step, and the first has no dampening")
    return [
        Line(line.name, accumulate, line.inputs[:3], f"μ {line.inputs[0]} + {line.inputs[1]}")
        for line in lines
    ] or NO_DAMPENING


@mistake("the momentum was taken as an average, with 1 − μ before the gradient")
def momentum_as_an_average(problem: Problem) -> list[Line] | Inexpressible:
    """m = μ m + (1 − μ) ∂L/∂w: every update is shorter by the factor 1 − μ.

    Source: the `sgd` of HIPS/autograd, and its issue 289, "SGD w/ momentum"; Andrew Ng's course.
    """
    rule = problem.optimizer
    if rule.name != "sgd" or not rule.states:
        return NO_MOMENTUM
    if rule.has("dampening") and rule["dampening"] == rule["momentum"]:
        return Inexpressible("the dampening is μ, so that it is an average from the second step on")
    return [
        Line(line.name, MOVING_AVERAGE, ("momentum", m, g), f"μ {m} + (1 − μ) {g}")
        for line, (m, g, *_) in ((line, line.inputs) for line in state_lines(problem, "m").values())
    ]


@mistake("the look-ahead of Nesterov's momentum is missing, so that it is the ordinary one")
def look_ahead_missing(problem: Problem) -> list[Line] | Inexpressible:
    """w = w − η m for w − η (∂L/∂w + μ m)."""
    ahead = [line for line in tape(problem) if line.formula is DESCEND_AHEAD]
    lines = [
        Line(line.name, descend, (w, m, rate), f"{w} − η {m}")
        for line, (w, _, m, _, rate) in ((line, line.inputs) for line in ahead)
    ]
    return lines or Inexpressible("the momentum is not Nesterov's")


@mistake("the learning rate was applied inside the momentum, which keeps the rates of earlier steps")
def rate_inside_the_momentum(problem: Problem) -> list[Line] | Inexpressible:
    """m = μ m + η ∂L/∂w and w = w − m: the same update only as long as η is."""
    if problem.optimizer.name != "sgd" or not problem.optimizer.states:
        return NO_MOMENTUM
    if problem.schedule is None:
        return Inexpressible("as long as the rate stays the same, so does the update")
    if problem.steps == 1:
        return ONE_STEP
    rate = rate_of(problem)
    kept = [_with_rate_inside(line, rate) for line in state_lines(problem, "m").values()]
    return kept + [_without_rate(line) for line in update_lines(problem)]


def _with_rate_inside(line: Line, rate: str) -> Line:
    def accumulated(m: Array, g: Array, *others: Array) -> Array:
        return line.formula(m, others[-1] * g, *others[:-1])

    gradient = line.inputs[1]
    equation = line.equation.replace(gradient, f"η {gradient}")
    return replace(line, formula=accumulated, inputs=(*line.inputs, rate), equation=equation)


def _without_rate(line: Line) -> Line:
    def descend_by(w: Array, m: Array) -> Array:
        return w - m

    def descend_by_ahead(w: Array, g: Array, m: Array, mu: Array, eta: Array) -> Array:
        return w - (eta * g + mu * m)

    if line.formula is DESCEND_AHEAD:
        w, g, m, *_ = line.inputs
        return replace(line, formula=descend_by_ahead, equation=f"{w} − (η {g} + μ {m})")
    w, m, _ = line.inputs
    return Line(line.name, descend_by, (w, m), f"{w} − {m}")


@mistake("β₁ and β₂ were swapped")
def betas_swapped(problem: Problem) -> list[Line] | Inexpressible:
    """m with β₂, and v, or Adamax's u, with β₁."""
    rule = problem.optimizer
    if not rule.has("beta1"):
        return Inexpressible("this optimizer has no two betas")
    if rule["beta1"] == rule["beta2"]:
        return Inexpressible("β₁ is β₂")
    swap = {"beta1": "beta2", "beta2": "beta1"}
    written = str.maketrans("₁₂", "₂₁")
    return [
        replace(line, inputs=tuple(swap.get(name, name) for name in line.inputs), equation=equation)
        for line, equation in ((line, line.equation.translate(written)) for line in tape(problem))
        if not swap.keys().isdisjoint(line.inputs)
    ]


@mistake("the squares are those of the averaged gradient, not of the gradient")
def squares_of_the_average(problem: Problem) -> list[Line] | Inexpressible:
    """v = β₂ v + (1 − β₂) m²."""
    if not problem.optimizer.has("beta1"):
        return Inexpressible("this optimizer does not average both the gradients and their squares")
    averages = {line.inputs[2]: line.name for line in state_lines(problem, "m").values()}
    return [
        rewired(line, {line.inputs[2]: averages[line.inputs[2]]})
        for line in state_lines(problem, "v", "u").values()
    ]
