"""Mistakes on the way to the layer before: ∂L/∂a_{k−1} = ∂L/∂z_k · w_k."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from cases import Problem, names
from reference.arithmetic import as_row
from reference.line import Array, Line, through_weights
from reference.mistakes.mistake import (
    NO_HIDDEN_LAYER,
    Lines,
    broadcast,
    constant,
    curved_layers,
    first_example,
    gradients,
    last_example,
    layers,
    lines_with,
    mistake,
    negative,
    one_layer,
    rewired,
    rewritten,
    square_layers,
    width,
    zeros,
)


def nothing_updated_before(problem: Problem) -> str:
    """Say why no parameter can be updated before all gradients are known."""
    clipped = "no gradient is clipped before all are known, so nothing is updated before"
    return one_layer(problem) or (clipped if problem.clipping else "")


def _before(problem: Problem, those: Iterable[int]) -> list[Line]:
    """Return the right lines of ∂L/∂a_{k−1}, of ∂L/∂z_k and W_k, for these layers k."""
    return gradients(problem, names.a, (k - 1 for k in those))


# What the gradient is sent through.


@mistake(
    "the factor w is missing from the hidden gradient",
    unless=one_layer,
)
def weight_factor_missing(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k, which equal widths allow; a single column NumPy repeats silently."""
    lines = _without_weights(problem, layers(problem, 2), names.z)
    return lines or "no layer is as wide as the one before, so the shapes do not fit"


