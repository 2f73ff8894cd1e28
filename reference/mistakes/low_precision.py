"""Mistakes of precision: a lower one somewhere inside than is promised, by NumPy's formulas alone."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.numbers import rounded_once
from reference.line import Line, bias_gradient, linear, through_weights, weight_gradient
from reference.mistakes.mistake import (
    NO_HIDDEN_LAYER,
    ONE_STEP,
    Lines,
    Mistake,
    layers,
    lines_named,
    lines_with,
    mistake,
    rewritten,
    state_lines,
    update_lines,
)
from reference.mistakes.wrong_slopes import STRAIGHT
from reference.mistakes.wrong_updates import at_another_rate
from reference.training import tape

Plain: TypeAlias = NDArray[Any]
Round: TypeAlias = Callable[[Any], Any]

# Lines inside a step that promises float64, computed in float32.


@mistake("the products of the forward pass were accumulated in float32", numpy_only=True)
def float32_forward(problem: Problem) -> Lines:
    """z = x Wᵀ in float32, then + b in float64."""

    def linear_in_float32(x: Plain, W: Plain, b: Plain) -> Plain:
        return (_in_float32(x) @ _in_float32(W).mT).astype(x.dtype) + b

    return _no_float64(problem) or rewritten(lines_with(problem, linear), linear_in_float32)


@mistake("the activation was evaluated in float32", source="modular/modular #6082", numpy_only=True)
def float32_activation(problem: Problem) -> Lines:
    """a = σ(z), of z rounded to float32."""
    return _inside_float32(problem, lines_named(problem, map(names.a, layers(problem))))


@mistake("the loss was accumulated in float32", source="facebookresearch/fastText #757", numpy_only=True)
def float32_loss(problem: Problem) -> Lines:
    """The loss of ŷ and y rounded to float32; its gradient is right."""
    return _inside_float32(problem, lines_named(problem, ["loss"]))


@mistake("the loss's gradient was computed in float32", numpy_only=True)
def float32_loss_gradient(problem: Problem) -> Lines:
    """∂L/∂a_L of ŷ and y rounded to float32; the loss is right."""
    return _inside_float32(problem, lines_named(problem, [names.gradient(names.a(problem.depth))]))


@mistake("the activation's derivative was computed in float32", numpy_only=True)
def float32_derivative(problem: Problem) -> Lines:
    """σ'(z), of z and a rounded to float32."""
    curved = [k for k in layers(problem) if problem.activations[k - 1] not in STRAIGHT]
    lines = _inside_float32(problem, lines_named(problem, map(names.slope, curved)))
    return lines or "every derivative here is 0 or 1"


@mistake("the hidden gradient was accumulated in float32", numpy_only=True)
def float32_hidden_gradient(problem: Problem) -> Lines:
    """∂L/∂a_{k−1} = ∂L/∂z_k w_k, of both rounded to float32."""
    return _inside_float32(problem, lines_with(problem, through_weights)) or NO_HIDDEN_LAYER


@mistake("the weight gradient was accumulated in float32", numpy_only=True)
def float32_weight_gradient(problem: Problem) -> Lines:
    """∂L/∂w = (∂L/∂z)ᵀ a, of both rounded to float32."""
    return _inside_float32(problem, lines_with(problem, weight_gradient))


@mistake("the bias gradient was accumulated in float32", numpy_only=True)
def float32_bias_gradient(problem: Problem) -> Lines:
    """∂L/∂b = Σ ∂L/∂z, of ∂L/∂z rounded to float32."""
    return _inside_float32(problem, lines_with(problem, bias_gradient))


@mistake(
    "the optimizer's state was kept in float32",
    source="pytorch/pytorch #43706",
    numpy_only=True,
)
def float32_optimizer_state(problem: Problem) -> Lines:
    """m, v and u rounded to float32 in every step."""
    lines = state_lines(problem, *problem.optimizer.states)
    rounded = [replace(line, formula=_then(in_float32, line.formula)) for line in lines]
    return _no_float64(problem) or rounded or "the optimizer keeps no state"


