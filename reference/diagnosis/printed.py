"""Which mistakes explain printed numbers, which may mix a program's with those computed by hand.

Few of many are printed, to a few digits. So a run takes none of them over: each mistake is run from the
inputs to the last printed number. It has to give the first number that differs, where the right formula
cannot, and to spoil no array of that step or a later one that agrees; of several mistakes those are kept that
give most of the later numbers that differ. How many digits are printed does not matter: a number stands for
all that round to it, a prediction for all within its bound, and they agree where these meet.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from cases.case import Published, Written
from cases.protocol import Verdict
from reference import parts
from reference.agreement import ONE_DIGIT
from reference.arithmetic import PRINTED, Bounded, format_of
from reference.diagnosis.candidates import MistakenTape, mistaken_tapes, part_name
from reference.diagnosis.context import Observed, StepContext, Values, derive
from reference.diagnosis.diagnose import explain_in
from reference.diagnosis.printed_runs import Given, Site, certified_run, float64_runs, with_uncertainty
from reference.diagnosis.relations import multiples, was_truncated
from reference.explanations import Diagnosis, Explanation
from reference.findings import MAX_NAMED
from reference.line import Line
from reference.parts import FailedPart
from reference.printed_numbers import JudgedArray, JudgedPrint, judge_published
from reference.training import advance, exact_inputs, propagate

# How many of the mistakes that are tried may give, by chance, the wrong elements of an array of which others
# are right and not as they would be with it.
BY_CHANCE: Final = 1e-3

# How many mistakes may be expected to give by chance all that one of them gives, for it to be named.
EXPECTED: Final = 0.1

# Mistakes whose numbers are as far from the right ones as this one's, by a factor, are those that might have
# given what is printed by chance: where in this range, on a scale of logarithms, is taken for even.
RANGE: Final = 10.0

# What a mistake gives of what differs: in words, in how many elements, if not in all.
Shares: TypeAlias = dict[Site, str]


@dataclass(frozen=True)
class Fitting:
    """A mistaken tape, and what it gives."""

    mistaken: MistakenTape
    shares: Shares

    @property
    def name(self) -> str:
        return self.mistaken[0].name


def explain_published(
    problem: Problem, published: Published, judged: Iterable[JudgedPrint] | None = None
) -> tuple[Diagnosis, ...]:
    """Diagnose each printed quantity of which a number differs, in order.

    What no run of a mistake explains is tried line by line, on the printed numbers themselves, and then
    element by element. `judged` is what `judge_published` of the same yields, if it is at hand.
    """
    steps = list(judge_published(problem, published) if judged is None else judged)
    run = PrintedRun(problem, published.inputs, _before_the_first_step(problem, published), steps)
    explained = run.explanations()
    return tuple(
        Diagnosis(array.finding(), explained[step.step, name] or _by_line(run, step, array))
        for step in steps
        for name, array in step.arrays.items()
        if array.wrong.any()
    )


def _before_the_first_step(problem: Problem, published: Published) -> dict[str, Bounded]:
    """Return what a run starts from: decimals as they are written, known to their printed digits at least."""
    if published.computed_in is not None:
        return exact_inputs(problem, format_of(problem.dtype))
    known = exact_inputs(problem, PRINTED)
    for name, written in published.inputs.items():
        if name in problem.state or written.half_unit is not None:
            apart: Any = written.value - np.frompyfunc(Fraction, 1, 1)(known[name].value)
            off = np.abs(apart) + (0 if written.half_unit is None else written.half_unit)
            known[name] = known[name].widened(np.asarray(off, np.float64))
    return known


@dataclass(frozen=True, eq=False)
class Printed(Observed):
    """Printed numbers, each of which stands for all that round to it; `wrong` are those that differ."""

    wrong: NDArray[np.bool_] = field(kw_only=True)

    @classmethod
    def of(cls, array: JudgedArray) -> "Printed":
        return cls(array.printed.value, array.half_unit, left_open=array.left_open, wrong=array.wrong)

    def verdict(self, derived: Bounded) -> Verdict:
        """Say whether what is printed and what is derived may be the same, however much either leaves open.

        They differ only where they do not meet. What has no bound decides nothing.
        """
        if not self.fits(derived):
            return Verdict.DIFFERS
        bounded, meets = self._meets(derived)
        if (bounded & ~meets)[self.given].any():
            return Verdict.DIFFERS
        return Verdict.AGREES if bounded[self.given].all() else Verdict.UNDECIDED

    def _meets(self, derived: Bounded) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which derived elements have a bound, and which are within it and half a unit."""
        with np.errstate(all="ignore"):
            return np.isfinite(derived.error) & np.ones(derived.shape, np.bool_), self.is_within(derived)

    def share(self, predicted: Bounded, right: Bounded, tried: int) -> str | None:
        """Say in how many elements a prediction gives what is wrong, where the right value cannot.

        That is "" if all that is printed is as predicted; None if not all that is wrong is. Of the `tried`
        predictions fewer than `BY_CHANCE` would give some elements only.
        """
        if not self.fits(predicted):
            return None
        bounded, meets = self._meets(predicted)
        open_by_both = predicted.error + np.abs(predicted.low) + np.asarray(right.error)
        with np.errstate(all="ignore"):  # NaN and infinity are no evidence
            apart = np.abs(predicted.value - right.value)
            by_chance = np.fmin((open_by_both + self.half_unit) / apart, 1.0)[self.wrong].prod()
        if not (bounded & meets)[self.wrong].all() or not (apart > open_by_both)[self.wrong].any():
            return None
        if meets[self.given].all():
            return ""
        share = f", in {int(self.wrong.sum())} of the {int(self.given.sum())} elements"
        return share if tried * by_chance <= BY_CHANCE else None


