"""PyTorch: the forward pass and the loss by its own functions, differentiated and updated by its own engines.

No derivative is written at all. The adapter itself is eager autograd, one case at a time and over a stack:
there by `torch.vmap` of the forward pass and the loss, and one backward pass. The updates are element by
element, so one optimizer serves the stack; a norm is taken case by case.

The other engines are `torch.func`, `torch.compile` (by TorchInductor in C++, many seconds for each structure
and set of shapes) and a CUDA device, where products of float32 are in full precision: TF32 is seen to be off.
"""

import os
import re
import shutil
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import grad_and_value
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from adapters.torch_functions import activate, loss_of
from adapters.torch_optimizers import clip_by_norm, optimizer_of, scheduler_of, states
from cases import Problem, names
from cases.protocol import (
    Adapter,
    Claim,
    NoEquivalent,
    Program,
    Stacked,
    TrainingRun,
    Unavailable,
    Verdict,
    activations_of,
)

Tensors: TypeAlias = dict[str, Tensor]

# From a problem, parameters, x and y: what is seen of the forward pass, and gradients by their names.
Differentiate: TypeAlias = Callable[[Problem, Tensors, Tensor, Tensor], tuple[Tensors, Tensors]]

PRECISION = "float32 products in full precision, TF32 off"

# How PyTorch says that it has no form in a number format: 2.6 of smooth L1's derivative in float16.
NO_KERNEL = re.compile(r"\"\w+\" not implemented for '\w+'")


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


def arrays(tensors: Tensors) -> dict[str, NDArray[Any]]:
    return {name: to_numpy(tensor) for name, tensor in tensors.items()}


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
    """Differentiate the loss eagerly, of a stack the sum of all: each case gets the gradient of its own."""
    of_case = partial(objective, problem)
    loss, inside = (torch.vmap(of_case) if is_stack(problem) else of_case)(parameters, x, y)
    return {"loss": loss, **inside}, gradients_of(loss.sum(), {**inside, **parameters})


def is_stack(problem: Problem) -> bool:
    return problem.x.ndim > 2  # noqa: PLR2004 - cases, examples and features


def gradients_of(loss: Tensor, tensors: Tensors) -> Tensors:
    """Differentiate by some tensors; intermediates keep their gradients by `retain_grad`."""
    for tensor in tensors.values():
        tensor.grad = None
        tensor.retain_grad()  # of a parameter it changes nothing
    loss.backward()  # type: ignore[no-untyped-call] # PyTorch leaves this method without annotations
    return {name: gradient(tensor) for name, tensor in tensors.items()}


def gradient(tensor: Tensor) -> Tensor:
    if tensor.grad is None:
        raise RuntimeError("backward left no gradient")
    return tensor.grad


