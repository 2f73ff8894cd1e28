"""Judging a stack: many cases of one structure at once, each array with one axis more in front.

The lines, the bounds and the rule of agreement are those of `reference.check` and `reference.agreement`; only
the findings are told in arrays, one entry for each case. Nothing is certified here, and nothing explained: a
case that is not in agreement is judged again by itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.dtypes import IN_FLOAT32, Accumulators
from cases.names import CORRECTION1, CORRECTION2
from cases.verdict import Verdict
from reference.agreement import after_overflow, certifies, sizes
from reference.bounded import Bounded, Real
from reference.claims import wrong_kind
from reference.formats import format_of
from reference.tape import advanced, tape

Stacked: TypeAlias = Callable[[Problem], Iterator[Mapping[str, NDArray[Any]]]]

# By the numbers that stand for them in arrays, the better first.
VERDICTS: Final = (Verdict.AGREES, Verdict.UNDECIDED, Verdict.DIFFERS)

AGREES, UNDECIDED, DIFFERS = range(3)


# What is the same for every case of a structure: numbers of the program's own, stated once.
COMMON: Final = frozenset({names.RATE, CORRECTION1, CORRECTION2})


def stack_of_one(claim: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return what is claimed of one case as a claim of a stack, with one axis more in front."""
    return {
        name: np.asarray(array) if name in COMMON else np.asarray(array)[None]
        for name, array in claim.items()
    }


class MalformedError(Exception):
    """A claim of a stack that is none: a wrong name, kind, dtype or shape, or a promise that is not kept."""


@dataclass(frozen=True)
class StackFinding:
    """The verdicts on one quantity of one step, an entry for each case.

    Attributes
    ----------
    verdicts
        Places in `VERDICTS`, (C,).
    used
        The largest error divided by its tolerance, (C,); infinite where nothing is allowed and something off.
    digits
        Decimal digits that the comparison certifies, (C,), as in `reference.findings.Finding`.
    """

    step: int
    quantity: str
    verdicts: NDArray[np.int8]
    used: Real
    digits: Real


def judge_stack(
    problem: Problem,
    implementation: Stacked,
    promises: frozenset[str],
    accumulators: Accumulators = IN_FLOAT32,
) -> Iterator[tuple[StackFinding, ...]]:
    """Judge the training runs of a stack, step by step, each case from its own previous parameters.

    Parameters
    ----------
    problem
        Every array of which has the shape (C, …); it is given to the implementation by copy.
    implementation
        Yields for each step what it claims of all cases, in arrays of the shape (C, …).
    promises, accumulators
        As in `reference.check.judge`.

    Raises
    ------
    MalformedError
        If a claim is not what it should be. What the implementation raises passes through.
    """
    claims = iter(implementation(problem.copy()))
    yield from (findings for findings, _ in _steps(problem, claims, promises, accumulators))


def followed(
    problem: Problem, claims: Iterable[Mapping[str, NDArray[Any]]], accumulators: Accumulators = IN_FLOAT32
) -> Iterator[dict[str, Bounded]]:
    """Give for each step what is known of a stack: what is claimed, exact; what is hidden, with its bound."""
    yield from (values for _, values in _steps(problem, iter(claims), frozenset(), accumulators))


def judge_recomputed(
    problem: Problem, claims: Iterable[Mapping[str, NDArray[Any]]], accumulators: Accumulators = IN_FLOAT32
) -> Iterator[tuple[StackFinding, ...]]:
    """Judge again as if a compiler had computed what it states once more, in another order, where it is used.

    What is stated and what is used are then two results of the same line, each within that line's own bound.
    """
    steps = _steps(problem, iter(claims), frozenset(), accumulators, recomputed=True)
    yield from (findings for findings, _ in steps)


