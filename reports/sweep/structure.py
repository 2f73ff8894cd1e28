"""What is drawn from a seed: random numbers, and the structure that all cases of a block share.

It is the same on every machine. NumPy may change how it draws normal numbers, and a logarithm may differ in
its last bit from one processor to the next; so nothing is used but random bits of a counter-based generator,
whole numbers and exact sums.

Source: Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3" (2011), for Philox.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.catalog import ACTIVATIONS, OPTIMIZERS, REDUCED_LOSSES, Rule
from cases.numbers import rounded_once
from cases.protocol import DTYPES

Real: TypeAlias = NDArray[np.float64]
Option = TypeVar("Option")

# Random numbers

NUMBERS_PER_COUNT: Final = 4  # how many numbers one count of the generator's counter gives


def _generator(seed: int, purpose: tuple[str | int, ...]) -> np.random.Philox:
    key = zlib.crc32("/".join(map(str, purpose)).encode())
    return np.random.Philox(key=np.array([seed % 2**64, key], np.uint64))


def _uniform(generator: np.random.Philox, count: int) -> Real:
    """Draw multiples of 2⁻⁵³ from 0 to below 1, (count,)."""
    raw = np.asarray(generator.random_raw(count), np.uint64)
    return np.multiply(raw >> np.uint64(11), 2.0**-53, dtype=np.float64)


class Stream:
    """Random numbers for one purpose, one after the other."""

    def __init__(self, seed: int, *purpose: str | int) -> None:
        self._generator = _generator(seed, purpose)

    def below(self, end: int) -> int:
        """Draw a whole number from 0 to below `end`."""
        return int(_uniform(self._generator, 1)[0] * end)

    def choice(self, options: Sequence[Option]) -> Option:
        return options[self.below(len(options))]


def round_robin(seed: int, purpose: str, options: Sequence[Option], turn: int) -> Option:
    """Return the option of a turn: all options in a random order, then all in another, and so on.

    So every option comes soon, and each as often as any other.
    """
    cycle, position = divmod(turn, len(options))
    order = np.argsort(_uniform(_generator(seed, (purpose, cycle)), len(options)), kind="stable")
    return options[int(order[position])]


@dataclass(frozen=True)
class CaseStream:
    """Random numbers for one purpose in each case of a range: those of a case do not depend on the range."""

    seed: int
    purpose: tuple[str | int, ...]
    cases: range

    def uniform(self, *shape: int) -> Real:
        """Draw multiples of 2⁻⁵³ from 0 to below 1, (C, *shape)."""
        count = math.prod(shape)
        counts = -(-count // NUMBERS_PER_COUNT)
        generator = _generator(self.seed, self.purpose)
        generator.advance(self.cases.start * counts)
        numbers = _uniform(generator, len(self.cases) * counts * NUMBERS_PER_COUNT)
        return numbers.reshape(len(self.cases), -1)[:, :count].reshape(len(self.cases), *shape)

    def approx_normal(self, *shape: int) -> Real:
        """Draw sums of three uniform numbers, of mean 0 and standard deviation 1, between −3 and 3."""
        return 2 * (self.uniform(3, *shape).sum(axis=1) - 1.5)

    def below(self, end: int, *shape: int) -> NDArray[np.int64]:
        """Draw whole numbers from 0 to below `end`, (C, *shape)."""
        return np.floor(self.uniform(*shape) * end).astype(np.int64)


# What a block shares

# How many blocks of each cycle are of a format.
DTYPE_SHARES: Final = {"float32": 4, "float64": 3, "bfloat16": 1, "float16": 1}

STEPS: Final = (1, 1, 1, 2, 1, 3)
DEPTHS: Final = (2, 1, 2, 3, 2, 4)
MAX_WIDTH, MAX_BATCH = 8, 8
RATES: Final = (0.1, 0.01, 0.3, 1.0, 1e-3, 7.0)

# The values that are drawn for the number of a loss, by the loss.
LOSS_NUMBERS: Final = {
    "softmax_cross_entropy": ("label_smoothing", (0.0, 0.1, 0.5)),
    "softmax_cross_entropy_with_integer_labels": ("label_smoothing", (0.0, 0.0, 0.1)),
    "huber": ("delta", (1.0, 0.7, 0.125)),
    "smooth_l1": ("beta", (1.0, 0.3, 0.125)),
}

# The values that are drawn for the numbers of rules.
VALUES: Final = {
    "momentum": (0.9, 0.5, 0.99),
    "dampening": (0.5, 0.1),
    "beta1": (0.9, 0.9, 0.5, 0.99, 0.125),
    "beta2": (0.999, 0.999, 0.9, 0.99, 0.25),
    "alpha": (0.9, 0.99, 0.5),
    "initial_accumulator": (0.1, 0.0, 1.0),
    "eps": (1e-8, 1e-8, 1e-3, 1e-12),
    "weight_decay": (0.01, 0.1, 1e-4),
    "max_norm": (0.5, 1.0, 0.01, 100.0),
    "clip_eps": (1e-6, 0.1),  # PyTorch's, and one that is seen in every format
}

# The kinds of updates: an optimizer, then what belongs to it; "fixed": a parameter is not trained.
UPDATES: Final = (
    "sgd", "sgd decay fixed", "sgd decay", "sgd momentum", "sgd momentum nesterov", "sgd momentum dampening",
    "sgd momentum decay cosine", "adam", "adam inside", "adam decay", "adamw", "adamax", "adamax decay",
    "rmsprop", "rmsprop inside", "rmsprop centered", "rmsprop centered inside", "adagrad", "adagrad inside",
    "adagrad decay", "sgd cosine", "adam step", "sgd momentum step", "sgd clipped", "adam clipped decay",
    "sgd clipped eps", "sgd momentum clipped eps",
)  # fmt: skip

# By their words: numbers that an update has only if its kind names them, and the options of optimizers.
OPTIONAL_NUMBERS: Final = {"momentum": "momentum", "dampening": "dampening", "weight_decay": "decay"}
OPTIONS: Final = {"nesterov": "nesterov", "centered": "centered", "inside": "eps_in_sqrt"}

SHOWN_LATER: Final = frozenset({"dampening", "cosine", "step"})  # what shows in the second step only


@dataclass(frozen=True)
class MagnitudeRegime:
    """How large numbers are, and how often they are special: each array of each case is scaled by 2ᵏ."""

    name: str
    weights: tuple[float, float]  # the least k and the most
    inputs: tuple[float, float]
    of_format: bool = False  # whether those exponents are shares of the format's own largest exponent
    grid: float = 0.0  # numbers are rounded to multiples of it: sums are often 0 or at a kink; 0 for none
    zeros: float = 0.0  # the share of numbers that are exactly 0


ORDINARY: Final = MagnitudeRegime("ordinary", (-2, 1), (-2, 1))

# One block in ten has each.
REGIMES: Final = (
    ORDINARY,
    MagnitudeRegime("mixed", (-6, 3), (-6, 3)),
    MagnitudeRegime("saturated", (1, 5), (0, 4)),
    MagnitudeRegime("on a grid", (0, 1), (0, 1), grid=0.25, zeros=0.2),
    ORDINARY,
    MagnitudeRegime("sparse", (-2, 2), (-2, 2), zeros=0.6),
    MagnitudeRegime("tiny", (-30, -8), (-10, 0)),
    MagnitudeRegime("large", (2, 7), (2, 7)),
    MagnitudeRegime("near underflow", (-0.6, -0.3), (-0.6, -0.3), of_format=True),
    MagnitudeRegime("near overflow", (0.2, 0.5), (0.2, 0.5), of_format=True),
)


@dataclass(frozen=True)
class Structure:
    """What all cases of a block share: `problem` has no numbers, and `widths` begin with the input's."""

    problem: Problem
    widths: tuple[int, ...]
    batch: int
    update: str  # of `UPDATES`
    regime: MagnitudeRegime

    @property
    def features(self) -> dict[str, str | int]:
        return {
            "dtype": self.problem.dtype,
            "widths": "-".join(map(str, self.widths)),
            "depth": self.problem.depth,
            "batch": self.batch,
            "activations": " ".join(self.problem.activations),
            "loss": f"{self.problem.loss} {self.problem.reduction}",
            "update": self.update,
            "steps": self.problem.steps,
            "regime": self.regime.name,
        }

    @property
    def numbers_per_case(self) -> int:
        """How many numbers the arrays of one case hold: its parameters, and what each layer computes."""
        return sum((before + 1) * after + 4 * self.batch * after for before, after in pairwise(self.widths))


