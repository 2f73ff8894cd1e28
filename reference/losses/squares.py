"""Squares: the document's loss, ½ Σ (y − ŷ)², and the mean squared error, which has no ½.

Written in operators that NumPy arrays and `Bounded` numbers share. N is the number of examples (rows).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.arithmetic import Bounded, Elementary
from reference.line import Array
from reference.losses.terms import Loss, count


def squared_error_sum(y_hat: Array, y: Array) -> Array:
    """Σ (y − ŷ)², summed over outputs and examples."""
    return ((y_hat - y) * (y_hat - y)).sum(axis=(-2, -1))


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


# By (name, reduction): summed, the mean over the examples, and the mean over all elements (torch's mse_loss).
SQUARES = {
    ("half_squared_error", "sum"): Loss(
        "½ Σ ({0} − {1})²",
        "{0} − {1}",
        lambda y_hat, y: squared_error_sum(y_hat, y) / 2,
        _by_autodiff("ŷ − y", lambda y_hat, y: y_hat - y),
    ),
    ("half_squared_error", "mean"): Loss(
        "1/N · ½ Σ ({0} − {1})²",
        "({0} − {1}) / N",
        lambda y_hat, y: squared_error_sum(y_hat, y) / 2 / y.shape[-2],
        _by_autodiff("(ŷ − y) / N", lambda y_hat, y: (y_hat - y) / y.shape[-2]),
    ),
    ("mean_squared_error", "mean"): Loss(
        "1/(N·n) · Σ ({0} − {1})²",
        "2 ({0} − {1}) / (N·n)",
        lambda y_hat, y: squared_error_sum(y_hat, y) / count(y.shape, "elements"),
        lambda y_hat, y: 2 * (y_hat - y) / count(y.shape, "elements"),
    ),
}

# The sum whose mean is the mean squared error; it is no loss of its own.
SQUARES_SUMMED = Loss("Σ ({0} − {1})²", "2 ({0} − {1})", squared_error_sum, lambda y_hat, y: 2 * (y_hat - y))
