"""Arrays between NumPy and PyTorch, exactly: PyTorch has no bridge for bfloat16, so it goes by float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from cases.dtypes import DTYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

TORCH_DTYPES = {dtype: getattr(torch, dtype) for dtype in DTYPES}
"""PyTorch's number formats, by the names they share with NumPy's."""


def to_torch(array: NDArray[Any], device: str = "cpu") -> Tensor:
    """Copy an array into a tensor of the same format."""
    if array.dtype == "bfloat16":
        return torch.tensor(array.astype("float32"), device=device).to(torch.bfloat16)
    return torch.tensor(array, device=device)


def to_numpy(tensor: Tensor) -> NDArray[Any]:
    """Copy a tensor into an array of the same format."""
    there = tensor.detach().cpu()
    if there.dtype == torch.bfloat16:
        return there.float().numpy().astype("bfloat16")
    array: NDArray[Any] = there.numpy().copy()
    return array
