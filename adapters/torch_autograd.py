"""PyTorch: eager autograd, `torch.nn.functional` and `torch.optim.SGD`.

The forward pass and the loss are written with PyTorch's own functions, and no derivative is written at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses

from adapters.adapter import Adapter, Program
from adapters.torch_arrays import to_numpy, to_torch
from adapters.torch_functions import activate, loss_of
from reference import names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from adapters.adapter import Claim
    from cases import Problem


def train(problem: Problem) -> Iterator[Claim]:
    """Train eagerly; intermediates and their gradients are kept by `retain_grad`."""
    x, y = to_torch(problem.x), to_torch(problem.y)
    parameters = {name: to_torch(array).requires_grad_() for name, array in problem.parameters.items()}
    trained = [tensor for name, tensor in parameters.items() if name not in problem.not_trained]
    optimizer = torch.optim.SGD(trained, lr=problem.learning_rate) if trained else None
    for _ in range(problem.steps):
        for tensor in parameters.values():
            tensor.grad = None
        inside = forward(problem, parameters, x)
        for tensor in inside.values():
            tensor.retain_grad()
        loss = loss_of(problem.loss, problem.reduction, inside[names.a(problem.depth)], y)
        loss.backward()  # type: ignore[no-untyped-call] # PyTorch leaves this method without annotations
        claim = {"loss": loss, **inside}
        claim |= {names.gradient(name): gradient(tensor) for name, tensor in {**inside, **parameters}.items()}
        if optimizer is not None:
            optimizer.step()
        claim |= {names.updated(name): tensor for name, tensor in parameters.items()}
        yield {name: to_numpy(tensor) for name, tensor in claim.items()}


def forward(problem: Problem, parameters: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    """Compute z1, a1, z2, a2, …."""
    inside: dict[str, Tensor] = {}
    a = x
    for k, activation in enumerate(problem.activations, start=1):
        z = F.linear(a, parameters[names.W(k)], parameters[names.b(k)])
        a = activate(activation, z)
        inside |= {names.z(k): z, names.a(k): a}
    return inside


def gradient(tensor: Tensor) -> Tensor:
    """Return what backward left in `tensor`."""
    if tensor.grad is None:
        raise RuntimeError("backward left no gradient")
    return tensor.grad


adapter = Adapter(
    name="torch",
    title="PyTorch",
    version=torch.__version__,
    programs=(Program("", train, names.observable),),
)