def train(
    problem: Problem,
    device: str = "cpu",
    differentiate: Differentiate = backward,
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
        with step_context(), declining():
            seen, gradients = differentiate(problem, parameters, x, y)
            claim = arrays({**seen, **{names.gradient(name): tensor for name, tensor in gradients.items()}})
            for name, tensor in parameters.items():
                tensor.grad = gradients[name]
            claim |= arrays(clip(problem, parameters))
            if optimizer is not None:
                claim |= update(problem, optimizer, scheduler, parameters)
            claim |= arrays({names.updated(name): tensor for name, tensor in parameters.items()})
        yield claim


@contextmanager
def declining() -> Iterator[None]:
    """Raise NoEquivalent where this release of PyTorch has no form in the number format."""
    try:
        yield
    except RuntimeError as error:
        if NO_KERNEL.fullmatch(str(error)):
            raise NoEquivalent(f"PyTorch {torch.__version__}: {error}") from error
        raise


def clip(problem: Problem, parameters: Tensors) -> Tensors:
    """Clip the gradients in place, of a stack each case's by their norm; return what can be seen of it."""
    if problem.clipping is None or not problem.trained:
        return {}
    by_norm = partial(clip_by_norm, problem.clipping, problem.forms)
    trained = [parameters[name] for name in problem.trained]
    if is_stack(problem):
        norm = torch.stack([by_norm([_case(stack, i) for stack in trained]) for i in range(len(problem.x))])
    else:
        norm = by_norm(trained)
    return {"norm": norm} | {names.clipped(name): gradient(parameters[name]) for name in problem.trained}


def _case(stack: Tensor, i: int) -> Tensor:
    """Return one case's part of a parameter, whose gradient is its part of the stack's own memory."""
    part = stack.detach()[i]
    part.grad = gradient(stack)[i]
    return part


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


def functional(problem: Problem, parameters: Tensors, x: Tensor, y: Tensor) -> tuple[Tensors, Tensors]:
    """Differentiate by a transformation of functions, on tensors that record nothing themselves."""
    plain = {name: tensor.detach() for name, tensor in parameters.items()}
    gradients, (loss, _) = grad_and_value(partial(objective, problem), has_aux=True)(plain, x, y)
    return {"loss": loss}, gradients


def train_compiled(problem: Problem) -> Iterator[Claim]:
    """Train with a loss that is compiled anew and whole; what was compiled before is dropped."""
    torch.compiler.reset()

    def loss_of_parameters(parameters: Tensors, x: Tensor, y: Tensor) -> Tensor:
        return objective(problem, parameters, x, y)[0]

    compiled = torch.compile(loss_of_parameters, fullgraph=True, dynamic=False)

    def differentiate(_: Problem, parameters: Tensors, x: Tensor, y: Tensor) -> tuple[Tensors, Tensors]:
        loss = compiled(parameters, x, y)
        gradients = torch.autograd.grad(loss, list(parameters.values()))
        return {"loss": loss}, dict(zip(parameters, gradients, strict=True))

    return train(problem, differentiate=differentiate, step_context=without_compiler_deprecations)


@contextmanager
def without_compiler_deprecations() -> Iterator[None]:
    """Ignore that PyTorch's compiler still uses what PyTorch deprecates; other warnings are shown."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        yield


@contextmanager
def full_precision() -> Iterator[None]:
    """Switch TF32 off, which keeps 10 bits of float32's 23, and leave the setting as it was."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        if torch.backends.cuda.matmul.allow_tf32:
            raise RuntimeError("TF32 cannot be switched off")
        yield
    finally:
        torch.set_float32_matmul_precision(before)


train_on_device = partial(train, step_context=full_precision)


def missing_compiler() -> str:
    """Return why nothing can be compiled here, or ""; it takes a compiler and Python's headers."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return f"no C++ compiler: {compiler} is not installed"
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return "" if headers.exists() else f"no Python headers: there is no {headers}"


def _engine(name: str, title: str, run: TrainingRun) -> Adapter:
    return Adapter(name, title, torch.__version__, (Program("", run),), framework="torch")


def find_compiled() -> Adapter | Unavailable:
    if reason := missing_compiler():
        return Unavailable("torch-compile", Verdict.NOT_RUN, reason)
    return _engine("torch-compile", "PyTorch torch.compile", train_compiled)


def find_cuda() -> Adapter | Unavailable:
    if not torch.cuda.is_available():
        return Unavailable("torch-cuda", Verdict.NOT_RUN, "no CUDA device")
    version = f"{torch.__version__} on {torch.cuda.get_device_name()} ({PRECISION})"
    program = Program("", partial(train_on_device, device="cuda"), names.observable)
    return Adapter("torch-cuda", "PyTorch on CUDA", version, (program,), framework="torch")


_stacked = Stacked("torch.vmap of the forward pass, autograd", train)
_eager = Program("", train, names.observable, stacked=_stacked)
adapter = Adapter("torch", "PyTorch", torch.__version__, (_eager,))
FUNC = _engine("torch-func", "PyTorch torch.func", partial(train, differentiate=functional))
