"""A published example trained once more, in mpmath: a dense network, its derivatives and its updates by hand.

Nothing here uses the reference: the file is read as text, and arrays hold mpmath's numbers.
"""

from decimal import Decimal

import numpy as np
import yaml
from mpmath import mp, mpf


def of_each(function, inputs=1):
    """Apply a function of numbers to each element of arrays of objects."""
    return np.frompyfunc(function, inputs, 1)


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))


ACTIVATIONS = {  # value and slope, of z
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (mp.tanh, lambda z: 1 - mp.tanh(z) ** 2),
    "relu": (lambda z: max(z, mpf(0)), lambda z: mpf(int(z > 0))),
    "identity": (lambda z: z, lambda _: mpf(1)),
}


def cross_entropy(a, y):
    powers = of_each(mp.exp)(a)
    p = powers / powers.sum(axis=1, keepdims=True)
    return -(y * of_each(mp.log)(p)).sum(), p - y


def terms(loss, slope):
    """Return the sum over all outputs, and the derivative at each."""
    return lambda a, y: (of_each(loss, 2)(a, y).sum(), of_each(slope, 2)(a, y))


LOSSES = {  # summed, and its derivative at each output
    "half_squared_error": terms(lambda a, y: (a - y) ** 2 / 2, lambda a, y: a - y),
    "mean_squared_error": terms(lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y)),
    "l1": terms(lambda a, y: abs(a - y), lambda a, y: mp.sign(a - y)),
    "binary_cross_entropy": terms(
        lambda a, y: -y * mp.log(a) - (1 - y) * mp.log(1 - a), lambda a, y: (a - y) / (a * (1 - a))
    ),
    "softmax_cross_entropy": cross_entropy,
    "softmax_cross_entropy_with_integer_labels": cross_entropy,
}


class Example:
    """A published example, read as text, and its training in as many digits as mpmath works with."""

    def __init__(self, text):
        self.file = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - every scalar stays text
        self.layers = [ACTIVATIONS[layer["activation"]] for layer in self.file["layers"]]
        self.loss = LOSSES[self.file["loss"]["name"]]
        self.x, self.y = numbers(self.file["x"]), numbers(self.file["y"])
        mean = self.file["loss"]["name"] == "mean_squared_error"
        self.share = mpf(1) / self.y.size if mean else mpf(1)
        rule = self.file["optimizer"].items()
        self.rule = {key: text if key == "name" else mpf(text) for key, text in rule}

    def start(self):
        layers = enumerate(self.file["layers"], start=1)
        return {f"{kind}{k}": numbers(layer[kind]) for k, layer in layers for kind in "Wb"}

    def forward(self, parameters):
        """Return z and a of each layer, one row for each example, and the loss."""
        values, a = {}, self.x
        for k, (value, _) in enumerate(self.layers, start=1):
            z = a @ parameters[f"W{k}"].T + parameters[f"b{k}"]
            a = of_each(value)(z)
            values |= {f"z{k}": z, f"a{k}": a}
        return values | {"loss": self.share * self.loss(a, self.y)[0]}

    def backward(self, parameters, values):
        """Return every derivative, by the chain rule."""
        last, back = len(self.layers), {}
        da = self.share * self.loss(values[f"a{last}"], self.y)[1]
        for k in range(last, 0, -1):
            slopes = of_each(self.layers[k - 1][1])(values[f"z{k}"])
            dz = da * slopes
            below = values[f"a{k - 1}"] if k > 1 else self.x
            back |= {f"dL/da{k}": da, f"da{k}/dz{k}": slopes, f"dL/dz{k}": dz}
            back |= {f"dL/dW{k}": dz.T @ below, f"dL/db{k}": dz.sum(axis=0)}
            da = dz @ parameters[f"W{k}"]
        return back

    def train(self, steps):
        """Yield everything that each step computes."""
        parameters, state = self.start(), {}
        trained = [name for name in parameters if name not in self.file.get("not_trained", [])]
        for step in range(1, steps + 1):
            values = self.forward(parameters)
            values |= self.backward(parameters, values)
            for name in trained:
                update, before = RULES[self.rule["name"]], state.get(name, {})
                new, state[name] = update(step, parameters[name], values[f"dL/d{name}"], before, self.rule)
                values |= {f"{name}_new": new}
                values |= {f"{kind}_{name}_new": array for kind, array in state[name].items()}
            parameters = {name: values.get(f"{name}_new", old) for name, old in parameters.items()}
            yield values


def sgd(_, w, g, state, rule):
    g = g + rule.get("weight_decay", 0) * w
    if "momentum" not in rule:
        return w - rule["learning_rate"] * g, {}
    m = rule["momentum"] * state.get("m", mpf(0)) + g
    return w - rule["learning_rate"] * m, {"m": m}


def adam(step, w, g, state, rule):
    beta1, beta2 = rule["beta1"], rule["beta2"]
    m = beta1 * state.get("m", mpf(0)) + (1 - beta1) * g
    v = beta2 * state.get("v", mpf(0)) + (1 - beta2) * g**2
    root = of_each(mp.sqrt)(v / (1 - beta2**step))
    return w - rule["learning_rate"] * m / (1 - beta1**step) / (root + rule["eps"]), {"m": m, "v": v}


def rmsprop(_, w, g, state, rule):
    v = rule["alpha"] * state.get("v", mpf(0)) + (1 - rule["alpha"]) * g**2
    return w - rule["learning_rate"] * g / (of_each(mp.sqrt)(v) + rule["eps"]), {"v": v}


RULES = {"sgd": sgd, "adam": adam, "rmsprop": rmsprop}


def numbers(tree):
    """Return an array of the file."""
    if isinstance(tree, dict) and "classes" in tree:
        rows = [[int(k == int(one)) for k in range(int(tree["of"]))] for one in tree["classes"]]
        return of_each(mpf)(np.array(rows, object))
    if isinstance(tree, dict):
        return np.array([mpf(tree["value"])] * int(tree["constant"][0]), object)
    return of_each(mpf)(np.array(tree, object))


def elements(array):
    """Give each element of an array, or of nested lists, with its index."""
    return np.ndenumerate(np.array(array, object))


def rounds_to(exact, text):
    """Say whether a value rounds to a printed text: within half a unit in its last place."""
    exponent = Decimal(text).as_tuple().exponent
    return bool(abs(exact - mpf(text)) <= mpf(f"5e{exponent - 1}"))
