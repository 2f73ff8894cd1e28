"""PyTorch: eager autograd, `torch.nn.functional` and `torch.optim`, one case at a time and over a stack.

The forward pass and the loss are written with PyTorch's own functions, and no derivative is written at all.
The other engines differ in how they differentiate, and share all the rest of this module.

Over a stack of cases it is `torch.vmap` of the forward pass and the loss, then one backward pass: the sum of
the cases' losses is differentiated, and so each case gets the gradient of its own. The updates of
`torch.optim` are element by element, so one optimizer serves the stack; a norm is taken case by case.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from adapters.torch_functions import activate, loss_of
from adapters.torch_optimizers import clip_all, clip_by_norm, optimizer_of, scheduler_of, states
from cases import Problem, names
from cases.protocol import Adapter, Claim, Program, Stacked, activations_of

Tensors: TypeAlias = dict[str, Tensor]

# From a problem, parameters, x and y: what is seen of the forward pass, and gradients by their names.
Differentiate: TypeAlias = Callable[[Problem, Tensors, Tensor, Tensor], tuple[Tensors, Tensors]]

# Clips the gradients in place; returns what can be seen of it.
Clip: TypeAlias = Callable[[Problem, Tensors], Tensors]


def to_torch(array: NDArray[Any], device: str = "cpu") -> Tensor:
    """Copy an array into a tensor of the same format: PyTorch has no bridge for bfloat16, so by float32."""
    if array.dtype == "bfloat16":
        return torch.tensor(array.astype("float32"), device=device).to(torch.bfloat16)
    return torch.tensor(array, device=device)


def to_numpy(tensor: Tensor) -> NDArray[Any]:
    """Copy a tensor into an array of the same format."""
    if tensor.dtype == torch.bfloat16:
        return tensor.float().numpy(force=True).astype("bfloat16")
    return tensor.numpy(force=True).copy()


def forward(problem: Problem, parameters: Tensors, x: Tensor) -> Tensors:
    """Compute z1, a1, z2, a2, …."""
    inside: Tensors = {}
    a = x
    for k, activation in enumerate(activations_of(problem), start=1):
        z = F.linear(a, parameters[names.W(k)], parameters[names.b(k)])
        a = activate(activation, z)
        inside |= {names.z(k): z, names.a(k): a}
    return inside


def objective(problem: Problem, parameters: Tensors, x: Tensor, y: Tensor) -> tuple[Tensor, Tensors]:
    """Return the loss, and every z and a on the way to it."""
    inside = forward(problem, parameters, x)
    return loss_of(problem, inside[names.a(problem.depth)], y), inside


def backward(problem: Problem, parameters: Tensors, x: Tensor, y: Tensor) -> tuple[Tensors, Tensors]:
    """Differentiate the loss eagerly."""
    loss, inside = objective(problem, parameters, x, y)
    return {"loss": loss, **inside}, gradients_of(loss, {**inside, **parameters})


def backward_of_each(problem: Problem, parameters: Tensors, x: Tensor, y: Tensor) -> tuple[Tensors, Tensors]:
    """Differentiate each case's loss of a stack."""
    losses, inside = torch.vmap(partial(objective, problem))(parameters, x, y)
    return {"loss": losses, **inside}, gradients_of(losses.sum(), {**inside, **parameters})


def gradients_of(loss: Tensor, tensors: Tensors) -> Tensors:
    """Differentiate by some tensors; intermediates keep their gradients by `retain_grad`."""
    for tensor in tensors.values():
        tensor.grad = None
        tensor.retain_grad()  # of a parameter it changes nothing
    loss.backward()  # type: ignore[no-untyped-call] # PyTorch leaves this method without annotations
    return {name: gradient(tensor) for name, tensor in tensors.items()}


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
    step_context: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Iterator[Claim]:
    """Train with one engine; `step_context` is entered for each step, and left before its claim is given."""
    x, y = to_torch(problem.x, device), to_torch(problem.y, device)
    parameters = {
        name: to_torch(array, device).requires_grad_() for name, array in problem.parameters.items()
    }
    trained = [parameters[name] for name in problem.trained]
    optimizer = optimizer_of(problem, trained) if trained else None
    scheduler = scheduler_of(problem, optimizer) if optimizer else None
    for _ in range(problem.steps):
        with step_context():
            seen, gradients = differentiate(problem, parameters, x, y)
            claim = arrays({**seen, **{names.gradient(name): tensor for name, tensor in gradients.items()}})
            for name, tensor in parameters.items():
                tensor.grad = gradients[name]
            claim |= arrays(clip(problem, parameters))
            if optimizer is not None:
                claim |= update(problem, optimizer, scheduler, parameters)
            claim |= arrays({names.updated(name): tensor for name, tensor in parameters.items()})
        yield claim


def update(
    problem: Problem, optimizer: Optimizer, scheduler: LRScheduler | None, parameters: Tensors
) -> dict[str, NDArray[Any]]:
    """Update the parameters; return what can be seen of how: this step's rate, the optimizer's state."""
    rate = np.asarray(optimizer.param_groups[0]["lr"], problem.dtype)
    optimizer.step()
    if scheduler is not None:
        scheduler.step()
    shown = arrays(states(problem, optimizer, parameters))
    return {names.RATE: rate, **shown} if scheduler else shown


def arrays(tensors: Tensors) -> dict[str, NDArray[Any]]:
    """Return the tensors' numbers, in memory of their own."""
    return {name: to_numpy(tensor) for name, tensor in tensors.items()}


def train_stack(problem: Problem) -> Iterator[Claim]:
    """Train a stack of cases."""
    return train(problem, differentiate=backward_of_each, clip=clip_each)


def clip_each(problem: Problem, parameters: Tensors) -> Tensors:
    """Clip each case's gradients in place by their own norm, if the problem says so."""
    if problem.clipping is None or not problem.trained:
        return {}
    norms = [
        clip_by_norm(problem, [_case(parameters[name], i) for name in problem.trained])
        for i in range(len(problem.x))
    ]
    clipped = {names.clipped(name): gradient(parameters[name]).clone() for name in problem.trained}
    return {"norm": torch.stack(norms), **clipped}


def _case(stack: Tensor, i: int) -> Tensor:
    """Return one case's part of a parameter, whose gradient is its part of the stack's own memory."""
    part = stack.detach()[i]
    part.grad = gradient(stack)[i]
    return part


STACKED = Stacked("torch.vmap of the forward pass, autograd", train_stack)
PROGRAM = Program("", train, names.observable, stacked=STACKED)

adapter = Adapter("torch", "PyTorch", torch.__version__, (PROGRAM,))
