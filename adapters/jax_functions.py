"""JAX's and optax's own functions, by the names that a case gives them. No derivative is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import optax

if TYPE_CHECKING:
    from collections.abc import Callable

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
"""JAX's function by the name that a case gives it, every parameter stated, but for a bare gelu's."""


def activate(activation: str, z: jax.Array) -> jax.Array:
    """Apply JAX's function of that name."""
    if activation not in ACTIVATIONS:
        raise NotImplementedError(f"JAX adapter: no activation {activation!r}")
    return ACTIVATIONS[activation](z)


def loss_of(loss: str, reduction: str, y_hat: jax.Array, y: jax.Array) -> jax.Array:
    """Apply optax's losses, which are not reduced: `l2_loss` has the ½ and `squared_error` has not."""
    each: jax.Array
    match loss, reduction:
        case "half_squared_error", "sum":
            each = optax.l2_loss(y_hat, y)
            return each.sum()
        case "half_squared_error", "mean":
            each = optax.l2_loss(y_hat, y)
            return each.sum() / len(y)
        case "mean_squared_error", "mean":
            each = optax.squared_error(y_hat, y)
            return each.mean()
    raise NotImplementedError(f"JAX adapter: no loss {loss!r} with reduction {reduction!r}")