@dataclass(frozen=True, eq=False)
class PrintedRun:
    """A training run of which some quantities are printed: its judged steps, and what it starts from.

    `inputs` are those that were written as decimals, and `known` is all, as bounded numbers.
    """

    problem: Problem
    inputs: Mapping[str, Written]
    known: Values
    steps: Sequence[JudgedPrint]

    @cached_property
    def observed(self) -> dict[int, dict[str, Printed]]:
        return {
            step.step: {name: Printed.of(array) for name, array in step.arrays.items()} for step in self.steps
        }

    @cached_property
    def _right(self) -> dict[Site, Bounded]:
        """Each printed quantity as it follows from the inputs."""
        form = self.known["x"].format
        return {
            (step.step, name): array.exact.derived.in_format(form)
            for step in self.steps
            for name, array in step.arrays.items()
        }

    def explanations(self) -> dict[Site, tuple[Explanation, ...]]:
        """Return what explains the first quantity that can be explained, and most of the later ones."""
        differing = [site for site in self._right if self._printed(site).wrong.any()]
        sites: list[Site] = []
        for i, first in enumerate(differing):
            if first not in sites:  # at first no further than to the first, which may be explained
                last = differing[-1] if i else first
                sites = [site for site in self._from(first) if site[0] <= last[0]]
                runs = self._float64(self._tapes, sites)
            near = [
                (mistaken, run)
                for mistaken, run in zip(self._tapes, runs, strict=True)
                if self._is_near(first, run) and self._by_chance(first, run, runs) <= EXPECTED
            ]
            explained = self._search(near, differing[i:])
            if explained:
                return dict.fromkeys(differing, ()) | explained
        return dict.fromkeys(differing, ())

    def _printed(self, site: Site) -> Printed:
        return self.observed[site[0]][site[1]]

    def _search(
        self, near: Sequence[tuple[MistakenTape, Given]], differing: Sequence[Site]
    ) -> dict[Site, tuple[Explanation, ...]]:
        """Return those of these mistakes that explain the first site, each with all that it explains.

        Where float64 alone shows that they are too many to be named, none is run with a bound.
        """
        possible, within = self._fitting(near, differing)
        likely = [
            fitting for fitting in within if possible and len(fitting.shares) >= len(possible[0].shares)
        ]
        if len(_names(likely)) > MAX_NAMED:
            return _explained(likely)
        certain: list[Fitting] = []
        for fitting in possible:
            if certain and len(fitting.shares) < len(_best(certain)[0].shares):
                break
            if fitting.name not in _names(certain):
                certain += self._certainly(fitting, differing)
        return _explained(_best(certain))

    def _fitting(
        self, near: Sequence[tuple[MistakenTape, Given]], differing: Sequence[Site]
    ) -> tuple[list[Fitting], list[Fitting]]:
        """Return what gives the first site in float64, as far as that is known, and as it is; most first."""
        sites, right = self._from(differing[0]), {site: self._right[site] for site in differing}
        possible, within = list[Fitting](), list[Fitting]()
        tapes, runs = [mistaken for mistaken, _ in near], [run for _, run in near]
        if any(site not in run for run in runs for site in sites):  # they went no further than to the first
            runs = self._float64(tapes, sites)
        for mistaken, run, second in zip(tapes, runs, self._float64(tapes, sites, moved=True), strict=True):
            first = {site: value for site, value in run.items() if site in second}
            if first:
                known = with_uncertainty(first, second, right, self.problem)
                exact = {
                    site: Bounded.exact(bounded.value, bounded.format) for site, bounded in known.items()
                }
                possible.append(Fitting(mistaken, self._shares(known.items(), differing)))
                within.append(Fitting(mistaken, self._shares(exact.items(), differing)))
        possible = sorted(possible, key=lambda fitting: len(fitting.shares), reverse=True)
        possible, within = ([one for one in each if one.shares] for each in (possible, within))
        return possible, within

    def _certainly(self, near: Fitting, differing: Sequence[Site]) -> list[Fitting]:
        """Return what a tape gives for certain, by its bounds; nothing if not the first."""
        mistake, _, lines = near.mistaken
        shares: Shares | FailedPart = {}
        balls = [step.exact.bits for step in self.steps if step.exact and step.exact.balls]
        if balls:
            run = certified_run(self.problem, lines, self.inputs, self._from(differing[0]), max(balls))
            with suppress(Exception):  # a formula that is not written for balls is for bounded numbers
                shares = self._shares(run, differing)
        if not shares:
            run = self._bounded(lines, differing[0])
            shares = parts.tried(part_name(mistake.name), self._shares, run, differing)
        return [Fitting(near.mistaken, shares)] if shares and not isinstance(shares, FailedPart) else []

    def _shares(self, derived: Iterable[tuple[Site, Bounded]], differing: Sequence[Site]) -> Shares:
        """Return what a run gives of what differs; nothing, if not the first or if it spoils what agrees."""
        shares: Shares = {}
        for site, predicted in derived:
            printed = self._printed(site)
            if site in differing:
                share = printed.share(predicted, self._right[site], len(self._tapes))
                if share is not None:
                    shares[site] = share
                elif site == differing[0]:
                    return {}
            elif not printed.wrong.any() and printed.verdict(predicted) is Verdict.DIFFERS:
                return {}
        return shares

    def _from(self, first: Site) -> list[Site]:
        """Return all sites from this one's step on: those before may be computed by hand."""
        return [site for site in self._right if site[0] >= first[0]]

    def _bounded(self, lines: Sequence[Line], first: Site) -> Iterator[tuple[Site, Bounded]]:
        """Run a tape on `Bounded` numbers; yield every printed quantity from the step of the first on."""
        known, before, derived = dict(self.known), 0, dict[str, Bounded]()
        for step, name in self._from(first):
            if step > before:
                known = propagate(self.problem, lines, known, step - before - 1)
                derived = derive(lines, known, {})
                known, before = advance(known, derived, self.problem), step
            yield (step, name), derived[name]

    @cached_property
    def trained(self) -> Problem:
        """The problem, with the steps that lead to the last printed number."""
        return replace(self.problem, steps=max(step.step for step in self.steps))

    @cached_property
    def _tapes(self) -> list[MistakenTape]:
        return [mistaken for mistaken in mistaken_tapes(self.trained) if not mistaken[0].numpy_only]

    def _float64(
        self, tapes: Sequence[MistakenTape], sites: Sequence[Site], *, moved: bool = False
    ) -> list[Given]:
        return float64_runs(self.problem, tapes, self.known, sites, moved=moved)

    def _is_near(self, site: Site, run: Given) -> bool:
        """Whether a run comes near all that is wrong, compared with what the mistake changes."""
        printed, right, value = self._printed(site), self._right[site].value, run.get(site)
        if value is None or value.shape != right.shape:
            return False
        with np.errstate(all="ignore"):  # NaN and infinity are near nothing
            off, change = np.abs(value - printed.value) - printed.half_unit, np.abs(value - right)
        return bool((off <= ONE_DIGIT * change)[printed.wrong].all())

    def _by_chance(self, first: Site, run: Given, runs: Sequence[Given]) -> float:
        """Return how many runs may be expected to give by chance what this one gives of all that differs."""
        change = self._change(first, run)
        alike = [
            change / RANGE <= self._change(first, other) <= change * RANGE for other in runs if first in other
        ]
        expected = float(sum(alike))
        for site in run:
            printed, right = self._printed(site), self._right[site].value
            if printed.wrong.any() and self._is_near(site, run):
                with np.errstate(all="ignore"):  # NaN and infinity are no evidence
                    apart = np.abs(run[site] - right)[printed.wrong]
                    share = 2 * np.broadcast_to(printed.half_unit, right.shape)[printed.wrong] / apart
                expected *= float(np.fmin(share / math.log(RANGE**2), 1.0).prod())
        return expected

    def _change(self, site: Site, run: Given) -> float:
        """Return by how much a run is off from the right numbers, at most, where a printed one is wrong."""
        value, right = run[site], self._right[site].value
        if value.shape != right.shape:
            return math.nan
        with np.errstate(all="ignore"):
            return float(np.abs(value - right)[self._printed(site).wrong].max())


