"""The losses, one room for each family: each beside its gradient with respect to ŷ, and both with bounds.

A name states its convention, so none is assumed. ŷ is the last layer's activation, (N, n); y is (N, n).
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from reference.losses.absolute import huber, l1, smooth_l1
from reference.losses.binary import BINARY_CROSS_ENTROPY, BINARY_CROSS_ENTROPY_WITH_LOGITS
from reference.losses.contract import Loss, Terms
from reference.losses.cross_entropy import cross_entropy
from reference.losses.squares import SQUARES

__all__ = ["LOSSES", "Loss", "loss_rule"]

# The terms of each loss that is reduced either way, from its numbers by name.
TERMS: dict[str, Callable[[Mapping[str, float]], Terms]] = {
    "softmax_cross_entropy": lambda given: cross_entropy(given.get("label_smoothing", 0.0)),
    "softmax_cross_entropy_with_integer_labels": lambda given: cross_entropy(
        given.get("label_smoothing", 0.0), by_class=True
    ),
    "binary_cross_entropy_with_logits": lambda _: BINARY_CROSS_ENTROPY_WITH_LOGITS,
    "binary_cross_entropy": lambda _: BINARY_CROSS_ENTROPY,
    "huber": lambda given: huber(given["delta"]),
    "smooth_l1": lambda given: smooth_l1(given["beta"]),
    "l1": lambda _: l1(),
}

# Every loss, as (name, reduction).
LOSSES: tuple[tuple[str, str], ...] = (
    *SQUARES,
    *((name, reduction) for name in TERMS for reduction in ("sum", "mean")),
)


@lru_cache(maxsize=1024)
def loss_rule(name: str, reduction: str, numbers: tuple[tuple[str, float], ...] = ()) -> Loss:
    """Return a loss by its name, its reduction and the numbers that the case states for it.

    Raises
    ------
    KeyError
        If there is no such loss, or a number that it needs is missing.
    """
    if name in TERMS and reduction in ("sum", "mean"):
        return TERMS[name](dict(numbers)).reduced(reduction)
    return SQUARES[name, reduction]
