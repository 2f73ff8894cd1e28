"""PyTorch's own functions, by the names that a case gives them. No derivative is written here."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses

from cases import Problem
from cases.catalog import REDUCED_LOSSES

# PyTorch's function by the name that a case gives it, every parameter stated, but for a bare gelu's.
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


def activate(activation: str, z: Tensor) -> Tensor:
    if activation not in ACTIVATIONS:
        raise NotImplementedError(f"PyTorch adapter: no activation {activation!r}")
    return ACTIVATIONS[activation](z)


def _half_squares(y_hat: Tensor, y: Tensor, reduction: str) -> Tensor:
    """`mse_loss` has no ½, and its mean is over all elements."""
    total = F.mse_loss(y_hat, y, reduction="sum") / 2
    return total / len(y) if reduction == "mean" else total


def _of_classes(y_hat: Tensor, y: Tensor, **given: Any) -> Tensor:  # noqa: ANN401 - a reduction and a number
    return F.cross_entropy(y_hat, y.argmax(dim=1), **given)


# PyTorch's function by the loss's name: of ŷ, y, the reduction and the loss's numbers by their names.
LOSSES: dict[str, Callable[..., Tensor]] = {
    "half_squared_error": _half_squares,
    "mean_squared_error": F.mse_loss,
    "softmax_cross_entropy": F.cross_entropy,
    "softmax_cross_entropy_with_integer_labels": _of_classes,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "binary_cross_entropy": F.binary_cross_entropy,
    "huber": F.huber_loss,
    "smooth_l1": F.smooth_l1_loss,
    "l1": F.l1_loss,
}


def loss_of(problem: Problem, y_hat: Tensor, y: Tensor) -> Tensor:
    """Apply PyTorch's function of the problem's loss, with every number that it takes stated."""
    loss, reduction = problem.loss, problem.reduction
    if loss not in LOSSES or (loss, reduction) not in REDUCED_LOSSES:
        raise NotImplementedError(f"PyTorch adapter: no loss {loss!r} with reduction {reduction!r}")
    return LOSSES[loss](y_hat, y, reduction=reduction, **dict(problem.loss_numbers))
