"""Mistakes in clipping the gradients by their global norm."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from cases import Problem, names
from reference.arithmetic import maximum
from reference.line import Array, Line, unchanged
from reference.mistakes.mistake import (
    Lines,
    constant,
    lines_with,
    mistake,
    negative,
    rewired,
    rewritten,
    trained,
    trained_by_layer,
)
from reference.optimizers.gradients import COEFFICIENT, NORM, clip, coefficient
from reference.training import tape

NO_CLIPPING = "no gradient is clipped"
ONE_NUMBER = "there is only one number to train"

# What `torch.nn.utils.clip_grad_norm_` adds to the norm.
PYTORCH_CLIP_EPS = 1e-6


@mistake("the gradients were not clipped", source="NVIDIA/OpenSeq2Seq #192")
def clipping_missing(problem: Problem) -> Lines:
    return rewritten(lines_with(problem, clip), unchanged, "{0}", kept=1) or NO_CLIPPING


@mistake(
    "the gradients were clipped only after the update, which took them as they were",
    source="VGraphRNN/VGRNN #4; awslabs/graphstorm #1366; jongwook/onsets-and-frames #24",
)
def clipped_after_the_update(problem: Problem) -> Lines:
    """Each line of the update takes ∂L/∂w for the clipped gradient, which is right itself."""
    unclipped = {names.clipped(name): names.gradient(name) for name in problem.trained}
    lines = [line for line in tape(problem) if not unclipped.keys().isdisjoint(line.inputs)]
    return [rewired(line, unclipped) for line in lines] or NO_CLIPPING


@mistake(
    "each element was clipped by itself, not the gradients by their norm",
    source="Keras' `clipvalue`, PyTorch's `clip_grad_value_`",
)
def clipped_by_value(problem: Problem) -> Lines:

    def clipped(g: Array, most: Array) -> Array:
        return negative(maximum(negative(maximum(g, negative(most))), negative(most)))

    return _of_gradients(problem, clipped, ("max_norm",), "max(−{1}, min({1}, {0}))")


@mistake(
    "each gradient was clipped by a norm of its own, not by that of all",
    source="carpedm20/MemN2N-tensorflow #19; Keras' `clipnorm`, where `global_clipnorm` is of all",
)
def norm_of_each_parameter(problem: Problem) -> Lines:
    others, template = ("max_norm", "clip_eps"), "min(1, {1} / (‖{0}‖ + {2})) · {0}"
    if len(problem.trained) == 1:
        return "only one parameter is trained"
    return _of_gradients(problem, lambda g, c, eps: clip(g, coefficient(NORM(g), c, eps)), others, template)


@mistake(
    "each layer was clipped by a norm of its own, not by that of all",
    source="huggingface/transformers #614, of groups of parameters",
)
def norm_of_each_layer(problem: Problem) -> Lines:
    if problem.clipping and len(trained_by_layer(problem)) == 1:
        return "only one layer is trained"

    def clipped(g: Any, *others: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers
        *gradients, c, eps = others
        return clip(g, coefficient(NORM(*gradients), c, eps))

    lines = []
    for own in trained_by_layer(problem):
        gradients = tuple(map(names.gradient, own))
        norm = "√ Σ " + " + ".join(f"({{{i}}})²" for i in range(1, len(own) + 1))
        template = f"min(1, {{{len(own) + 1}}} / ({norm} + {{{len(own) + 2}}})) · {{0}}"
        for w in own:
            inputs = (names.gradient(w), *gradients, "max_norm", "clip_eps")
            lines.append(Line(names.clipped(w), clipped, inputs, template))
    return lines if problem.clipping else NO_CLIPPING


def _of_gradients(
    problem: Problem, formula: Callable[..., Array], others: tuple[str, ...], template: str
) -> Lines:
    lines = [replace(line, inputs=(line.inputs[0], *others)) for line in lines_with(problem, clip)]
    return rewritten(lines, formula, template) or NO_CLIPPING


@mistake(
    "the gradients were clipped after the weight decay was added to them, not before",
)
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


# The norm.


@mistake(
    "the root is missing from the norm by which the gradients were clipped", source="paiml/entrenar #311"
)
def root_missing_from_the_norm(problem: Problem) -> Lines:
    """Σ g², which was compared with the maximum as it is."""

    def squared(*gradients: Array) -> Array:
        total = NORM(*gradients)
        return total * total

    return _of_norm(problem, squared, "Σ (dL/dW)² + (dL/db)²")


@mistake("the norm by which the gradients were clipped leaves out those of the biases")
def norm_without_the_biases(problem: Problem) -> Lines:
    """√ Σ (∂L/∂W)²."""
    weights = trained(problem, "W")
    if problem.clipping and len(weights) in (0, len(problem.trained)):
        return "no weights are trained" if not weights else "no bias is trained"
    inputs = tuple(map(names.gradient, weights))
    lines = [replace(line, inputs=inputs) for line in lines_with(problem, NORM)]
    return [replace(line, template="√ Σ (dL/dW)²") for line in lines] or NO_CLIPPING


@mistake("the norm by which the gradients were clipped is the sum of their magnitudes")
def sum_of_magnitudes_for_the_norm(problem: Problem) -> Lines:
    """Σ |g|, which is `norm_type=1` in PyTorch."""

    def total(*gradients: Array) -> Array:
        return reduce(lambda a, b: a + b, [abs(g).sum() for g in gradients])

    return _of_norm(problem, total, "Σ |dL/dW| + |dL/db|")


@mistake(
    "the norm by which the gradients were clipped is the root of their mean square, not of the sum",
    source="HomebrewML/HeavyBall #67",
)
def mean_square_for_the_norm(problem: Problem) -> Lines:
    """√ (Σ g² / n), of n numbers."""

    def mean(*gradients: Array) -> Array:
        total = NORM(*gradients)
        size = math.sqrt(sum(math.prod(g.shape) for g in gradients))
        return total / constant(total, lambda norm: np.full_like(norm, size))

    return _of_norm(problem, mean, "√ mean (dL/dW)² + (dL/db)²")


def _of_norm(problem: Problem, formula: Callable[..., Any], template: str) -> Lines:
    if problem.clipping and sum(problem.parameters[name].size for name in problem.trained) == 1:
        return ONE_NUMBER
    return rewritten(lines_with(problem, NORM), formula, template) or NO_CLIPPING


# The factor.


@mistake(
    "ε is missing from the norm by which the gradients were clipped",
    source="optax's `clip_by_global_norm` for PyTorch's `clip_grad_norm_`",
)
def clip_eps_missing(problem: Problem) -> Lines:
    if problem.clipping and problem.clipping["clip_eps"] == 0:
        return "ε is 0"
    return _of_factor(problem, lambda norm, c, eps: coefficient(norm, c, 0 * eps), "min(1, {1} / {0})")


@mistake(
    "an ε of 1e-6 was added to the norm by which the gradients were clipped, as PyTorch does",
    source="PyTorch's `clip_grad_norm_` for optax's `clip_by_global_norm`",
)
def clip_eps_added(problem: Problem) -> Lines:
    if problem.clipping and problem.clipping["clip_eps"] != 0:
        return "an ε is stated"

    def with_pytorch_eps(norm: Array, c: Array, eps: Array) -> Array:
        return coefficient(norm, c, constant(eps, lambda _: PYTORCH_CLIP_EPS))

    return _of_factor(problem, with_pytorch_eps, "min(1, {1} / ({0} + 1e-6))")


@mistake("gradients whose norm is below the maximum were scaled up to it", source="DingfanChen/GS-WGAN #5")
def scaled_up_to_the_maximum(problem: Problem) -> Lines:
    """c / (norm + ε), also where that is above 1."""
    return _of_factor(problem, lambda total, max_norm, eps: max_norm / (total + eps), "{1} / ({0} + {2})")


@mistake("the maximum of the norm was squared, and the norm was not")
def maximum_squared(problem: Problem) -> Lines:
    """min(1, c² / (norm + ε))."""
    if problem.clipping and problem.clipping["max_norm"] == 1:
        return "the maximum is 1"
    return _of_factor(
        problem, lambda norm, c, eps: coefficient(norm, c * c, eps), "min(1, {1}² / ({0} + {2}))"
    )


def _of_factor(problem: Problem, formula: Callable[..., Array], template: str) -> Lines:
    return rewritten(lines_with(problem, COEFFICIENT), formula, template) or NO_CLIPPING
