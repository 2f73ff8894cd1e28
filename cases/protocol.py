"""What an adapter is: a framework's name, its version, and the programs in which it trains."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from cases import names
from cases.dtypes import IN_FLOAT32, Accumulators
from cases.problem import Problem
from cases.verdict import Verdict

# What a program states of one training step: quantities by the names of `cases.names`.
Claim: TypeAlias = Mapping[str, NDArray[Any]]

# Takes a problem, trains for `problem.steps` steps, and yields a claim for each.
TrainingRun: TypeAlias = Callable[[Problem], Iterator[Claim]]

# The functions of which a framework has several forms under one name.
BY_DEFAULT = {"gelu_erf": "gelu", "gelu_tanh": "gelu"}


def activations_of(problem: Problem) -> tuple[str, ...]:
    """Return the activations by name; with `forms: defaults` those that leave their form to the framework."""
    if problem.forms == "stated":
        return problem.activations
    return tuple(BY_DEFAULT.get(name, name) for name in problem.activations)


@dataclass(frozen=True)
class Stacked:
    """How a program trains a stack of cases, whose arrays have one axis more in front.

    Attributes
    ----------
    how
        In a few words, for the report: it is not the program that a user runs.
    run
        Trains all of them, and yields for each step one claim, in arrays of the same kind. What is in
        `cases.skeleton.FROM_NUMBERS`, such as the rate of a schedule, has no such axis.
    """

    how: str
    run: TrainingRun


@dataclass(frozen=True)
class Program:
    """One way in which a framework computes a training step.

    Attributes
    ----------
    name
        Shown after the adapter's name; "" where an adapter has one program.
    promises
        From the network's depth, the quantities that every claim states; leaving one out is an error.
    accumulators
        In what it accumulates where the problem's format has 16 bits; float32 if not given.
    stacked
        The same over a stack of cases, or None where each case has to be run by itself.
    is_compiled
        Whether a compiler may fuse its operations, and compute a value again where it is used.
    """

    name: str
    run: TrainingRun
    promises: Callable[[int], frozenset[str]] = names.outcome
    accumulators: Accumulators = IN_FLOAT32
    stacked: Stacked | None = None
    is_compiled: bool = False


@dataclass(frozen=True)
class Adapter:
    """A framework with one or more programs.

    Attributes
    ----------
    name
        As after `--adapter`; NAME@VERSION under another interpreter.
    title
        The framework's own spelling.
    framework
        Of an engine, the adapter whose forward pass, losses and updates it shares, and with them what cases
        expect; "" for an adapter of its own.
    runs_on
        Under another interpreter: that Python, and the versions of what it has; "" under this one.
    asked
        What was given after `--adapter`, where that is not its name.
    """

    name: str
    title: str
    version: str
    programs: tuple[Program, ...]
    framework: str = ""
    runs_on: str = ""
    asked: str = ""


@dataclass(frozen=True)
class Unavailable:
    """An adapter that cannot run here, and why. It is shown, and never counted as agreement."""

    name: str
    verdict: Verdict
    reason: str
