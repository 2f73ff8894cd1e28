"""Elements of a tensor in their order, or of a rank: which they are, as PyTorch found them in a run."""

# ruff: noqa: ANN401 - arguments of any kind, by their places

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from torch import Tensor

from adapters.capture.torch_lines import given
from cases.captured import NotCapturedError

ORDERED: Final = frozenset(["sort", "topk", "kthvalue", "median"])
CHOSEN: Final = frozenset(["argmax", "argmin", "argsort"])


@dataclass(frozen=True)
class InOrder:
    """Where the elements are along an axis; without one, the place among all."""

    axis: int | None
    indices: Tensor | None
    place: int = 0
    keeps: bool = True  # the axis, where the elements are of one rank

    def take_from(self, x: Tensor) -> Tensor:
        if self.indices is None or self.axis is None:
            return x.reshape(-1)[self.place].reshape(())
        if self.keeps or not x.ndim:
            return x.gather(self.axis, self.indices)
        return x.gather(self.axis, self.indices.unsqueeze(self.axis)).squeeze(self.axis)


def in_order(name: str, x: Tensor, results: Any, args: Any, kwargs: Any) -> InOrder:
    """Return where the results are in x. Raises NotCapturedError where NumPy finds others of that rank."""
    if isinstance(results, Tensor):  # the median of all
        flat = x.reshape(-1)
        _hold(flat, 0, results.reshape(1), [(flat.numel() - 1) // 2])
        return InOrder(None, None, int((flat == results).nonzero()[0]))
    before = name in {"topk", "kthvalue"}  # the axis stands behind a number
    axis = given(args, kwargs, 1 + before, "dim", -1)
    keeps = name in {"sort", "topk"} or bool(given(args, kwargs, 2 + before, "keepdim", False))
    found, values = InOrder(axis, results[1], keeps=keeps), results[0]
    if x.ndim:
        ranks = _ranks(name, x.shape[axis], args, kwargs)
        _hold(x, axis, values if keeps else values.unsqueeze(axis), ranks)
    return found


def _ranks(name: str, count: int, args: Any, kwargs: Any) -> list[int]:
    """Return the ranks of the results from the smallest, in their order."""
    every = list(range(count))
    if name == "sort":
        return every[::-1] if given(args, kwargs, 2, "descending", False) else every
    if name == "topk":
        return every[::-1][: args[1]] if given(args, kwargs, 3, "largest", True) else every[: args[1]]
    return [args[1] - 1] if name == "kthvalue" else [(count - 1) // 2]


def _hold(x: Tensor, axis: int, values: Tensor, ranks: list[int]) -> None:
    array, made = (np.sort(one.detach().double().numpy(), axis) for one in (x, values))
    if not np.array_equal(np.take(array, sorted(ranks), axis), made):
        raise NotCapturedError("elements in an order that is not theirs are not known")