@mistake(
    "the hidden layer was given the next layer's error itself, without weights and derivative",
    source="Stack Overflow, “Backpropagation: Why doesn't error approach zero”",
    unless=one_layer,
)
def error_without_weights(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂a_k, which equal widths allow; a single column NumPy repeats silently."""
    curved = curved_layers(problem, 2)
    lines = _without_weights(problem, curved, names.a)
    return lines or "no layer is as wide as the one before, or its derivative is 1"


def _without_weights(problem: Problem, those: Iterable[int], sent: Callable[[int], str]) -> list[Line]:
    fitting = [k for k in those if width(problem, k) in {width(problem, k - 1), 1}]
    inputs = {names.gradient(names.a(k - 1)): (names.gradient(sent(k)), names.a(k - 1)) for k in fitting}
    return [
        Line(line.name, lambda error, a: broadcast(error, a.shape), inputs[line.name], "{0}")
        for line in _before(problem, fitting)
    ]


@mistake("the hidden gradient was sent through the transposed weights", unless=one_layer)
def weights_transposed_backward(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_kᵀ, which a square W allows."""
    before = _before(problem, square_layers(problem, 2))
    lines = rewritten(before, lambda dL_dz, W: dL_dz @ W.mT, "{0} {1}ᵀ")
    return lines or "no weight matrix above the first is square and larger than 1 by 1"


@mistake("the hidden gradient was sent through |w| in place of w")
def magnitude_of_the_weights(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · |w_k|."""
    lines = lines_with(problem, through_weights)
    return rewritten(lines, lambda dL_dz, W: dL_dz @ abs(W), "{0} |{1}|") or NO_HIDDEN_LAYER


@mistake("the hidden gradient was sent through the weights of the next layer", source="hanbt/learn_dl #23")
def weights_of_the_next_layer(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_{k+1}, which weights of one shape allow."""
    return _through_the_weights_of(+1, problem)


@mistake("the hidden gradient was sent through the weights of the layer before")
def weights_of_the_layer_before(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_{k−1}, which weights of one shape allow."""
    return _through_the_weights_of(-1, problem)


def _through_the_weights_of(offset: int, problem: Problem) -> Lines:
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    shapes = {k: problem.parameters[names.W(k)].shape for k in layers(problem)}
    alike = [k for k in layers(problem, 2) if shapes[k] == shapes.get(k + offset)]
    others = {names.W(k): names.W(k + offset) for k in alike}
    lines = [rewired(line, others) for line in _before(problem, alike)]
    return lines or "no two neighbouring layers have weights of one shape"


@mistake(
    "the hidden gradient was sent through [b W] without its last column, not through W",
    source="exercise 4 of Andrew Ng's course; dibgerge/ml-coursera-python-assignments #27",
)
def bias_column_kept(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · [b_k w_k] without its last column, where its first belongs left out."""
    lines = [
        Line(line.name, _through_shifted, (*line.inputs, names.b(k)), "{0} [{2} {1}] without the last column")
        for k in layers(problem, 2)
        for line in _before(problem, [k])
    ]
    return lines or NO_HIDDEN_LAYER


def _through_shifted(dL_dz: Array, W: Array, b: Array) -> Array:
    """Shift the columns by a matrix of ones beside the diagonal, and put the bias's where none is left."""
    shift = constant(W, lambda array: np.eye(array.shape[1], k=1, dtype=array.dtype))
    first = constant(W, lambda array: np.eye(1, array.shape[1], dtype=array.dtype))
    return dL_dz @ (W @ shift + as_row(b, dL_dz).mT @ first)


# What is sent.


@mistake(
    "the error of the output was sent to the hidden layer without the activation's derivative",
    source="makeyourownneuralnetwork/makeyourownneuralnetwork #88",
    unless=one_layer,
)
def error_sent_past_the_activation(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂a_k · w_k, while ∂L/∂z_k is right for the gradients of layer k.

    So has it T. Rashid, "Make Your Own Neural Network" (2016).
    """
    curved = curved_layers(problem, 2)
    past = {names.gradient(names.z(k)): names.gradient(names.a(k)) for k in curved}
    lines = [rewired(line, past) for line in _before(problem, curved)]
    return lines or "every activation above the first layer is the identity, with derivative 1"


@mistake(
    "the hidden gradient is what the first unit of the next layer sends back, not the sum over its units",
    source="prakashjayy/medium_blogs #2",
)
def hidden_gradient_of_the_first_unit(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k1 · w_k1."""
    return _of_a_unit(problem, first_example, "0")


@mistake("the hidden gradient is what the last unit of the next layer sends back, which overwrote the others")
def hidden_gradient_of_the_last_unit(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_kn · w_kn, as = does in place of += in a loop over units."""
    return _of_a_unit(problem, last_example, "−1")


def _of_a_unit(problem: Problem, pick: Callable[[Any], Any], at: str) -> Lines:
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    lines = _before(problem, [k for k in layers(problem, 2) if width(problem, k) > 1])
    template = f"{{0}}[:, {at}] {{1}}[{at}]"
    wrong = rewritten(lines, lambda dL_dz, W: pick(dL_dz.mT).mT @ pick(W), template)
    return wrong or "every layer above the first has one unit"


@mistake("the hidden gradient has the wrong sign")
def hidden_gradient_with_the_wrong_sign(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = −∂L/∂z_k · w_k."""
    lines = lines_with(problem, through_weights)
    return rewritten(lines, lambda dL_dz, W: negative(dL_dz @ W), "−{0} {1}") or NO_HIDDEN_LAYER


@mistake(
    "the gradient was stopped: nothing was sent on to the layer before", source="lucidrains/CoCa-pytorch #6"
)
def gradient_stopped(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = 0, as `detach` and `stop_gradient` have it."""
    lines = [Line(names.gradient(names.a(k)), zeros, (names.a(k),), "0") for k in layers(problem)[:-1]]
    return lines or NO_HIDDEN_LAYER


# Weights that were updated too early.

NONE_ABOVE = "no weights above the first layer are trained"


@mistake(
    "the hidden gradient was sent through the already updated weights",
    source="joelgrus/data-science-from-scratch #31",
    unless=nothing_updated_before,
)
def already_updated_weights(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_k_new: the weights are updated before the gradient has passed them."""
    lines = [rewired(line, {w: names.updated(w)}) for line, w in _trained_above(problem)]
    return lines or NONE_ABOVE


@mistake(
    "the hidden gradient was sent through the weights twice, before and after their update, and added up",
    source="itskonrad/miniMNIST-c #7",
    unless=nothing_updated_before,
)
def weights_before_and_after_the_update(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_k + ∂L/∂z_k · w_k_new."""
    twice = [replace(line, inputs=(*line.inputs, names.updated(w))) for line, w in _trained_above(problem)]
    wrong = rewritten(twice, lambda dL_dz, W, W_new: dL_dz @ W + dL_dz @ W_new, "{0} {1} + {0} {2}")
    return wrong or NONE_ABOVE


def _trained_above(problem: Problem) -> list[tuple[Line, str]]:
    """Return the right lines of ∂L/∂a_{k−1} for the layers k > 1 whose weights are trained, with these."""
    lines = [(line, line.inputs[1]) for line in lines_with(problem, through_weights)]
    return [(line, w) for line, w in lines if w in problem.trained]
