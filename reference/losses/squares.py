"""Squares: the document's loss, ½ Σ (y − ŷ)², and the mean squared error, which has no ½.

Written in operators that NumPy arrays and `Bounded` numbers share. N is the number of examples (rows).
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from reference.arithmetic import Bounded, Elementary
from reference.losses.terms import Loss, count

Array = TypeVar("Array", NDArray[Any], Bounded)


def squared_error_sum(y_hat: Array, y: Array) -> Array:
    """Σ (y − ŷ)², summed over outputs and examples."""
    return ((y_hat - y) * (y_hat - y)).sum(axis=(-2, -1))


def half_squared_error_sum(y_hat: Array, y: Array) -> Array:
    """L = ½ Σ (y − ŷ)², the document's loss, summed over outputs and examples."""
    return squared_error_sum(y_hat, y) / 2


def half_squared_error_sum_gradient(y_hat: Array, y: Array) -> Array:
    """∂L/∂ŷ = ŷ − y."""
    return y_hat - y


def _by_autodiff(equation: str, gradient: Callable[[Any, Any], Any]) -> Elementary:
    """Promise nothing where 2 (ŷ − y) may overflow: that is the derivative of the square, before the ½."""

    def bounded(y_hat: Bounded, y: Bounded) -> Bounded:
        slope: Bounded = gradient(y_hat, y)
        largest = y.format.largest
        if y_hat.is_exact and np.all(2 * (y_hat.peak + y.peak) <= largest):  # as nearly always
            return slope
        fits = 2 * (np.abs(y_hat.value - y.value) + y_hat.error) <= largest
        return slope.widened(np.where(fits, 0.0, np.inf))

    return Elementary(equation, gradient, bounded, gradient)


def half_squared_error_mean(y_hat: Array, y: Array) -> Array:
    """L = 1/N · ½ Σ (y − ŷ)², the mean over the examples."""
    return half_squared_error_sum(y_hat, y) / y.shape[-2]


def half_squared_error_mean_gradient(y_hat: Array, y: Array) -> Array:
    """∂L/∂ŷ = (ŷ − y) / N."""
    return (y_hat - y) / y.shape[-2]


def mean_squared_error(y_hat: Array, y: Array) -> Array:
    """L = 1/(N·n_out) · Σ (y − ŷ)², the mean over all elements, without the ½ (torch's mse_loss)."""
    return squared_error_sum(y_hat, y) / count(y.shape, "elements")


def mean_squared_error_gradient(y_hat: Array, y: Array) -> Array:
    """∂L/∂ŷ = 2 (ŷ − y) / (N·n_out)."""
    return 2 * (y_hat - y) / count(y.shape, "elements")


# By (name, reduction).
SQUARES = {
    ("half_squared_error", "sum"): Loss(
        "½ Σ ({0} − {1})²",
        "{0} − {1}",
        half_squared_error_sum,
        _by_autodiff("ŷ − y", half_squared_error_sum_gradient),
    ),
    ("half_squared_error", "mean"): Loss(
        "1/N · ½ Σ ({0} − {1})²",
        "({0} − {1}) / N",
        half_squared_error_mean,
        _by_autodiff("(ŷ − y) / N", half_squared_error_mean_gradient),
    ),
    ("mean_squared_error", "mean"): Loss(
        "1/(N·n) · Σ ({0} − {1})²",
        "2 ({0} − {1}) / (N·n)",
        mean_squared_error,
        mean_squared_error_gradient,
    ),
}

# The sum whose mean is the mean squared error; it is no loss of its own.
SQUARES_SUMMED = Loss(
    "Σ ({0} − {1})²",
    "2 ({0} − {1})",
    squared_error_sum,
    lambda y_hat, y: 2 * (y_hat - y),
)
