"""Mistakes in the weight decay: added to the gradient (coupled), or taken off with the update (decoupled)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cases import Problem, names
from reference.arithmetic import cast, sqrt
from reference.line import Array, Line, descend, unchanged
from reference.mistakes.mistake import (
    ALL_TRAINED,
    NO_STATE,
    ONE_EXAMPLE,
    Lines,
    changed,
    constant,
    lines_named,
    lines_with,
    mistake,
    placeholder,
    rate_of,
    rate_of_one,
    rewired,
    rewritten,
    state_lines,
    trained,
    update_lines,
)
from reference.optimizers.adam import DESCEND_DECAYED
from reference.optimizers.gradients import ADD_DECAY, add_decay

NO_DECAY = "there is no weight decay"
NOT_DECOUPLED = "there is no decoupled weight decay"
NOT_COUPLED = "there is no coupled weight decay"
NOT_TAKEN_OFF = "no weight decay is taken off with the update"


# Left out, or applied where it is not asked for.


@mistake("the weight decay is missing", source="ml-explore/mlx #473; Oneflow-Inc/oneflow #5755")
def decay_missing(problem: Problem) -> Lines:
    return _without_decay(problem, problem.trained) or NO_DECAY


@mistake("the weight decay is missing from the biases", source="autrainer/autrainer #166, by default")
def decay_missing_in_the_biases(problem: Problem) -> Lines:
    """λ w for the weights alone, which many programs want, and this problem does not."""
    if not problem.optimizer.has("weight_decay"):
        return NO_DECAY
    biases = trained(problem, "b")
    if len(biases) == len(problem.trained):
        return "no weights are trained"
    return _without_decay(problem, biases) or "no bias is trained"


def _without_decay(problem: Problem, parameters: Sequence[str]) -> list[Line]:
    wanted = {*map(names.decayed, parameters), *map(names.updated, parameters)}
    coupled = rewritten(lines_with(problem, ADD_DECAY), unchanged, "{0}", kept=1)
    decoupled = rewritten(lines_with(problem, DESCEND_DECAYED), descend, "{0} − {2} {1}", kept=3)
    return [line for line in coupled + decoupled if line.name in wanted]


@mistake(
    "the weight decay was added to the gradient, where it is decoupled",
    source="anhquan0412/basic_model_scratch #2; Loshchilov and Hutter (2019)",
)
def decay_coupled(problem: Problem) -> Lines:
    """m and v of ∂L/∂w + λ w, and w = w − η m̂ / (√v̂ + ε): Adam for AdamW."""
    averages = _averages_of_decayed(problem)
    return averages + _without_decay(problem, problem.trained) if averages else NOT_DECOUPLED


def _averages_of_decayed(problem: Problem) -> list[Line]:
    """Return AdamW's states, of ∂L/∂w + λ w."""
    if problem.optimizer.name != "adamw":
        return []
    return [
        _of_decayed(line, name)
        for name in problem.trained
        for line in state_lines(problem, *problem.optimizer.states)
        if names.gradient(name) in line.inputs or names.clipped(name) in line.inputs
    ]


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
        return NOT_COUPLED
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


# Another number for λ, or another one than w.


@mistake(
    "the weight decay has a factor of 2: λ was taken for half of it",
    source="titu1994/DenseNet #57; mlcommons/hpc #22",
)
def decay_doubled(problem: Problem) -> Lines:
    """2 λ w, the gradient of a penalty of λ w² in the loss, where that of ½ λ w² is asked for."""
    return _of_another_decay(problem, lambda decay: 2 * decay, "2 ")


@mistake("the weight decay has a factor of ½ too many")
def decay_halved(problem: Problem) -> Lines:
    """½ λ w."""
    return _of_another_decay(problem, lambda decay: decay / 2, "½ ")


@mistake("the weight decay has the wrong sign: the parameters grow", source="egg-west/AdamW-pytorch #1")
def decay_with_the_wrong_sign(problem: Problem) -> Lines:
    """∂L/∂w − λ w, or w − η (d − λ w)."""
    return _of_another_decay(problem, lambda decay: -decay, "−")


