"""The lines that are written of a PyTorch graph, and what a rule of an operation is."""

# ruff: noqa: ANN401 - arguments of any kind

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from cases.captured import Builder, NotCapturedError


class Line:
    """The number of a captured line among a graph's values; not a Python number, which a graph has too."""

    def __init__(self, number: int) -> None:
        self.number = number


class Lines:
    """The lines that are written so far; a value is one of them, or a tensor or a number known already."""

    def __init__(self) -> None:
        self.b = Builder()

    def number(self, value: Any) -> int:
        if isinstance(value, Line):
            return value.number
        if isinstance(value, Tensor):
            value = (value.double() if value.is_floating_point() else value).detach().cpu().numpy()
        return self.b.constant(value)


# Rules: each takes the reader, the arguments as they are, and the result's shape; it returns a line's number,
# or several, with None for each result that is a whole number.
Rule: TypeAlias = Callable[[Lines, Any, Any, Any], Any]


def given(args: Any, kwargs: Any, place: int, name: str, otherwise: Any) -> Any:
    """Return an argument by its place or name."""
    return args[place] if len(args) > place else kwargs.get(name, otherwise)


def axes_of(dim: Any) -> Any:
    """Return the axes that are asked for, as a list; None for all."""
    return None if dim is None or dim == [] else [dim] if isinstance(dim, int) else list(dim)


def known(*values: Any) -> None:
    """Raise NotCapturedError where one of the values, as indices, depends on the inputs."""
    if any(isinstance(value, Line) for value in values):
        raise NotCapturedError("indices that depend on the inputs are not known")


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
