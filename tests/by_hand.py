"""A published example trained once more, in mpmath: a dense network, its derivatives and its updates by hand.

Nothing here uses the reference: the file is read as text, and every formula is written out by the element.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

import yaml
from mpmath import mp, mpf

# What an optimizer keeps of a number, by kind; and its own numbers, by key.
State: TypeAlias = dict[str, mpf]
Rule: TypeAlias = dict[str, Any]


def sigmoid(z: mpf) -> mpf:
    return 1 / (1 + mp.exp(-z))


ACTIVATIONS: dict[str, tuple[Callable[[mpf], mpf], Callable[[mpf], mpf]]] = {  # value and slope, of z
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (mp.tanh, lambda z: 1 - mp.tanh(z) ** 2),
    "relu": (lambda z: max(z, mpf(0)), lambda z: mpf(int(z > 0))),
    "identity": (lambda z: z, lambda _: mpf(1)),
}


def cross_entropy(a: list[mpf], y: list[mpf]) -> tuple[mpf, list[mpf]]:
    powers = [mp.exp(one) for one in a]
    pairs = [(power / mp.fsum(powers), t) for power, t in zip(powers, y, strict=True)]
    return -mp.fsum(t * mp.log(p) for p, t in pairs), [p - t for p, t in pairs]


def each(
    loss: Callable[[mpf, mpf], mpf], slope: Callable[[mpf, mpf], mpf]
) -> Callable[[list[mpf], list[mpf]], tuple[mpf, list[mpf]]]:
    """Return the sum over one example's outputs, and its derivative at each."""
    return lambda a, y: (
        mp.fsum(loss(p, t) for p, t in zip(a, y, strict=True)),
        [slope(p, t) for p, t in zip(a, y, strict=True)],
    )


LOSSES = {  # of one example: the loss and its derivative at each output
    "half_squared_error": each(lambda a, y: (a - y) ** 2 / 2, lambda a, y: a - y),
    "mean_squared_error": each(lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y)),
    "l1": each(lambda a, y: abs(a - y), lambda a, y: mp.sign(a - y)),
    "binary_cross_entropy": each(
        lambda a, y: -y * mp.log(a) - (1 - y) * mp.log(1 - a), lambda a, y: (a - y) / (a * (1 - a))
    ),
    "softmax_cross_entropy": cross_entropy,
    "softmax_cross_entropy_with_integer_labels": cross_entropy,
}


