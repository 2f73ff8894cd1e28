"""Mistakes in the step itself: w = w − η · ∂L/∂w, or another direction for the gradient."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cases import Problem, names
from reference.line import Array, Line, descend, unchanged
from reference.mistakes.mistake import (
    ALL_TRAINED,
    NO_STATE,
    Lines,
    Mistake,
    changed,
    constant,
    layers,
    lines_named,
    mistake,
    negative,
    one_example,
    placeholder,
    rate_of,
    rate_of_one,
    rewired,
    rewritten,
    state_lines,
    trained,
    update_lines,
    zeros,
)
from reference.optimizers.adam import DESCEND_DECAYED

NONE_TRAINED = "no parameter is trained"


# The learning rate.


def at_another_rate(problem: Problem, change: Callable[[Any], Any], written: str) -> Lines:
    """Return the update's line for each trained parameter with a changed rate, `written` for − η."""
    rate = rate_of(problem)

    def changed_rate(line: Line) -> Line:
        eta = placeholder(line, rate)
        return changed(line, rate, change, line.template.replace(f"− {eta}", written.replace("η", eta)))

    return list(map(changed_rate, update_lines(problem))) or NONE_TRAINED


@mistake("the learning rate was applied twice", source="gpleiss/nnlr #3", unless=rate_of_one)
def rate_applied_twice(problem: Problem) -> Lines:
    return at_another_rate(problem, lambda eta: eta * eta, "− η η")


@mistake(
    "the learning rate is missing from the update", source="aimacode/aima-python #285", unless=rate_of_one
)
def rate_missing(problem: Problem) -> Lines:
    """w − ∂L/∂w, as at a rate of 1."""
    return at_another_rate(problem, lambda eta: constant(eta, np.ones_like), "− 1 ·")


@mistake("the learning rate was divided by the number of examples", unless=one_example)
def rate_over_the_batch(problem: Problem) -> Lines:
    """w − η / N ∂L/∂w."""
    n = len(problem.x)
    return at_another_rate(problem, lambda eta: eta / n, f"− η / {n}")


@mistake(
    "the learning rate was multiplied by the number of examples",
    source="TheIndependentCode/Neural-Network #1",
    unless=one_example,
)
def rate_times_the_batch(problem: Problem) -> Lines:
    """w − η N ∂L/∂w."""
    n = len(problem.x)
    return at_another_rate(problem, lambda eta: n * eta, f"− {n} η")


def _rate_by_default(rate: float, written: str) -> Mistake:
    """Return the mistake of another rate, a default of optimizers that were given none."""

    def by_default(problem: Problem) -> Lines:
        rounded = float(np.asarray(rate, problem.dtype))
        if problem.learning_rate == rounded and problem.schedule is None:
            return f"the learning rate is {written}"

        def default(eta: Array) -> Array:
            return constant(eta, lambda right: np.full_like(right, rounded))

        return at_another_rate(problem, default, f"− {written} ·")

    sentence = f"the learning rate was {written}, the default of many optimizers, not the one asked for"
    source = "the optimizers of Keras and PyTorch, given by name or without a rate"
    return Mistake(f"default-rate-of-{written}", sentence, by_default, source)


RATE_BY_DEFAULT = (_rate_by_default(0.001, "1e-3"), _rate_by_default(0.01, "1e-2"))


@mistake("the update has the wrong sign", source="pytorch/pytorch #1871, of a tutorial")
def update_with_the_wrong_sign(problem: Problem) -> Lines:
    return at_another_rate(problem, negative, "+ η")


@mistake(
    "the parameter was replaced by the update, not moved by it", source="`w =- rate * gradient`, for `-=`"
)
def assigned_for_subtracted(problem: Problem) -> Lines:
    """w = −η ∂L/∂w."""

    def decayed(w: Array, direction: Array, eta: Array, decay: Array) -> Array:
        return DESCEND_DECAYED(w, direction, eta, decay) - w

    def replaced(line: Line) -> Line:
        template = line.template.removeprefix("{0} ")
        if line.formula is DESCEND_DECAYED:
            return replace(line, formula=decayed, template=template)
        return changed(line, line.inputs[0], zeros, template)

    return list(map(replaced, update_lines(problem))) or NONE_TRAINED


# What is updated, and by what.


@mistake(
    "the parameters were left as they were: not updated, or not given to the optimizer",
    source="spro/practical-pytorch #9; zjunlp/HVPNeT #5; ikostrikov/pytorch-meta-optimizer #11",
    by_layer=True,
)
def parameters_not_updated(problem: Problem) -> Lines:
    """w = w, and the optimizer's state as it was."""
    states = state_lines(problem, *problem.optimizer.states)
    before = {names.updated(name): name for name in problem.state}
    lines = [replace(line, inputs=(before[line.name],)) for line in states + update_lines(problem)]
    return rewritten(lines, unchanged, "{0}") or NONE_TRAINED


@mistake("the weights were not updated, only the biases")
def weights_not_updated(problem: Problem) -> Lines:
    weights = trained(problem, "W")
    if len(weights) == len(problem.trained):
        return "no bias is trained"
    lines = lines_named(problem, map(names.updated, weights))
    return rewritten(lines, unchanged, "{0}", kept=1) or "no weights are trained"


@mistake("the parameters were updated with the gradients of another layer, of the same shape")
def gradient_of_another_layer(problem: Problem) -> Lines:
    """Each takes the gradient of the next layer where it has its shape, the last one of the first."""
    return [
        rewired(line, {own: other})
        for name in problem.trained
        for own, other in [
            (gradient_used(problem, name), gradient_used(problem, _next_of_its_shape(problem, name)))
        ]
        for line in lines_of_update(problem, name)
        if own != other and own in line.inputs
    ] or "no two layers have parameters of the same shape"


@mistake("the parameter stands where its gradient belongs", source="apache/systemds #2330, of the biases")
def parameter_for_its_gradient(problem: Problem) -> Lines:
    """w = w − η w, or the optimizer's state and the update of w for those of ∂L/∂w."""
    return [
        rewired(line, {gradient_used(problem, name): name})
        for name in problem.trained
        for line in lines_of_update(problem, name)
        if gradient_used(problem, name) in line.inputs
    ] or NONE_TRAINED


def gradient_used(problem: Problem, name: str) -> str:
    return names.clipped(name) if problem.clipping else names.gradient(name)


def _next_of_its_shape(problem: Problem, name: str) -> str:
    """Return the parameter of the next layer that is trained and has this one's shape, or its own name."""
    letter, k = name[0], int(name[1:])
    others = (f"{letter}{(k - 1 + i) % problem.depth + 1}" for i in layers(problem))
    shape = problem.parameters[name].shape
    return next(w for w in others if w in problem.trained and problem.parameters[w].shape == shape)


def lines_of_update(problem: Problem, name: str) -> list[Line]:
    """Return the lines of one parameter's update, and the corrections that it takes."""
    states = (names.updated(names.state(kind, name)) for kind in problem.optimizer.states)
    corrections, direction = (names.CORRECTION1, names.CORRECTION2), names.state("direction", name)
    return lines_named(problem, [*corrections, names.decayed(name), *states, direction, names.updated(name)])


@mistake(
    "the bias was not updated",
    source="nntrainer/nntrainer #219; keras-team/keras #463; mattm/simple-neural-network #5",
)
def bias_not_updated(problem: Problem) -> Lines:
    lines = lines_named(problem, map(names.updated, trained(problem, "b")))
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
