"""What all cases of a block share: the network, the loss, the update, the number format, the magnitudes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from cases import names
from cases.catalog import ACTIVATIONS, GLOBAL_NORM, LOSSES, OPTIMIZERS, REDUCED_LOSSES, SCHEDULES, Rule
from cases.numbers import rounded_once
from cases.protocol import DTYPES
from reports.sweep.randomness import Stream, round_robin

# The ranges of the numbers of losses and rules, as `cases.catalog.Key.kind` names them.
RANGES: Final = {
    name: key.kind
    for kind in (*LOSSES.values(), *OPTIMIZERS.values(), *SCHEDULES.values())
    for name, key in kind.keys.items()
} | {"max_norm": GLOBAL_NORM.keys["max_norm"].kind, "clip_eps": GLOBAL_NORM.keys["eps"].kind}

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

# Numbers that an update has only if its kind names them, by the words for them.
OPTIONAL_NUMBERS: Final = {"momentum": "momentum", "dampening": "dampening", "weight_decay": "decay"}

# The options of optimizers, by their words in a kind of update.
OPTIONS: Final = {"nesterov": "nesterov", "centered": "centered", "inside": "eps_in_sqrt"}

# The kinds of updates: an optimizer, then what belongs to it; "fixed": a parameter is not trained.
UPDATES: Final = (
    "sgd", "sgd decay fixed", "sgd decay", "sgd momentum", "sgd momentum nesterov", "sgd momentum dampening",
    "sgd momentum decay cosine", "adam", "adam inside", "adam decay", "adamw", "adamax", "adamax decay",
    "rmsprop", "rmsprop inside", "rmsprop centered", "rmsprop centered inside", "adagrad", "adagrad inside",
    "adagrad decay", "sgd cosine", "adam step", "sgd momentum step", "sgd clipped", "adam clipped decay",
    "sgd clipped eps", "sgd momentum clipped eps",
)  # fmt: skip

# What shows in the second step only.
SHOWN_LATER: Final = frozenset({"dampening", "cosine", "step"})


@dataclass(frozen=True)
class MagnitudeRegime:
    """How large numbers are, and how often they are special.

    Attributes
    ----------
    weights, inputs
        Exponents of 2, the least and the most: each array of each case is scaled by one of them.
    of_format
        Whether those exponents are shares of the format's own largest (or smallest) exponent.
    grid
        Numbers are rounded to multiples of this, so that sums are often 0 or exactly at a kink; 0 for none.
    zeros
        The share of numbers that are exactly 0.
    """

    name: str
    weights: tuple[float, float] = (0, 0)
    inputs: tuple[float, float] = (0, 0)
    of_format: bool = False
    grid: float = 0.0
    zeros: float = 0.0


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
    """What all cases of a block share.

    Attributes
    ----------
    widths
        Of the input and of each layer's output.
    batch
        The number of examples.
    update
        The kind of update in a few words, of `UPDATES`.
    """

    dtype: str
    widths: tuple[int, ...]
    batch: int
    activations: tuple[str, ...]
    loss: str
    reduction: str
    loss_numbers: tuple[tuple[str, float], ...]
    update: str
    optimizer: Rule
    schedule: Rule | None
    clipping: Rule | None
    learning_rate: float
    steps: int
    not_trained: frozenset[str]
    regime: MagnitudeRegime

    @property
    def features(self) -> dict[str, str | int]:
        """What the summary counts by."""
        return {
            "dtype": self.dtype,
            "widths": "-".join(map(str, self.widths)),
            "depth": len(self.activations),
            "batch": self.batch,
            "activations": " ".join(self.activations),
            "loss": f"{self.loss} {self.reduction}",
            "update": self.update,
            "steps": self.steps,
            "regime": self.regime.name,
        }

    @property
    def numbers_per_case(self) -> int:
        """How many numbers the arrays of one case hold: its parameters, and what each layer computes."""
        pairs = zip(self.widths, self.widths[1:], strict=False)
        return sum((before + 1) * after + 4 * self.batch * after for before, after in pairs)


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
    return Structure(
        dtype=dtype,
        widths=tuple(widths),
        batch=1 + stream.below(MAX_BATCH),
        activations=tuple(activations),
        loss=loss,
        reduction=reduction,
        loss_numbers=_loss_numbers(loss, stream, dtype),
        update=update,
        optimizer=_optimizer(update, stream),
        schedule=_schedule(update, steps),
        clipping=_clipping(update, stream),
        learning_rate=float(rounded_once(stream.choice(RATES), dtype)),
        steps=steps,
        not_trained=_not_trained(len(activations), update, stream),
        regime=regime,
    )


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
