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
    if activation not in ACTIVATIONS:
        raise NotImplementedError(f"JAX adapter: no activation {activation!r}")
    return ACTIVATIONS[activation](z)


# A problem's loss, reduction and numbers: hashable, so that a compiled step can be kept for it.
LossKey: TypeAlias = tuple[str, str, tuple[tuple[str, float], ...]]


def _of_probabilities(y_hat: jax.Array, y: jax.Array, label_smoothing: float = 0.0) -> jax.Array:
    return optax.softmax_cross_entropy(y_hat, optax.smooth_labels(y, alpha=label_smoothing))


def _of_classes(y_hat: jax.Array, y: jax.Array, label_smoothing: float = 0.0) -> jax.Array:
    if label_smoothing:
        raise NoEquivalent("optax.softmax_cross_entropy_with_integer_labels has no label smoothing")
    return optax.softmax_cross_entropy_with_integer_labels(y_hat, y.argmax(axis=1))


# The loss of each element, or of each example where the mean is over those: of ŷ, y and the loss's numbers.
# Neither optax nor JAX names a loss of probabilities, or |d|. XLA's log1p(−a) loses up to 7 bits in float64,
# so log(1 − a) stands there.
LOSSES: dict[str, Callable[..., jax.Array]] = {
    "half_squared_error": optax.l2_loss,
    "mean_squared_error": optax.squared_error,
    "softmax_cross_entropy": _of_probabilities,
    "softmax_cross_entropy_with_integer_labels": _of_classes,
    "binary_cross_entropy_with_logits": optax.sigmoid_binary_cross_entropy,
    "binary_cross_entropy": lambda a, y: -y * jnp.log(a) - (1 - y) * jnp.log(1 - a),
    "huber": optax.huber_loss,
    "smooth_l1": lambda y_hat, y, beta: optax.huber_loss(y_hat, y, delta=beta) / beta,
    "l1": lambda y_hat, y: jnp.abs(y_hat - y),
}


def loss_key(problem: Problem) -> LossKey:
    return problem.loss, problem.reduction, problem.loss_numbers


def loss_of(key: LossKey, y_hat: jax.Array, y: jax.Array) -> jax.Array:
    """Apply optax's loss, with every number stated, and reduce it; NoEquivalent where optax has none such."""
    loss, reduction, numbers = key
    if loss not in LOSSES or (loss, reduction) not in REDUCED_LOSSES:
        raise NotImplementedError(f"JAX adapter: no loss {loss!r} with reduction {reduction!r}")
    each = LOSSES[loss](y_hat, y, **dict(numbers))
    if reduction == "sum":
        return each.sum()
    of_elements_over_examples = LOSS_KINDS[loss].mean_over == "examples" and each.ndim > 1
    return each.sum() / len(y) if of_elements_over_examples else each.mean()