def structure(
    seed: int, block: int, dtypes: Sequence[str] = DTYPES, widths: Sequence[int] | None = None
) -> Structure:
    """Draw the structure of a block, in one of these formats, with these widths if they are given."""
    # The order in which `stream` is used is part of what a seed means.
    stream, turn = Stream(seed, "structure", block), partial(round_robin, seed, turn=block)
    dtype = turn("dtype", options=[dtype for dtype in dtypes for _ in range(DTYPE_SHARES[dtype])])
    update = turn("update", options=UPDATES)
    steps = max(turn("steps", options=STEPS), 1 if SHOWN_LATER.isdisjoint(update.split()) else 2)
    if widths is None:
        widths = [1 + stream.below(MAX_WIDTH) for _ in range(turn("depth", options=DEPTHS) + 1)]
    loss, reduction = turn("loss", options=REDUCED_LOSSES)
    activations = [turn(f"activation {k}", options=ACTIVATIONS) for k in range(1, len(widths))]
    regime = turn("regime", options=REGIMES)
    if loss == "binary_cross_entropy":  # of probabilities: NaN is refused by PyTorch
        activations[-1] = "sigmoid"
        regime = ORDINARY if regime.of_format or dtype == "float16" else regime
        steps = 1 if dtype == "float16" else steps
    batch = 1 + stream.below(MAX_BATCH)
    problem = Problem(
        case=f"sweep/{seed}/{block}",
        dtype=dtype,
        activations=tuple(activations),
        parameters={},
        x=np.empty(0),
        y=np.empty(0),
        loss=loss,
        reduction=reduction,
        loss_numbers=_loss_numbers(loss, stream, dtype),
        optimizer=_optimizer(update, stream),
        schedule=_schedule(update, steps),
        clipping=_clipping(update, stream),
        learning_rate=float(rounded_once(stream.choice(RATES), dtype)),
        steps=steps,
        not_trained=_not_trained(len(activations), update, stream),
    )
    return Structure(problem, tuple(widths), batch, update, regime)


