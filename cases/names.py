"""The names of the quantities of one training step, in the document's notation.

This is the vocabulary that implementations and the tape share. It holds no arithmetic and imports nothing.
"""

from typing import NamedTuple, TypeAlias

# Of an array's axis: a layer whose width is its length (0: the inputs), or "N" for the number of examples.
Axis: TypeAlias = int | str


class Quantity(NamedTuple):
    """One quantity of a training step, as a line of its skeleton: `name` = `operation`(`inputs`)."""

    name: str
    operation: str  # what the reference's formulas and equations are looked up by
    inputs: tuple[str, ...]
    axes: tuple[Axis, ...] = ()  # none of a single number


LEARNING_RATE = "learning_rate"  # η as the case states it
RATE = "rate"  # this step's learning rate, where a schedule changes it
STEP = "step"  # the number of the training step, from 1

# 1 − β₁ᵗ and 1 − β₂ᵗ, by which averages that start at 0 are corrected.
CORRECTION1, CORRECTION2 = "correction1", "correction2"

# The parameters of a layer that is linear in its inputs, without the layer's number.
DENSE = ("W", "b")


def z(k: int) -> str:
    """Layer k's linear combination, shape (N, n_k)."""
    return f"z{k}"


def a(k: int) -> str:
    """Layer k's activation, shape (N, n_k); layer 0's is the input x."""
    return f"a{k}" if k else "x"


def W(k: int) -> str:  # noqa: N802 - the matrix is W in the document
    """Layer k's weights, shape (n_k, n_{k-1})."""
    return f"W{k}"


def b(k: int) -> str:
    """Layer k's bias, shape (n_k,)."""
    return f"b{k}"


def gradient(name: str) -> str:
    """∂L/∂name, with name's shape."""
    return f"dL/d{name}"


def slope(k: int) -> str:
    """Layer k's activation derivative σ'(z_k), shape (N, n_k). Frameworks do not expose it."""
    return f"da{k}/dz{k}"


def updated(name: str) -> str:
    """A parameter after the update, with the parameter's shape."""
    return f"{name}_new"


def state(kind: str, name: str) -> str:
    """An optimizer's state of a parameter, with its shape: m_W1, v_W1; after the update m_W1_new."""
    return f"{kind}_{name}"


def clipped(name: str) -> str:
    """A parameter's gradient after clipping, with the parameter's shape."""
    return f"{gradient(name)}_clipped"


def decayed(name: str) -> str:
    """A parameter's gradient after λ times the parameter was added to it, with the parameter's shape."""
    return f"{gradient(name)}_decayed"


def parameters(depth: int) -> tuple[str, ...]:
    """W1, b1, W2, b2, … for a network of `depth` layers."""
    return tuple(f"{letter}{k}" for k in range(1, depth + 1) for letter in DENSE)


def outcome(depth: int) -> frozenset[str]:
    """What any training step shows: the loss, every parameter's gradient, every updated parameter."""
    return frozenset({"loss"} | {name(p) for p in parameters(depth) for name in (gradient, updated)})


def observable(depth: int) -> frozenset[str]:
    """The outcome, and what can be observed on the way: each z and a, and the loss's gradient at each."""
    inside = {name(k) for k in range(1, depth + 1) for name in (z, a)}
    return outcome(depth) | inside | {gradient(name) for name in inside}
