"""What a program states, taken as what it is: arrays of any framework, Python's own numbers, nested lists.

No framework is imported: an array is asked for its numbers by what it offers. A dtype that was stated stays,
and is judged strictly. Python's own numbers state none. Those that are numbers of the problem's format are
taken as such, as what `.item()` and `.tolist()` give are. Others are float64 numbers, computed in float64:
rounded afterwards they would differ from what a program of the format computes from rounded numbers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases.problem import Problem
from cases.protocol import Fault, NoEquivalent

# Nested lists of Python's own numbers and of arrays, or a single one.
Rows: TypeAlias = Any


def claims_from(returned: object) -> Iterator[object]:
    """Give the claims of a run one by one: it yields them, or returns a list of them, or the only one.

    Raises `Fault` if it returns something else.
    """
    if isinstance(returned, Mapping):
        return iter((returned,))
    if not isinstance(returned, Iterable):
        kind = type(returned).__name__
        raise Fault(f"returned {kind}, expected it to yield a dictionary for each training step")
    return iter(returned)


def taken(claim: object, problem: Problem) -> dict[str, Any]:
    """Copy a claim as it is now, since its owner may write the next step into its arrays.

    What states no numbers stays what it is, for the judge to say so. Raises TypeError for what has no names,
    and `NoEquivalent` for a program that computes in Python's own numbers, where the format is another.
    """
    if not isinstance(claim, Mapping):
        raise TypeError(f"yielded {type(claim).__name__}, expected a mapping from names to arrays")
    stated = dict(claim)
    arrays = {name: _taken(name, value, problem) for name, value in stated.items()}
    if problem.dtype != "float64" and all(map(_is_pythons, stated.values())):
        dtypes = {array.dtype for array in arrays.values() if isinstance(array, np.ndarray)}
        if dtypes - {np.dtype(problem.dtype)}:
            why = f"it computes with Python's own numbers, which are float64 and not {problem.dtype}"
            raise NoEquivalent(why)
    return arrays


def _taken(name: object, value: Rows, problem: Problem) -> Any:  # noqa: ANN401 - as it was, if it is no array
    if isinstance(value, np.ndarray):
        array = value.copy()
    elif isinstance(value, np.generic):
        return value
    else:
        array = _array_of(value, problem.dtype)
    is_loss = name == "loss" and isinstance(array, np.ndarray) and problem.x.ndim == 2  # noqa: PLR2004 - no stack
    if not is_loss or array.size != 1:
        return array
    loss = array.reshape(())
    # No line is computed from the loss, so that to round it once is no more than the format does.
    return _rounded(loss, problem.dtype) if _is_pythons(value) else loss


def _array_of(value: Rows, dtype: str) -> Any:  # noqa: ANN401 - the same
    """Return what states numbers as an array in memory of its own; what states none is returned itself."""
    if not isinstance(value, int | float | list | tuple):
        return _framework_array(value)
    rows = _plain(value)
    leaves = list(_leaves(rows))
    if not all(_is_pythons(leaf) or isinstance(leaf, np.ndarray | np.generic) for leaf in leaves):
        return value
    dtypes = {leaf.dtype for leaf in leaves if isinstance(leaf, np.ndarray | np.generic)}
    (own, *others) = dtypes or {np.dtype(dtype)}
    is_as_promoted = bool(others) or own.kind == "c"
    try:
        array = np.array(rows) if is_as_promoted else np.array(rows, np.float64)
    except (ValueError, TypeError, OverflowError):  # rows of several lengths, or no number of float64
        return value
    return array if is_as_promoted else _narrowed(array, own)


def _plain(value: Rows) -> Rows:
    """Return nested lists with each framework's array in them as one of NumPy."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    known = isinstance(value, int | float | str | np.ndarray | np.generic | None)
    return value if known else _framework_array(value)


def _leaves(rows: Rows) -> Iterator[Any]:
    return chain.from_iterable(map(_leaves, rows)) if isinstance(rows, list) else iter((rows,))


def _is_pythons(value: Rows) -> bool:
    """Whether all of it are Python's own numbers, which state no dtype."""
    if isinstance(value, list | tuple):
        return all(map(_is_pythons, value))
    return isinstance(value, int | float) and not isinstance(value, bool | np.generic)


def _narrowed(array: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return float64 numbers in a format that has all of them; as they are if it has not."""
    with np.errstate(all="ignore"):
        narrow = array.astype(dtype)
        return narrow if np.array_equal(narrow.astype(np.float64), array, equal_nan=True) else array


def _rounded(loss: NDArray[Any], dtype: str) -> NDArray[Any]:
    from cases.numbers import rounded_once  # noqa: PLC0415 - it needs ml_dtypes, and few programs need it

    return rounded_once(loss, dtype)


def _framework_array(value: object) -> Any:  # noqa: ANN401 - the same
    """Return the numbers of a framework's array, in its own dtype and in memory of their own."""
    ways: dict[str, Callable[[Any], Any]] = {
        "detach": _from_torch,
        "__array__": np.asarray,
        "numpy": _by_numpy,
        "__dlpack__": np.from_dlpack,
    }
    for offered, convert in ways.items():
        with suppress(Exception):  # whatever it is, it states no numbers in this way
            array = convert(value) if hasattr(value, offered) else None
            if isinstance(array, np.ndarray) and array.dtype != object:
                return np.array(array)
    return value


def _by_numpy(array: Any) -> Any:  # noqa: ANN401 - whatever the method gives
    return array.numpy()


def _from_torch(tensor: Any) -> Any:  # noqa: ANN401 - a tensor, if it can do what one can
    detached = tensor.detach().cpu()
    if str(detached.dtype) == "torch.bfloat16":  # NumPy is given float32, which holds the same numbers
        return detached.float().numpy().astype("bfloat16")
    return detached.numpy()
