"""Mistakes in what an optimizer makes of the gradients: other averages, decays and corrections."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cases import Problem, names
from reference.arithmetic import cast, sqrt, to_int
from reference.line import Array, Line, descend
from reference.mistakes.mistake import (
    ONE_STEP,
    Lines,
    constant,
    lines_named,
    lines_with,
    mistake,
    rate_of,
    rewired,
    rewritten,
)
from reference.mistakes.wrong_corrections import NO_CORRECTION
from reference.mistakes.wrong_decay import NO_DECAY, NOT_COUPLED
from reference.mistakes.wrong_roots import Exchange, exchanged
from reference.mistakes.wrong_states import NO_SQUARES, centered
from reference.mistakes.wrong_updates import NONE_TRAINED, gradient_used
from reference.optimizers import adam
from reference.optimizers.adam import DESCEND_DECAYED
from reference.optimizers.averages import AVERAGE_OF_SQUARES, CORRECTION, MOVING_AVERAGE
from reference.optimizers.gradients import ADD_DECAY
from reference.optimizers.sgd import ACCUMULATE
from reference.training import tape


@mistake(
    "plain gradient descent was made: the optimizer's momentum or averages were not used",
    source="HomericIntelligence/Odyssey #2396; kozistr/pytorch_optimizer #385",
)
def optimizer_not_used(problem: Problem) -> Lines:
    """w − η g, whatever the optimizer carries from step to step."""
    rule, rate = problem.optimizer, rate_of(problem)
    if not rule.states:
        return "plain gradient descent is asked for"
    if rule.name == "sgd" and problem.steps == 1 and "nesterov" not in rule.options:
        return ONE_STEP
    lines = []
    for name in problem.trained:
        gradient = names.decayed(name) if rule.adds_decay_to_gradient else gradient_used(problem, name)
        line = Line(names.updated(name), descend, (name, gradient, rate), "{0} − {2} {1}")
        if rule.name == "adamw":
            inputs, template = (name, gradient, rate, "weight_decay"), "{0} − {2} ({1} + {3} {0})"
            line = Line(line.name, DESCEND_DECAYED, inputs, template)
        lines.append(line)
    return lines or NONE_TRAINED


@mistake(
    "the squares are those of the parameter, not of its gradient",
    source="yizt/numpy_neural_network #6",
    unless=centered,
)
def squares_of_the_parameter(problem: Problem) -> Lines:
    """v = β₂ v + (1 − β₂) w², or v + w²."""
    lines = []
    for name in problem.trained:
        taken = {gradient_used(problem, name): name, names.decayed(name): name}
        states = lines_named(problem, (names.updated(names.state(kind, name)) for kind in "vu"))
        lines += [rewired(line, taken) for line in states]
    return lines or NO_SQUARES


@mistake(
    "the averages began with the first gradient, and its square, themselves: without the weight 1 − β",
    source="zc911/MatrixSlow #28",
    unless=centered,
)
def averages_begun_with_the_first(problem: Problem) -> Lines:
    """m = g and v = g² in the first step."""

    def begun(line: Line) -> Line:
        def formula(beta: Array, before: Array, g: Array, step: Array) -> Array:
            if to_int(step) > 1:
                return line.formula(beta, before, g)
            return g * g if line.formula is AVERAGE_OF_SQUARES else g

        template = f"{line.template}, without {{0}} in the first step"
        return replace(line, formula=formula, inputs=(*line.inputs, names.STEP), template=template)

    lines = lines_with(problem, MOVING_AVERAGE, AVERAGE_OF_SQUARES)
    return list(map(begun, lines)) or "this optimizer averages nothing"


MULTIPLIED: Exchange = {
    adam.direction: (lambda m, v, c1, c2, eps: (m / c1) * (sqrt(v / c2) + cast(eps)), "m̂ (√v̂ + {4})"),
    adam.direction_inside: (lambda m, v, c1, c2, eps: (m / c1) * sqrt(v / c2 + cast(eps)), "m̂ √(v̂ + {4})"),
    adam.descend_over_root: (
        lambda w, g, v, eps, eta: w - eta * (g * (sqrt(v) + cast(eps))),
        "{0} − {4} {1} (√{2} + {3})",
    ),
    adam.descend_over_root_inside: (
        lambda w, g, v, eps, eta: w - eta * (g * sqrt(v + cast(eps))),
        "{0} − {4} {1} √({2} + {3})",
    ),
}


@mistake(
    "the gradient was multiplied by the root of the squares, not divided by it", source="oracle/tribuo #401"
)
def multiplied_by_the_root(problem: Problem) -> Lines:
    """m̂ (√v̂ + ε), or w − η g (√v + ε)."""
    return exchanged(problem, MULTIPLIED) or "this optimizer divides by no root of an average or a sum"


@mistake("λ itself was added to the gradient, without the parameter that it belongs to")
def decay_without_the_parameter(problem: Problem) -> Lines:
    """∂L/∂w + λ for ∂L/∂w + λ w."""
    coupled = rewritten(lines_with(problem, ADD_DECAY), lambda g, _, decay: g + cast(decay), "{0} + {2}")
    decoupled = rewritten(
        lines_with(problem, DESCEND_DECAYED),
        lambda w, direction, eta, decay: w - eta * (direction + cast(decay)),
        "{0} − {2} ({1} + {3})",
    )
    return coupled + decoupled or NO_DECAY


@mistake(
    "the weight decay took the place of the gradient: λ w, without ∂L/∂w",
    source="open-nudge/torchlayers #18",
)
def decay_for_the_gradient(problem: Problem) -> Lines:
    lines = lines_with(problem, ADD_DECAY)
    return rewritten(lines, lambda _, w, decay: cast(decay) * w, "{2} {1}") or NOT_COUPLED


@mistake(
    "the gradients were added up, with μ before each: the momentum itself was not multiplied by it",
    source="ooples/AiDotNet #2008",
)
def momentum_added_up(problem: Problem) -> Lines:
    """m + μ ∂L/∂w for μ m + ∂L/∂w."""
    lines = lines_with(problem, ACCUMULATE)
    wrong = rewritten(lines, lambda m, g, mu: m + cast(mu) * g, "{0} + {2} {1}")
    return wrong or "there is no momentum without dampening"


# The corrections of Adam's averages.


def _corrected_otherwise(problem: Problem, formula: Callable[..., Any], template: str) -> Lines:
    lines = lines_with(problem, CORRECTION)
    if lines and problem.steps == 1:
        return ONE_STEP
    return rewritten(lines, formula, template) or NO_CORRECTION


@mistake("the averages were corrected by 1 − β t, a product, where 1 − βᵗ is a power")
def correction_of_a_product(problem: Problem) -> Lines:
    """1 − β t: of AdamW and Adam that is mostly negative from the second step on, and has no root."""
    counts = range(1, problem.steps + 1)
    if any(1 - problem.optimizer.get("beta1") * t == 0 for t in counts):
        return "a correction would be 0"
    if (
        lines_with(problem, adam.direction, adam.direction_inside)
        and 1 - problem.optimizer["beta2"] * problem.steps <= 0
    ):
        return "it would be the root of a negative number"
    return _corrected_otherwise(problem, lambda beta, step: 1 - to_int(step) * beta, "1 − {0} {1}")


@mistake("the averages were corrected by (1 − β)ᵗ, where 1 − βᵗ belongs")
def correction_with_a_misplaced_power(problem: Problem) -> Lines:
    return _corrected_otherwise(
        problem, lambda beta, step: _power(1 - cast(beta), to_int(step)), "(1 − {0})ᵗ"
    )


def _power(base: Any, exponent: int) -> Any:  # noqa: ANN401 - a number or a bounded one
    if exponent == 1:
        return base
    half = _power(base, exponent // 2)
    return half * half * base if exponent % 2 else half * half


@mistake(
    "the averages were multiplied by their corrections, not divided", source="karpathy/convnetjs #70 and #107"
)
def multiplied_by_the_corrections(problem: Problem) -> Lines:
    """m (1 − β₁ᵗ) and v (1 − β₂ᵗ)."""
    those = {names.CORRECTION1, names.CORRECTION2}
    lines = [line for line in tape(problem) if those & set(line.inputs)]
    return [_multiplied(line, those) for line in lines] or NO_CORRECTION


def _multiplied(line: Line, those: set[str]) -> Line:
    def formula(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers, as the right formula's
        inverted = (
            _inverse(number) if name in those else number
            for name, number in zip(line.inputs, given, strict=True)
        )
        return line.formula(*inverted)

    return replace(line, formula=formula, template=f"{line.template}, with m̂ = m (1 − β₁ᵗ), v̂ = v (1 − β₂ᵗ)")


def _inverse(number: Any) -> Any:  # noqa: ANN401 - a number or a bounded one
    return constant(number, np.ones_like) / number