@mistake("the update was computed in float32", source="tensorflow/tensorflow #761", numpy_only=True)
def float32_update(problem: Problem) -> Lines:
    """w_new of all that it follows from, rounded to float32."""
    return _inside_float32(problem, update_lines(problem)) or "no parameter is trained"


def _inside_float32(problem: Problem, lines: Iterable[Line]) -> Lines:
    """Return lines that are computed in float32, from rounded inputs, in a problem that promises float64."""

    def rounded(line: Line) -> Line:
        right = line.formula
        return replace(line, formula=lambda *given: right(*map(_in_float32, given)).astype(problem.dtype))

    return _no_float64(problem) or list(map(rounded, lines))


def _in_float32(array: Plain) -> Plain:
    return np.asarray(array, np.float32)


def in_float32(array: Plain) -> Plain:
    """Round numbers to float32 and return them in their own format."""
    return _in_float32(array).astype(np.result_type(array))


def _then(last: Round, formula: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: last(formula(*given))


def _no_float64(problem: Problem) -> str:
    reasons = {"float64": "", "float32": "everything is float32 already"}
    return reasons.get(problem.dtype, "float32 is more than is promised")


def _float32_holds(number: Any) -> bool:  # noqa: ANN401 - an array, or a number of Python's own
    return np.array_equal(in_float32(number), number)


# What a step is given, rounded to float32 on the way in.


@mistake("the inputs x were rounded to float32", source="keras-team/keras #19345", numpy_only=True)
def float32_inputs(problem: Problem) -> Lines:
    """z₁ and ∂L/∂w₁ of x rounded to float32."""
    if _float32_holds(problem.x):
        return _no_float64(problem) or "float32 holds every input exactly"
    return _no_float64(problem) or _with_rounded(problem, {"x"}, in_float32)


@mistake(
    "the inputs x and the targets y were rounded to float32",
    source="keras-team/keras #19332",
    numpy_only=True,
)
def float32_inputs_and_targets(problem: Problem) -> Lines:
    """z₁ and ∂L/∂w₁ of x, and the loss and ∂L/∂a_L of y, both rounded to float32."""
    if _float32_holds(problem.y):
        return _no_float64(problem) or "float32 holds every target exactly"
    inexact = {"y"} if _float32_holds(problem.x) else {"x", "y"}
    return _no_float64(problem) or _with_rounded(problem, inexact, in_float32)


def _with_rounded(problem: Problem, those: Collection[str], round_: Round) -> list[Line]:
    """Return every line that takes some of these, with those rounded."""
    return [_rounding(line, those, round_) for line in tape(problem) if set(those) & set(line.inputs)]


def _rounding(line: Line, those: Collection[str], round_: Round) -> Line:
    def formula(*given: Any) -> Any:  # noqa: ANN401 - what the right formula takes and gives
        rounded = (
            round_(value) if name in those else value for name, value in zip(line.inputs, given, strict=True)
        )
        return line.formula(*rounded)

    return replace(line, formula=formula)


# The optimizer's constants.


@mistake("the learning rate was rounded to float32", source="tinygrad/tinygrad #4297", numpy_only=True)
def float32_learning_rate(problem: Problem) -> Lines:
    """w_new with η rounded to float32."""
    if problem.schedule is None and _float32_holds(problem.learning_rate):
        return _no_float64(problem) or "float32 holds this learning rate exactly"
    return _no_float64(problem) or at_another_rate(problem, in_float32, "− η")


@mistake(
    "the learning rate and the optimizer's other numbers were rounded to float32",
    source="DeepLink-org/DIOPI #1359",
    numpy_only=True,
)
def float32_constants(problem: Problem) -> Lines:
    """Every line that takes η, μ, β, ε, λ or another number of the rules, with those rounded to float32."""
    inexact = {name for name, number in problem.constants.items() if not _float32_holds(number)}
    taken = {name for line in tape(problem) for name in line.inputs}
    if len(inexact & taken) < 2:  # noqa: PLR2004 - more than one
        return _no_float64(problem) or "at most one number of the rules is not exact in float32"
    return _no_float64(problem) or _with_rounded(problem, inexact, in_float32)


# In the first step they multiply a momentum of 0, or are not used yet.
FROM_THE_SECOND_STEP = {"momentum", "dampening", "final"}


def _float32_constant(key: str) -> Mistake:
    """Every line that takes this number, with it rounded to float32."""
    word = key.replace("_", " ")

    def change(problem: Problem) -> Lines:
        lines = _with_rounded(problem, {key}, in_float32)
        if not lines:
            return _no_float64(problem) or f"there is no {word}"
        if _float32_holds(problem.constants[key]):
            return _no_float64(problem) or f"float32 holds this {word} exactly"
        if key in FROM_THE_SECOND_STEP and problem.steps == 1 and "nesterov" not in problem.optimizer.options:
            return _no_float64(problem) or ONE_STEP
        return _no_float64(problem) or lines

    name = f"float32-{key.replace('_', '-')}"
    return Mistake(
        name, f"{word} was rounded to float32", change, "DeepLink-org/DIOPI #1359", numpy_only=True
    )


FLOAT32_CONSTANTS = tuple(
    _float32_constant(key)
    for key in (
        "momentum",
        "dampening",
        "beta1",
        "beta2",
        "alpha",
        "eps",
        "weight_decay",
        "max_norm",
        "final",
    )
)


# Fewer bits than float32 has, in a problem that promises float32.

PRODUCTS = linear, weight_gradient, through_weights


@mistake(
    "the factors of the matrix products were rounded to TF32, to 10 bits after the point",
    source="pytorch/pytorch #53635",
    numpy_only=True,
)
def tf32_products(problem: Problem) -> Lines:
    """x Wᵀ, (∂L/∂z)ᵀ a and ∂L/∂z W, accumulated in float32."""
    return _no_float32(problem, "TF32") or _of_rounded_factors(problem, tf32)


def _of_rounded_factors(problem: Problem, round_: Round) -> list[Line]:
    return [_rounding(line, line.inputs[:2], round_) for line in lines_with(problem, *PRODUCTS)]


def tf32(array: Plain) -> Plain:
    """Round float32 to TF32: to nearest, ties away from zero, 13 of the 23 bits after the point dropped."""
    bits = array.view(np.uint32)
    rounded = ((bits + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32)
    return np.where(np.isfinite(array), rounded, array)


def _no_float32(problem: Problem, instead: str) -> str:
    return "" if problem.dtype == "float32" else f"{instead} takes the place of float32 only"


@mistake(
    "the factors of the matrix products were rounded to bfloat16", source="jax-ml/jax #1856", numpy_only=True
)
def bfloat16_products(problem: Problem) -> Lines:
    """x Wᵀ, (∂L/∂z)ᵀ a and ∂L/∂z W of rounded factors, accumulated in float32."""
    return _no_float32(problem, "bfloat16") or _of_rounded_factors(problem, _rounding_to("bfloat16"))


def _parameters_in(dtype: str, source: str) -> Mistake:
    """w and b rounded to this format wherever they are used, and w_new after the update."""

    def change(problem: Problem) -> Lines:
        round_, parameters = _rounding_to(dtype), set(problem.parameters)
        lines = {line.name: line for line in _with_rounded(problem, parameters, round_)}
        for name in map(names.updated, parameters):
            lines[name] = replace(lines[name], formula=_then(round_, lines[name].formula))
        return _no_float32(problem, dtype) or list(lines.values())

    sentence = f"the parameters were kept in {dtype}, without a copy in float32"
    return Mistake(f"{dtype}-parameters", sentence, change, source, numpy_only=True)


def _rounding_to(dtype: str) -> Round:
    return lambda array: rounded_once(array, dtype).astype(array.dtype)


SIXTEEN_BIT_PARAMETERS = (
    _parameters_in("bfloat16", "NVIDIA/apex #1728"),
    _parameters_in("float16", "pytorch/pytorch #8860"),
)
