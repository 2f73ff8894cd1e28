"""Mistakes of precision: a lower one somewhere inside than is promised, by NumPy's formulas alone."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import partial
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
    activation,
    gradients,
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


def _no_float64(problem: Problem) -> str:
    reasons = {"float64": "", "float32": "everything is float32 already"}
    return reasons.get(problem.dtype, "float32 is more than is promised")


# A mistake where float64 is promised.
rounding = partial(mistake, numpy_only=True, unless=_no_float64)


@rounding("the products of the forward pass were accumulated in float32")
def float32_forward(problem: Problem) -> Lines:
    """z = x Wᵀ in float32, then + b in float64."""

    def linear_in_float32(x: Plain, W: Plain, b: Plain) -> Plain:
        return (_in_float32(x) @ _in_float32(W).mT).astype(x.dtype) + b

    return rewritten(lines_with(problem, linear), linear_in_float32)


@rounding("the optimizer's state was kept in float32", source="pytorch/pytorch #43706")
def float32_optimizer_state(problem: Problem) -> Lines:
    """m, v and u rounded to float32 in every step."""
    lines = state_lines(problem, *problem.optimizer.states)
    rounded = [replace(line, formula=_then(in_float32, line.formula)) for line in lines]
    return rounded or "the optimizer keeps no state"


@rounding("the activation's derivative was computed in float32")
def float32_derivative(problem: Problem) -> Lines:
    """σ'(z), of z and a rounded to float32."""
    curved = [k for k in layers(problem) if activation(problem, k) not in STRAIGHT]
    lines = lines_named(problem, map(names.slope, curved))
    return _inside_float32(lines) or "every derivative here is 0 or 1"


def _inside_float32(lines: Iterable[Line]) -> list[Line]:
    """Return lines that are computed in float32, from rounded inputs."""

    def rounded(line: Line) -> Line:
        def formula(*given: Any) -> Any:  # noqa: ANN401 - what the right formula takes and gives
            return line.formula(*map(_in_float32, given)).astype(np.result_type(*given))

        return replace(line, formula=formula)

    return list(map(rounded, lines))


# What was computed in float32, from rounded inputs; which lines these are; where it was seen.
IN_FLOAT32: dict[str, tuple[str, Callable[[Problem], list[Line]], str]] = {
    "activation": (
        "the activation was evaluated",
        lambda problem: lines_named(problem, map(names.a, layers(problem))),
        "modular/modular #6082",
    ),
    "loss": (
        "the loss was accumulated",
        lambda problem: lines_named(problem, ["loss"]),
        "facebookresearch/fastText #757",
    ),
    "loss-gradient": (
        "the loss's gradient was computed",
        lambda problem: gradients(problem, names.a, [problem.depth]),
        "",
    ),
    "hidden-gradient": (
        "the hidden gradient was accumulated",
        lambda problem: lines_with(problem, through_weights),
        "",
    ),
    "weight-gradient": (
        "the weight gradient was accumulated",
        lambda problem: lines_with(problem, weight_gradient),
        "",
    ),
    "bias-gradient": (
        "the bias gradient was accumulated",
        lambda problem: lines_with(problem, bias_gradient),
        "",
    ),
    "update": ("the update was computed", update_lines, "tensorflow/tensorflow #761"),
}


def _computed_in_float32(name: str) -> Mistake:
    what, lines_of, source = IN_FLOAT32[name]
    none = {"hidden-gradient": NO_HIDDEN_LAYER, "update": "no parameter is trained"}

    def change(problem: Problem) -> Lines:
        return _no_float64(problem) or _inside_float32(lines_of(problem)) or none[name]

    return Mistake(f"float32-{name}", f"{what} in float32", change, source, numpy_only=True)


COMPUTED_IN_FLOAT32 = tuple(map(_computed_in_float32, IN_FLOAT32))


def _in_float32(array: Plain) -> Plain:
    return np.asarray(array, np.float32)


def in_float32(array: Plain) -> Plain:
    """Round numbers to float32 and return them in their own format."""
    return _in_float32(array).astype(np.result_type(array))


def _then(last: Round, formula: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: last(formula(*given))


def _float32_holds(number: Any) -> bool:  # noqa: ANN401 - an array, or a number of Python's own
    return np.array_equal(in_float32(number), number)


# What a step is given, rounded to float32 on the way in.


@rounding("the inputs x were rounded to float32", source="keras-team/keras #19345")
def float32_inputs(problem: Problem) -> Lines:
    """z₁ and ∂L/∂w₁ of x rounded to float32."""
    if _float32_holds(problem.x):
        return "float32 holds every input exactly"
    return _with_rounded(problem, {"x"}, in_float32)


@rounding("the inputs x and the targets y were rounded to float32", source="keras-team/keras #19332")
def float32_inputs_and_targets(problem: Problem) -> Lines:
    """z₁ and ∂L/∂w₁ of x, and the loss and ∂L/∂a_L of y, both rounded to float32."""
    if _float32_holds(problem.y):
        return "float32 holds every target exactly"
    return _with_rounded(problem, {"y"} if _float32_holds(problem.x) else {"x", "y"}, in_float32)


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


@rounding("the learning rate was rounded to float32", source="tinygrad/tinygrad #4297")
def float32_learning_rate(problem: Problem) -> Lines:
    """w_new with η rounded to float32."""
    if problem.schedule is None and _float32_holds(problem.learning_rate):
        return "float32 holds this learning rate exactly"
    return at_another_rate(problem, in_float32, "− η")


@rounding(
    "the learning rate and the optimizer's other numbers were rounded to float32",
    source="DeepLink-org/DIOPI #1359",
)
def float32_constants(problem: Problem) -> Lines:
    """Every line that takes η, μ, β, ε, λ or another number of the rules, with those rounded to float32."""
    inexact = {name for name, number in problem.constants.items() if not _float32_holds(number)}
    taken = {name for line in tape(problem) for name in line.inputs}
    if len(inexact & taken) < 2:  # noqa: PLR2004 - more than one
        return "at most one number of the rules is not exact in float32"
    return _with_rounded(problem, inexact, in_float32)


# In the first step they multiply a momentum of 0, or are not used yet.
FROM_THE_SECOND_STEP = {"momentum", "dampening", "final"}


def _float32_constant(key: str) -> Mistake:
    """Every line that takes this number, with it rounded to float32."""
    word = key.replace("_", " ")

    def change(problem: Problem) -> Lines:
        lines, late = _with_rounded(problem, {key}, in_float32), key in FROM_THE_SECOND_STEP
        if unfit := _no_float64(problem):
            return unfit
        if lines and _float32_holds(problem.constants[key]):
            return f"float32 holds this {word} exactly"
        if lines and late and problem.steps == 1 and "nesterov" not in problem.optimizer.options:
            return ONE_STEP
        return lines or f"there is no {word}"

    name, source = f"float32-{key.replace('_', '-')}", "DeepLink-org/DIOPI #1359"
    return Mistake(name, f"the constant {key} was rounded to float32", change, source, numpy_only=True)


NUMBERS = "momentum", "dampening", "beta1", "beta2", "alpha", "eps", "weight_decay", "max_norm", "final"
FLOAT32_CONSTANTS = tuple(map(_float32_constant, NUMBERS))


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
