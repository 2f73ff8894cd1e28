"""Functions of one prediction and its target, applied to each pair of elements of two arrays of balls."""

from collections.abc import Callable
from typing import Any

import flint

from reference.arithmetic import Ball


def elementwise(function: Callable[[Any, Any], Any]) -> Callable[[Ball, Ball], Ball]:
    """Return the function of two arrays of balls that applies `function` to each pair of their elements."""

    def applied(y_hat: Ball, y: Ball) -> Ball:
        rows, columns = y.shape
        pairs = zip(y_hat.matrix.entries(), y.matrix.entries(), strict=True)
        return Ball(flint.arb_mat(rows, columns, [function(a, target) for a, target in pairs]), y.shape)

    return applied
