"""Algebraic forms that lose their digits: right on paper, and off by more than a correct program may be."""

from collections.abc import Iterator

import numpy as np

from cases import names
from reference.activations import ACTIVATIONS
from reference.arithmetic import Bounded, Real
from reference.diagnosis.situation import Situation


def lossy_forms(situation: Situation, quantity: str) -> Iterator[tuple[str, str, Bounded]]:
    """Yield the form a quantity was computed by, if its numbers are those of a form that loses digits."""
    if quantity in _sigmoids(situation):
        stated, unit = situation.stated[quantity].value, situation.right[quantity].format.unit_roundoff
        if _are_multiples(stated, unit / 2):
            z = situation.standing(names.z(_layer(situation, quantity)))
            sentence = "σ was computed as ½ (1 + tanh(z/2)), which loses its digits far out"
            yield "sigmoid-by-tanh", sentence, _sigmoid_by_tanh(z)


def _sigmoids(situation: Situation) -> list[str]:
    activations = enumerate(situation.problem.activations, start=1)
    return [names.a(k) for k, activation in activations if activation == "sigmoid"]


def _layer(situation: Situation, quantity: str) -> int:
    layers = range(1, situation.problem.depth + 1)
    return next(k for k in layers if names.a(k) == quantity)


def _sigmoid_by_tanh(z: Bounded) -> Bounded:
    """½ (1 + tanh(z/2)): 1 + tanh keeps the absolute error of tanh, however small it is itself."""
    one = Bounded.exact(1.0, z.format)
    return (one + ACTIVATIONS["tanh"].value(z / 2)) / 2


def _are_multiples(array: Real, unit: float) -> bool:
    """Whether every number is a whole multiple of `unit`, and some number of its size need not be.

    1 + t is a multiple of the unit roundoff for every t from −1 to 1, and half of it of half of that. Below ¼
    a format's numbers lie closer.
    """
    whole = np.asarray(array, np.float64) / unit
    return bool((whole == np.rint(whole)).all() and (np.abs(array) < 1 / 4).any())
