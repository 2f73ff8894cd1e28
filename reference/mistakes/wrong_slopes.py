"""Mistakes on the way through the activation: ∂L/∂z = ∂L/∂a · σ'(z)."""

from cases import Problem, names
from reference.activations import ACTIVATIONS
from reference.line import Line, unchanged
from reference.mistakes.mistake import (
    SLOPES_FROM_A,
    Lines,
    Mistake,
    activation,
    curved_layers,
    gradients,
    is_identity,
    layers,
    mistake,
    one_layer,
    rewired,
    rewritten,
    slope_from_a,
    width,
)

# Activations whose derivative is 0 or 1, so that its square is the same.
STRAIGHT = {"identity", "relu", "hardtanh", "relu6"}

ALL_IDENTITIES = "every activation here is the identity, with derivative 1"


# The derivative left out, or taken for something else.


@mistake("the activation's derivative is missing in the output layer", source="parasdahal/tinyml #1")
def derivative_missing_in_the_output(problem: Problem) -> Lines:
    """∂L/∂z_L = ∂L/∂a_L."""
    if is_identity(problem, problem.depth):
        return "the output's activation is the identity, with derivative 1"
    return rewritten(gradients(problem, names.z, [problem.depth]), unchanged, "{0}", kept=1)


@mistake(
    "the activation's derivative is missing in the hidden layers",
    source="ujjwalkarn/Machine-Learning-Tutorials #16",
    unless=one_layer,
)
def derivative_missing_in_hidden_layers(problem: Problem) -> Lines:
    """∂L/∂z_k = ∂L/∂a_k for k < L."""
    hidden = [k for k in curved_layers(problem) if k < problem.depth]
    lines = rewritten(gradients(problem, names.z, hidden), unchanged, "{0}", kept=1)
    return lines or "every hidden activation is the identity, with derivative 1"


@mistake(
    "the gradient from above was overwritten by the activation's derivative, not multiplied by it",
    source="haifengl/smile #528",
    by_layer=True,
)
def upstream_gradient_overwritten(problem: Problem) -> Lines:
    """∂L/∂z_k = σ'(z_k), as = does in place of *=."""
    lines = gradients(problem, names.z, layers(problem))
    return [Line(line.name, unchanged, line.inputs[1:], "{0}") for line in lines]


@mistake("the activation's derivative was applied twice", by_layer=True)
def derivative_applied_twice(problem: Problem) -> Lines:
    """∂L/∂z_k = ∂L/∂a_k ⊙ σ'(z_k) ⊙ σ'(z_k)."""
    bent = [k for k in layers(problem) if activation(problem, k) not in STRAIGHT]
    lines = gradients(problem, names.z, bent)
    wrong = rewritten(lines, lambda dL_da, da_dz: dL_da * da_dz * da_dz, "{0} ⊙ {1} ⊙ {1}")
    return wrong or "every derivative here is 0 or 1, which is its own square"


@mistake("the activation itself was taken for its derivative", by_layer=True)
def activation_for_its_derivative(problem: Problem) -> Lines:
    """σ'(z_k) = a_k."""
    curved = curved_layers(problem)
    return [Line(names.slope(k), unchanged, (names.a(k),), "{0}") for k in curved] or ALL_IDENTITIES


# The derivative of another layer.


@mistake("the activation's derivative was taken from the next layer", source="dennybritz/nn-from-scratch #3")
def derivative_of_the_wrong_layer(problem: Problem) -> Lines:
    """∂L/∂z_k = ∂L/∂a_k ⊙ σ'(z_{k+1}), which equal widths allow."""
    return _with_the_derivative_of(+1, problem)


@mistake("the activation's derivative was taken from the layer before", source="unda-ml/unda #1")
def derivative_of_the_layer_before(problem: Problem) -> Lines:
    """∂L/∂z_k = ∂L/∂a_k ⊙ σ'(z_{k−1}), which equal widths allow."""
    return _with_the_derivative_of(-1, problem)


def _with_the_derivative_of(offset: int, problem: Problem) -> Lines:
    alike = [k for k in layers(problem) if _can_be_mixed_up(problem, k, k + offset)]
    others = {names.slope(k): names.slope(k + offset) for k in alike}
    lines = [rewired(line, others) for line in gradients(problem, names.z, alike)]
    return lines or "no two neighbouring layers are equally wide and not both the identity"


def _can_be_mixed_up(problem: Problem, k: int, j: int) -> bool:
    """Whether σ'(z_j) has the shape of σ'(z_k), and is another array."""
    fits = j in layers(problem) and width(problem, k) == width(problem, j)
    return fits and not (is_identity(problem, k) and is_identity(problem, j))


