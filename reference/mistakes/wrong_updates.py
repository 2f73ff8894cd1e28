"""Mistakes in an optimizer's update: its state, the root that it divides by, and the step itself."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from cases import Problem, names
from reference.arithmetic import sqrt
from reference.line import Array, Line, descend, unchanged
from reference.mistakes.mistake import (
    ALL_TRAINED,
    NO_STATE,
    ONE_STEP,
    Lines,
    changed,
    constant,
    lines_named,
    lines_with,
    mistake,
    negative,
    next_count,
    placeholder,
    rate_of,
    rewired,
    rewritten,
    state_lines,
    update_lines,
)
from reference.optimizers import adam
from reference.optimizers.averages import CORRECTION, MOVING_AVERAGE
from reference.optimizers.sgd import DESCEND_AHEAD, accumulate, accumulate_dampened
from reference.training import tape

NO_MOMENTUM = "there is no momentum"
NO_DAMPENING = "there is no dampening"
NO_CORRECTION = "this optimizer corrects no averages"


# What is carried from step to step.


@mistake("the momentum, or the average of the gradients, was begun anew in every step")
def momentum_not_carried_over(problem: Problem) -> Lines:
    return _begun_anew(problem, "m") or "this optimizer averages no gradients"


@mistake("the average, the sum or the maximum of the squared gradients was begun anew in every step")
def squares_not_carried_over(problem: Problem) -> Lines:
    """v = (1 − β₂) (∂L/∂w)², or what Adagrad starts from and one square."""
    return _begun_anew(problem, "v", "u") or "this optimizer averages no squares"


def _begun_anew(problem: Problem, *kinds: str) -> Lines:
    if problem.steps == 1:
        return ONE_STEP
    return [_from_the_start(problem, line) for line in state_lines(problem, *kinds)]


def _from_the_start(problem: Problem, line: Line) -> Line:
    state = next(name for name in line.inputs if names.updated(name) == line.name)
    if problem.optimizer.has("initial_accumulator"):
        return rewired(line, {state: "initial_accumulator"})
    template = line.template.replace(placeholder(line, state), "0")
    return changed(line, state, lambda before: constant(before, np.zeros_like), template)


@mistake("the dampening was applied in the first step too")
def dampening_in_the_first_step(problem: Problem) -> Lines:
    lines, template = lines_with(problem, accumulate_dampened), "{2} {0} + (1 − {3}) {1}"
    return rewritten(lines, lambda m, g, mu, tau: mu * m + (1 - tau) * g, template, kept=4) or NO_DAMPENING


@mistake("the dampening is missing")
def dampening_missing(problem: Problem) -> Lines:
    lines = lines_with(problem, accumulate_dampened)
    if lines and problem.steps == 1:
        return "there is only one step, and the first has no dampening"
    return rewritten(lines, accumulate, "{2} {0} + {1}", kept=3) or NO_DAMPENING


@mistake("the momentum was taken as an average, with 1 − μ before the gradient")
def momentum_as_an_average(problem: Problem) -> Lines:
    """m = μ m + (1 − μ) ∂L/∂w: every update is shorter by the factor 1 − μ.

    Source: the `sgd` of HIPS/autograd, and its issue 289, "SGD w/ momentum"; Andrew Ng's course.
    """
    rule = problem.optimizer
    if rule.name != "sgd" or not rule.states:
        return NO_MOMENTUM
    if rule.has("dampening") and rule["dampening"] == rule["momentum"]:
        return "the dampening is μ, so that it is an average from the second step on"
    return [
        Line(line.name, MOVING_AVERAGE, ("momentum", *line.inputs[:2]), "{0} {1} + (1 − {0}) {2}")
        for line in state_lines(problem, "m")
    ]


@mistake("the look-ahead of Nesterov's momentum is missing, so that it is the ordinary one")
def look_ahead_missing(problem: Problem) -> Lines:
    """w = w − η m for w − η (∂L/∂w + μ m)."""
    ahead = [(line.name, line.inputs) for line in lines_with(problem, DESCEND_AHEAD)]
    lines = [Line(name, descend, (w, m, rate), "{0} − {2} {1}") for name, (w, _, m, _, rate) in ahead]
    return lines or "the momentum is not Nesterov's"


@mistake("the learning rate was applied inside the momentum, which keeps the rates of earlier steps")
def rate_inside_the_momentum(problem: Problem) -> Lines:
    """m = μ m + η ∂L/∂w and w = w − m: the same update only as long as η is."""
    if problem.optimizer.name != "sgd" or not problem.optimizer.states:
        return NO_MOMENTUM
    if problem.schedule is None:
        return "as long as the rate stays the same, so does the update"
    if problem.steps == 1:
        return ONE_STEP
    momenta = [_with_rate_inside(line, rate_of(problem)) for line in state_lines(problem, "m")]
    return momenta + list(map(_without_rate, update_lines(problem)))


def _with_rate_inside(line: Line, rate: str) -> Line:
    def accumulated(m: Array, g: Array, *others: Array) -> Array:
        return line.formula(m, others[-1] * g, *others[:-1])

    template = line.template.replace("{1}", f"{{{len(line.inputs)}}} {{1}}")
    return replace(line, formula=accumulated, inputs=(*line.inputs, rate), template=template)


def _without_rate(line: Line) -> Line:
    if line.formula is DESCEND_AHEAD:
        template = "{0} − ({4} {1} + {3} {2})"
        return replace(line, formula=lambda w, g, m, mu, eta: w - (eta * g + mu * m), template=template)
    return Line(line.name, lambda w, m: w - m, line.inputs[:2], "{0} − {1}")


@mistake("β₁ and β₂ were swapped")
def betas_swapped(problem: Problem) -> Lines:
    """m with β₂, and v, or Adamax's u, with β₁."""
    rule = problem.optimizer
    if not rule.has("beta1"):
        return "this optimizer has no two betas"
    if rule["beta1"] == rule["beta2"]:
        return "β₁ is β₂"
    swap = {"beta1": "beta2", "beta2": "beta1"}
    return [rewired(line, swap) for line in tape(problem) if not swap.keys().isdisjoint(line.inputs)]


