"""`torch.autograd.gradcheck` with its defaults, on claimed gradients and on PyTorch's own.

The forward pass is the right loss, so a claim's gradients are held against the loss they should be of. With
its own wrong forward pass a mistake there would pass: its gradient is that of the wrong loss.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import gradcheck

from adapters.torch_autograd import forward
from adapters.torch_functions import loss_of
from cases import Problem, names

MAX_PARAMETERS = 300  # it runs the forward pass twice for each parameter


def not_run(problem: Problem) -> str:
    if problem.dtype != "float64":
        return "not run: it is made for float64"
    if problem.size > MAX_PARAMETERS:
        return f"not run: too many parameters ({problem.size:,})"
    return ""


class Claimed(torch.autograd.Function):
    """The right loss, with the gradients that somebody claims."""

    @staticmethod
    def forward(ctx: Any, loss: Callable[..., Tensor], claimed: Sequence[Tensor], *given: Tensor) -> Tensor:  # noqa: ANN401 - PyTorch gives it no type on which anything may be kept
        ctx.claimed = claimed
        return loss(*given)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - as above
        """Give the claimed gradients; the loss and the claim themselves have none."""
        return (None, None, *(upstream[0] * gradient for gradient in ctx.claimed))


def claimed(problem: Problem) -> Callable[[Mapping[str, NDArray[Any]]], bool]:
    """Return a function of claimed gradients by parameter: whether gradcheck objects."""
    loss, apply = _remembered(_loss(problem)), Claimed.apply

    def objects(gradients: Mapping[str, NDArray[Any]]) -> bool:
        tensors = [torch.tensor(gradients[name]) for name in problem.parameters]
        return _objects(partial(apply, loss, tensors), problem)

    return objects


def right(problem: Problem) -> bool:
    """Whether gradcheck objects to PyTorch's own gradients."""
    return _objects(_loss(problem), problem)


def _objects(function: Callable[..., Any], problem: Problem) -> bool:
    point = tuple(torch.tensor(array, requires_grad=True) for array in problem.parameters.values())
    try:
        gradcheck(function, point)
    except RuntimeError:  # GradcheckError is one, and so is a gradient of the wrong shape
        return True
    return False


def _loss(problem: Problem) -> Callable[..., Tensor]:
    x, y, output = torch.tensor(problem.x), torch.tensor(problem.y), names.a(problem.depth)

    def loss(*given: Tensor) -> Tensor:
        inside = forward(problem, dict(zip(problem.parameters, given, strict=True)), x)
        return loss_of(problem, inside[output], y)

    return loss


def _remembered(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Compute the loss once at each point: gradcheck goes to the same points for every claim."""
    known: dict[bytes, float] = {}

    def remembered(*given: Tensor) -> Tensor:
        key = b"".join(tensor.detach().numpy().tobytes() for tensor in given)
        if key not in known:
            known[key] = loss(*given).item()
        return torch.tensor(known[key], dtype=torch.float64)

    return remembered
