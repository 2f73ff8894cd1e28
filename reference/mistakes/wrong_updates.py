"""Mistakes in an optimizer's update: its state, the root that it divides by, and the step itself."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from cases import Problem, names
from reference.arithmetic import sqrt
from reference.formulas import descend, unchanged
from reference.line import Line
from reference.mistakes.line_edits import (
    ALL_TRAINED,
    NO_STATE,
    ONE_STEP,
    Array,
    changed,
    lines_with,
    negative,
    next_count,
    placeholder,
    rate_of,
    rewired,
    state_lines,
    update_lines,
    zeros_like,
)
from reference.mistakes.mistake import Inexpressible, Lines, mistake
from reference.optimizers import adam, rmsprop
from reference.optimizers.averages import CORRECTION, MOVING_AVERAGE
from reference.optimizers.sgd import DESCEND_AHEAD, accumulate, accumulate_dampened
from reference.tape import tape

NO_MOMENTUM = Inexpressible("there is no momentum")
NO_DAMPENING = Inexpressible("there is no dampening")
NO_CORRECTION = Inexpressible("this optimizer corrects no averages")
NOTHING_TRAINED = Inexpressible("no parameter is trained")


# What is carried from step to step.


@mistake("the momentum, or the average of the gradients, was begun anew in every step")
def momentum_not_carried_over(problem: Problem) -> Lines:
    """m = μ · 0 + ∂L/∂w, or (1 − β₁) ∂L/∂w."""
    return _begun_anew(problem, "m") or Inexpressible("this optimizer averages no gradients")


@mistake("the average, the sum or the maximum of the squared gradients was begun anew in every step")
def squares_not_carried_over(problem: Problem) -> Lines:
    """v = (1 − β₂) (∂L/∂w)², or what Adagrad starts from and one square."""
    return _begun_anew(problem, "v", "u") or Inexpressible("this optimizer averages no squares")


def _begun_anew(problem: Problem, *kinds: str) -> Lines:
    if problem.steps == 1:
        return ONE_STEP
    lines = state_lines(problem, *kinds).items()
    if problem.optimizer.has("initial_accumulator"):
        return [rewired(line, {state: "initial_accumulator"}) for state, line in lines]
    return [
        changed(line, state, zeros_like, line.template.replace(placeholder(line, state), "0"))
        for state, line in lines
    ]


@mistake("the dampening was applied in the first step too")
def dampening_in_the_first_step(problem: Problem) -> Lines:
    """m = μ m + (1 − τ) ∂L/∂w, always."""

    def always(m: Array, g: Array, mu: Array, tau: Array) -> Array:
        return mu * m + (1 - tau) * g

    return [
        Line(line.name, always, line.inputs[:4], "{2} {0} + (1 − {3}) {1}")
        for line in lines_with(problem, accumulate_dampened)
    ] or NO_DAMPENING


@mistake("the dampening is missing")
def dampening_missing(problem: Problem) -> Lines:
    """m = μ m + ∂L/∂w."""
    lines = lines_with(problem, accumulate_dampened)
    if lines and problem.steps == 1:
        return Inexpressible("there is only one step, and the first has no dampening")
    return [Line(line.name, accumulate, line.inputs[:3], "{2} {0} + {1}") for line in lines] or NO_DAMPENING


@mistake("the momentum was taken as an average, with 1 − μ before the gradient")
def momentum_as_an_average(problem: Problem) -> Lines:
    """m = μ m + (1 − μ) ∂L/∂w: every update is shorter by the factor 1 − μ.

    Source: the `sgd` of HIPS/autograd, and its issue 289, "SGD w/ momentum"; Andrew Ng's course.
    """
    rule = problem.optimizer
    if rule.name != "sgd" or not rule.states:
        return NO_MOMENTUM
    if rule.has("dampening") and rule["dampening"] == rule["momentum"]:
        return Inexpressible("the dampening is μ, so that it is an average from the second step on")
    return [
        Line(line.name, MOVING_AVERAGE, ("momentum", *line.inputs[:2]), "{0} {1} + (1 − {0}) {2}")
        for line in state_lines(problem, "m").values()
    ]


@mistake("the look-ahead of Nesterov's momentum is missing, so that it is the ordinary one")
def look_ahead_missing(problem: Problem) -> Lines:
    """w = w − η m for w − η (∂L/∂w + μ m)."""
    ahead = [(line.name, line.inputs) for line in lines_with(problem, DESCEND_AHEAD)]
    return [
        Line(name, descend, (w, m, rate), "{0} − {2} {1}") for name, (w, _, m, _, rate) in ahead
    ] or Inexpressible("the momentum is not Nesterov's")


@mistake("the learning rate was applied inside the momentum, which keeps the rates of earlier steps")
def rate_inside_the_momentum(problem: Problem) -> Lines:
    """m = μ m + η ∂L/∂w and w = w − m: the same update only as long as η is."""
    if problem.optimizer.name != "sgd" or not problem.optimizer.states:
        return NO_MOMENTUM
    if problem.schedule is None:
        return Inexpressible("as long as the rate stays the same, so does the update")
    if problem.steps == 1:
        return ONE_STEP
    momenta = state_lines(problem, "m").values()
    return [
        *(_with_rate_inside(line, rate_of(problem)) for line in momenta),
        *map(_without_rate, update_lines(problem)),
    ]


def _with_rate_inside(line: Line, rate: str) -> Line:
    def accumulated(m: Array, g: Array, *others: Array) -> Array:
        return line.formula(m, others[-1] * g, *others[:-1])

    template = line.template.replace("{1}", f"{{{len(line.inputs)}}} {{1}}")
    return replace(line, formula=accumulated, inputs=(*line.inputs, rate), template=template)


def _without_rate(line: Line) -> Line:
    def descend_by(w: Array, m: Array) -> Array:
        return w - m

    def descend_by_ahead(w: Array, g: Array, m: Array, mu: Array, eta: Array) -> Array:
        return w - (eta * g + mu * m)

    if line.formula is DESCEND_AHEAD:
        return replace(line, formula=descend_by_ahead, template="{0} − ({4} {1} + {3} {2})")
    return Line(line.name, descend_by, line.inputs[:2], "{0} − {1}")


@mistake("β₁ and β₂ were swapped")
def betas_swapped(problem: Problem) -> Lines:
    """m with β₂, and v, or Adamax's u, with β₁."""
    rule = problem.optimizer
    if not rule.has("beta1"):
        return Inexpressible("this optimizer has no two betas")
    if rule["beta1"] == rule["beta2"]:
        return Inexpressible("β₁ is β₂")
    swap = {"beta1": "beta2", "beta2": "beta1"}
    return [rewired(line, swap) for line in tape(problem) if not swap.keys().isdisjoint(line.inputs)]


