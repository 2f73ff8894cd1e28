"""Mistakes in what every optimizer begins with: the scheduled rate, clipping, weight decay."""

from collections.abc import Callable
from dataclasses import replace

from cases import Problem, names
from reference.arithmetic import maximum
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
    rate_of,
    rewired,
    rewritten,
    state_lines,
    update_lines,
)
from reference.optimizers.adam import DESCEND_DECAYED
from reference.optimizers.gradients import ADD_DECAY, COEFFICIENT, NORM, add_decay, clip, coefficient
from reference.training import tape

NO_SCHEDULE = "there is no schedule"
NO_CLIPPING = "no gradient is clipped"
NO_DECAY = "there is no weight decay"

# What `torch.nn.utils.clip_grad_norm_` adds to the norm.
PYTORCH_CLIP_EPS = 1e-6


# The schedule of the learning rate.


@mistake("the schedule is one step ahead: the steps were counted from 1, not from 0")
def schedule_off_by_one(problem: Problem) -> Lines:
    lines = ((line, line.template.replace("({1} − 1)", "{1}")) for line in lines_named(problem, [names.RATE]))
    return [changed(line, names.STEP, next_count, template) for line, template in lines] or NO_SCHEDULE


@mistake("the schedule was ignored: the learning rate stayed what it was at first")
def schedule_ignored(problem: Problem) -> Lines:
    if problem.schedule is None:
        return NO_SCHEDULE
    return ONE_STEP if problem.steps == 1 else [Line(names.RATE, unchanged, (names.LEARNING_RATE,), "{0}")]


# Gradients clipped by their global norm.


@mistake("the gradients were not clipped")
def clipping_missing(problem: Problem) -> Lines:
    return rewritten(lines_with(problem, clip), unchanged, "{0}", kept=1) or NO_CLIPPING


@mistake("each element was clipped by itself, not the gradients by their norm")
def clipped_by_value(problem: Problem) -> Lines:

    def clipped(g: Array, most: Array) -> Array:
        return negative(maximum(negative(maximum(g, negative(most))), negative(most)))

    return _of_gradients(problem, clipped, ("max_norm",), "max(−{1}, min({1}, {0}))")


@mistake("each gradient was clipped by a norm of its own, not by that of all")
def norm_of_each_parameter(problem: Problem) -> Lines:
    others, template = ("max_norm", "clip_eps"), "min(1, {1} / (‖{0}‖ + {2})) · {0}"
    if len(problem.trained) == 1:
        return "only one parameter is trained"
    return _of_gradients(problem, lambda g, c, eps: clip(g, coefficient(NORM(g), c, eps)), others, template)


def _of_gradients(
    problem: Problem, formula: Callable[..., Array], others: tuple[str, ...], template: str
) -> Lines:
    lines = [replace(line, inputs=(line.inputs[0], *others)) for line in lines_with(problem, clip)]
    return rewritten(lines, formula, template) or NO_CLIPPING


@mistake("the gradients were clipped after the weight decay was added to them, not before")
def clipping_after_the_decay(problem: Problem) -> Lines:
    """The norm of ∂L/∂w + λ w, and that sum clipped."""
    if problem.clipping is None:
        return NO_CLIPPING
    if not problem.optimizer.adds_decay_to_gradient:
        return "no weight decay is added to the gradients"
    exchanged: dict[str, str] = {}
    for name in problem.trained:
        gradient, clipped, decayed = names.gradient(name), names.clipped(name), names.decayed(name)
        exchanged |= {gradient: decayed, clipped: gradient, decayed: clipped}
    first = {"norm", *map(names.clipped, problem.trained), *map(names.decayed, problem.trained)}
    after = {name: other for name, other in exchanged.items() if name.endswith("_decayed")}
    lines = [(line, rewired(line, exchanged if line.name in first else after)) for line in tape(problem)]
    return [line for right, line in lines if line.inputs != right.inputs]


@mistake("ε is missing from the norm by which the gradients were clipped")
def clip_eps_missing(problem: Problem) -> Lines:
    if problem.clipping and problem.clipping["clip_eps"] == 0:
        return "ε is 0"
    return _of_factor(problem, lambda norm, c, eps: coefficient(norm, c, 0 * eps), "min(1, {1} / {0})")


@mistake("an ε of 1e-6 was added to the norm by which the gradients were clipped, as PyTorch does")
def clip_eps_added(problem: Problem) -> Lines:
    if problem.clipping and problem.clipping["clip_eps"] != 0:
        return "an ε is stated"

    def with_pytorch_eps(norm: Array, c: Array, eps: Array) -> Array:
        return coefficient(norm, c, constant(eps, lambda _: PYTORCH_CLIP_EPS))

    return _of_factor(problem, with_pytorch_eps, "min(1, {1} / ({0} + 1e-6))")


