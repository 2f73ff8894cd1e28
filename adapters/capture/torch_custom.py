"""The calls that a PyTorch program makes of its own `autograd.Function`s, each by itself."""

# ruff: noqa: ANN401, SLF001 - what functions take and return may be anything

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from adapters.capture.torch_calls import place_of_caller
from adapters.capture.torch_capture import flattened
from cases.captured import CustomCall


def custom_calls_torch(
    function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]
) -> list[CustomCall]:
    """Return the calls that a function makes of an `autograd.Function`."""
    flat, rebuild = flattened(args, names)
    calls: list[CustomCall] = []
    base: Any = _base()
    before = base.__dict__.get("apply")

    def recorded(cls: type, *operands: Any) -> Any:
        own = [operand.detach().clone() if isinstance(operand, Tensor) else operand for operand in operands]
        tensors = [i for i, one in enumerate(operands) if isinstance(one, Tensor) and one.requires_grad]

        def of_tensors(*given: Tensor) -> Any:
            every = list(own)
            for i, value in zip(tensors, given, strict=True):
                every[i] = value
            result = cls.apply(*every)  # type: ignore[attr-defined]
            parts = result if isinstance(result, tuple) else (result,)
            return sum((part * _weights(part)).sum() for part in parts if part.is_floating_point())

        calls.append(CustomCall(cls.__name__, place_of_caller(), of_tensors, tuple(own[i] for i in tensors)))
        return (before.__get__(None, cls) if before else super(base, cls).apply)(*operands)

    base.apply = classmethod(recorded)
    try:
        leaves = [one.detach().clone().requires_grad_(one.is_floating_point()) for one in flat.values()]
        with rebuild(leaves) as given:
            function(*given)
    finally:
        if before:
            base.apply = before
        else:
            del base.apply
    return calls


def _base() -> type:
    """Return the class whose `apply` each call passes, one that was kept as `swish = Swish.apply` too.

    Up to PyTorch 2.13 `Function.apply` is written in Python, and calls that of its own base.
    """
    is_python = isinstance(torch.autograd.Function.__dict__.get("apply"), classmethod)
    return torch.autograd.function._SingleLevelFunction if is_python else torch.autograd.Function


def _weights(like: Tensor) -> Tensor:
    """Weights between 1 and 2, that a float32 holds, so that no two elements are mistaken for one another."""
    return (1 + (torch.arange(like.numel()) % 97).reshape(like.shape) / 128).to(like.dtype)
