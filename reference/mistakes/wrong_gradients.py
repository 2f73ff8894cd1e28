"""Mistakes in the gradients of the parameters: ∂L/∂w = ∂L/∂z · a and ∂L/∂b = ∂L/∂z, summed over examples."""

from collections.abc import Callable

import numpy as np

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.line import Array, Line, bias_gradient, linear, weight_gradient
from reference.mistakes.mistake import (
    Lines,
    activation,
    constant,
    curved_layers,
    gradients,
    is_identity,
    layers,
    lines_with,
    mistake,
    one_layer,
    rewired,
    rewritten,
    square_layers,
    width,
    zeros,
)
from reference.mistakes.wrong_hidden import nothing_updated_before

# The weight gradient of another array than the layer's input.


@mistake(
    "the weight gradient was taken from z of the layer before, not from its activation a",
    source="maziarraissi/backprop #1",
    unless=one_layer,
)
def weight_gradient_from_z(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂z_k)ᵀ z_{k−1}."""
    before = {names.a(k): names.z(k) for k in layers(problem)[:-1] if not is_identity(problem, k)}
    lines = [line for line in lines_with(problem, weight_gradient) if line.inputs[1] in before]
    return [rewired(line, before) for line in lines] or "every hidden activation is the identity, so a is z"


@mistake(
    "the weight gradient was taken from the layer's own output, not its input", source="gHashTag/trinity #571"
)
def weight_gradient_from_the_output(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂z_k)ᵀ a_k, which equal widths allow."""
    fitting = [k for k in layers(problem) if width(problem, k) == width(problem, k - 1)]
    return _taken_from(problem, {k: names.a(k) for k in fitting}) or "no layer is as wide as its input"


@mistake("the weight gradient was taken from the network's inputs x, not from the layer's", unless=one_layer)
def weight_gradient_from_x(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂z_k)ᵀ x, which equal widths allow."""
    fitting = [k for k in layers(problem, 2) if width(problem, k - 1) == width(problem, 0)]
    return _taken_from(problem, dict.fromkeys(fitting, "x")) or "no hidden layer is as wide as x"


def _taken_from(problem: Problem, sources: dict[int, str]) -> list[Line]:
    lines = {k: gradients(problem, names.W, [k]) for k in sources}
    return [rewired(line, {names.a(k - 1): sources[k]}) for k in sources for line in lines[k]]


@mistake(
    "the weight gradient was taken from an activation computed again, by weights already updated",
    unless=nothing_updated_before,
)
def weight_gradient_from_the_updated_activation(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂z_k)ᵀ σ(a_{k−2} w_{k−1}_newᵀ + b_{k−1}_new)."""
    below = [k for k in layers(problem)[:-1] if {names.W(k), names.b(k)} & set(problem.trained)]
    return [_from_the_updated(problem, k) for k in below] or "no layer below another is trained"


def _from_the_updated(problem: Problem, k: int) -> Line:
    """Return the line of ∂L/∂W_{k+1} with the activation of layer k after its update."""
    sigma = ACTIVATIONS[activation(problem, k)].value
    return Line(
        names.gradient(names.W(k + 1)),
        lambda dL_dz, x, W, b: weight_gradient(dL_dz, sigma(linear(x, W, b))),
        (
            names.gradient(names.z(k + 1)),
            names.a(k - 1),
            names.updated(names.W(k)),
            names.updated(names.b(k)),
        ),
        f"({{0}})ᵀ {activation(problem, k)}({{1}} {{2}}ᵀ + {{3}})",
    )


# The weight gradient by another product.


@mistake("the weight gradient was transposed", source="iamtrask/Grokking-Deep-Learning #23")
def weight_gradient_transposed(problem: Problem) -> Lines:
    """∂L/∂w_k = a_{k−1}ᵀ ∂L/∂z_k, which a square W allows."""
    lines = gradients(problem, names.W, square_layers(problem))
    wrong = rewritten(lines, lambda dL_dz, x: x.mT @ dL_dz, "{1}ᵀ {0}")
    return wrong or "no weight matrix is square and larger than 1 by 1"


@mistake("the factor a is missing from the weight gradient")
def input_factor_missing(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂z_k)ᵀ 1: the gradient of the bias for each weight."""
    lines = lines_with(problem, weight_gradient)
    return rewritten(lines, lambda dL_dz, x: dL_dz.mT @ constant(x, np.ones_like), "({0})ᵀ 1")


@mistake(
    "the weight gradient has the weight itself as a factor, in place of a",
    source="Stack Overflow, “Backpropagation demo gives always the same result after training”",
)
def weight_for_the_input(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂z_k)ᵀ 1 ⊙ w_k."""
    return [
        Line(line.name, _times_the_weight, (*line.inputs, names.W(k)), "({0})ᵀ 1 ⊙ {2}")
        for k in layers(problem)
        for line in gradients(problem, names.W, [k])
    ]


def _times_the_weight(dL_dz: Array, x: Array, W: Array) -> Array:
    return (dL_dz.mT @ constant(x, np.ones_like)) * W


