"""Mistakes in correcting Adam's and Adamax's averages for their start at 0, and in where ε is added then."""

from collections.abc import Callable, Sequence
from typing import Any

from cases import Problem, names
from reference.arithmetic import cast, sqrt
from reference.line import Line
from reference.mistakes.mistake import (
    ONE_STEP,
    Lines,
    changed,
    constant,
    lines_named,
    lines_with,
    mistake,
    next_count,
    rewired,
    rewritten,
    state_lines,
    trained_by_layer,
)
from reference.mistakes.wrong_averages import EQUAL_BETAS
from reference.mistakes.wrong_roots import EPS_ZERO, Exchange, exchanged
from reference.optimizers import adam
from reference.optimizers.averages import CORRECTION

NO_CORRECTION = "this optimizer corrects no averages"
NOT_TWO = "this optimizer does not correct two averages"


# The corrections themselves: 1 − βᵗ.


@mistake(
    "the averages were corrected as those of the next step: the steps were counted from 2",
)
def bias_correction_off_by_one(problem: Problem) -> Lines:
    """1 − βᵗ⁺¹ for 1 − βᵗ; with βᵗ⁻¹ the first step would divide by 0."""
    lines = lines_with(problem, CORRECTION)
    later = [changed(line, names.STEP, next_count, line.template.replace("ᵗ", "ᵗ⁺¹")) for line in lines]
    return later or NO_CORRECTION


@mistake(
    "the averages were corrected by 1 − β, without the power that counts the steps",
    source="eriklindernoren/ML-From-Scratch #35; PennyLaneAI/pennylane #1929, of the documentation",
)
def correction_without_the_power(problem: Problem) -> Lines:
    """1 − β for 1 − βᵗ: the same in the first step, too small in all others."""
    lines = lines_with(problem, CORRECTION)
    if lines and problem.steps == 1:
        return ONE_STEP
    return rewritten(lines, lambda beta: 1 - beta, "1 − {0}", kept=1) or NO_CORRECTION


@mistake("the two corrections were swapped")
def corrections_swapped(problem: Problem) -> Lines:
    """m / (1 − β₂ᵗ) and v / (1 − β₁ᵗ)."""
    if problem.optimizer.has("beta1") and problem.optimizer["beta1"] == problem.optimizer["beta2"]:
        return EQUAL_BETAS
    swap = {names.CORRECTION1: names.CORRECTION2, names.CORRECTION2: names.CORRECTION1}
    lines = [rewired(line, swap) for line in lines_with(problem, adam.direction, adam.direction_inside)]
    return lines or NOT_TWO


@mistake(
    "the steps were counted once for each parameter, so that the averages were corrected too little",
    source="clab/dynet #77; DiffSharp #292",
)
def steps_counted_for_each_parameter(problem: Problem) -> Lines:
    """1 − β^((t − 1) P + i) for the i-th of P parameters, W1, b1, W2, …."""
    return _each_with_its_count(problem, [[name] for name in problem.trained], "parameter")


@mistake("the steps were counted once for each layer, so that the averages were corrected too little")
def steps_counted_for_each_layer(problem: Problem) -> Lines:
    """1 − β^((t − 1) L + k) in layer k of L."""
    return _each_with_its_count(problem, trained_by_layer(problem), "layer")


def _each_with_its_count(problem: Problem, groups: Sequence[Sequence[str]], what: str) -> Lines:
    """Return the lines that take a correction, each with that of step (t − 1) n + i in group i of n."""
    if not problem.optimizer.has("beta1"):
        return NO_CORRECTION
    if len(groups) == 1:
        return f"only one {what} is trained"
    return [
        _recounted(line, len(groups), i)
        for i, group in enumerate(groups, start=1)
        for name in group
        for line in lines_named(problem, [names.state("direction", name), names.updated(name)])
        if names.CORRECTION1 in line.inputs
    ]


