"""PyTorch's functional engine: `torch.func.grad_and_value` of the same loss."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor
from torch.func import grad_and_value

from adapters.torch_autograd import objective, train
from cases import Problem
from cases.protocol import Adapter, Claim, Program


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