@mistake(
    "the weight gradient has the factor a twice",
    source="udacity/deep-learning-v2-pytorch #409",
    by_layer=True,
)
def input_factor_twice(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂z_k)ᵀ (a_{k−1} ⊙ a_{k−1})."""
    same = np.array_equal(problem.x, np.square(problem.x))
    lines = gradients(problem, names.W, layers(problem, 2 if same else 1))
    wrong = rewritten(lines, lambda dL_dz, x: dL_dz.mT @ (x * x), "({0})ᵀ ({1} ⊙ {1})")
    return wrong or "every input is 0 or 1, which is its own square"


@mistake("the weight gradient is a sum of magnitudes, without their signs")
def weight_gradient_of_magnitudes(problem: Problem) -> Lines:
    """∂L/∂w_k = |∂L/∂z_k|ᵀ |a_{k−1}|."""
    lines = lines_with(problem, weight_gradient)
    return rewritten(lines, lambda dL_dz, x: abs(dL_dz).mT @ abs(x), "|{0}|ᵀ |{1}|")


# The bias gradient by another sum.


@mistake(
    "the bias gradient was summed over the units too, one number for a layer",
    source="rasbt/stat453-deep-learning-ss21 #5",
)
def bias_gradient_summed_over_the_units(problem: Problem) -> Lines:
    """∂L/∂b_kj = Σ ∂L/∂z_k over examples and units, the same for every j."""
    wide = [k for k in layers(problem) if width(problem, k) > 1]
    lines = rewritten(gradients(problem, names.b, wide), _summed_over_units, "Σ Σ {0}")
    return lines or "every layer has one unit"


def _summed_over_units(dL_dz: Array) -> Array:
    ones = constant(dL_dz, lambda array: np.ones((array.shape[1],) * 2, array.dtype))
    return bias_gradient(dL_dz @ ones)


@mistake(
    "the bias gradient was summed from the rows of the weight gradient",
    source="rust0258/Deeplearning.ai-Natural-Language-Processing-Specialization #62",
)
def bias_gradient_from_the_weight_gradient(problem: Problem) -> Lines:
    """∂L/∂b_k = Σ ∂L/∂w_k over the columns."""
    rows = [(line.name, line.name.replace("/db", "/dW")) for line in lines_with(problem, bias_gradient)]
    return [Line(name, _row_sums, (of_weights,), "Σ {0}ᵀ") for name, of_weights in rows]


def _row_sums(dL_dW: Array) -> Array:
    return bias_gradient(dL_dW.mT)


@mistake("the bias gradient is a sum of magnitudes, without their signs")
def bias_gradient_of_magnitudes(problem: Problem) -> Lines:
    """∂L/∂b_k = Σ |∂L/∂z_k|."""
    return rewritten(lines_with(problem, bias_gradient), lambda dL_dz: bias_gradient(abs(dL_dz)), "Σ |{0}|")


@mistake("the bias gradient is that of the next layer")
def bias_gradient_of_the_next_layer(problem: Problem) -> Lines:
    """∂L/∂b_k = Σ ∂L/∂z_{k+1}, which equal widths allow."""
    return _from_the_next_layer(problem, names.b)


def _from_the_next_layer(problem: Problem, *those: Callable[[int], str]) -> Lines:
    alike = [k for k in layers(problem)[:-1] if width(problem, k) == width(problem, k + 1)]
    others = {names.gradient(names.z(k)): names.gradient(names.z(k + 1)) for k in alike}
    lines = [rewired(line, others) for of in those for line in gradients(problem, of, alike)]
    return lines or "no two neighbouring layers are equally wide"


@mistake("the bias gradient is 0, as if the bias were a constant", source="OpenANN/OpenANN #76")
def bias_gradient_missing(problem: Problem) -> Lines:
    """∂L/∂b_k = 0."""
    return [_nothing(line) for line in lines_with(problem, bias_gradient)]


def _nothing(line: Line) -> Line:
    """Return the line of ∂L/∂w with zeros in the shape of w."""
    parameter = line.name.removeprefix("dL/d")
    return Line(line.name, zeros, (parameter,), "0")


# Both gradients of a layer, or each alone.


@mistake("the gradients of the parameters are 0", source="cloneofsimo/lora #263", by_layer=True)
def parameters_without_gradients(problem: Problem) -> Lines:
    """∂L/∂w = 0 and ∂L/∂b = 0, as of a layer that was frozen, or of gradients cleared before the update."""
    return [_nothing(line) for line in lines_with(problem, weight_gradient, bias_gradient)]


@mistake(
    "the gradients of the parameters were taken from that of a, without the activation's derivative",
    source="arthurdouillard/deepcourse #6",
    by_layer=True,
)
def gradients_past_the_activation(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂a_k)ᵀ a_{k−1} and ∂L/∂b_k = Σ ∂L/∂a_k; what is sent on to the layer before is right."""
    past = {names.gradient(names.z(k)): names.gradient(names.a(k)) for k in curved_layers(problem)}
    lines = [line for line in lines_with(problem, weight_gradient, bias_gradient) if line.inputs[0] in past]
    return [rewired(line, past) for line in lines] or "every activation is the identity, with derivative 1"


@mistake(
    "the gradients of weights and biases were taken from ∂L/∂z of the next layer",
    source="unda-ml/unda #1",
    by_layer=True,
)
def gradients_from_the_next_layer(problem: Problem) -> Lines:
    """∂L/∂w_k = (∂L/∂z_{k+1})ᵀ a_{k−1} and ∂L/∂b_k = Σ ∂L/∂z_{k+1}, which equal widths allow."""
    return _from_the_next_layer(problem, names.W, names.b)
