"""PyTorch's own functions, by the names that a case gives them. No derivative is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "identity": lambda z: z,
    "softplus": lambda z: F.softplus(z, beta=1, threshold=20),  # above it PyTorch's softplus is z itself
    "gelu_erf": lambda z: F.gelu(z, approximate="none"),
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "gelu": F.gelu,
    "silu": F.silu,
    "leaky_relu": lambda z: F.leaky_relu(z, negative_slope=0.01),
    "elu": lambda z: F.elu(z, alpha=1.0),
    "selu": F.selu,
    "hardtanh": lambda z: F.hardtanh(z, min_val=-1.0, max_val=1.0),
    "relu6": F.relu6,
    "softsign": F.softsign,
    "log_sigmoid": F.logsigmoid,
}
"""PyTorch's function by the name that a case gives it, every parameter stated, but for a bare gelu's."""


def activate(activation: str, z: Tensor) -> Tensor:
    """Apply PyTorch's function of that name."""
    if activation not in ACTIVATIONS:
        raise NotImplementedError(f"PyTorch adapter: no activation {activation!r}")
    return ACTIVATIONS[activation](z)


def loss_of(loss: str, reduction: str, y_hat: Tensor, y: Tensor) -> Tensor:
    """Apply PyTorch's `mse_loss`, which has no ½ and whose mean is over all elements."""
    match loss, reduction:
        case "half_squared_error", "sum":
            return F.mse_loss(y_hat, y, reduction="sum") / 2
        case "half_squared_error", "mean":
            return F.mse_loss(y_hat, y, reduction="sum") / 2 / len(y)
        case "mean_squared_error", "mean":
            return F.mse_loss(y_hat, y, reduction="mean")
    raise NotImplementedError(f"PyTorch adapter: no loss {loss!r} with reduction {reduction!r}")
