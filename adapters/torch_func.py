"""PyTorch's functional engine: `torch.func.grad_and_value` of the same loss."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.func import grad_and_value

from adapters.adapter import Adapter, Program
from adapters.torch_autograd import objective, train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from adapters.adapter import Claim
    from cases import Problem


def functional(
    problem: Problem, parameters: dict[str, Tensor], x: Tensor, y: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Differentiate by a transformation of functions, on tensors that record nothing themselves."""
    plain = {name: tensor.detach() for name, tensor in parameters.items()}
    gradients, (loss, _) = grad_and_value(partial(objective, problem), has_aux=True)(plain, x, y)
    return {"loss": loss}, gradients


def run(problem: Problem) -> Iterator[Claim]:
    """Train with it."""
    return train(problem, differentiate=functional)


adapter = Adapter(
    "torch-func", "PyTorch torch.func", torch.__version__, (Program("", run),), framework="torch"
)