@mistake("the squares are those of the averaged gradient, not of the gradient")
def squares_of_the_average(problem: Problem) -> Lines:
    if not problem.optimizer.has("beta1"):
        return "this optimizer does not average both the gradients and their squares"
    averages = {line.inputs[2]: line.name for line in state_lines(problem, "m")}
    return [rewired(line, averages) for line in state_lines(problem, "v", "u")]


# The root that the gradient is divided by, and the correction of the averages' start at 0.

# A formula and its template; and another one for each of some formulas.
Rewritten: TypeAlias = tuple[Callable[..., Any], str]
Exchange: TypeAlias = Mapping[Any, Rewritten]


def _exchanged(problem: Problem, formulas: Exchange, *dropped: str) -> list[Line]:
    """Return lines with another formula, without the inputs whose names begin with one of `dropped`."""
    return [
        Line(line.name, formula, tuple(one for one in line.inputs if not one.startswith(dropped)), template)
        for line in lines_with(problem, *formulas)
        for formula, template in [formulas[line.formula]]
    ]


@mistake("the averages were not corrected for their start at 0")
def bias_correction_missing(problem: Problem) -> Lines:
    return _exchanged(problem, UNCORRECTED, "correction") or NO_CORRECTION


UNCORRECTED: Exchange = {
    adam.direction: (lambda m, v, eps: m / (sqrt(v) + eps), "{0} / (√{1} + {2})"),
    adam.direction_inside: (lambda m, v, eps: m / sqrt(v + eps), "{0} / √({1} + {2})"),
    adam.descend_over_largest: (lambda w, m, u, eta: w - eta * (m / u), "{0} − {3} {1} / {2}"),
}


@mistake("the averages were corrected as those of the next step: the steps were counted from 2")
def bias_correction_off_by_one(problem: Problem) -> Lines:
    """1 − βᵗ⁺¹ for 1 − βᵗ; with βᵗ⁻¹ the first step would divide by 0."""
    lines = lines_with(problem, CORRECTION)
    later = [changed(line, names.STEP, next_count, line.template.replace("ᵗ", "ᵗ⁺¹")) for line in lines]
    return later or NO_CORRECTION


