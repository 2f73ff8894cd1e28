"""Mistakes in the backward pass."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.line import Line, bias_gradient, through_weights, unchanged, weight_gradient
from reference.mistakes.mistake import (
    NO_HIDDEN_LAYER,
    ONE_EXAMPLE,
    Lines,
    broadcast,
    first_example,
    layers,
    lines_named,
    lines_with,
    mistake,
    rewired,
    rewritten,
    square_layers,
)

# Through the activation: ∂L/∂z = ∂L/∂a · σ'(z).


def _is_identity(problem: Problem, k: int) -> bool:
    return problem.activations[k - 1] == "identity"


def _gradients(problem: Problem, of: Callable[[int], str], those: Iterable[int]) -> list[Line]:
    return lines_named(problem, (names.gradient(of(k)) for k in those))


@mistake("the activation's derivative is missing in the output layer")
def derivative_missing_in_the_output(problem: Problem) -> Lines:
    if _is_identity(problem, problem.depth):
        return "the output's activation is the identity, with derivative 1"
    return rewritten(_gradients(problem, names.z, [problem.depth]), unchanged, "{0}", kept=1)


@mistake("the activation's derivative is missing in the hidden layers")
def derivative_missing_in_hidden_layers(problem: Problem) -> Lines:
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    curved = [k for k in layers(problem)[:-1] if not _is_identity(problem, k)]
    lines = rewritten(_gradients(problem, names.z, curved), unchanged, "{0}", kept=1)
    return lines or "every hidden activation is the identity, with derivative 1"


@mistake("the activation's derivative was taken from the next layer")
def derivative_of_the_wrong_layer(problem: Problem) -> Lines:
    """∂L/∂z_k = ∂L/∂a_k ⊙ σ'(z_{k+1}), which equal widths allow."""
    return _with_the_derivative_of(+1, problem)


@mistake("the activation's derivative was taken from the layer before")
def derivative_of_the_layer_before(problem: Problem) -> Lines:
    """∂L/∂z_k = ∂L/∂a_k ⊙ σ'(z_{k−1}), which equal widths allow."""
    return _with_the_derivative_of(-1, problem)


def _with_the_derivative_of(offset: int, problem: Problem) -> Lines:
    alike = [k for k in layers(problem) if _can_be_mixed_up(problem, k, k + offset)]
    others = {names.slope(k): names.slope(k + offset) for k in alike}
    lines = [rewired(line, others) for line in _gradients(problem, names.z, alike)]
    return lines or "no two neighbouring layers are equally wide and not both the identity"


def _width(problem: Problem, k: int) -> int:
    return int(problem.parameters[names.b(k)].size)


def _can_be_mixed_up(problem: Problem, k: int, j: int) -> bool:
    """Whether σ'(z_j) has the shape of σ'(z_k), and is another array."""
    fits = j in layers(problem) and _width(problem, k) == _width(problem, j)
    return fits and not (_is_identity(problem, k) and _is_identity(problem, j))


@mistake("the activation's derivative was taken at a, not at z")
def derivative_at_a(problem: Problem) -> Lines:
    activations = {names.slope(k): name for k, name in enumerate(problem.activations, start=1)}
    curved = [slope for slope, name in activations.items() if not ACTIVATIONS[name].has_the_same_slope_at_a]
    lines = [_slope_at_a(line, activations[line.name]) for line in lines_named(problem, curved)]
    return lines or "every activation here has the same derivative at a as at z"


def _slope_at_a(line: Line, activation: str) -> Line:
    rule = ACTIVATIONS[activation]
    return replace(line, formula=lambda a: rule.derivative(a, rule.value(a)), inputs=line.inputs[1:])


# On to the layer before: ∂L/∂a_{k−1} = ∂L/∂z_k · w_k.


def _before(problem: Problem, those: Iterable[int]) -> list[Line]:
    """Return the right lines of ∂L/∂a_{k−1}, of ∂L/∂z_k and W_k, for these layers k."""
    return _gradients(problem, names.a, (k - 1 for k in those))