@mistake(
    "the derivative is that of the next layer's activation, at the right z",
    source="jeffheaton/encog-java-core #243",
    by_layer=True,
)
def derivative_function_of_the_next_layer(problem: Problem) -> Lines:
    """σ'(z_k) with the σ of layer k + 1."""
    return _with_the_function_of(+1, problem)


@mistake(
    "the derivative is that of the activation of the layer before, at the right z",
    source="unda-ml/unda #1",
    by_layer=True,
)
def derivative_function_of_the_layer_before(problem: Problem) -> Lines:
    """σ'(z_k) with the σ of layer k − 1."""
    return _with_the_function_of(-1, problem)


def _with_the_function_of(offset: int, problem: Problem) -> Lines:
    neighbours = [
        (k, activation(problem, k + offset)) for k in layers(problem) if k + offset in layers(problem)
    ]
    lines = [_derivative_of(name, k, names.z(k)) for k, name in neighbours if name != activation(problem, k)]
    return lines or "no two neighbouring layers have different activations"


# The derivative at another place, or by a formula for another.


@mistake(
    "the activation's derivative was taken at a, not at z", source="davidrmiller/neural2d #40", by_layer=True
)
def derivative_at_a(problem: Problem) -> Lines:
    """σ'(a_k), as where a has been written over z."""
    curved = [k for k in layers(problem) if not ACTIVATIONS[activation(problem, k)].has_the_same_slope_at_a]
    lines = [_derivative_of(activation(problem, k), k, names.a(k)) for k in curved]
    return lines or "every activation here has the same derivative at a as at z"


@mistake(
    "the activation's derivative was taken at the layer's input, not at z",
    source="ooples/AiDotNet.Tensors #186",
    by_layer=True,
)
def derivative_at_the_input_of_the_layer(problem: Problem) -> Lines:
    """σ'(a_{k−1}), which equal widths allow."""
    fitting = [k for k in curved_layers(problem) if width(problem, k) == width(problem, k - 1)]
    lines = [_derivative_of(activation(problem, k), k, names.a(k - 1)) for k in fitting]
    return lines or "no layer but those of the identity is as wide as its input"


def _derivative_of(name: str, k: int, array: str) -> Line:
    """Return the line of σ'(z_k) with this activation's derivative, by its own value, at this array."""
    rule = ACTIVATIONS[name]
    return Line(names.slope(k), lambda at: rule.derivative(at, rule.value(at)), (array,), f"{name}'({{0}})")


@mistake(
    "the derivative was written as a function of a, but given z",
    source="BoltzmannEntropy/interviews.ai #4 and #15",
    by_layer=True,
)
def derivative_formula_given_z(problem: Problem) -> Lines:
    """z (1 − z) for σ'(z) = a (1 − a), and 1 − z² for tanh'(z) = 1 − a²."""
    written = [(activation(problem, k), k) for k in layers(problem)]
    lines = [slope_from_a(name, k, names.z(k)) for name, k in written if name in SLOPES_FROM_A]
    return lines or "there is neither a sigmoid nor a tanh"


@mistake(
    "the derivative was computed as a (1 − a), which is the sigmoid's", source="ttezel/nn #8", by_layer=True
)
def sigmoid_derivative_in_a(problem: Problem) -> Lines:
    """σ'(z_k) = a_k (1 − a_k), whatever the activation."""
    return _by_the_formula_of("sigmoid", problem)


@mistake("the derivative was computed as 1 − a², which is tanh's", by_layer=True)
def tanh_derivative_in_a(problem: Problem) -> Lines:
    """σ'(z_k) = 1 − a_k², whatever the activation."""
    return _by_the_formula_of("tanh", problem)


def _by_the_formula_of(name: str, problem: Problem) -> Lines:
    others = _others_than(name, problem)
    return [slope_from_a(name, k, names.a(k)) for k in others] or _all_are(name)


# Another activation's derivative, at the right z: one mistake for each activation.


def _others_than(name: str, problem: Problem) -> list[int]:
    return [k for k in layers(problem) if activation(problem, k) != name]


def _all_are(name: str) -> str:
    return f"every activation here is {name}"


SEEN = {"relu": "scientific-computing/FKB #15", "sigmoid": "jeffheaton/encog-dotnet-core #124"}


def _another_derivative(name: str) -> Mistake:
    """σ'(z_k) with the σ of this name."""

    def change(problem: Problem) -> Lines:
        others = _others_than(name, problem)
        return [_derivative_of(name, k, names.z(k)) for k in others] or _all_are(name)

    sentence = f"the derivative is that of {name}, where that of another activation is asked for"
    named = f"derivative-of-{name.replace('_', '-')}"
    return Mistake(named, sentence, change, SEEN.get(name, ""), by_layer=True)


# The identity's derivative is 1, which is a derivative that is missing.
ANOTHER_DERIVATIVE = tuple(_another_derivative(name) for name in ACTIVATIONS if name != "identity")