@mistake("ε was added inside the root, where it belongs outside")
def eps_inside_the_root(problem: Problem) -> Lines:
    return _with_eps_elsewhere(problem, {outside[0]: inside for outside, inside, _ in ROOTS})


@mistake("ε was added outside the root, where it belongs inside")
def eps_outside_the_root(problem: Problem) -> Lines:
    return _with_eps_elsewhere(problem, {inside[0]: outside for outside, inside, _ in ROOTS})


def _with_eps_elsewhere(problem: Problem, formulas: Exchange) -> Lines:
    lines = _exchanged(problem, formulas)
    if lines and problem.optimizer["eps"] == 0:
        return "ε is 0"
    return lines or "this optimizer adds no ε there"


@mistake("the root is missing: the gradient was divided by its mean square")
def root_missing(problem: Problem) -> Lines:
    formulas = {right[0]: missing for *either, missing in ROOTS for right in either}
    return _exchanged(problem, formulas) or "this optimizer divides by no root"


# Formulas and their templates: with ε outside the root, with ε inside it, and without the root.
ROOTS: list[tuple[Rewritten, Rewritten, Rewritten]] = [
    (
        (adam.direction, "m̂ / (√v̂ + {4})"),
        (adam.direction_inside, "m̂ / √(v̂ + {4})"),
        (lambda m, v, c1, c2, eps: (m / c1) / (v / c2 + eps), "m̂ / (v̂ + {4})"),
    ),
    (
        (adam.descend_over_root, "{0} − {4} {1} / (√{2} + {3})"),
        (adam.descend_over_root_inside, "{0} − {4} {1} / √({2} + {3})"),
        (lambda w, g, v, eps, eta: w - eta * (g / (v + eps)), "{0} − {4} {1} / ({2} + {3})"),
    ),
    (
        (adam.descend_centered, "{0} − {5} {1} / (√({2} − {3}²) + {4})"),
        (adam.descend_centered_inside, "{0} − {5} {1} / √({2} − {3}² + {4})"),
        (
            lambda w, g, v, m, eps, eta: w - eta * (g / (v - m * m + eps)),
            "{0} − {5} {1} / ({2} − {3}² + {4})",
        ),
    ),
]


@mistake("the squared average of the gradients was not taken off the average of their squares")
def mean_not_subtracted(problem: Problem) -> Lines:
    """√v for √(v − m²) in the centered RMSprop."""
    (outside, inside, _), (centered, centered_inside, _) = ROOTS[1:]
    formulas = {centered[0]: outside, centered_inside[0]: inside}
    return _exchanged(problem, formulas, "m_") or "this optimizer is not the centered RMSprop"


# The step: w = w − η · ∂L/∂w, or another direction for the gradient.


def at_another_rate(problem: Problem, change: Callable[[Any], Any], written: str) -> Lines:
    """Return the update's line for each trained parameter with a changed rate, `written` for − η."""
    rate = rate_of(problem)

    def changed_rate(line: Line) -> Line:
        eta = placeholder(line, rate)
        return changed(line, rate, change, line.template.replace(f"− {eta}", written.replace("η", eta)))

    return list(map(changed_rate, update_lines(problem))) or "no parameter is trained"


@mistake("the learning rate was applied twice")
def rate_applied_twice(problem: Problem) -> Lines:
    if problem.learning_rate == 1 and problem.schedule is None:
        return "the learning rate is 1"
    return at_another_rate(problem, lambda eta: eta * eta, "− η η")


@mistake("the update has the wrong sign")
def update_with_the_wrong_sign(problem: Problem) -> Lines:
    return at_another_rate(problem, negative, "+ η")


@mistake("the bias was not updated")
def bias_not_updated(problem: Problem) -> Lines:
    biases = (name for name in problem.trained if name.startswith("b"))
    lines = lines_named(problem, map(names.updated, biases))
    return rewritten(lines, unchanged, "{0}", kept=1) or "no bias is trained"


@mistake("a parameter that is not trained was updated all the same")
def fixed_parameter_updated(problem: Problem) -> Lines:
    if not problem.not_trained:
        return ALL_TRAINED
    if problem.optimizer.states:
        return NO_STATE
    return [
        Line(names.updated(w), descend, (w, names.gradient(w), rate_of(problem)), "{0} − {2} {1}")
        for w in problem.not_trained
    ]
