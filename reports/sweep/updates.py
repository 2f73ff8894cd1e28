"""The updates that a sweep draws: every optimizer in each of its forms, schedules, and clipping."""

from dataclasses import dataclass
from typing import Final

from cases.update_rules import Rule
from reports.sweep.randomness import Stream

BETAS1: Final = (0.9, 0.9, 0.5, 0.99, 0.125)
BETAS2: Final = (0.999, 0.999, 0.9, 0.99, 0.25)
EPSILONS: Final = (1e-8, 1e-8, 1e-3, 1e-12)
# PyTorch's, and one that is seen in every format.
CLIP_EPSILONS: Final = (1e-6, 0.1)

DECAYS: Final = (0.01, 0.1, 1e-4)
MOMENTA: Final = (0.9, 0.5, 0.99)
RATES: Final = (0.1, 0.01, 0.3, 1.0, 1e-3, 7.0)


@dataclass(frozen=True)
class Update:
    """How parameters are updated, as a problem has it; `kind` tells the form in a few words."""

    kind: str
    optimizer: Rule
    schedule: Rule | None = None
    clipping: Rule | None = None


# What is dealt out: an optimizer, then what belongs to it; "fixed": a parameter is not trained.
KINDS: Final = (
    "sgd",
    "sgd decay fixed",
    "sgd decay",
    "sgd momentum",
    "sgd momentum nesterov",
    "sgd momentum dampening",
    "sgd momentum decay cosine",
    "adam",
    "adam inside",
    "adam decay",
    "adamw",
    "adamax",
    "adamax decay",
    "rmsprop",
    "rmsprop inside",
    "rmsprop centered",
    "rmsprop centered inside",
    "adagrad",
    "adagrad inside",
    "adagrad decay",
    "sgd cosine",
    "adam step",
    "sgd momentum step",
    "sgd clipped",
    "adam clipped decay",
    "sgd clipped eps",
    "sgd momentum clipped eps",
)

# What shows in the second step only.
LATER: Final = frozenset({"dampening", "cosine", "step"})


def update(kind: str, stream: Stream, steps: int) -> Update:
    """Draw the numbers of one kind of update."""
    name, *words = kind.split()
    return Update(kind, _optimizer(name, words, stream), _schedule(words, steps), _clipping(words, stream))


def least_steps(kind: str) -> int:
    """Return how many steps it takes to see a kind of update at work."""
    return 1 if LATER.isdisjoint(kind.split()) else 2


def _optimizer(name: str, words: list[str], stream: Stream) -> Rule:
    numbers: dict[str, float] = {}
    match name:
        case "sgd":
            if "momentum" in words:
                numbers["momentum"] = stream.choice(MOMENTA)
            if "dampening" in words:
                numbers["dampening"] = stream.choice((0.5, 0.1))
        case "rmsprop":
            numbers |= {"alpha": stream.choice((0.9, 0.99, 0.5)), "eps": stream.choice(EPSILONS)}
        case "adagrad":
            numbers |= {"initial_accumulator": stream.choice((0.1, 0.0, 1.0)), "eps": stream.choice(EPSILONS)}
        case _:
            numbers |= {"beta1": stream.choice(BETAS1), "beta2": stream.choice(BETAS2)}
            numbers["eps"] = stream.choice(EPSILONS)
    if "decay" in words or name == "adamw":
        numbers["weight_decay"] = stream.choice(DECAYS)
    options = {"nesterov": "nesterov", "centered": "centered", "inside": "eps_in_sqrt"}
    return Rule(name, tuple(numbers.items()), frozenset(options[word] for word in words if word in options))


def _schedule(words: list[str], steps: int) -> Rule | None:
    if "cosine" in words:
        return Rule("cosine", (("over", max(steps - 1, 1)), ("final", 0.25)))
    return Rule("step", (("every", 1), ("factor", 0.5))) if "step" in words else None


def _clipping(words: list[str], stream: Stream) -> Rule | None:
    if "clipped" not in words:
        return None
    numbers = (
        ("max_norm", stream.choice((0.5, 1.0, 0.01, 100.0))),
        ("clip_eps", stream.choice(CLIP_EPSILONS) if "eps" in words else 0.0),
    )
    return Rule("global_norm", numbers)
