"""Writes of PyTorch into a tensor, in place or not: what is written, or added, and where."""

# ruff: noqa: ANN401 - arguments of any kind, by their places

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from adapters.capture.torch_lines import Line, Lines, Rule, given, known
from cases.captured import NotCapturedError

# Operations that put elements of several arguments in new places: which these are. PyTorch puts their
# positions there.
WRITES: Final[dict[str, tuple[int, ...]]] = {
    "constant_pad_nd": (0, 2), "slice_scatter": (0, 1), "select_scatter": (0, 1), "diagonal_scatter": (0, 1),
    "as_strided_scatter": (0, 1), "index_copy": (0, 3), "masked_scatter": (0, 2), "copy": (0, 1),
    "index_put": (0, 2), "scatter": (0, 3),
}  # fmt: skip


def written(r: Lines, target: Any, args: Sequence[Any], kwargs: Any, places: Sequence[int]) -> int:
    """Write down what PyTorch's operation makes of the elements of its arguments at these places."""
    others = [other for i, other in enumerate(args) if i not in places]
    known(*(leaf for other in others for leaf in (other if isinstance(other, list) else [other])))
    moved, numbers, begin = list(args), [], 0
    for place in places:
        if place >= len(args):  # what is padded is 0
            moved.append(-1)
            continue
        numbers.append(number := r.number(args[place]))
        positions = np.asarray(r.b.positions(number) + begin)
        is_tensor = isinstance(args[place], Line | Tensor)
        moved[place] = torch.from_numpy(positions) if is_tensor else int(positions)
        begin += positions.size
    return r.b.gather(target(*moved, **kwargs).numpy(), *numbers)


def _put(r: Lines, args: Any) -> int:
    """`index_put` by indices that add, or by truth values that follow from the inputs."""
    x, indices, values = args[:3]
    masks = [one for one in indices if isinstance(one, Line)]
    b, number, new = r.b, r.number(x), r.number(values)
    if masks:
        if len(indices) > 1 or not b.is_truth(masks[0].number) or math.prod(b.shapes[new]) != 1:
            raise NotCapturedError("indices that depend on the inputs are not known")
        mask = masks[0].number
        missing = len(b.shapes[number]) - len(b.shapes[mask])
        mask = b.reshape(mask, (*b.shapes[mask], *(1,) * missing))
        return b.add("select", mask, b.reshape(new, ()), number)
    at = torch.ops.aten.index(torch.from_numpy(b.positions(number)), indices).numpy()
    return _added(r, number, b.broadcast(new, at.shape), at)


def _added(r: Lines, x: int, values: int, at: Any) -> int:
    added = r.b.add("scatter", values, indices=at, shape=r.b.shapes[x])
    return r.b.add("add", x, added)


def _scatter_add(r: Lines, args: Any, _: Any, __: Any) -> int:
    x, axis, index, values = args
    known(index)
    b, number, source = r.b, r.number(x), r.number(values)
    at = torch.gather(torch.from_numpy(b.positions(number)), axis, index).numpy()
    own = b.positions(source)[tuple(map(slice, index.shape))]
    return _added(r, number, source if own.shape == b.shapes[source] else b.gather(own, source), at)


def put(r: Lines, name: str, target: Any, args: Any, kwargs: Any) -> int:
    """Write over what is there or, by indices that accumulate, add to it."""
    if name == "index_put":
        has_masks = any(isinstance(one, Line) for one in args[1])
        if has_masks or given(args, kwargs, 3, "accumulate", False):
            return _put(r, args)
        at = torch.ops.aten.index(torch.from_numpy(r.b.positions(r.number(args[0]))), args[1])
        if r.b.positions(r.number(args[2])).size > 1 and at.unique().numel() < at.numel():
            raise NotCapturedError(
                "what is written twice to one place, which PyTorch leaves open, is not known"
            )
    return written(r, target, args, kwargs, WRITES[name])


RULES: Final[dict[str, Rule]] = {"scatter_add": _scatter_add}
