"""JAX's and optax's own functions, by the names that a case gives them. No derivative is written here."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import optax

from cases import Problem
from cases.catalog import LOSSES as LOSS_KINDS
from cases.catalog import REDUCED_LOSSES
from cases.protocol import NoEquivalent

# JAX's function by the name that a case gives it, every parameter stated, but for a bare gelu's.
ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "identity": jax.nn.identity,
    "softplus": jax.nn.softplus,
    "gelu_erf": lambda z: jax.nn.gelu(z, approximate=False),
    "gelu_tanh": lambda z: jax.nn.gelu(z, approximate=True),
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "leaky_relu": lambda z: jax.nn.leaky_relu(z, negative_slope=0.01),
    "elu": lambda z: jax.nn.elu(z, alpha=1.0),
    "selu": jax.nn.selu,
    "hardtanh": jax.nn.hard_tanh,
    "relu6": jax.nn.relu6,
    "softsign": jax.nn.soft_sign,
    "log_sigmoid": jax.nn.log_sigmoid,
}


def activate(activation: str, z: jax.Array) -> jax.Array:
    """Apply JAX's function of that name."""
    if activation not in ACTIVATIONS:
        raise NotImplementedError(f"JAX adapter: no activation {activation!r}")
    return ACTIVATIONS[activation](z)


# A problem's loss, reduction and numbers: hashable, so that a compiled step can be kept for it.
LossKey: TypeAlias = tuple[str, str, tuple[tuple[str, float], ...]]


def _of_classes(y_hat: jax.Array, y: jax.Array, given: dict[str, float]) -> jax.Array:
    if given.get("label_smoothing", 0.0):
        raise NoEquivalent("optax.softmax_cross_entropy_with_integer_labels has no label smoothing")
    return optax.softmax_cross_entropy_with_integer_labels(y_hat, y.argmax(axis=1))


# The loss of each element, or of each example where the mean is over those: of ŷ, y and the numbers by name.
#
# Neither optax nor JAX names a loss of probabilities, or |d|. XLA's log1p(−a) loses up to 7 bits in float64,
# so log(1 − a) stands there.
LOSSES: dict[str, Callable[[jax.Array, jax.Array, dict[str, float]], jax.Array]] = {
    "half_squared_error": lambda y_hat, y, _: optax.l2_loss(y_hat, y),
    "mean_squared_error": lambda y_hat, y, _: optax.squared_error(y_hat, y),
    "softmax_cross_entropy": lambda y_hat, y, given: optax.softmax_cross_entropy(
        y_hat, optax.smooth_labels(y, alpha=given.get("label_smoothing", 0.0))
    ),
    "softmax_cross_entropy_with_integer_labels": _of_classes,
    "binary_cross_entropy_with_logits": lambda y_hat, y, _: optax.sigmoid_binary_cross_entropy(y_hat, y),
    "binary_cross_entropy": lambda a, y, _: -y * jnp.log(a) - (1 - y) * jnp.log(1 - a),
    "huber": lambda y_hat, y, given: optax.huber_loss(y_hat, y, delta=given["delta"]),
    "smooth_l1": lambda y_hat, y, given: optax.huber_loss(y_hat, y, delta=given["beta"]) / given["beta"],
    "l1": lambda y_hat, y, _: jnp.abs(y_hat - y),
}


def loss_key(problem: Problem) -> LossKey:
    """Return what `loss_of` needs to know of a problem."""
    return problem.loss, problem.reduction, problem.loss_numbers


def loss_of(key: LossKey, y_hat: jax.Array, y: jax.Array) -> jax.Array:
    """Apply optax's loss, with every number that it takes stated; optax's losses are not reduced.

    Raises
    ------
    NoEquivalent
        Where optax has no such loss with these numbers.
    """
    loss, reduction, numbers = key
    if loss not in LOSSES or (loss, reduction) not in REDUCED_LOSSES:
        raise NotImplementedError(f"JAX adapter: no loss {loss!r} with reduction {reduction!r}")
    each = LOSSES[loss](y_hat, y, dict(numbers))
    if reduction == "sum":
        return each.sum()
    of_elements_over_examples = LOSS_KINDS[loss].mean_over == "examples" and each.ndim > 1
    return each.sum() / len(y) if of_elements_over_examples else each.mean()