@mistake("gradients whose norm is below the maximum were scaled up to it")
def scaled_up_to_the_maximum(problem: Problem) -> Lines:
    """c / (norm + ε), also where that is above 1."""
    return _of_factor(problem, lambda total, max_norm, eps: max_norm / (total + eps), "{1} / ({0} + {2})")


def _of_factor(problem: Problem, formula: Callable[..., Array], template: str) -> Lines:
    return rewritten(lines_with(problem, COEFFICIENT), formula, template) or NO_CLIPPING


# Weight decay: λ w added to the gradient (coupled), or taken off with the update (decoupled).


@mistake("the weight decay is missing")
def decay_missing(problem: Problem) -> Lines:
    return _without_decay(problem, problem.trained) or NO_DECAY


@mistake("the weight decay is missing from the biases")
def decay_missing_in_the_biases(problem: Problem) -> Lines:
    """λ w for the weights alone, which many programs want, and this problem does not."""
    if not problem.optimizer.has("weight_decay"):
        return NO_DECAY
    biases = tuple(name for name in problem.trained if name.startswith("b"))
    if len(biases) == len(problem.trained):
        return "no weights are trained"
    return _without_decay(problem, biases) or "no bias is trained"


def _without_decay(problem: Problem, parameters: tuple[str, ...]) -> list[Line]:
    wanted = {*map(names.decayed, parameters), *map(names.updated, parameters)}
    coupled = rewritten(lines_with(problem, ADD_DECAY), unchanged, "{0}", kept=1)
    decoupled = rewritten(lines_with(problem, DESCEND_DECAYED), descend, "{0} − {2} {1}", kept=3)
    return [line for line in coupled + decoupled if line.name in wanted]


@mistake("the weight decay was added to the gradient, where it is decoupled")
def decay_coupled(problem: Problem) -> Lines:
    """m and v of ∂L/∂w + λ w, and w = w − η m̂ / (√v̂ + ε): Adam for AdamW."""
    if problem.optimizer.name != "adamw":
        return "there is no decoupled weight decay"
    averages = [
        _of_decayed(line, name)
        for name in problem.trained
        for line in state_lines(problem, *problem.optimizer.states)
        if names.gradient(name) in line.inputs or names.clipped(name) in line.inputs
    ]
    return averages + _without_decay(problem, problem.trained)


def _of_decayed(line: Line, w: str) -> Line:

    def averaged(beta: Array, before: Array, g: Array, w: Array, weight_decay: Array) -> Array:
        return line.formula(beta, before, add_decay(g, w, weight_decay))

    template = line.template.replace("({2})", "{2}").replace("{2}", "({2} + {4} {3})")
    return replace(line, formula=averaged, inputs=(*line.inputs, w, "weight_decay"), template=template)


@mistake("the weight decay was taken off with the update, where it belongs to the gradient")
def decay_decoupled(problem: Problem) -> Lines:
    """w = w − η (… + λ w), and nothing added to the gradient: AdamW for Adam."""
    rule = problem.optimizer
    if not rule.adds_decay_to_gradient:
        return "there is no coupled weight decay"
    if not rule.states:
        return "without a state both are the same update"
    updates = [_taken_off(line, rate_of(problem)) for line in update_lines(problem)]
    return _without_decay(problem, problem.trained) + updates


def _taken_off(line: Line, rate: str) -> Line:
    def descended(*given: Array) -> Array:
        *right, eta, weight_decay = given
        return line.formula(*right) - eta * (weight_decay * right[0])

    n = len(line.inputs)
    template = f"{line.template} − {{{n}}} {{{n + 1}}} {{0}}"
    return replace(line, formula=descended, inputs=(*line.inputs, rate, "weight_decay"), template=template)


@mistake("the weight decay shrank a parameter that is not trained")
def decay_of_a_fixed_parameter(problem: Problem) -> Lines:
    """w = w − η λ w: its gradient was set to 0, but it was left to the optimizer."""
    rule = problem.optimizer
    if not rule.has("weight_decay"):
        return NO_DECAY
    if rule.states and rule.name != "adamw":
        return NO_STATE
    fixed = lines_named(problem, map(names.updated, problem.not_trained))
    lines = [replace(line, inputs=(*line.inputs, rate_of(problem), "weight_decay")) for line in fixed]
    return rewritten(lines, lambda w, eta, decay: w - eta * (decay * w), "{0} − {1} {2} {0}") or ALL_TRAINED
