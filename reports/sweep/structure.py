"""What all cases of a block share: the network, the loss, the update, the format, the regime."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cases import names
from cases.catalog import ACTIVATIONS
from cases.dtypes import DTYPES
from cases.numbers import rounded_once
from reports.sweep.randomness import Stream, dealt
from reports.sweep.regimes import ORDINARY, REGIMES, Regime
from reports.sweep.updates import KINDS, RATES, Update, least_steps, update

LOSSES: Final = (
    ("half_squared_error", "sum"),
    ("half_squared_error", "mean"),
    ("mean_squared_error", "mean"),
    *(
        (name, reduction)
        for name in (
            "softmax_cross_entropy",
            "softmax_cross_entropy_with_integer_labels",
            "binary_cross_entropy_with_logits",
            "binary_cross_entropy",
            "huber",
            "smooth_l1",
            "l1",
        )
        for reduction in ("sum", "mean")
    ),
)

# Of so many blocks each format has its share.
WEIGHTS: Final = {"float32": 4, "float64": 3, "bfloat16": 1, "float16": 1}

STEPS: Final = (1, 1, 1, 2, 1, 3)
DEPTHS: Final = (2, 1, 2, 3, 2, 4)
WIDEST, LARGEST_BATCH = 8, 8


@dataclass(frozen=True)
class Structure:
    """What all cases of a block share.

    Attributes
    ----------
    widths
        Of the input and of each layer's output.
    batch
        How many examples.
    """

    dtype: str
    widths: tuple[int, ...]
    batch: int
    activations: tuple[str, ...]
    loss: str
    reduction: str
    loss_numbers: tuple[tuple[str, float], ...]
    update: Update
    learning_rate: float
    steps: int
    not_trained: frozenset[str]
    regime: Regime

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
            "update": self.update.kind,
            "steps": self.steps,
            "regime": self.regime.name,
        }


def structure(
    seed: int, block: int, dtypes: Sequence[str] = DTYPES, widths: Sequence[int] | None = None
) -> Structure:
    """Draw the structure of a block.

    Parameters
    ----------
    seed, block
        They decide everything, beside what follows.
    dtypes
        The formats to draw from.
    widths
        The network's widths, where they are not to be drawn.
    """
    stream = Stream(seed, "structure", block)
    shares = tuple(dtype for dtype in dtypes for _ in range(WEIGHTS[dtype]))
    dtype = dealt(seed, "dtype", shares, block)
    kind = dealt(seed, "update", KINDS, block)
    steps = max(dealt(seed, "steps", STEPS, block), least_steps(kind))
    if widths is None:
        depth = dealt(seed, "depth", DEPTHS, block)
        widths = [1 + stream.below(WIDEST) for _ in range(depth + 1)]
    loss, reduction = dealt(seed, "loss", LOSSES, block)
    layers = range(1, len(widths))
    activations = [dealt(seed, f"activation {k}", ACTIVATIONS, block) for k in layers]
    regime = dealt(seed, "regime", REGIMES, block)
    if loss == "binary_cross_entropy":  # of probabilities: NaN is refused by PyTorch
        activations[-1] = "sigmoid"
        regime = ORDINARY if regime.of_format or dtype == "float16" else regime
        steps = 1 if dtype == "float16" else steps
    return Structure(
        dtype=dtype,
        widths=tuple(widths),
        batch=1 + stream.below(LARGEST_BATCH),
        activations=tuple(activations),
        loss=loss,
        reduction=reduction,
        loss_numbers=_loss_numbers(loss, stream, dtype),
        update=update(kind, stream, steps),
        learning_rate=float(rounded_once(stream.choice(RATES), dtype)),
        steps=steps,
        not_trained=_not_trained(stream, len(activations), surely="fixed" in kind.split()),
        regime=regime,
    )


def _loss_numbers(loss: str, stream: Stream, dtype: str) -> tuple[tuple[str, float], ...]:
    """Draw what a loss is given beside ŷ and y, in its format."""
    given: dict[str, tuple[float, ...]] = {
        "softmax_cross_entropy": (0.0, 0.1, 0.5),
        "softmax_cross_entropy_with_integer_labels": (0.0, 0.0, 0.1),
        "huber": (1.0, 0.7, 0.125),
        "smooth_l1": (1.0, 0.3, 0.125),
    }
    called = {"huber": "delta", "smooth_l1": "beta"}
    if loss not in given:
        return ()
    number = float(rounded_once(stream.choice(given[loss]), dtype))
    return ((called.get(loss, "label_smoothing"), number),)


def _not_trained(stream: Stream, depth: int, *, surely: bool) -> frozenset[str]:
    """Leave one bias as it is in one block of six, beside those in which it is part of the update."""
    one = names.b(1 + stream.below(depth))
    return frozenset({one}) if stream.below(6) == 0 or surely else frozenset()
