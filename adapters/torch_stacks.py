"""PyTorch over a stack of cases: `torch.vmap` of the forward pass and the loss, then one backward pass.

The sum of the cases' losses is differentiated, and so each case gets the gradient of its own. The updates of
`torch.optim` are element by element, so one optimizer serves the stack; a norm is taken case by case.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from adapters.torch_autograd import gradient, objective, train
from adapters.torch_optimizers import clip_by_norm
from cases import Problem, names
from cases.protocol import Claim


def train_stack(problem: Problem) -> Iterator[Claim]:
    """Train a stack of cases."""
    return train(problem, differentiate=backward_of_each, clip=clip_each)


def backward_of_each(
    problem: Problem, parameters: dict[str, Tensor], x: Tensor, y: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Differentiate each case's loss; intermediates and their gradients are kept by `retain_grad`."""
    for tensor in parameters.values():
        tensor.grad = None
    losses, inside = torch.vmap(partial(objective, problem))(parameters, x, y)
    for tensor in inside.values():
        tensor.retain_grad()
    losses.sum().backward()  # type: ignore[no-untyped-call] # PyTorch leaves this method without annotations
    return {"loss": losses, **inside}, {
        name: gradient(tensor) for name, tensor in {**inside, **parameters}.items()
    }


def clip_each(problem: Problem, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
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
