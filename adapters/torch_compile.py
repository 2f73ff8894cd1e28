"""PyTorch compiled: `torch.compile` of the same loss, forward and backward, by TorchInductor in C++.

It takes many seconds for each structure and set of shapes, so it runs only where it is asked for by name.
"""

import os
import shutil
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from adapters.torch_autograd import objective, train
from adapters.within import each_step_within
from cases import Problem
from cases.protocol import Adapter, Claim, Program, Unavailable
from cases.verdict import Verdict


def run(problem: Problem) -> Iterator[Claim]:
    """Train with a loss that is compiled anew: nothing that was compiled for another structure is left.

    Raises
    ------
    torch._dynamo.exc.TorchDynamoException
        If a part cannot be compiled; none runs uncompiled.
    """
    torch.compiler.reset()

    def loss_of_parameters(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return objective(problem, parameters, x, y)[0]

    compiled = torch.compile(loss_of_parameters, fullgraph=True, dynamic=False)

    def differentiate(
        _: Problem, parameters: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        loss = compiled(parameters, x, y)
        gradients = torch.autograd.grad(loss, list(parameters.values()))
        return {"loss": loss}, dict(zip(parameters, gradients, strict=True))

    return each_step_within(without_its_own_warnings, train(problem, differentiate=differentiate))


@contextmanager
def without_its_own_warnings() -> Iterator[None]:
    """Ignore that PyTorch's compiler still uses what PyTorch deprecates; anything else is told."""
    with warnings.catch_warnings():
        deprecated = r"`torch\.jit\.\w+` is deprecated"
        warnings.filterwarnings("ignore", deprecated, DeprecationWarning)
        yield


def obstacle() -> str:
    """Return why nothing can be compiled here, or ""; it takes a compiler and Python's headers."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return f"no C++ compiler: {compiler} is not installed"
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return "" if headers.exists() else f"no Python headers: there is no {headers}"


def find() -> Adapter | Unavailable:
    """Return the adapter, or why it cannot run."""
    reason = obstacle()
    if reason:
        return Unavailable("torch-compile", Verdict.NOT_RUN, reason)
    programs = (Program("", run),)
    return Adapter("torch-compile", "PyTorch torch.compile", torch.__version__, programs, framework="torch")


adapter = find()