@mistake("the factor w is missing from the hidden gradient, as in the document's step 3 taken literally")
def weight_factor_missing(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k, which equal widths allow; a single column NumPy repeats silently."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    fitting = [k for k in layers(problem, 2) if _width(problem, k) in {_width(problem, k - 1), 1}]
    lines = [rewired(line, {names.W(k): names.a(k - 1)}) for k in fitting for line in _before(problem, [k])]
    wrong = rewritten(lines, lambda dL_dz, a: broadcast(dL_dz, a.shape), "{0}")
    return wrong or "no layer is as wide as the one before, so the shapes do not fit"


@mistake("the hidden gradient was sent through the transposed weights")
def weights_transposed_backward(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_kᵀ, which a square W allows."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    before = _before(problem, square_layers(problem, 2))
    lines = rewritten(before, lambda dL_dz, W: dL_dz @ W.mT, "{0} {1}ᵀ")
    return lines or "no weight matrix above the first is square and larger than 1 by 1"


@mistake("the hidden gradient was sent through |w| in place of w")
def magnitude_of_the_weights(problem: Problem) -> Lines:
    lines = lines_with(problem, through_weights)
    return rewritten(lines, lambda dL_dz, W: dL_dz @ abs(W), "{0} |{1}|") or NO_HIDDEN_LAYER


@mistake("the hidden gradient was sent through the already updated weights")
def already_updated_weights(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k · w_k_new: the weights are updated before the gradient has passed them."""
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    if problem.clipping:
        return "no gradient is clipped before all are known, so nothing is updated before"
    updated = {name: names.updated(name) for name in problem.trained}
    lines = [line for line in lines_with(problem, through_weights) if line.inputs[1] in updated]
    return [rewired(line, updated) for line in lines] or "no weights above the first layer are trained"


# The gradients of weights and biases.


@mistake("the weight gradient was taken from z of the layer before, not from its activation a")
def weight_gradient_from_z(problem: Problem) -> Lines:
    if problem.depth == 1:
        return NO_HIDDEN_LAYER
    before = {names.a(k): names.z(k) for k in layers(problem)[:-1] if not _is_identity(problem, k)}
    lines = [line for line in lines_with(problem, weight_gradient) if line.inputs[1] in before]
    return [rewired(line, before) for line in lines] or "every hidden activation is the identity, so a is z"


@mistake("the weight gradient is that of the first example only")
def weight_gradient_of_the_first_example(problem: Problem) -> Lines:
    if len(problem.x) == 1:
        return ONE_EXAMPLE
    lines = lines_with(problem, weight_gradient)
    return rewritten(lines, lambda dL_dz, x: first_example(dL_dz).mT @ first_example(x), "({0})[0]ᵀ {1}[0]")


@mistake("the bias gradient was not summed over the examples")
def bias_gradient_not_summed(problem: Problem) -> Lines:
    """∂L/∂b = ∂L/∂z as it is: a row for each example, where one row is asked for."""
    return _of_biases(problem, unchanged, "{0}")


@mistake("the bias gradient was averaged over the examples, not summed")
def bias_gradient_averaged(problem: Problem) -> Lines:
    """∂L/∂b = 1/N · Σ ∂L/∂z, where any mean of the loss is in ∂L/∂z already."""
    return _of_biases(problem, lambda dL_dz: bias_gradient(dL_dz) / dL_dz.shape[0], "1/N Σ {0}")


@mistake("the bias gradient is that of the first example only")
def bias_gradient_of_the_first_example(problem: Problem) -> Lines:
    return _of_biases(problem, lambda dL_dz: bias_gradient(first_example(dL_dz)), "({0})[0]")


def _of_biases(problem: Problem, formula: Callable[..., Any], template: str) -> Lines:
    lines = rewritten(lines_with(problem, bias_gradient), formula, template)
    return ONE_EXAMPLE if len(problem.x) == 1 else lines
