"""What checker and adapters share: number formats, verdicts, exceptions, and the programs of a framework.

Other interpreters import this too, where there may be NumPy alone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias

from numpy.typing import NDArray

from cases import names
from cases.problem import Problem

# By NumPy's names, which knows bfloat16 only once ml_dtypes has been imported.
Format: TypeAlias = Literal["float64", "float32", "bfloat16", "float16"]
# What a case runs in that names none.
DEFAULT_DTYPES: Final[tuple[Format, ...]] = ("float64", "float32")
SIXTEEN_BITS: Final = ("bfloat16", "float16")
DTYPES: Final[tuple[str, ...]] = (*DEFAULT_DTYPES, *SIXTEEN_BITS)

Accumulator: TypeAlias = Literal["float32", "own"]


class Verdict(StrEnum):
    """What is known of one quantity, or of a whole claim."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNDECIDED = "undecided"  # the bound certifies less than one digit: never counted as agreement
    ERROR = "error"  # the implementation crashed, or stated a wrong name, shape or dtype
    NOT_RUN = "not run"  # the framework is absent
    NO_EQUIVALENT = "no equivalent"  # the framework has no form that equals what the case states

    @property
    def passes(self) -> bool:
        """Whether this is agreement; nothing else is."""
        return self is Verdict.AGREES


class NoEquivalent(Exception):  # noqa: N818 - it is no error of the program: the implementation declines
    """Raised by an adapter whose framework has no form equal to what a case states; the message says why."""


class Fault(Exception):  # noqa: N818 - it is the implementation's, and becomes the reason of its verdict
    """The adapter process crashed, hung or sent a corrupt reply; the message is the whole reason in words."""


@dataclass(frozen=True)
class Accumulators:
    """What a program accumulates in when the format has 16 bits: float32, or the format's own 16 bits."""

    products: Accumulator = "float32"  # matrix products
    sums: Accumulator = "float32"  # along an axis: over the examples, for the gradient of a bias
    totals: Accumulator = "float32"  # over all elements, for the loss


IN_FLOAT32 = Accumulators()

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

    For each step it yields one claim, in arrays of the same kind. What is in `cases.skeleton.FROM_NUMBERS`,
    such as the rate of a schedule, has no such axis.
    """

    how: str  # in a few words, for the report: it is not the program that a user runs
    run: TrainingRun


@dataclass(frozen=True)
class Structure:
    """What a program can compute: of each field the names or numbers that it can do; None does not limit.

    A program states it as this or as a mapping. `cases.program_structure` reads it: a case that asks for
    something else is passed over.
    """

    activations: frozenset[str] | None = None
    losses: frozenset[str] | None = None  # also "softmax_cross_entropy+label_smoothing"
    reductions: frozenset[str] | None = None
    optimizers: frozenset[str] | None = None  # "sgd" is plain; also "sgd+momentum", "adam+step+clipping"
    dtypes: frozenset[str] | None = None
    depth: frozenset[int] | None = None  # how many layers
    batch: frozenset[int] | None = None  # how many examples
    steps: frozenset[int] | None = None


@dataclass(frozen=True)
class Program:
    """One way in which a framework computes a training step."""

    name: str  # shown after the adapter's name; "" where an adapter has one program
    run: TrainingRun
    # From the network's depth, the quantities that every claim states; leaving one out is an error.
    promises: Callable[[int], frozenset[str]] = names.outcome
    accumulators: Accumulators = IN_FLOAT32
    stacked: Stacked | None = None  # None where each case has to be run by itself
    is_compiled: bool = False  # a compiler may fuse operations, and compute a value again where it is used
    structure: Structure | None = None  # what it can compute, where that is not what its adapter says


@dataclass(frozen=True)
class Adapter:
    """A framework with one or more programs."""

    name: str  # as after `--adapter`; NAME@VERSION under another interpreter
    title: str  # the framework's own spelling
    version: str
    programs: tuple[Program, ...]
    # Of an engine, the adapter whose forward pass, losses and updates it shares, and what cases expect of it.
    framework: str = ""
    runs_on: str = ""  # under another interpreter: that Python, and the versions of what it has
    asked: str = ""  # what was given after `--adapter`, where that is not its name
    structure: Structure | None = None  # what its programs can compute, if they do not do everything


@dataclass(frozen=True)
class Unavailable:
    """An adapter that cannot run here, and why. It is shown, and never counted as agreement."""

    name: str
    verdict: Verdict
    reason: str
