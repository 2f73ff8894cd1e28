"""PyTorch's other engines over the one forward pass: `torch.func`, `torch.compile`, and a CUDA device.

`torch.compile` compiles forward and backward by TorchInductor in C++, which takes many seconds for each
structure and set of shapes, so it runs only where it is asked for by name. On a device, products of float32
are in full precision: TF32 is seen to be off.
"""

import os
import shutil
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.func import grad_and_value

from adapters import torch_autograd
from adapters.torch_autograd import Tensors, objective
from cases import Problem, names
from cases.protocol import Adapter, Claim, Program, Unavailable, Verdict

PRECISION = "float32 products in full precision, TF32 off"


def functional(problem: Problem, parameters: Tensors, x: Tensor, y: Tensor) -> tuple[Tensors, Tensors]:
    """Differentiate by a transformation of functions, on tensors that record nothing themselves."""
    plain = {name: tensor.detach() for name, tensor in parameters.items()}
    gradients, (loss, _) = grad_and_value(partial(objective, problem), has_aux=True)(plain, x, y)
    return {"loss": loss}, gradients


def run_functional(problem: Problem) -> Iterator[Claim]:
    """Train with `torch.func.grad_and_value` of the same loss."""
    return torch_autograd.train(problem, differentiate=functional)


def run_compiled(problem: Problem) -> Iterator[Claim]:
    """Train with a loss that is compiled anew: nothing that was compiled for another structure is left.

    Raises
    ------
    torch._dynamo.exc.TorchDynamoException
        If a part cannot be compiled; none runs uncompiled.
    """
    torch.compiler.reset()

    def loss_of_parameters(parameters: Tensors, x: Tensor, y: Tensor) -> Tensor:
        return objective(problem, parameters, x, y)[0]

    compiled = torch.compile(loss_of_parameters, fullgraph=True, dynamic=False)

    def differentiate(_: Problem, parameters: Tensors, x: Tensor, y: Tensor) -> tuple[Tensors, Tensors]:
        loss = compiled(parameters, x, y)
        gradients = torch.autograd.grad(loss, list(parameters.values()))
        return {"loss": loss}, dict(zip(parameters, gradients, strict=True))

    return torch_autograd.train(
        problem, differentiate=differentiate, step_context=without_compiler_deprecations
    )


@contextmanager
def without_compiler_deprecations() -> Iterator[None]:
    """Ignore that PyTorch's compiler still uses what PyTorch deprecates; other warnings are shown."""
    with warnings.catch_warnings():
        deprecated = r"`torch\.jit\.\w+` is deprecated"
        warnings.filterwarnings("ignore", deprecated, DeprecationWarning)
        yield


def missing_compiler() -> str:
    """Return why nothing can be compiled here, or ""; it takes a compiler and Python's headers."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return f"no C++ compiler: {compiler} is not installed"
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return "" if headers.exists() else f"no Python headers: there is no {headers}"


def run_on_device(problem: Problem, device: str = "cuda") -> Iterator[Claim]:
    """Train eagerly on a device."""
    return torch_autograd.train(problem, device, step_context=full_precision)


@contextmanager
def full_precision() -> Iterator[None]:
    """Switch TF32 off, and leave the setting as it was.

    Raises
    ------
    RuntimeError
        If it is still on: TF32 keeps 10 bits of float32's 23.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        if torch.backends.cuda.matmul.allow_tf32:
            raise RuntimeError("TF32 cannot be switched off")
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def find_compiled() -> Adapter | Unavailable:
    """Return the adapter of `torch.compile`, or why it cannot run."""
    if reason := missing_compiler():
        return Unavailable("torch-compile", Verdict.NOT_RUN, reason)
    programs = (Program("", run_compiled),)
    return Adapter("torch-compile", "PyTorch torch.compile", torch.__version__, programs, framework="torch")


def find_cuda() -> Adapter | Unavailable:
    """Return the adapter on the first CUDA device, or that there is none."""
    if not torch.cuda.is_available():
        return Unavailable("torch-cuda", Verdict.NOT_RUN, "no CUDA device")
    version = f"{torch.__version__} on {torch.cuda.get_device_name()} ({PRECISION})"
    programs = (Program("", run_on_device, names.observable),)
    return Adapter("torch-cuda", "PyTorch on CUDA", version, programs, framework="torch")


func = Adapter(
    "torch-func", "PyTorch torch.func", torch.__version__, (Program("", run_functional),), framework="torch"
)
compiled = find_compiled()
cuda = find_cuda()
