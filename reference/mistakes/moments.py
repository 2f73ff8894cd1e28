"""Mistakes in how an adaptive optimizer divides by the root of its squares, and corrects their start at 0."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from numpy.typing import NDArray

from cases import Problem
from cases.names import STEP
from reference.arithmetic import Bounded, sqrt
from reference.line import Line
from reference.mistakes.mistake import Inexpressible, mistake
from reference.mistakes.operations import one_more
from reference.mistakes.rewiring import changed
from reference.optimizers import adam, adamax, rmsprop
from reference.optimizers.averages import CORRECTION
from reference.tape import tape

Array = TypeVar("Array", NDArray[Any], Bounded)

# From a formula with ε beside the root, the one with ε inside it.
INSIDE: Mapping[Any, Callable[..., Any]] = {
    adam.direction: adam.direction_inside,
    rmsprop.descend_over_root: rmsprop.descend_over_root_inside,
    rmsprop.descend_centered: rmsprop.descend_centered_inside,
}

OUTSIDE: Mapping[Any, Callable[..., Any]] = {inside: outside for outside, inside in INSIDE.items()}

NO_CORRECTION = Inexpressible("this optimizer corrects no averages")
NO_ROOT = Inexpressible("this optimizer divides by no root")


@mistake("ε was added inside the root, where it belongs outside")
def eps_inside_the_root(problem: Problem) -> list[Line] | Inexpressible:
    """√(v + ε) for √v + ε."""
    return _with_eps_elsewhere(problem, INSIDE, r"\(√\(?([^ ]+( − [^ ]+)?)(?<!\)) *\)? \+ ε\)", r"√(\1 + ε)")


@mistake("ε was added outside the root, where it belongs inside")
def eps_outside_the_root(problem: Problem) -> list[Line] | Inexpressible:
    """√v + ε for √(v + ε)."""
    return _with_eps_elsewhere(problem, OUTSIDE, r"√\((.+) \+ ε\)", r"(√(\1) + ε)")


def _with_eps_elsewhere(
    problem: Problem, formulas: Mapping[Any, Callable[..., Any]], written: str, instead: str
) -> list[Line] | Inexpressible:
    lines = [line for line in tape(problem) if line.formula in formulas]
    if lines and problem.optimizer["eps"] == 0:
        return Inexpressible("ε is 0")
    return [
        replace(line, formula=formulas[line.formula], equation=re.sub(written, instead, line.equation))
        for line in lines
    ] or Inexpressible("this optimizer adds no ε there")


@mistake("the root is missing: the gradient was divided by its mean square")
def root_missing(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂w / (v + ε) for ∂L/∂w / (√v + ε)."""
    return [
        replace(line, formula=_WITHOUT_ROOT[line.formula], equation=line.equation.replace("√", ""))
        for line in tape(problem)
        if line.formula in _WITHOUT_ROOT
    ] or NO_ROOT


def _direction_without_root(m: Array, v: Array, c1: Array, c2: Array, eps: Array) -> Array:
    return (m / c1) / (v / c2 + eps)


def _descend_without_root(w: Array, g: Array, v: Array, eps: Array, eta: Array) -> Array:
    return w - eta * (g / (v + eps))


def _descend_centered_without_root(w: Array, g: Array, v: Array, m: Array, eps: Array, eta: Array) -> Array:
    return _descend_without_root(w, g, v - m * m, eps, eta)


_WITHOUT_ROOT: Mapping[Any, Callable[..., Any]] = {
    adam.direction: _direction_without_root,
    adam.direction_inside: _direction_without_root,
    rmsprop.descend_over_root: _descend_without_root,
    rmsprop.descend_over_root_inside: _descend_without_root,
    rmsprop.descend_centered: _descend_centered_without_root,
    rmsprop.descend_centered_inside: _descend_centered_without_root,
}


@mistake("the averages were not corrected for their start at 0")
def bias_correction_missing(problem: Problem) -> list[Line] | Inexpressible:
    """m / (√v + ε) for m̂ / (√v̂ + ε)."""
    corrections = {adam.C1, adam.C2}
    return [
        Line(
            line.name,
            _UNCORRECTED[line.formula],
            tuple(name for name in line.inputs if name not in corrections),
            line.equation.replace("̂", "").replace(" / (1 − β₁ᵗ)", ""),
        )
        for line in tape(problem)
        if line.formula in _UNCORRECTED
    ] or NO_CORRECTION


def _uncorrected(m: Array, v: Array, eps: Array) -> Array:
    return m / (sqrt(v) + eps)


def _uncorrected_inside(m: Array, v: Array, eps: Array) -> Array:
    return m / sqrt(v + eps)


def _descend_uncorrected(w: Array, m: Array, u: Array, eta: Array) -> Array:
    return w - eta * (m / u)


_UNCORRECTED: Mapping[Any, Callable[..., Any]] = {
    adam.direction: _uncorrected,
    adam.direction_inside: _uncorrected_inside,
    adamax.descend_over_largest: _descend_uncorrected,
}


@mistake("the averages were corrected as those of the next step: the steps were counted from 2")
def bias_correction_off_by_one(problem: Problem) -> list[Line] | Inexpressible:
    """1 − βᵗ⁺¹ for 1 − βᵗ; with βᵗ⁻¹ the first step would divide by 0."""
    return [
        changed(line, STEP, one_more, line.equation.replace("ᵗ", "ᵗ⁺¹"))
        for line in tape(problem)
        if line.formula is CORRECTION
    ] or NO_CORRECTION


@mistake("the squared average of the gradients was not taken off the average of their squares")
def mean_not_subtracted(problem: Problem) -> list[Line] | Inexpressible:
    """√v for √(v − m²) in the centered RMSprop."""
    plain: dict[Any, Callable[..., Any]] = {
        rmsprop.descend_centered: rmsprop.descend_over_root,
        rmsprop.descend_centered_inside: rmsprop.descend_over_root_inside,
    }
    return [
        Line(
            line.name,
            plain[line.formula],
            tuple(name for name in line.inputs if not name.startswith("m_")),
            re.sub(" − m_[^ )]+", "", line.equation),
        )
        for line in tape(problem)
        if line.formula in plain
    ] or Inexpressible("this optimizer is not the centered RMSprop")
