"""The forward pass and the loss once more, in 60-digit decimals, without NumPy and without any derivative.

It shares no code with the reference, so what the tests derive from it is independent.
"""

from collections.abc import Iterable
from decimal import Decimal, getcontext, localcontext

from cases import Problem

getcontext().prec = 60
STEP = Decimal("1e-20")


def decimals(array) -> list:
    """Every binary number is an exact decimal."""
    return [decimals(row) for row in array] if array.ndim else Decimal(float(array))


def sigmoid(z: Decimal) -> Decimal:
    return 1 / (1 + (-z).exp())


def tanh(z: Decimal) -> Decimal:
    return 2 * sigmoid(2 * z) - 1


def softplus(z: Decimal) -> Decimal:
    return (1 + z.exp()).ln()


def erf(z: Decimal) -> Decimal:
    """Its Taylor series, for moderate z: 2/√π · Σ (−1)ⁿ z²ⁿ⁺¹ / (n!·(2n + 1))."""
    term, total, n = z, z, 0
    while abs(term) > Decimal("1e-100"):
        n += 1
        term *= -z * z / n
        total += term / (2 * n + 1)
    return 2 / PI.sqrt() * total


def gelu_tanh(z: Decimal) -> Decimal:
    return z / 2 * (1 + tanh((2 / PI).sqrt() * (z + Decimal("0.044715") * z**3)))


def elu(z: Decimal, alpha: Decimal = Decimal(1)) -> Decimal:
    return z if z > 0 else alpha * (z.exp() - 1)


PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211707"
)
LAMBDA, ALPHA = Decimal("1.0507009873554804934193349852946"), Decimal("1.6732632423543772848170429916717")

ACTIVATIONS = {
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": lambda z: max(z, Decimal(0)),
    "identity": lambda z: z,
    "softplus": softplus,
    "gelu_erf": lambda z: z / 2 * (1 + erf(z / Decimal(2).sqrt())),
    "gelu_tanh": gelu_tanh,
    "silu": lambda z: z * sigmoid(z),
    "leaky_relu": lambda z: z if z > 0 else Decimal("0.01") * z,
    "elu": elu,
    "selu": lambda z: LAMBDA * elu(z, ALPHA),
    "hardtanh": lambda z: min(max(z, Decimal(-1)), Decimal(1)),
    "relu6": lambda z: min(max(z, Decimal(0)), Decimal(6)),
    "softsign": lambda z: z / (1 + abs(z)),
    "log_sigmoid": lambda z: -softplus(-z),
}


def loss(problem: Problem, parameters: dict[str, list]) -> Decimal:
    """The loss as its name defines it, from the given parameters."""
    pairs = []
    for example, target in zip(decimals(problem.x), decimals(problem.y), strict=True):
        a = example
        for k, activation in enumerate(problem.activations, start=1):
            rows = zip(parameters[f"W{k}"], parameters[f"b{k}"], strict=True)
            z = [sum((w * v for w, v in zip(row, a, strict=True)), b) for row, b in rows]
            a = [ACTIVATIONS[activation](value) for value in z]
        pairs.append((a, target))
    return reduced(problem, pairs)


def reduced(problem: Problem, pairs: Iterable[tuple[list[Decimal], list[Decimal]]]) -> Decimal:
    """The sum over the examples' predictions and targets, or the mean that the loss's name stands for."""
    total = sum(of_example(problem, a, y) for a, y in pairs)
    if problem.reduction == "sum":
        return total
    over_examples = problem.loss == "half_squared_error" or problem.loss.startswith("softmax")
    return total / (len(problem.y) if over_examples else problem.y.size)


def huber(d: Decimal, delta: Decimal) -> Decimal:
    return d * d / 2 if abs(d) <= delta else delta * (abs(d) - delta / 2)


# The losses that are a sum over the elements, from a prediction, its target and the loss's numbers.
OF_ELEMENTS = {
    "half_squared_error": lambda p, t, _: (p - t) ** 2 / 2,
    "mean_squared_error": lambda p, t, _: (p - t) ** 2,
    "binary_cross_entropy_with_logits": lambda p, t, _: -t * sigmoid(p).ln() - (1 - t) * sigmoid(-p).ln(),
    "binary_cross_entropy": lambda p, t, _: -t * p.ln() - (1 - t) * (1 - p).ln(),
    "huber": lambda p, t, given: huber(p - t, given["delta"]),
    "smooth_l1": lambda p, t, given: huber(p - t, given["beta"]) / given["beta"],
    "l1": lambda p, t, _: abs(p - t),
}


def of_example(problem: Problem, a: list[Decimal], y: list[Decimal]) -> Decimal:
    """One example's part of the loss's sum."""
    given = {name: Decimal(number) for name, number in problem.loss_numbers}
    pairs = list(zip(a, y, strict=True))
    if problem.loss in OF_ELEMENTS:
        return sum(OF_ELEMENTS[problem.loss](p, t, given) for p, t in pairs)
    assert problem.loss.startswith("softmax_cross_entropy")
    s, total = given.get("label_smoothing", Decimal(0)), sum(p.exp() for p in a)
    return -sum(((1 - s) * t + s / len(y)) * (p.exp() / total).ln() for p, t in pairs)


def gradient(problem: Problem, name: str, index: tuple[int, ...]) -> Decimal:
    """The central difference quotient of the loss; its own error is of the order of STEP² = 1e-40."""
    with localcontext() as context:
        context.prec = 80
        sides = []
        for sign in (1, -1):
            parameters = {key: decimals(array) for key, array in problem.parameters.items()}
            row = parameters[name]
            for i in index[:-1]:
                row = row[i]
            row[index[-1]] += sign * STEP
            sides.append(loss(problem, parameters))
        return (sides[0] - sides[1]) / (2 * STEP)
