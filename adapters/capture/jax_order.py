"""What the equations of a JAX program gave in this run: which elements are the largest is read off there."""

# ruff: noqa: ANN401 - equations hold values of any kind

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import jax
import numpy as np
from jax.extend.core import JaxprEqn
from numpy.typing import NDArray

from cases.captured import NotCapturedError

CHOSEN: Final = frozenset(["argmax", "argmin"])
ORDERED: Final = frozenset(["sort", "top_k"])


def as_known(value: Any) -> Any:
    """Return an array of NumPy's; a random key stays as it is."""
    return value if jax.numpy.issubdtype(value.dtype, jax.dtypes.extended) else np.asarray(value)


def evaluated(equation: JaxprEqn, *operands: Any) -> list[Any]:
    """Return what JAX computes of operands that are known."""
    bind: Any = equation.primitive.bind
    results = bind(*map(jax.numpy.asarray, operands), **equation.params)
    return [*map(as_known, results if equation.primitive.multiple_results else [results])]


class Run:
    """The values of lines, each computed when the first is asked for that needs it.

    `values`: by the numbers of the lines; what has no number is known.
    """

    def __init__(self) -> None:
        self.values: dict[int, Any] = {}
        self._waiting: list[tuple[Callable[..., Sequence[Any]], Sequence[Any], Sequence[Any]]] = []

    def add(
        self, function: Callable[..., Sequence[Any]], operands: Sequence[Any], results: Sequence[Any]
    ) -> None:
        """Note how results, lines among them, follow from operands."""
        self._waiting.append((function, operands, results))

    def value(self, one: Any) -> Any:
        if not isinstance(one, int):
            return one
        waiting, self._waiting = self._waiting, []
        for function, operands, results in waiting:
            made = function(*(self.values[n] if isinstance(n, int) else n for n in operands))
            for result, value in zip(results, made, strict=True):
                if isinstance(result, int):
                    self.values.setdefault(result, value)
        return self.values[one]


def order_of(equation: JaxprEqn, operands: Sequence[Any]) -> NDArray[np.intp]:
    """Return the flat places, in the first operand, of the elements of a result that is in order.

    Raises NotCapturedError where NumPy finds others of that rank.
    """
    given, x = equation.params, np.asarray(operands[0])
    if equation.primitive.name == "top_k":
        axis = given.get("axis", -1)
        values, along = map(np.asarray, evaluated(equation, x))
        ranked = np.flip(np.sort(x, axis), axis)
        expected = np.take(ranked, np.arange(given["k"]), axis)
    else:
        axis = given["dimension"]
        counted = jax.lax.broadcasted_iota(np.int32, x.shape, axis)
        options = {"dimension": axis, "num_keys": given["num_keys"], "is_stable": given["is_stable"]}
        values, *_, along = map(
            np.asarray, jax.lax.sort([*map(jax.numpy.asarray, operands), counted], **options)
        )
        expected = np.sort(x, axis)
    if not np.array_equal(values, expected):
        raise NotCapturedError("elements in an order that is not theirs are not known")
    return np.take_along_axis(np.arange(x.size).reshape(x.shape), along, axis)