def _loss_numbers(loss: str, stream: Stream, dtype: str) -> tuple[tuple[str, float], ...]:
    if loss not in LOSS_NUMBERS:
        return ()
    name, values = LOSS_NUMBERS[loss]
    return ((name, float(rounded_once(stream.choice(values), dtype))),)


def _optimizer(update: str, stream: Stream) -> Rule:
    name, *words = update.split()
    numbers = tuple(
        (number, stream.choice(VALUES[number]))
        for number, key in OPTIMIZERS[name].keys.items()
        if key.kind != "flag" and (key.default is ... or OPTIONAL_NUMBERS[number] in words)
    )
    return Rule(name, numbers, frozenset(OPTIONS[word] for word in words if word in OPTIONS))


def _schedule(update: str, steps: int) -> Rule | None:
    if "cosine" in update:
        return Rule("cosine", (("over", max(steps - 1, 1)), ("final", 0.25)))
    return Rule("step", (("every", 1), ("factor", 0.5))) if "step" in update else None


def _clipping(update: str, stream: Stream) -> Rule | None:
    if "clipped" not in update:
        return None
    max_norm = stream.choice(VALUES["max_norm"])
    eps = stream.choice(VALUES["clip_eps"]) if "eps" in update else 0.0
    return Rule("global_norm", (("max_norm", max_norm), ("clip_eps", eps)))


def _not_trained(depth: int, update: str, stream: Stream) -> frozenset[str]:
    """Choose a bias to leave alone, in one block of six and where the kind of update asks for it."""
    bias = names.b(1 + stream.below(depth))
    return frozenset({bias}) if stream.below(6) == 0 or "fixed" in update else frozenset()