class Example:
    """A published example, read as text, and its training in as many digits as mpmath works with."""

    def __init__(self, text: str) -> None:
        self.file: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - every scalar stays text
        self.layers = [ACTIVATIONS[layer["activation"]] for layer in self.file["layers"]]
        self.loss = LOSSES[self.file["loss"]["name"]]
        self.x: list[list[mpf]] = numbers(self.file["x"])
        self.y: list[list[mpf]] = numbers(self.file["y"])
        mean = self.file["loss"]["name"] == "mean_squared_error"
        self.share = mpf(1) / (len(self.y) * len(self.y[0])) if mean else mpf(1)

    def start(self) -> dict[str, Any]:
        layers = enumerate(self.file["layers"], start=1)
        return {f"{kind}{k}": numbers(layer[kind]) for k, layer in layers for kind in "Wb"}

    def forward(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return z and a of each layer, one row for each example, and the loss."""
        found: dict[str, Any] = {}
        a = self.x
        for k, (value, _) in enumerate(self.layers, start=1):
            weights, biases = parameters[f"W{k}"], parameters[f"b{k}"]
            z = [[dot(w, row) + b for w, b in zip(weights, biases, strict=True)] for row in a]
            a = [[value(one) for one in row] for row in z]
            found |= {f"z{k}": z, f"a{k}": a}
        found["loss"] = self.share * mp.fsum(self.loss(p, t)[0] for p, t in zip(a, self.y, strict=True))
        return found

    def backward(self, parameters: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
        """Return every derivative, by the chain rule, an element at a time."""
        last = len(self.layers)
        outputs = zip(found[f"a{last}"], self.y, strict=True)
        da = [[self.share * slope for slope in self.loss(a, y)[1]] for a, y in outputs]
        back: dict[str, Any] = {}
        for k in range(last, 0, -1):
            slopes = [[self.layers[k - 1][1](z) for z in row] for row in found[f"z{k}"]]
            dz = [[d * s for d, s in zip(*rows, strict=True)] for rows in zip(da, slopes, strict=True)]
            below = found[f"a{k - 1}"] if k > 1 else self.x
            columns = list(zip(*dz, strict=True))
            dw = [[dot(column, x) for x in zip(*below, strict=True)] for column in columns]
            back |= {f"dL/da{k}": da, f"da{k}/dz{k}": slopes, f"dL/dz{k}": dz}
            back |= {f"dL/dW{k}": dw, f"dL/db{k}": [mp.fsum(column) for column in columns]}
            da = [[dot(row, w) for w in zip(*parameters[f"W{k}"], strict=True)] for row in dz]
        return back

    def train(self, steps: int) -> Iterator[dict[str, Any]]:
        """Yield everything that each step computes."""
        parameters, state = self.start(), dict[str, Any]()
        trained = [name for name in parameters if name not in self.file.get("not_trained", [])]
        for step in range(1, steps + 1):
            found = self.forward(parameters)
            found |= self.backward(parameters, found)
            for name in trained:
                new, state[name] = self.updated(
                    step, parameters[name], found[f"dL/d{name}"], state.get(name, {})
                )
                found |= {f"{name}_new": new, **{f"{kind}_{name}_new": v for kind, v in state[name].items()}}
            parameters = {name: found.get(f"{name}_new", old) for name, old in parameters.items()}
            yield found

    def updated(
        self, step: int, old: Any, gradient: Any, state: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the new parameter and the optimizer's new state, element by element."""
        if isinstance(old, list):
            parts = [
                self.updated(step, o, g, {kind: v[i] for kind, v in state.items()})
                for i, (o, g) in enumerate(zip(old, gradient, strict=True))
            ]
            kinds = parts[0][1]
            return [new for new, _ in parts], {kind: [s[kind] for _, s in parts] for kind in kinds}
        rule = {key: text if key == "name" else mpf(text) for key, text in self.file["optimizer"].items()}
        return RULES[rule["name"]](step, old, gradient, state, rule)


def sgd(_: int, w: mpf, g: mpf, state: State, rule: Rule) -> tuple[mpf, State]:
    g += rule.get("weight_decay", 0) * w
    if "momentum" not in rule:
        return w - rule["learning_rate"] * g, {}
    m = rule["momentum"] * state.get("m", mpf(0)) + g
    return w - rule["learning_rate"] * m, {"m": m}


def adam(step: int, w: mpf, g: mpf, state: State, rule: Rule) -> tuple[mpf, State]:
    beta1, beta2 = rule["beta1"], rule["beta2"]
    m = beta1 * state.get("m", mpf(0)) + (1 - beta1) * g
    v = beta2 * state.get("v", mpf(0)) + (1 - beta2) * g**2
    root = mp.sqrt(v / (1 - beta2**step))
    return w - rule["learning_rate"] * m / (1 - beta1**step) / (root + rule["eps"]), {"m": m, "v": v}


def rmsprop(_: int, w: mpf, g: mpf, state: State, rule: Rule) -> tuple[mpf, State]:
    v = rule["alpha"] * state.get("v", mpf(0)) + (1 - rule["alpha"]) * g**2
    return w - rule["learning_rate"] * g / (mp.sqrt(v) + rule["eps"]), {"v": v}


RULES = {"sgd": sgd, "adam": adam, "rmsprop": rmsprop}


def numbers(tree: Any) -> Any:
    """Return an array of the file as nested lists."""
    if isinstance(tree, dict) and "classes" in tree:
        return [[mpf(int(k == int(one))) for k in range(int(tree["of"]))] for one in tree["classes"]]
    if isinstance(tree, dict):
        return [mpf(tree["value"])] * int(tree["constant"][0])
    return [numbers(one) for one in tree] if isinstance(tree, list) else mpf(tree)


def dot(left: Any, right: Any) -> mpf:
    return mp.fdot(zip(left, right, strict=True))


def elements(tree: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    if not isinstance(tree, list):
        yield index, tree
        return
    for i, one in enumerate(tree):
        yield from elements(one, (*index, i))


def rounds_to(exact: mpf, text: str) -> bool:
    """Say whether a value rounds to a printed text: within half a unit in its last place."""
    decimal = Decimal(text)
    exponent = decimal.as_tuple().exponent
    assert isinstance(exponent, int)
    return bool(abs(exact - mpf(text)) <= mpf(f"5e{exponent - 1}"))
