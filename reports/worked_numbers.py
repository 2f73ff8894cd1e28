"""The numbers of a worked example: what follows from the inputs alone, and from what its text printed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from numbers import Rational
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from cases import Problem, names
from cases.case import Published, PublishedStep
from reference import Line, evaluate, tape
from reference.arithmetic import Ball, precision
from reference.exact_run import certified_at
from reference.training import initial_values
from reports.notation import MAX_NUMBERS, Texts, digits, each, fraction_of, matrix, with_minus

MAX_STEPS: Final = 100  # of later steps only the exact numbers that the report has are shown


def exact_numbers(problem: Problem, published: Published, step: int) -> Mapping[str, NDArray[np.float64]]:
    """Return the float64 nearest to each exact number of a step, by name; none of a step that is far off."""
    if step > MAX_STEPS:
        return {}
    *_, (_, _, balls) = certified_at(problem, [step], published.inputs)
    with precision():
        return {name: ball.split()[0] for name, ball in balls.items()}


class Numbers:
    """The first step as its text computes it: from the printed numbers where there are any.

    `given` are the numbers that lines are computed from, by name, as they are shown.
    """

    def __init__(self, problem: Problem, entry: PublishedStep) -> None:
        known = initial_values(problem)
        self.given = {
            name: each(digits, np.asarray(one)) for name, one in known.items() if name != names.STEP
        }
        self._printed, self._follows = entry.values, dict[str, Texts]()
        evaluate(tape(problem), known, self._settle)

    def gives(self, line: Line) -> Markup:
        """Return what the numbers put in give, to six digits: "= 0.3", "≈ 0.574443"."""
        texts = self._follows[line.name]
        inputs = [self.given[name] for name in line.inputs if name in self.given]
        sign = "=" if len(inputs) == len(line.inputs) and _is_exactly(line, inputs, texts) else "≈"
        return Markup("{} {}").format(sign, matrix(texts)) if texts.size <= MAX_NUMBERS else Markup("")

    def _settle(self, line: Line, value: Any) -> Any:  # noqa: ANN401 - an array, or a number of a schedule
        texts = each(lambda number: digits(number, 6), np.asarray(value))
        self._follows[line.name] = self.given[line.name] = texts
        if line.name not in self._printed:
            return value
        printed = self._printed[line.name]
        self.given[line.name] = each(lambda text, other: with_minus(text or other), printed.text, texts)
        return np.where(printed.given, printed.value, value)


def _is_exactly(line: Line, inputs: Sequence[Texts], result: Texts) -> bool:
    """Whether the numbers that are put into a line give what is shown, and no more digits.

    Fractions say so where the formula takes them, and else balls, to the last of some 48 digits.
    """
    if any(str(text).strip("−") in {"inf", "nan"} for texts in (result, *inputs) for text in texts.flat):
        return False
    shown = each(fraction_of, result)
    fractions = [each(fraction_of, texts) for texts in inputs]
    with suppress(TypeError, AttributeError):  # no formula but + − · / takes fractions
        given = np.asarray(line.formula(*fractions))
        if all(isinstance(number, Rational) for number in given.flat):
            return bool((given == shown).all())
    with precision():
        apart = line.formula(*map(Ball.of_fractions, fractions)) - Ball.of_fractions(shown)
        distance, _, radius = apart.split()
    return bool((np.abs(distance) <= radius).all())
