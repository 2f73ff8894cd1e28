"""How a program's optimizer updates parameters, as a problem states it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from cases import Rule
from cases.catalog import OPTIMIZERS

# Numbers of a formula that has no such part where they are 0.
LEFT_OUT: Final = ("momentum", "dampening", "weight_decay")


def stated_rule(name: str, numbers: Mapping[str, float], options: Collection[str]) -> Rule:
    """Return a rule of the catalog as a case states it: a momentum or a decay of 0 is none.

    Without a momentum it has no Nesterov form, and AdamW without a decay is Adam.
    """
    kept = {key: number for key, number in numbers.items() if number or key not in LEFT_OUT}
    if OPTIMIZERS[name].is_decay_decoupled and "weight_decay" not in kept:
        name = "adam"
    flags = frozenset(options) - (frozenset() if "momentum" in kept else {"nesterov"})
    return Rule(name, tuple((key, kept[key]) for key in OPTIMIZERS[name].keys if key in kept), flags)


@dataclass(frozen=True)
class Updates:
    """A learning rate, with a schedule that of the first step, the rules, and the steps taken before."""

    rate: float
    optimizer: Rule
    schedule: Rule | None = None
    clipping: Rule | None = None
    steps_before: int = 0
