"""JAX's and optax's own functions, by the names that a case gives them. No derivative is written here."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax


def activate(activation: str, z: jax.Array) -> jax.Array:
    """Apply JAX's function of that name."""
    match activation:
        case "sigmoid":
            return jax.nn.sigmoid(z)
        case "tanh":
            return jnp.tanh(z)
        case "relu":
            return jax.nn.relu(z)
        case "identity":
            return jax.nn.identity(z)
    raise NotImplementedError(f"JAX adapter: no activation {activation!r}")


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
