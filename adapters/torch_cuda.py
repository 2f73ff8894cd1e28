"""PyTorch on the first CUDA device. Products of float32 are in full precision: TF32 is seen to be off."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from adapters import torch_autograd
from adapters.within import each_step_within
from cases import Problem, names
from cases.protocol import Adapter, Claim, Program, Unavailable
from cases.verdict import Verdict

PRECISION = "float32 products in full precision, TF32 off"


def run(problem: Problem, device: str = "cuda") -> Iterator[Claim]:
    """Train eagerly on a device."""
    return each_step_within(full_precision, torch_autograd.train(problem, device=device))


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


def find() -> Adapter | Unavailable:
    """Return the adapter, or that there is no device."""
    if not torch.cuda.is_available():
        return Unavailable("torch-cuda", Verdict.NOT_RUN, "no CUDA device")
    version = f"{torch.__version__} on {torch.cuda.get_device_name()} ({PRECISION})"
    programs = (Program("", run, names.observable),)
    return Adapter("torch-cuda", "PyTorch on CUDA", version, programs, framework="torch")


adapter = find()
