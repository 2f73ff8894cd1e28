"""Mistakes of precision where float32 is promised: layers in 16 bits, as automatic casts make them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cases import Problem
from cases.numbers import rounded_once
from reference.line import Line, bias_gradient
from reference.mistakes.low_precision import PRODUCTS
from reference.mistakes.mistake import Lines, Mistake, changed, lines_with

# An array rounded to another format, in its own.
Round = Callable[[Any], Any]


def _rounding_to(dtype: str) -> Round:
    return lambda array: rounded_once(array, dtype).astype(array.dtype)


def _made_in(dtype: str) -> Mistake:
    """x Wᵀ + b, the gradients of w and b, and ∂L/∂z W: rounded, and of what is rounded.

    Factors alone that are rounded to float16 have TF32's ten bits, which has a name.
    """
    round_ = _rounding_to(dtype)

    def made(line: Line) -> Line:
        right = line
        for name in dict.fromkeys(line.inputs):
            right = changed(right, name, round_, right.template)

        def formula(*given: Any) -> Any:  # noqa: ANN401 - what the right formula takes and gives
            return round_(right.formula(*given))

        return replace(line, formula=formula)

    def change(problem: Problem) -> Lines:
        if problem.dtype != "float32":
            return f"{dtype} takes the place of float32 only"
        return list(map(made, lines_with(problem, *PRODUCTS, bias_gradient)))

    sentence = f"the layers were computed in {dtype}: what goes into their products, and what comes out"
    return Mistake(f"{dtype}-layers", sentence, change, "PyTorch's autocast", numpy_only=True)


IN_SIXTEEN_BITS = tuple(map(_made_in, ("float16", "bfloat16")))
