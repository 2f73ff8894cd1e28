"""PyTorch: eager autograd, `torch.nn.functional` and `torch.optim`.

The forward pass and the loss are written with PyTorch's own functions, and no derivative is written at all.
The other engines differ in how they differentiate, and share all the rest of this module.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from adapters.torch_arrays import to_numpy, to_torch
from adapters.torch_functions import activate, loss_of
from adapters.torch_optimizers import clip_all, optimizer_of, scheduler_of, states
from cases import Problem, names
from cases.protocol import Claim, activations_of

# From a problem, parameters, x and y: what is seen of the forward pass, and gradients by their names.
Differentiate: TypeAlias = (
    "Callable[[Problem, dict[str, Tensor], Tensor, Tensor], tuple[dict[str, Tensor], dict[str, Tensor]]]"
)

# Clips the gradients in place; returns what can be seen of it.
Clip: TypeAlias = Callable[[Problem, dict[str, Tensor]], dict[str, Tensor]]


def forward(problem: Problem, parameters: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """Compute z1, a1, z2, a2, …."""
    inside: dict[str, Tensor] = {}
    a = x
    for k, activation in enumerate(activations_of(problem), start=1):
        z = F.linear(a, parameters[names.W(k)], parameters[names.b(k)])
        a = activate(activation, z)
        inside |= {names.z(k): z, names.a(k): a}
    return inside


def objective(
    problem: Problem, parameters: dict[str, Tensor], x: Tensor, y: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss, and every z and a on the way to it."""
    inside = forward(problem, parameters, x)
    return loss_of(problem, inside[names.a(problem.depth)], y), inside


def backward(
    problem: Problem, parameters: dict[str, Tensor], x: Tensor, y: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Differentiate eagerly; intermediates and their gradients are kept by `retain_grad`."""
    for tensor in parameters.values():
        tensor.grad = None
    loss, inside = objective(problem, parameters, x, y)
    for tensor in inside.values():
        tensor.retain_grad()
    loss.backward()  # type: ignore[no-untyped-call] # PyTorch leaves this method without annotations
    return {"loss": loss, **inside}, {
        name: gradient(tensor) for name, tensor in {**inside, **parameters}.items()
    }


def gradient(tensor: Tensor) -> Tensor:
    """Return what backward left in `tensor`."""
    if tensor.grad is None:
        raise RuntimeError("backward left no gradient")
    return tensor.grad


def train(
    problem: Problem,
    device: str = "cpu",
    differentiate: Differentiate = backward,
    clip: Clip = clip_all,
) -> Iterator[Claim]:
    """Train with one engine."""
    x, y = to_torch(problem.x, device), to_torch(problem.y, device)
    parameters = {
        name: to_torch(array, device).requires_grad_() for name, array in problem.parameters.items()
    }
    trained = [parameters[name] for name in problem.trained]
    optimizer = optimizer_of(problem, trained) if trained else None
    scheduler = scheduler_of(problem, optimizer) if optimizer else None
    for _ in range(problem.steps):
        seen, gradients = differentiate(problem, parameters, x, y)
        claim = arrays({**seen, **{names.gradient(name): tensor for name, tensor in gradients.items()}})
        for name, tensor in parameters.items():
            tensor.grad = gradients[name]
        claim |= arrays(clip(problem, parameters))
        if optimizer is not None:
            claim |= update(problem, optimizer, scheduler, parameters)
        yield claim | arrays({names.updated(name): tensor for name, tensor in parameters.items()})


def update(
    problem: Problem, optimizer: Optimizer, scheduler: LRScheduler | None, parameters: dict[str, Tensor]
) -> dict[str, NDArray[Any]]:
    """Update the parameters; return what can be seen of how: this step's rate, the optimizer's state."""
    rate = np.asarray(optimizer.param_groups[0]["lr"], problem.dtype)
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    shown = arrays(states(problem, optimizer, parameters))
    return {names.RATE: rate, **shown} if scheduler else shown


def arrays(tensors: dict[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Return the tensors' numbers, in memory of their own."""
    return {name: to_numpy(tensor) for name, tensor in tensors.items()}
