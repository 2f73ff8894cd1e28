"""Arrays between NumPy and PyTorch, exactly: PyTorch has no bridge for bfloat16, so it goes by float32."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from cases.dtypes import DTYPES

# PyTorch's number formats, by the names they share with NumPy's.
TORCH_DTYPES = {dtype: getattr(torch, dtype) for dtype in DTYPES}


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
    return there.numpy().copy()