@mistake("the squares are those of the averaged gradient, not of the gradient")
def squares_of_the_average(problem: Problem) -> Lines:
    """v = β₂ v + (1 − β₂) m²."""
    if not problem.optimizer.has("beta1"):
        return Inexpressible("this optimizer does not average both the gradients and their squares")
    averages = {line.inputs[2]: line.name for line in state_lines(problem, "m").values()}
    return [rewired(line, averages) for line in state_lines(problem, "v", "u").values()]


# The root that the gradient is divided by, and the correction of the averages' start at 0.

# From a formula, another one and its template.
Exchange: TypeAlias = Mapping[Any, tuple[Callable[..., Any], str]]


def _exchanged(problem: Problem, formulas: Exchange, *dropped: str) -> list[Line]:
    """Return lines with another formula, without the inputs whose names begin with one of `dropped`."""
    return [
        Line(line.name, formula, tuple(one for one in line.inputs if not one.startswith(dropped)), template)
        for line in lines_with(problem, *formulas)
        for formula, template in [formulas[line.formula]]
    ]


@mistake("the averages were not corrected for their start at 0")
def bias_correction_missing(problem: Problem) -> Lines:
    """m / (√v + ε) for m̂ / (√v̂ + ε)."""
    return _exchanged(problem, UNCORRECTED, "correction") or NO_CORRECTION


UNCORRECTED: Exchange = {
    adam.direction: (lambda m, v, eps: m / (sqrt(v) + eps), "{0} / (√{1} + {2})"),
    adam.direction_inside: (lambda m, v, eps: m / sqrt(v + eps), "{0} / √({1} + {2})"),
    adam.descend_over_largest: (lambda w, m, u, eta: w - eta * (m / u), "{0} − {3} {1} / {2}"),
}


@mistake("the averages were corrected as those of the next step: the steps were counted from 2")
def bias_correction_off_by_one(problem: Problem) -> Lines:
    """1 − βᵗ⁺¹ for 1 − βᵗ; with βᵗ⁻¹ the first step would divide by 0."""
    return [
        changed(line, names.STEP, next_count, line.template.replace("ᵗ", "ᵗ⁺¹"))
        for line in lines_with(problem, CORRECTION)
    ] or NO_CORRECTION


@mistake("ε was added inside the root, where it belongs outside")
def eps_inside_the_root(problem: Problem) -> Lines:
    """√(v + ε) for √v + ε."""
    return _with_eps_elsewhere(problem, EPS_INSIDE)


@mistake("ε was added outside the root, where it belongs inside")
def eps_outside_the_root(problem: Problem) -> Lines:
    """√v + ε for √(v + ε)."""
    return _with_eps_elsewhere(problem, EPS_OUTSIDE)


