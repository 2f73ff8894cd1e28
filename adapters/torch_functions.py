"""PyTorch's own functions, by the names that a case gives them. No derivative is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses

if TYPE_CHECKING:
    from torch import Tensor


def activate(activation: str, z: Tensor) -> Tensor:
    """Apply PyTorch's function of that name."""
    match activation:
        case "sigmoid":
            return torch.sigmoid(z)
        case "tanh":
            return torch.tanh(z)
        case "relu":
            return F.relu(z)
        case "identity":
            return z
    raise NotImplementedError(f"PyTorch adapter: no activation {activation!r}")


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
