"""How a program's optimizer updates parameters, as a problem states it."""

from dataclasses import dataclass

from cases import Rule


@dataclass(frozen=True)
class Updates:
    """A learning rate, with a schedule that of the first step, the rules, and the steps taken before."""

    rate: float
    optimizer: Rule
    schedule: Rule | None = None
    clipping: Rule | None = None
    steps_before: int = 0
