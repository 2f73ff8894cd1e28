"""Mistakes in the root that the gradient, or its average, is divided by, and in the ε beside it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cases import Problem
from reference.arithmetic import cast, maximum
from reference.line import Array, Line
from reference.mistakes.mistake import (
    Lines,
    Mistake,
    changed,
    constant,
    lines_with,
    mistake,
    placeholder,
    rewritten,
    state_lines,
    update_lines,
)
from reference.optimizers import adam
from reference.training import tape

EPS_ZERO = "ε is 0"
NO_EPS = "this optimizer has no ε"

# A formula and its template; and another one for each of some formulas.
Rewritten: TypeAlias = tuple[Callable[..., Any], str]
Exchange: TypeAlias = Mapping[Any, Rewritten]


def exchanged(problem: Problem, formulas: Exchange, *dropped: str) -> list[Line]:
    """Return lines with another formula, without the inputs whose names begin with one of `dropped`."""
    lines = []
    for line in lines_with(problem, *formulas):
        formula, template = formulas[line.formula]
        inputs = tuple(name for name in line.inputs if not name.startswith(dropped))
        lines.append(Line(line.name, formula, inputs, template))
    return lines


@mistake(
    "ε was added inside the root, where it belongs outside",
    source="pytorch/pytorch #23796 and chainer/chainer #4754, of TensorFlow; keras-team/keras #435",
)
def eps_inside_the_root(problem: Problem) -> Lines:
    return _with_eps_elsewhere(problem, {outside[0]: inside for outside, inside, _ in ROOTS})


@mistake("ε was added outside the root, where it belongs inside")
def eps_outside_the_root(problem: Problem) -> Lines:
    return _with_eps_elsewhere(problem, {inside[0]: outside for outside, inside, _ in ROOTS})


def _with_eps_elsewhere(problem: Problem, formulas: Exchange) -> Lines:
    lines = exchanged(problem, formulas)
    if lines and problem.optimizer["eps"] == 0:
        return EPS_ZERO
    return lines or "this optimizer adds no ε there"


@mistake("the root is missing: the gradient was divided by its mean square")
def root_missing(problem: Problem) -> Lines:
    formulas = {right[0]: missing for *either, missing in ROOTS for right in either}
    return exchanged(problem, formulas) or "this optimizer divides by no root"


# Formulas and their templates: with ε outside the root, with ε inside it, and without the root.
ROOTS: list[tuple[Rewritten, Rewritten, Rewritten]] = [
    (
        (adam.direction, "m̂ / (√v̂ + {4})"),
        (adam.direction_inside, "m̂ / √(v̂ + {4})"),
        (lambda m, v, c1, c2, eps: (m / c1) / (v / c2 + eps), "m̂ / (v̂ + {4})"),
    ),
    (
        (adam.descend_over_root, "{0} − {4} {1} / (√{2} + {3})"),
        (adam.descend_over_root_inside, "{0} − {4} {1} / √({2} + {3})"),
        (lambda w, g, v, eps, eta: w - eta * (g / (v + eps)), "{0} − {4} {1} / ({2} + {3})"),
    ),
    (
        (adam.descend_centered, "{0} − {5} {1} / (√({2} − {3}²) + {4})"),
        (adam.descend_centered_inside, "{0} − {5} {1} / √({2} − {3}² + {4})"),
        (
            lambda w, g, v, m, eps, eta: w - eta * (g / (v - m * m + eps)),
            "{0} − {5} {1} / ({2} − {3}² + {4})",
        ),
    ),
]


@mistake("the squared average of the gradients was not taken off the average of their squares")
def mean_not_subtracted(problem: Problem) -> Lines:
    """√v for √(v − m²) in the centered RMSprop."""
    (outside, inside, _), (centered, centered_inside, _) = ROOTS[1:]
    formulas = {centered[0]: outside, centered_inside[0]: inside}
    return exchanged(problem, formulas, "m_") or "this optimizer is not the centered RMSprop"


# ε.


@mistake("the optimizer's ε is missing")
def eps_missing(problem: Problem) -> Lines:
    return _with_another_eps(problem, 0.0, "0")


def _eps_by_default(eps: float, written: str, whose: str) -> Mistake:
    """Return the mistake of another ε, the default of a framework."""

    def by_default(problem: Problem) -> Lines:
        return _with_another_eps(problem, eps, written)

    sentence = f"ε was {written}, {whose} default, not the one asked for"
    return Mistake(f"eps-of-{written}", sentence, by_default, f"{whose} documentation")


EPS_BY_DEFAULT = (
    _eps_by_default(1e-7, "1e-7", "Keras'"),
    _eps_by_default(1e-8, "1e-8", "PyTorch's and optax's"),
)


def _with_another_eps(problem: Problem, eps: float, written: str) -> Lines:
    if not problem.optimizer.has("eps"):
        return NO_EPS
    if problem.optimizer["eps"] == eps:
        return f"ε is {written}"
    lines = [(line, placeholder(line, "eps")) for line in tape(problem) if "eps" in line.inputs]
    return [
        changed(
            line, "eps", lambda number: constant(number, lambda _: eps), line.template.replace(place, written)
        )
        for line, place in lines
    ]


@mistake("ε was added to Adamax's maximum, not to the magnitudes that it is taken of", source="Keras' Adamax")
def eps_added_to_the_maximum(problem: Problem) -> Lines:
    """u = max(β₂ u, |∂L/∂w|), and w − η m̂ / (u + ε)."""
    if problem.optimizer.name != "adamax":
        return "this optimizer is not Adamax"
    if problem.optimizer["eps"] == 0:
        return EPS_ZERO

    def largest(beta: Array, u: Array, g: Array) -> Array:
        return maximum(cast(beta) * u, abs(g))

    def over_largest(w: Array, m: Array, u: Array, c1: Array, eta: Array, eps: Array) -> Array:
        return adam.descend_over_largest(w, m, u + cast(eps), c1, eta)

    maxima = rewritten(state_lines(problem, "u"), largest, "max({0} {1}, |{2}|)", kept=3)
    template = "{0} − {4} / (1 − β₁ᵗ) {1} / ({2} + {5})"
    return maxima + [
        Line(line.name, over_largest, (*line.inputs, "eps"), template) for line in update_lines(problem)
    ]
