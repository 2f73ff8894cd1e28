"""Published numbers diagnosed: what explains each wrong one, and of an array each wrong element by itself."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from cases import Problem
from cases.published import Published
from cases.verdict import Verdict
from reference.arithmetic import PRINTED, Bounded, format_of
from reference.diagnosis.explain import explain_in
from reference.diagnosis.explanation import Diagnosis, Explanation
from reference.diagnosis.relations import multiples, was_truncated
from reference.diagnosis.run import Run
from reference.diagnosis.situation import Situation
from reference.diagnosis.stated import Stated, stated_in_print
from reference.printed_array import JudgedArray
from reference.printed_numbers import JudgedPrint, judge_published
from reference.training import exact_inputs


def explain_published(
    problem: Problem, published: Published, judged: Iterable[JudgedPrint] | None = None
) -> tuple[Diagnosis, ...]:
    """Diagnose published numbers; one that agrees is accused of nothing, whatever stands before it.

    Each mistake is run from the inputs to the last printed number, because what is printed may come from a
    program whose intermediate values are not; what no run explains is tried line by line, on the printed
    numbers themselves, and then element by element.

    Parameters
    ----------
    problem
        The published example, in float64 or in the format that computed the numbers.
    published
        The printed numbers, by step.
    judged
        What `judge_published` yields, if it is at hand.

    Returns
    -------
    A diagnosis of each printed quantity of which a number differs, in order.
    """
    steps = list(judge_published(problem, published) if judged is None else judged)
    differing = [(step, one) for step in steps for one in step.arrays.values() if one.wrong.any()]
    form = PRINTED if published.computed_in is None else format_of(problem.dtype)
    run = Run(problem, exact_inputs(problem, form))
    run.stated.update({step.step: stated_in_print(step.arrays) for step in steps})
    told = run.explanations([(one.step, one.quantity) for _, one in differing])
    return tuple(
        Diagnosis(one.finding(), told[one.step, one.quantity] or _explained(run, step, one))
        for step, one in differing
    )


def _explained(run: Run, step: JudgedPrint, judged: JudgedArray) -> tuple[Explanation, ...]:
    """Explain a printed array from those printed above it, as a whole or each wrong element by itself."""
    situation = Situation(run.problem, {**run.known, **step.state}, run.stated[step.step])
    whole = explain_in(situation, judged.finding()).explanations
    return whole or _by_element(situation, step, judged)


def _by_element(situation: Situation, step: JudgedPrint, judged: JudgedArray) -> tuple[Explanation, ...]:
    """Say of each wrong element what a writer may have done to it alone, if that explains any of them."""
    name = judged.quantity
    references = [situation.right[name], *([step.exact.values[name]] if step.exact else [])]
    places = np.argwhere(judged.wrong).tolist()
    several = int(judged.printed.given.sum()) > 1
    found = {}
    for place in places:
        alone = _only(situation.stated[name], tuple(place))
        causes = (_cause(alone, right) for right in references)
        found[f"{name}{place}" if several else "the number"] = next(filter(None, causes), None)
    known = {cause[0] for cause in found.values() if cause}
    if not known:
        return ()
    told = (f"{one} {cause[1] if cause else 'has no known cause'}" for one, cause in found.items())
    return (Explanation(known.pop() if len(known) == 1 else "by-element", "; ".join(told), (name,)),)


def _cause(alone: Stated, right: Bounded) -> tuple[str, str] | None:
    """Return what one number may be instead of the right one, by name and in words."""
    if was_truncated(alone, right):
        return "truncated", "was truncated, not rounded"
    for name, sentence, predicted in multiples(right):
        if alone.verdict(predicted) is Verdict.AGREES and alone.tells_apart(predicted, right):
            return name, f"is a multiple: {sentence}"
    return None


def _only(stated: Stated, place: tuple[int, ...]) -> Stated:
    """Return the same with one number alone."""
    alone = np.zeros(stated.value.shape, np.bool_)
    alone[place] = True
    half_unit = np.where(alone, stated.half_unit, np.nan)
    return replace(stated, value=np.where(alone, stated.value, np.nan), half_unit=half_unit, left_open=None)