def _steps(
    problem: Problem,
    claims: Iterator[Mapping[str, NDArray[Any]]],
    promises: frozenset[str],
    accumulators: Accumulators,
    *,
    recomputed: bool = False,
) -> Iterator[tuple[tuple[StackFinding, ...], dict[str, Bounded]]]:
    form = replace(format_of(problem.dtype, accumulators), stacked=True)
    data = {"x": problem.x, "y": problem.y, **problem.constants}
    known = {name: Bounded.exact(array, form) for name, array in {**data, **problem.state}.items()}
    known[names.STEP] = Bounded.exact(1.0, form)
    for step in range(1, problem.steps + 1):
        claim = next(claims, None)
        if claim is None:
            raise MalformedError(f"stopped after {step - 1} of {problem.steps} steps")
        findings, values = _step(problem, step, known, claim, promises, recomputed=recomputed)
        yield findings, values
        known = advanced(known, values, problem)


def _step(
    problem: Problem,
    step: int,
    known: Mapping[str, Bounded],
    claim: Mapping[str, NDArray[Any]],
    promises: frozenset[str],
    *,
    recomputed: bool = False,
) -> tuple[tuple[StackFinding, ...], dict[str, Bounded]]:
    values, findings, lines = dict(known), [], tape(problem)
    missing = (promises - claim.keys()) & {line.name for line in lines}
    unknown = claim.keys() - {line.name for line in lines}
    if missing or unknown:
        raise MalformedError(f"left out {sorted(missing)}; no quantities of this step: {sorted(unknown)}")
    used = dict(values)  # what lines are computed from: what is stated, or that computed again
    with np.errstate(all="ignore"):  # an overflow makes a bound infinite or NaN, and is judged as such
        for line in lines:
            derived = line.formula(*(values[name] for name in line.inputs))
            expected = line.formula(*(used[name] for name in line.inputs)) if recomputed else derived
            if line.name in claim:
                claimed = claim[line.name]
                wrong = wrong_kind(claimed, derived.shape, problem.dtype)
                if wrong:
                    raise MalformedError(f"{line.name} {wrong}")
                exact = derived.stated(claimed)
                findings.append(compare_stack(step, line.name, exact.value, expected, len(problem.x)))
                expected = exact.widened(2 * derived.error) if recomputed else exact
                derived = exact
            used[line.name], values[line.name] = expected, derived
    return tuple(findings), values


def compare_stack(step: int, quantity: str, stated: Real, derived: Bounded, cases: int) -> StackFinding:
    """Judge a quantity of each case as `reference.agreement.compare` does; a common number is each case's."""
    off, allowed = (
        one.reshape((*stated.shape[:1], -1) if stated.ndim else (1, 1))
        for one in after_overflow(stated, derived, derived.error)
    )
    most = allowed.max(axis=1)
    peak = sizes(most, derived, off.shape)
    used = (off / allowed).max(axis=1)  # NaN where nothing is allowed and nothing is off
    closely = ~((used <= 1) & (most < np.inf))
    outside = np.zeros(len(used), bool)
    if closely.any():
        finite = np.isfinite(allowed[closely])
        each = np.where(
            off[closely] == 0, 0.0, np.nan_to_num(off[closely] / allowed[closely], nan=np.inf, posinf=np.inf)
        )
        beyond = finite & ~(off[closely] <= allowed[closely])  # written so that NaN is outside
        outside[closely] = beyond.any(axis=1)
        used[closely] = np.where(finite, each, 0.0).max(axis=1)
    certain = certifies(most, peak, derived.format) & (most < np.inf)
    verdicts = np.where(outside, DIFFERS, np.where(certain, AGREES, UNDECIDED)).astype(np.int8)
    digits = np.where(most > 0, np.log10(peak) - np.log10(most), np.inf)
    digits = np.where(np.isfinite(most) & (peak > 0) | (most == 0), digits, -np.inf)
    return StackFinding(step, quantity, *(np.broadcast_to(one, cases) for one in (verdicts, used, digits)))