def _recounted(line: Line, n: int, i: int) -> Line:
    """Return a line that computes its corrections itself, those of step (t − 1) n + i."""
    betas = {names.CORRECTION1: "beta1", names.CORRECTION2: "beta2"}
    where = [j for j, name in enumerate(line.inputs) if name in betas]

    def formula(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers
        *right, step = given
        count = constant(step, lambda t: (t - 1) * n + i)
        for j in where:
            right[j] = CORRECTION(right[j], count)
        return line.formula(*right)

    inputs = (*rewired(line, betas).inputs, names.STEP)
    return Line(line.name, formula, inputs, f"{line.template}, of step ({{{len(inputs) - 1}}} − 1) {n} + {i}")


# What is corrected.


@mistake(
    "the averages were not corrected for their start at 0",
    source="oxiglade/mlx-rs #301; nerfstudio-project/gsplat #604",
)
def bias_correction_missing(problem: Problem) -> Lines:
    return exchanged(problem, UNCORRECTED, "correction") or NO_CORRECTION


UNCORRECTED: Exchange = {
    adam.direction: (lambda m, v, eps: m / (sqrt(v) + cast(eps)), "{0} / (√{1} + {2})"),
    adam.direction_inside: (lambda m, v, eps: m / sqrt(v + cast(eps)), "{0} / √({1} + {2})"),
    adam.descend_over_largest: (lambda w, m, u, eta: w - eta * (m / u), "{0} − {3} {1} / {2}"),
}


@mistake("only the average of the gradients was corrected, not that of their squares")
def only_the_gradients_corrected(problem: Problem) -> Lines:
    """m̂ / (√v + ε)."""
    return _of_direction(
        problem,
        lambda m, v, c1, eps: (m / c1) / (sqrt(v) + cast(eps)),
        lambda m, v, c1, eps: (m / c1) / sqrt(v + cast(eps)),
        ("m̂ / (√v + {3})", "m̂ / √(v + {3})"),
        names.CORRECTION2,
    )


@mistake("only the average of the squares was corrected, not that of the gradients")
def only_the_squares_corrected(problem: Problem) -> Lines:
    """m / (√v̂ + ε)."""
    return _of_direction(
        problem,
        lambda m, v, c2, eps: m / (sqrt(v / c2) + cast(eps)),
        lambda m, v, c2, eps: m / sqrt(v / c2 + cast(eps)),
        ("m / (√v̂ + {3})", "m / √(v̂ + {3})"),
        names.CORRECTION1,
    )


@mistake("the root of the squares was divided by 1 − β₂ᵗ, not by its root")
def correction_outside_the_root(problem: Problem) -> Lines:
    """m̂ / (√v / (1 − β₂ᵗ) + ε)."""
    return _of_direction(
        problem,
        lambda m, v, c1, c2, eps: (m / c1) / (sqrt(v) / c2 + cast(eps)),
        lambda m, v, c1, c2, eps: (m / c1) / (sqrt(v + cast(eps)) / c2),
        ("m̂ / (√v / (1 − β₂ᵗ) + {4})", "m̂ / (√(v + {4}) / (1 − β₂ᵗ))"),
    )


@mistake(
    "ε was added before the squares were corrected, so that it is corrected too",
    source="tensorflow/tensorflow #35102 and #9047; karpathy/nanochat #304; scikit-learn; Keras",
)
def eps_before_the_correction(problem: Problem) -> Lines:
    """m̂ √(1 − β₂ᵗ) / (√v + ε), the ε̂ of Kingma and Ba, end of section 2."""
    if problem.optimizer.has("beta1") and problem.optimizer["eps"] == 0:
        return EPS_ZERO
    return _of_direction(
        problem,
        lambda m, v, c1, c2, eps: (m / c1) / ((sqrt(v) + cast(eps)) / sqrt(c2)),
        lambda m, v, c1, c2, eps: (m / c1) / (sqrt(v + cast(eps)) / sqrt(c2)),
        ("m̂ √(1 − β₂ᵗ) / (√v + {4})", "m̂ √(1 − β₂ᵗ) / √(v + {4})"),
    )


def _of_direction(
    problem: Problem,
    outside: Callable[..., Any],
    inside: Callable[..., Any],
    templates: tuple[str, str],
    *dropped: str,
) -> Lines:
    """Return Adam's directions by another formula: for ε outside the root, and inside."""
    formulas = {adam.direction: (outside, templates[0]), adam.direction_inside: (inside, templates[1])}
    return exchanged(problem, formulas, *dropped) or NOT_TWO


@mistake(
    "the corrected averages were stored, and carried on to the next step",
    source="PennyLaneAI/pennylane #1929, of the documentation",
)
def corrected_averages_stored(problem: Problem) -> Lines:
    """m = (β₁ m + (1 − β₁) ∂L/∂w) / (1 − β₁ᵗ), v so too; and the update divides m by √v + ε."""
    corrections = {"m": names.CORRECTION1, "v": names.CORRECTION2}
    if not problem.optimizer.has("beta1"):
        return NO_CORRECTION
    stored = [
        _corrected(line, correction)
        for kind, correction in corrections.items()
        for line in state_lines(problem, kind)
    ]
    return stored + exchanged(problem, UNCORRECTED, "correction")


def _corrected(line: Line, correction: str) -> Line:
    def formula(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers
        return line.formula(*given[:-1]) / given[-1]

    inputs = (*line.inputs, correction)
    return Line(line.name, formula, inputs, f"({line.template}) / {{{len(line.inputs)}}}")


@mistake("the maximum of Adamax was divided by 1 − β₂ᵗ, as only an average needs")
def maximum_corrected(problem: Problem) -> Lines:
    """w − η m̂ / (u / (1 − β₂ᵗ))."""
    lines = lines_with(problem, adam.descend_over_largest)

    def corrected(*given: Any) -> Any:  # noqa: ANN401 - arrays or bounded numbers
        w, m, u, c1, eta, beta, step = given
        return w - eta * ((m / c1) / (u / CORRECTION(beta, step)))

    template = "{0} − {4} / (1 − β₁ᵗ) {1} / ({2} / (1 − β₂ᵗ))"
    return [
        Line(line.name, corrected, (*line.inputs, "beta2", names.STEP), template) for line in lines
    ] or "this optimizer is not Adamax"
