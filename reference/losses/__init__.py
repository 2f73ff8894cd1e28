"""The losses, one file for each family: each with its gradient with respect to ŷ, and bounds of both.

A name states its convention, so none is assumed. ŷ is the last layer's activation, (N, n); y is (N, n).
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

from cases.catalog import LOSSES
from reference.losses import absolute, binary, cross_entropy
from reference.losses.squares import SQUARES
from reference.losses.terms import Loss, Terms

# The terms of each loss that is reduced either way, made from its numbers by name.
TERMS: dict[str, Callable[[Mapping[str, float]], Terms]] = {
    **cross_entropy.TERMS,
    **binary.TERMS,
    **absolute.TERMS,
}


@lru_cache(maxsize=1024)
def loss_rule(name: str, reduction: str, numbers: tuple[tuple[str, float], ...] = ()) -> Loss:
    """Return a loss by its name, its reduction and the numbers that the case states for it.

    Raises KeyError if there is no such loss, or a number that it needs is missing.
    """
    if name not in TERMS or reduction not in LOSSES[name].reductions:
        return SQUARES[name, reduction]
    terms = TERMS[name](dict(numbers))
    return terms.reduced("" if reduction == "sum" else LOSSES[name].mean_over)
