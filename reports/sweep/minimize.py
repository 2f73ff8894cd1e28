"""Minimizing: from a problem on which something fails to a smallest one on which it still does.

A greedy loop and not `hypothesis.find`: Hypothesis minimizes what it has drawn itself, and would have to find
again what the sweep has met; and every try may compile a program, so that the order of edits, the largest
first, decides how far one gets in a minute.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from cases import Problem
from cases.catalog import LOSSES
from reports.sweep.case_text import shortest
from reports.sweep.edits import PASSES, SIMPLE_ACTIVATIONS, SIMPLE_LOSSES, rule_numbers

MAX_SECONDS: Final = 60.0  # the time for one failure


def minimize(
    problem: Problem,
    fails: Callable[[Problem], bool],
    seconds: float = MAX_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Problem:
    """Return the simplest problem on which `fails` is still true, of those that were tried.

    Every edit is tried on the best problem so far, over and over until none of them makes it simpler, or
    until the clock has advanced by `seconds`. `fails` is asked only of sound problems that are simpler.
    """
    end, best, before = clock() + seconds, problem, None
    while best is not before:
        before = best
        for edit in (edit for edits in PASSES for edit in edits(best)):
            if clock() > end:
                return best
            edited = edit(best)
            candidate = edited and sound(edited)
            if candidate and is_simpler(candidate, best) and fails(candidate):
                best = candidate
    return best


def is_simpler(problem: Problem, other: Problem) -> bool:
    """Whether a problem is simpler: smaller, of simpler rules, or else of simpler numbers."""
    if _size(problem) != _size(other):
        return _size(problem) < _size(other)
    return _weight(problem, other) < _weight(other, problem)


def input_size(problem: Problem) -> int:
    """Return how many numbers a case file states for x, y and the parameters."""
    return sum(array.size for array in problem.inputs.values())


def _size(problem: Problem) -> tuple[int, ...]:
    """Return the layers, the numbers, the steps, and what is not as simple as can be in the rules."""
    rules = [rule for rule in (problem.optimizer, problem.schedule, problem.clipping) if rule]
    of_rules = [10 * (rule.name != "sgd") + 2 * len(rule.numbers) + len(rule.options) for rule in rules]
    of_loss = (*SIMPLE_LOSSES, (problem.loss, problem.reduction)).index((problem.loss, problem.reduction))
    if of_loss == len(SIMPLE_LOSSES):
        of_loss = 2 * of_loss + (problem.reduction == "mean")
    each = [(*SIMPLE_ACTIVATIONS, name).index(name) for name in problem.activations]
    complexity = sum(of_rules) + of_loss + sum(each) + len(problem.not_trained)
    return problem.depth, input_size(problem), problem.steps, complexity


def _weight(problem: Problem, other: Problem) -> int:
    """Add up how far from simple the numbers are; arrays that both problems have are left out."""
    theirs = other.inputs
    arrays = [array for name, array in problem.inputs.items() if array is not theirs[name]]
    elements = (weight(float(number), problem.dtype) for array in arrays for number in array.flat)
    return sum(elements) + sum(weight(number, dtype) for *_, number, dtype in rule_numbers(problem))


def weight(number: float, dtype: str) -> int:
    """Return how far from simple a number is: 0 is the simplest, then 1, then fewer digits and no sign."""
    if number == 0:
        return int(math.copysign(1, number) < 0)
    text = shortest(number, dtype)
    return 2 if text == "1" else 1 + 2 * len(text.strip("-")) + text.startswith("-")


def sound(problem: Problem) -> Problem | None:
    """Return a problem with targets that its loss allows; None where a number is not finite."""
    is_finite = all(np.isfinite(array).all() for array in problem.inputs.values())
    if not is_finite or not math.isfinite(problem.learning_rate):
        return None
    y, targets = problem.y.astype(np.float64), LOSSES[problem.loss].targets
    is_distribution = (y >= 0).all() and (y.sum(axis=1) == 1).all()
    is_class = is_distribution and (y.max(axis=1) == 1).all()
    if (targets == "distributions" and not is_distribution) or (targets == "classes" and not is_class):
        outputs = problem.y.shape[1]  # each example becomes of the class of its largest target
        return replace(problem, y=np.eye(outputs, dtype=problem.dtype)[problem.y.argmax(axis=1)])
    if targets == "probabilities" and not ((y >= 0) & (y <= 1)).all():
        return replace(problem, y=np.clip(problem.y, 0, 1))
    return problem
