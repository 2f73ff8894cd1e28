"""Claims: what an implementation states of each training step, taken step by step, whatever it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem, errors
from cases.errors import well_formed
from cases.protocol import NoEquivalent, Verdict
from reference.arithmetic import Bounded
from reference.findings import Finding
from reference.training import is_done

# What an implementation states of one training step: quantities by name.
Claim: TypeAlias = Mapping[str, NDArray[Any]]

# Takes a problem, trains, and yields one claim for each step.
Implementation: TypeAlias = Callable[[Problem], Iterator[Claim]]

# The parameters, the optimizer's state and the step's number, before a step.
State: TypeAlias = Mapping[str, Bounded]

# A run is searched for mistakes, from its start on, if the first number that differs lies within these steps.
# Beyond, trying each mistake would take minutes.
MAX_SEARCHED_STEPS: Final = 200


@dataclass(frozen=True)
class JudgedStep:
    """One training step of one implementation.

    Attributes
    ----------
    claim, findings
        What it claimed, and what was found, in the order computed.
    state
        The parameters, the optimizer's state and the step's number, before the step.
    previous
        The step before. It has its own previous one only where some of the state before it is hidden, and
        within `MAX_SEARCHED_STEPS`: a long run does not keep every step.
    derived
        What each claimed line was judged against, by name; nothing of a batch of steps that all agree.
    """

    step: int
    claim: Claim = field(default_factory=lambda: MappingProxyType({}))
    findings: tuple[Finding, ...] = ()
    state: State = field(default_factory=lambda: MappingProxyType({}), repr=False)
    previous: JudgedStep | None = field(default=None, repr=False)
    derived: Mapping[str, Bounded] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that are not agreement, first line first."""
        return tuple(finding for finding in self.findings if not finding.passes)

    def as_previous(self) -> JudgedStep:
        """Return what the next step keeps of this one; where some state was hidden, with those before it."""
        if self.step > MAX_SEARCHED_STEPS or all(number.is_exact for number in self.state.values()):
            return replace(self, previous=None)
        return replace(self, derived={})


def claims_of(implementation: Implementation, problem: Problem, given: Problem) -> Iterator[Claim | Finding]:
    """Give what is claimed of each step up to the last, or why there is no more.

    Parameters
    ----------
    given
        The copy of the problem that the implementation works on.

    Yields
    ------
    One claim for each step; or a finding, after which nothing comes. Whatever the implementation raises is
    one; nothing but `KeyboardInterrupt` and its like passes through.
    """
    claims: Iterator[Claim] | None = None
    for step in range(1, problem.steps + 1):
        try:
            claims = iter(implementation(given)) if claims is None else claims
            claim = _taken(next(claims))
        except StopIteration:
            yield Finding(step, "", Verdict.ERROR, _too_early(problem, step))
            return
        except NoEquivalent as reason:
            yield Finding(step, "", Verdict.NO_EQUIVALENT, well_formed(str(reason)))
            return
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it does costs its own row
            yield Finding(step, "", Verdict.ERROR, errors.describe_exception(error))
            return
        yield claim
        if is_last(problem, step, claim):
            return


def is_last(problem: Problem, step: int, claim: Claim) -> bool:
    """Whether training ends with this step, by the program's own loss; a malformed one ends nothing."""
    if step == problem.steps or problem.until is None:
        return step == problem.steps
    loss = claim.get("loss")
    return not wrong_kind(loss, (), problem.dtype) and is_done(problem, loss)


def wrong_kind(claimed: object, shape: tuple[int, ...], dtype: str) -> str:
    """Say what is wrong with a claimed value before its numbers are looked at, or nothing."""
    if not isinstance(claimed, np.ndarray | np.generic):
        return f"is a {type(claimed).__name__}, expected a NumPy array"
    if claimed.dtype != dtype:
        return f"has dtype {claimed.dtype}, expected {dtype}"
    if claimed.shape != shape:
        return f"has shape {claimed.shape}, expected {shape}"
    return ""


def _taken(claim: object) -> Claim:
    """Take a claim as it is now, in memory of its own: its owner may write the next step into these arrays.

    Raises
    ------
    TypeError
        If it is no mapping; what its own methods raise passes through.
    """
    if not isinstance(claim, Mapping):
        raise TypeError(f"yielded {type(claim).__name__}, expected a mapping from names to arrays")
    taken = dict(claim)
    return {name: array.copy() if isinstance(array, np.ndarray) else array for name, array in taken.items()}


def _too_early(problem: Problem, step: int) -> str:
    reason = f"stopped after {step - 1} of {problem.steps} steps"
    return reason if problem.until is None else f"{reason}, with no loss of at most {problem.until:.9g}"