def _best(several: Sequence[Fitting]) -> list[Fitting]:
    most = max((len(fitting.shares) for fitting in several), default=0)
    return [fitting for fitting in several if len(fitting.shares) == most]


def _names(several: Iterable[Fitting]) -> set[str]:
    return {fitting.name for fitting in several}


def _explained(several: Sequence[Fitting]) -> dict[Site, tuple[Explanation, ...]]:
    """Return what explains each site: each mistake once, as it changes most, which comes first."""
    explained: dict[Site, dict[str, Explanation]] = {}
    for fitting in several:
        mistake, wrong, _ = fitting.mistaken
        for site, share in fitting.shares.items():
            explanation = Explanation(mistake.name, mistake.sentence + share, wrong)
            explained.setdefault(site, {}).setdefault(mistake.name, explanation)
    if len(_names(several)) > MAX_NAMED:
        return dict.fromkeys(explained, _few([Explanation(name, "", ()) for name in _names(several)]))
    return {site: tuple(each.values()) for site, each in explained.items()}


def _few(explanations: Sequence[Explanation]) -> tuple[Explanation, ...]:
    """Return explanations as they are, if they can all be named; else how many there are."""
    count = len({explanation.mistake for explanation in explanations})
    if count <= MAX_NAMED:
        return tuple(explanations)
    sentence = f"any of {count} known mistakes; more digits, or other numbers, would tell which"
    return (Explanation("several", sentence, ()),)