@mistake(
    "the weight decay was divided by the number of examples",
    source="Nielsen, Neural Networks and Deep Learning, network2.py; anhquan0412/basic_model_scratch #2",
)
def decay_over_the_batch(problem: Problem) -> Lines:
    """λ / N w, the gradient of λ / 2N Σ w²."""
    examples = len(problem.x)
    if problem.optimizer.has("weight_decay") and examples == 1:
        return ONE_EXAMPLE
    return _of_another_decay(problem, lambda decay: decay / examples, f"1/{examples} ")


def _of_another_decay(problem: Problem, change: Callable[[Any], Any], written: str) -> Lines:
    """Return each line that has λ, with another number for it; `written` before λ."""

    def decayed(line: Line) -> Line:
        decay = placeholder(line, "weight_decay")
        template = line.template.replace(decay, f"{written}{decay}")
        return changed(line, "weight_decay", lambda number: constant(number, change), template)

    return list(map(decayed, lines_with(problem, ADD_DECAY, DESCEND_DECAYED))) or NO_DECAY


@mistake("the weight decay is that of an L1 penalty: the sign of each parameter, not the parameter")
def decay_of_the_sign(problem: Problem) -> Lines:
    """λ sign(w) for λ w."""

    def sign(w: Array) -> Array:
        return constant(w, np.sign)

    def coupled(g: Array, w: Array, decay: Array) -> Array:
        return add_decay(g, sign(w), decay)

    def decoupled(w: Array, direction: Array, eta: Array, decay: Array) -> Array:
        return w - eta * (direction + cast(decay) * sign(w))

    gradients = rewritten(lines_with(problem, ADD_DECAY), coupled, "{0} + {2} sign({1})")
    updates = rewritten(lines_with(problem, DESCEND_DECAYED), decoupled, "{0} − {2} ({1} + {3} sign({0}))")
    return gradients + updates or NO_DECAY


@mistake(
    "the gradient was multiplied by 1 + λ w, where λ w is to be added to it", source="apache/mxnet #8925"
)
def decay_multiplied(problem: Problem) -> Lines:
    """∂L/∂w (1 + λ w): `grad *= scale + decay * w`."""
    lines = lines_with(problem, ADD_DECAY)
    return rewritten(lines, lambda g, w, decay: g + g * (cast(decay) * w), "{0} (1 + {2} {1})") or NOT_COUPLED


# At another rate, or at another place of the update.


@mistake(
    "the weight decay was not scaled by the learning rate",
    source="modern-fortran/neural-fortran #152; pytorch/pytorch #4429",
)
def decay_not_scaled_by_the_rate(problem: Problem) -> Lines:
    """w − η d − λ w, with the direction d of the gradient alone."""
    same = "" if _is_coupled_with_states(problem) else rate_of_one(problem)
    return same or _decayed_on_its_own(problem, (), lambda: 1, "")


@mistake(
    "the weight decay was scaled by the learning rate of the first step, not by that of this one",
    source="tensorflow/addons #1902",
)
def decay_at_the_first_rate(problem: Problem) -> Lines:
    """w − ηₜ d − η₁ λ w."""
    if problem.optimizer.has("weight_decay") and problem.schedule is None:
        return "there is no schedule"
    return _decayed_on_its_own(problem, (names.LEARNING_RATE,), lambda eta: eta, "{0} ")


@mistake(
    "the weight decay was scaled by Adam's corrected rate, not by the learning rate",
    source="nntrainer/nntrainer #3565",
)
def decay_scaled_by_the_corrected_rate(problem: Problem) -> Lines:
    """w − η d − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) λ w."""
    if problem.optimizer.name != "adamw":
        return NOT_DECOUPLED
    others = rate_of(problem), names.CORRECTION1, names.CORRECTION2
    return _decayed_on_its_own(
        problem, others, lambda eta, c1, c2: eta * (sqrt(c2) / c1), "{0} √(1 − β₂ᵗ) / (1 − β₁ᵗ) "
    )


def _is_coupled_with_states(problem: Problem) -> bool:
    return problem.optimizer.adds_decay_to_gradient and bool(problem.optimizer.states)


