"""Mistakes of what is kept from step to step: a maximum, a gradient or losses that the right program forgets.

The state of a right step does not hold it, so that the wrong program is run again from its start, once for
all that asks for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from cases import Problem, names
from reference.arithmetic import Bounded, cast, maximum, sqrt, to_int
from reference.line import Array, Line, evaluate, unchanged
from reference.mistakes.mistake import (
    ONE_STEP,
    Lines,
    constant,
    lines_named,
    lines_with,
    mistake,
    rewired,
)
from reference.mistakes.wrong_corrections import NOT_TWO
from reference.mistakes.wrong_updates import NONE_TRAINED, gradient_used, lines_of_update
from reference.optimizers import adam
from reference.optimizers.averages import CORRECTION
from reference.training import advance, as_array, exact_inputs, initial_values, tape

# Steps over which a wrong program is run again; each run is as long as the right one.
MAX_STEPS = 100
TOO_LONG = f"what is kept is not followed over more than {MAX_STEPS} steps"

# What is known before a step, by name.
Known: TypeAlias = dict[str, Any]


def too_short_or_long(problem: Problem) -> str:
    return ONE_STEP if problem.steps == 1 else TOO_LONG * (problem.steps > MAX_STEPS)


@dataclass(eq=False)
class _History:
    """A wrong program, run from its start as far as it was asked for, once for each arithmetic.

    It is computed by `lines`, and keeps what the lines `kept` give, each under its own name, from 0 on.
    """

    problem: Problem
    lines: Sequence[Line]
    kept: Sequence[Line]
    runs: dict[Any, tuple[int, Known]] = field(default_factory=dict, repr=False)

    def before(self, step: int, like: Any) -> Known:  # noqa: ANN401 - an array or a bounded number
        """Return what is known before a step, in the arithmetic of `like`."""
        arithmetic = like.format if isinstance(like, Bounded) else like.dtype
        at, known = self.runs.get(arithmetic, (step + 1, {}))
        if at > step:
            at, known = 1, self._start(like)
        with np.errstate(all="ignore"):
            while at < step:
                at, known = at + 1, self._after(known)
        self.runs[arithmetic] = at, known
        return known

    def _start(self, like: Any) -> Known:  # noqa: ANN401 - an array or a bounded number
        zeros = {line.name: np.zeros(self._shape(line)) for line in self.kept}
        if isinstance(like, Bounded):
            exact = {name: Bounded.exact(zero, like.format) for name, zero in zeros.items()}
            return exact_inputs(self.problem, like.format) | exact
        values = initial_values(self.problem) | zeros
        return {name: value.astype(like.dtype) if np.ndim(value) else value for name, value in values.items()}

    def _shape(self, line: Line) -> tuple[int, ...]:
        return next(
            (array.shape for w, array in self.problem.parameters.items() if line.name.endswith(w)), ()
        )

    def _after(self, known: Known) -> Known:
        is_bounded = isinstance(known["x"], Bounded)
        settle = None if is_bounded else as_array(known["x"].dtype)
        values = evaluate(self.lines, known, settle)
        return advance(known, values, self.problem) | evaluate(self.kept, known | values)

    def shown(self, line: Line) -> Line:
        """Return a line as one of the tape, which takes the number of the step for all that is kept."""
        kept = {one.name: one.template for one in self.kept}
        inputs = (*(name for name in line.inputs if name not in kept), names.STEP)

        def formula(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers
            like = next(one for one in given if isinstance(one, Bounded) or np.ndim(one))
            known = self.before(to_int(given[-1]), like) | dict(zip(inputs, given, strict=True))
            return line.formula(*(known[name] for name in line.inputs))

        written = [kept[name] if name in kept else f"{{{inputs.index(name)}}}" for name in line.inputs]
        return Line(line.name, formula, inputs, line.template.format(*written))


def _keeping(problem: Problem, wrong: Sequence[Line], kept: Sequence[Line]) -> list[Line]:
    """Return wrong lines, some of whose inputs are `kept`; the template of these says what they are."""
    others = {line.name: line for line in wrong}
    history = _History(problem, [others.get(line.name, line) for line in tape(problem)], kept)
    return [history.shown(line) if {one.name for one in kept} & set(line.inputs) else line for line in wrong]


# The largest average of squares.

ROOTS: dict[Any, tuple[Callable[..., Any], str]] = {
    adam.direction: (
        lambda m, largest, c1, eps: (m / c1) / (sqrt(largest) + cast(eps)),
        "m̂ / (√max v̂ + {4})",
    ),
    adam.direction_inside: (
        lambda m, largest, c1, eps: (m / c1) / sqrt(largest + cast(eps)),
        "m̂ / √(max v̂ + {4})",
    ),
}
LARGEST = "m̂ was divided by the root of the largest v̂ so far, which is AMSGrad, not Adam"


@mistake(
    f"{LARGEST}, as optax has it",
    source="google-deepmind/optax #1389, of both forms",
    unless=too_short_or_long,
)
def largest_corrected_square(problem: Problem) -> Lines:
    """m̂ / (√ max v̂ + ε), the maximum over all steps."""
    return _of_the_largest(problem, corrected=True)


@mistake(
    "m̂ was divided by the root of the largest v so far, corrected after that: AMSGrad as PyTorch has it",
    source="google-deepmind/optax #1389, of both forms; pytorch/pytorch #142323",
    unless=too_short_or_long,
)
def largest_square(problem: Problem) -> Lines:
    """m̂ / (√(max v / (1 − β₂ᵗ)) + ε), the maximum over all steps."""
    return _of_the_largest(problem, corrected=False)


def _of_the_largest(problem: Problem, *, corrected: bool) -> Lines:
    wrong, kept = [], []
    for line in lines_with(problem, *ROOTS):
        direction, largest = _over_the_largest(line, corrected=corrected)
        wrong.append(direction)
        kept.append(largest)
    return _keeping(problem, wrong, kept) or NOT_TWO


def _over_the_largest(line: Line, *, corrected: bool) -> tuple[Line, Line]:
    """Return the line of a direction that takes the maximum before this step, and that of the maximum."""
    _, v, _, c2, _ = line.inputs
    name, (over_root, template) = line.name.replace("direction", "largest"), ROOTS[line.formula]

    def larger(before: Array, v: Array, c2: Array) -> Array:
        return maximum(before, v / c2 if corrected else v)

    def direction(m: Array, v: Array, c1: Array, c2: Array, eps: Array, before: Array) -> Array:
        most = larger(before, v, c2)
        return over_root(m, most if corrected else most / c2, c1, eps)

    largest = Line(name, larger, (name, v, c2), "")
    return Line(line.name, direction, (*line.inputs, name), template), largest


# The gradient of the step before.


@mistake(
    "the update was made with the gradients of the step before, as those of this step were not there yet",
    unless=too_short_or_long,
    by_layer=True,
)
def gradient_of_the_step_before(problem: Problem) -> Lines:
    """The update comes before the backward pass: nothing in the first step, then one step behind."""
    wrong, kept = [], []
    for name in problem.trained:
        gradient = gradient_used(problem, name)
        before = f"before_{name}"
        kept.append(Line(before, unchanged, (gradient,), f"{gradient} of the step before"))
        lines = [line for line in lines_of_update(problem, name) if line.name not in BETAS]
        wrong += [_one_behind(rewired(line, {gradient: before})) for line in lines]
    return _keeping(problem, wrong, kept) or NONE_TRAINED


BETAS = {names.CORRECTION1: "beta1", names.CORRECTION2: "beta2"}


def _one_behind(line: Line) -> Line:
    """Return a line that leaves what it updates alone in the first step, and counts from the second."""
    old = [i for i, name in enumerate(line.inputs) if names.updated(name) == line.name]

    def formula(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers
        *right, step = given
        count = constant(step, lambda t: max(t - 1, 1))
        if old and to_int(step) == 1:
            return right[old[0]]
        for i, name in enumerate(line.inputs):
            if name in BETAS:
                right[i] = CORRECTION(right[i], count)
            elif name == names.STEP:
                right[i] = count
        return line.formula(*right)

    inputs = (*rewired(line, BETAS).inputs, names.STEP)
    return Line(line.name, formula, inputs, line.template)


# The losses of the steps before.


@mistake(
    "the losses of all steps so far were added up",
    source="allenai/allennlp #4477; piskvorky/gensim #2735",
    unless=too_short_or_long,
)
def losses_added_up(problem: Problem) -> Lines:
    """Σ Lₛ over the steps s up to t: the sum was not set to 0 before each step."""
    return _of_losses(problem, lambda loss, before, _: before + loss, "and the losses before")


@mistake(
    "the loss is the mean over the steps so far",
    source="Keras' `fit`, as it reports",
    unless=too_short_or_long,
)
def mean_over_the_steps(problem: Problem) -> Lines:
    """1/t Σ Lₛ over the steps s up to t."""

    def mean(loss: Array, before: Array, step: Array) -> Array:
        t = to_int(step)
        return ((t - 1) * before + loss) / t

    return _of_losses(problem, mean, "averaged over the steps")


def _of_losses(problem: Problem, combined: Callable[[Any, Any, Any], Any], written: str) -> list[Line]:
    """Return the line of the loss, combined with what it was in the step before, and the step's number."""
    (right,) = lines_named(problem, ["loss"])

    def loss(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers
        *outputs, before, step = given
        return combined(right.formula(*outputs), before, step)

    line = Line("loss", loss, (*right.inputs, "losses", names.STEP), f"{right.template}, {written}")
    return _keeping(problem, [line], [Line("losses", unchanged, ("loss",), "")])
