"""Which mistakes explain printed numbers, which may mix a program's with those computed by hand.

Few of many are printed, to a few digits. So a run takes none of them over: each mistake is run from the
inputs to the last printed number. It has to give the first number that differs, and to spoil no later one
that agrees line by line; of several mistakes those are kept that give most of the later numbers that differ.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from cases import Problem
from cases.case import Published
from cases.protocol import Verdict
from reference import parts
from reference.arithmetic import PRINTED, Bounded, format_of
from reference.diagnosis.candidates import Explanation, mistaken_tapes, part_name
from reference.diagnosis.context import Observations, Observed, StepContext, Values, derive
from reference.diagnosis.diagnose import Diagnosis, explain_in
from reference.diagnosis.relations import multiples, was_truncated
from reference.findings import MAX_SEARCHED_STEPS
from reference.line import Line
from reference.parts import FailedPart
from reference.printed_numbers import JudgedArray, JudgedPrint, judge_published
from reference.training import advance, exact_inputs, propagate, tape

# A step and a quantity.
Site: TypeAlias = tuple[int, str]


def explain_published(
    problem: Problem, published: Published, judged: Iterable[JudgedPrint] | None = None
) -> tuple[Diagnosis, ...]:
    """Diagnose each printed quantity of which a number differs, in order.

    What no run of a mistake explains is tried line by line, on the printed numbers themselves, and then
    element by element. Problem and numbers are as in `judge_published`; `judged` is what that yields, if it
    is at hand.
    """
    steps = list(judge_published(problem, published) if judged is None else judged)
    differing = [(step, array) for step in steps for array in step.arrays.values() if array.wrong.any()]
    form = PRINTED if published.computed_in is None else format_of(problem.dtype)
    observed: dict[int, Observations] = {
        step.step: {
            name: Observed(array.printed.value, array.half_unit, left_open=array.left_open)
            for name, array in step.arrays.items()
        }
        for step in steps
    }
    run = PrintedRun(problem, exact_inputs(problem, form), observed)
    explained = run.explanations([(array.step, array.quantity) for _, array in differing])
    return tuple(
        Diagnosis(array.finding(), explained[array.step, array.quantity] or _by_line(run, step, array))
        for step, array in differing
    )


@dataclass(frozen=True, eq=False)
class PrintedRun:
    """A training run of which some quantities are printed: `known` before it, and `observed` by step."""

    problem: Problem
    known: Values
    observed: Mapping[int, Observations]

    def explanations(self, differing: Sequence[Site]) -> dict[Site, tuple[Explanation, ...]]:
        """Return what explains the first of these that can be explained, and most of the others."""
        for i, first in enumerate(differing):
            explained = self._search(differing[i:]) if first[0] <= MAX_SEARCHED_STEPS else {}
            if explained:
                reach = max(map(len, explained.values()))
                best = {why: sites for why, sites in explained.items() if len(sites) == reach}
                return {site: _each_once([why for why in best if site in best[why]]) for site in differing}
        return dict.fromkeys(differing, ())

    def _search(self, differing: Sequence[Site]) -> dict[Explanation, list[Site]]:
        """Return the mistakes that explain the first of these, each with all that it explains."""
        _, right = next(self._from(tape(self.problem), differing[0]))
        explained = {}
        for mistake, wrong, lines in mistaken_tapes(self.problem):
            if not mistake.numpy_only:
                part = part_name(mistake.name)
                sites = parts.tried(part, self._reproduced, lines, differing, right)
                if sites and not isinstance(sites, FailedPart):
                    explained[Explanation(mistake.name, mistake.sentence, wrong)] = sites
        return explained

    def _reproduced(self, lines: Sequence[Line], differing: Sequence[Site], right: Bounded) -> list[Site]:
        """Return the differing quantities that a mistaken tape gives; none, if it spoils one that agrees."""
        first, reproduced = differing[0], []
        for site, derived in self._from(lines, first):
            observed = self.observed[site[0]][site[1]]
            verdict = observed.verdict(derived)
            is_proof = verdict is Verdict.AGREES and observed.distinguishes(derived, right)
            spoils = verdict is Verdict.DIFFERS and site not in differing
            if spoils or (site == first and not is_proof):
                return []
            if verdict is Verdict.AGREES and site in differing:
                reproduced.append(site)
        return reproduced

    def _from(self, lines: Sequence[Line], first: Site) -> Iterator[tuple[Site, Bounded]]:
        """Yield every printed quantity from the first differing one on, in the order of the right tape."""
        order = [line.name for line in tape(self.problem)]
        known, before = dict(self.known), 0
        for step in sorted(number for number in self.observed if number >= first[0]):
            known = propagate(self.problem, lines, known, step - before - 1)
            derived, here = derive(lines, known, {}), self.observed[step]
            start = order.index(first[1]) if step == first[0] else 0
            yield from (((step, name), derived[name]) for name in order[start:] if name in here)
            known, before = advance(known, derived, self.problem), step


def _each_once(explanations: Sequence[Explanation]) -> tuple[Explanation, ...]:
    """Return one explanation for each mistake: the one that changes most, which comes first."""
    return tuple({explanation.mistake: explanation for explanation in reversed(explanations)}.values())[::-1]


def _by_line(run: PrintedRun, step: JudgedPrint, judged: JudgedArray) -> tuple[Explanation, ...]:
    """Explain a printed array from those printed above it, as a whole or each wrong element by itself."""
    context = StepContext(run.problem, {**run.known, **step.state}, run.observed[step.step])
    whole = explain_in(context, judged.finding()).explanations
    return whole or _by_element(context, step, judged)


def _by_element(context: StepContext, step: JudgedPrint, judged: JudgedArray) -> tuple[Explanation, ...]:
    """Say of each wrong element what a writer may have done to it alone, if that explains any of them."""
    name = judged.quantity
    references = [context.right[name], *([step.exact.values[name]] if step.exact else [])]
    several = int(judged.printed.given.sum()) > 1
    causes = {}
    for index in np.argwhere(judged.wrong).tolist():
        alone = np.zeros(judged.wrong.shape, np.bool_)
        alone[tuple(index)] = True
        half_unit = np.where(alone, judged.half_unit, np.nan)
        observed = Observed(np.where(alone, judged.printed.value, np.nan), half_unit)
        possible = (_cause(observed, right) for right in references)
        causes[f"{name}{index}" if several else "the number"] = next(filter(None, possible), None)
    known = {cause[0] for cause in causes.values() if cause}
    if not known:
        return ()
    clauses = [f"{one} {cause[1] if cause else 'has no known cause'}" for one, cause in causes.items()]
    return (Explanation(known.pop() if len(known) == 1 else "by-element", "; ".join(clauses), (name,)),)


def _cause(alone: Observed, right: Bounded) -> tuple[str, str] | None:
    """Return what one number may be instead of the right one, by name and in words."""
    if was_truncated(alone, right):
        return "truncated", "was truncated, not rounded"
    for name, sentence, predicted in multiples(right):
        if alone.verdict(predicted) is Verdict.AGREES and alone.distinguishes(predicted, right):
            return name, f"is a multiple: {sentence}"
    return None
