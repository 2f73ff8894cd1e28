"""Mistakes in clipping the gradients by their global norm."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from reference.arithmetic import Bounded, maximum
from reference.formulas import unchanged
from reference.line import Line
from reference.mistakes.mistake import Inexpressible, mistake
from reference.mistakes.operations import negative
from reference.mistakes.rewiring import rewired
from reference.optimizers.clipping import COEFFICIENT, NORM, clip, coefficient
from reference.tape import tape

Array = TypeVar("Array", NDArray[Any], Bounded)

NO_CLIPPING = Inexpressible("no gradient is clipped")
# What `torch.nn.utils.clip_grad_norm_` adds to the norm.
PYTORCHS_EPS = 1e-6


@mistake("the gradients were not clipped")
def clipping_missing(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂w as it is."""
    return _of_gradients(problem, unchanged, (), "{0}")


@mistake("each gradient was clipped by a norm of its own, not by that of all")
def norm_of_each_parameter(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂w · min(1, c / (‖∂L/∂w‖ + ε))."""

    def clipped(g: Array, max_norm: Array, eps: Array) -> Array:
        return clip(g, coefficient(NORM(g), max_norm, eps))

    if len(problem.trained) == 1:
        return Inexpressible("only one parameter is trained")
    return _of_gradients(problem, clipped, ("max_norm", "clip_eps"), "min(1, c / (‖{0}‖ + ε)) · {0}")


@mistake("each element was clipped by itself, not the gradients by their norm")
def clipped_by_value(problem: Problem) -> list[Line] | Inexpressible:
    """∂L/∂w cut off at −c and c."""

    def clipped(g: Array, most: Array) -> Array:
        return negative(maximum(negative(maximum(g, negative(most))), negative(most)))

    return _of_gradients(problem, clipped, ("max_norm",), "max(−c, min(c, {0}))")


def _of_gradients(
    problem: Problem, formula: Callable[..., Any], others: tuple[str, ...], equation: str
) -> list[Line] | Inexpressible:
    """Return the line of every clipped gradient: a formula of the gradient and of others."""
    lines = [line for line in tape(problem) if line.formula is clip]
    return [
        Line(line.name, formula, (line.inputs[0], *others), equation.format(line.inputs[0])) for line in lines
    ] or NO_CLIPPING


@mistake("ε is missing from the norm by which the gradients were clipped")
def clip_eps_missing(problem: Problem) -> list[Line] | Inexpressible:
    """min(1, c / norm)."""

    def without(total: Array, max_norm: Array, eps: Array) -> Array:
        return coefficient(total, max_norm, 0 * eps)

    if problem.clipping and problem.clipping["clip_eps"] == 0:
        return Inexpressible("ε is 0")
    return _of_factor(problem, without, "min(1, c / norm)")


@mistake("an ε of 1e-6 was added to the norm by which the gradients were clipped, as PyTorch does")
def clip_eps_added(problem: Problem) -> list[Line] | Inexpressible:
    """min(1, c / (norm + 1e-6))."""

    def with_pytorchs(total: Array, max_norm: Array, eps: Array) -> Array:
        return coefficient(total, max_norm, _like(eps))

    if problem.clipping and problem.clipping["clip_eps"] != 0:
        return Inexpressible("an ε is stated")
    return _of_factor(problem, with_pytorchs, "min(1, c / (norm + 1e-6))")


@mistake("gradients whose norm is below the maximum were scaled up to it")
def scaled_up_to_the_maximum(problem: Problem) -> list[Line] | Inexpressible:
    """c / (norm + ε), also where that is above 1."""

    def unlimited(total: Array, max_norm: Array, eps: Array) -> Array:
        return max_norm / (total + eps)

    return _of_factor(problem, unlimited, "c / (norm + ε)")


def _of_factor(problem: Problem, formula: Callable[..., Any], equation: str) -> list[Line] | Inexpressible:
    lines = [line for line in tape(problem) if line.formula is COEFFICIENT]
    return [replace(line, formula=formula, equation=equation) for line in lines] or NO_CLIPPING


def _like(eps: Any) -> Any:  # noqa: ANN401 - a number of the program's own, or a bounded one
    """Return PyTorch's ε in the place of the stated one."""
    return replace(eps, value=np.asarray(PYTORCHS_EPS)) if isinstance(eps, Bounded) else PYTORCHS_EPS


@mistake("the gradients were clipped after the weight decay was added to them, not before")
def clipping_after_the_decay(problem: Problem) -> list[Line] | Inexpressible:
    """The norm of ∂L/∂w + λ w, and that sum clipped."""
    if problem.clipping is None:
        return NO_CLIPPING
    if not names.decays(problem.optimizer):
        return Inexpressible("no weight decay is added to the gradients")
    wires: dict[str, str] = {}
    for name in problem.trained:
        gradient, clipped, decayed = names.gradient(name), names.clipped(name), names.decayed(name)
        wires |= {gradient: decayed, clipped: gradient, decayed: clipped}
    first = {"norm", *map(names.clipped, problem.trained)}
    summed = set(map(names.decayed, problem.trained))
    lines = [_wired(line, wires, first | summed) for line in tape(problem)]
    return [line for line, right in zip(lines, tape(problem), strict=True) if line.inputs != right.inputs]


def _wired(line: Line, wires: dict[str, str], clipping: set[str]) -> Line:
    """Exchange the inputs of the lines that clip and decay, and of those that come after both."""
    after = {name: other for name, other in wires.items() if name.endswith("_decayed")}
    return rewired(line, wires if line.name in clipping else after)