EPS_INSIDE: Exchange = {
    adam.direction: (adam.direction_inside, "m̂ / √(v̂ + {4})"),
    rmsprop.descend_over_root: (rmsprop.descend_over_root_inside, "{0} − {4} {1} / √({2} + {3})"),
    rmsprop.descend_centered: (rmsprop.descend_centered_inside, "{0} − {5} {1} / √({2} − {3}² + {4})"),
}
EPS_OUTSIDE: Exchange = {
    adam.direction_inside: (adam.direction, "m̂ / (√v̂ + {4})"),
    rmsprop.descend_over_root_inside: (rmsprop.descend_over_root, "{0} − {4} {1} / (√{2} + {3})"),
    rmsprop.descend_centered_inside: (rmsprop.descend_centered, "{0} − {5} {1} / (√({2} − {3}²) + {4})"),
}


def _with_eps_elsewhere(problem: Problem, formulas: Exchange) -> Lines:
    lines = _exchanged(problem, formulas)
    if lines and problem.optimizer["eps"] == 0:
        return Inexpressible("ε is 0")
    return lines or Inexpressible("this optimizer adds no ε there")


@mistake("the root is missing: the gradient was divided by its mean square")
def root_missing(problem: Problem) -> Lines:
    """∂L/∂w / (v + ε) for ∂L/∂w / (√v + ε)."""
    return _exchanged(problem, WITHOUT_ROOT) or Inexpressible("this optimizer divides by no root")


def _direction_without_root(m: Array, v: Array, c1: Array, c2: Array, eps: Array) -> Array:
    return (m / c1) / (v / c2 + eps)


def _descend_without_root(w: Array, g: Array, v: Array, eps: Array, eta: Array) -> Array:
    return w - eta * (g / (v + eps))


def _descend_centered_without_root(w: Array, g: Array, v: Array, m: Array, eps: Array, eta: Array) -> Array:
    return _descend_without_root(w, g, v - m * m, eps, eta)


_DIRECTION = _direction_without_root, "m̂ / (v̂ + {4})"
_DESCENT = _descend_without_root, "{0} − {4} {1} / ({2} + {3})"
_CENTERED = _descend_centered_without_root, "{0} − {5} {1} / ({2} − {3}² + {4})"

WITHOUT_ROOT: Exchange = {
    adam.direction: _DIRECTION,
    adam.direction_inside: _DIRECTION,
    rmsprop.descend_over_root: _DESCENT,
    rmsprop.descend_over_root_inside: _DESCENT,
    rmsprop.descend_centered: _CENTERED,
    rmsprop.descend_centered_inside: _CENTERED,
}


@mistake("the squared average of the gradients was not taken off the average of their squares")
def mean_not_subtracted(problem: Problem) -> Lines:
    """√v for √(v − m²) in the centered RMSprop."""
    return _exchanged(problem, NOT_CENTERED, "m_") or Inexpressible(
        "this optimizer is not the centered RMSprop"
    )


NOT_CENTERED: Exchange = {
    rmsprop.descend_centered: (rmsprop.descend_over_root, "{0} − {4} {1} / (√{2} + {3})"),
    rmsprop.descend_centered_inside: (rmsprop.descend_over_root_inside, "{0} − {4} {1} / √({2} + {3})"),
}


# The step: w = w − η · ∂L/∂w, or another direction for the gradient.


def at_another_rate(problem: Problem, change: Callable[[Any], Any], written: str) -> Lines:
    """Return the update's line for each trained parameter with a changed rate, `written` for − η."""
    lines = [(line, placeholder(line, rate_of(problem))) for line in update_lines(problem)]
    return [
        changed(
            line,
            rate_of(problem),
            change,
            line.template.replace(f"− {rate}", written.replace("η", rate)),
        )
        for line, rate in lines
    ] or NOTHING_TRAINED


@mistake("the learning rate was applied twice")
def rate_applied_twice(problem: Problem) -> Lines:
    """w = w − η² · ∂L/∂w."""
    if problem.learning_rate == 1 and problem.schedule is None:
        return Inexpressible("the learning rate is 1")
    return at_another_rate(problem, lambda eta: eta * eta, "− η η")


@mistake("the update has the wrong sign")
def update_with_the_wrong_sign(problem: Problem) -> Lines:
    """w = w + η · ∂L/∂w."""
    return at_another_rate(problem, negative, "+ η")


@mistake("the bias was not updated")
def bias_not_updated(problem: Problem) -> Lines:
    """b = b."""
    return [
        Line(names.updated(b), unchanged, (b,), "{0}") for b in problem.trained if b.startswith("b")
    ] or Inexpressible("no bias is trained")


@mistake("a parameter that is not trained was updated all the same")
def fixed_parameter_updated(problem: Problem) -> Lines:
    """w = w − η · ∂L/∂w for a w that the problem leaves as it is."""
    if not problem.not_trained:
        return ALL_TRAINED
    if problem.optimizer.states:
        return NO_STATE
    return [
        Line(names.updated(w), descend, (w, names.gradient(w), rate_of(problem)), "{0} − {2} {1}")
        for w in problem.parameters
        if w in problem.not_trained
    ]