def _by_line(run: PrintedRun, step: JudgedPrint, judged: JudgedArray) -> tuple[Explanation, ...]:
    """Explain a printed array from those printed above it, as a whole or each wrong element by itself.

    A factor of all elements is none if some of them are right: few digits leave one open for any.
    """
    context = StepContext(run.trained, {**run.known, **step.state}, run.observed[step.step])
    every, all_wrong = explain_in(context, judged.finding()), judged.wrong[judged.printed.given].all()
    whole = [cause for cause in every.explanations if all_wrong or cause.mistake != "constant-ratio"]
    return _few(whole) or _by_element(context, step, judged)


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
        observed = Printed(np.where(alone, judged.printed.value, np.nan), half_unit, wrong=alone)
        possible = (_cause(observed, right) for right in references)
        causes[f"{name}{index}" if several else "the number"] = next(filter(None, possible), None)
    known = {cause[0] for cause in causes.values() if cause}
    if not known:
        return ()
    said = {element: cause[1] if cause else "has no known cause" for element, cause in causes.items()}
    clauses = [f"{element} {what}" for element, what in said.items()]
    return (Explanation(known.pop() if len(known) == 1 else "by-element", "; ".join(clauses), (name,)),)


def _cause(alone: Observed, right: Bounded) -> tuple[str, str] | None:
    """Return what one number may be instead of the right one, by name and in words."""
    if was_truncated(alone, right):
        return "truncated", "was truncated, not rounded"
    for name, sentence, predicted in multiples(right):
        if alone.verdict(predicted) is Verdict.AGREES and alone.distinguishes(predicted, right):
            return name, f"is a multiple: {sentence}"
    return None