def _decayed_on_its_own(
    problem: Problem, others: tuple[str, ...], rate: Callable[..., Any], written: str
) -> Lines:
    """Return updates without the decay, and λ w taken off at a rate of `others`, `written` of these."""
    if not problem.optimizer.has("weight_decay"):
        return NO_DECAY
    bare = {line.name: line for line in _without_decay(problem, problem.trained)}
    lines = [bare.get(line.name, line) for line in update_lines(problem)]
    gradients = [line for name, line in bare.items() if name.endswith("_decayed")]
    return gradients + [_less_decay(line, others, rate, written) for line in lines]


def _less_decay(line: Line, others: tuple[str, ...], rate: Callable[..., Any], written: str) -> Line:
    n, count = len(line.inputs), len(others)

    def descended(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers
        decayed = cast(given[-1]) * given[0]
        return line.formula(*given[:n]) - (rate(*given[n : n + count]) * decayed if others else decayed)

    written = written.format(*(f"{{{n + i}}}" for i in range(count)))
    template = f"{line.template} − {written}{{{n + count}}} {{0}}"
    return Line(line.name, descended, (*line.inputs, *others, "weight_decay"), template)


@mistake(
    "the weight decay was taken off after the update, of the updated parameter",
    source="huggingface/transformers #14539; aiqm/torchani #261; stanford-cs336/assignment1-basics #54",
)
def decay_after_the_update(problem: Problem) -> Lines:
    """(w − η d) (1 − η λ), with the direction d of the gradient alone."""
    if not problem.optimizer.has("weight_decay") or _is_coupled_with_states(problem):
        return NOT_TAKEN_OFF

    def shrunk(w: Array, direction: Array, eta: Array, decay: Array) -> Array:
        moved = descend(w, direction, eta)
        return moved - eta * (cast(decay) * moved)

    bare = _without_decay(problem, problem.trained)
    gradients = [line for line in bare if line.name.endswith("_decayed")]
    updates = [
        Line(
            line.name,
            shrunk,
            (*line.inputs[:2], rate_of(problem), "weight_decay"),
            "({0} − {2} {1}) (1 − {2} {3})",
        )
        for line in update_lines(problem)
    ]
    return gradients + updates


@mistake(
    "the weight decay was divided by the root too: it was added to the average of the gradients",
    source="PaddlePaddle/Paddle #2097",
)
def decay_divided_by_the_root(problem: Problem) -> Lines:
    """(m̂ + λ w) / (√v̂ + ε), and no other decay."""
    if problem.optimizer.name != "adamw":
        return NOT_DECOUPLED

    def divided(line: Line, w: str) -> Line:
        def formula(m: Array, v: Array, c1: Array, c2: Array, *others: Array) -> Array:
            *eps, w, decay = others
            return line.formula(m + c1 * (cast(decay) * w), v, c1, c2, *eps)

        inputs, template = (*line.inputs, w, "weight_decay"), line.template.replace("m̂", "(m̂ + {6} {5})")
        return Line(line.name, formula, inputs, template)

    directions = [
        divided(line, w)
        for w in problem.trained
        for line in lines_named(problem, [names.state("direction", w)])
    ]
    return directions + _without_decay(problem, problem.trained)


@mistake("the weight decay was added to the gradient too, and so made twice")
def decay_coupled_too(problem: Problem) -> Lines:
    """m and v of ∂L/∂w + λ w, and w = w − η (m̂ / (√v̂ + ε) + λ w): AdamW, and a penalty in the loss."""
    return _averages_of_decayed(problem) or NOT_DECOUPLED


@mistake("the weight decay is missing from the gradient that is squared")
def decay_missing_in_the_squares(problem: Problem) -> Lines:
    """v of ∂L/∂w, where m or the update has ∂L/∂w + λ w."""
    if not problem.optimizer.adds_decay_to_gradient:
        return NOT_COUPLED
    bare = {line.name: line.inputs[0] for line in lines_with(problem, ADD_DECAY)}
    squares = state_lines(problem, "v", "u")
    return [rewired(line, bare) for line in squares] or "this optimizer averages no squares"
