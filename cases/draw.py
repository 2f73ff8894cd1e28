"""The arrays of a case, from what its file says: written out, drawn, or filled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.array_forms import Classes, Constant, Normal, Uniform


def draw(array: Normal | Uniform) -> NDArray[np.float64]:
    """Draw an array in float64; the same file gives the same numbers for every format and every run."""
    generator = np.random.Generator(np.random.PCG64(array.seed))
    if isinstance(array, Normal):
        return generator.standard_normal(array.normal) * array.scale.nearest + array.mean.nearest
    return generator.uniform(array.low.nearest, array.high.nearest, array.uniform)


def written(array: list[Any] | Constant, dtype: str) -> NDArray[Any]:
    """Return an array of numbers that stand in the file, each rounded once, from its exact value."""
    if isinstance(array, Constant):
        return np.full(array.constant, array.value.rounded(dtype), dtype)
    return np.array(_rounded(array, dtype), dtype)


def one_hot(array: Classes, dtype: str) -> NDArray[Any]:
    """Return a row for each example, with a 1 at its class."""
    rows = np.zeros((len(array.classes), array.of), dtype)
    rows[np.arange(len(rows)), [number.whole for number in array.classes]] = 1
    return rows


def _rounded(item: Any, dtype: str) -> Any:  # noqa: ANN401 - a number, or nested lists of any depth
    return [_rounded(one, dtype) for one in item] if isinstance(item, list) else item.rounded(dtype)
