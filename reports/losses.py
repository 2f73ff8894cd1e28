"""The loss after each step of a training, as each program states it; of a long one, a part of the steps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cases import Problem
from reference import JudgedStep, Subject
from reports.differences import stated
from reports.drift import is_told

# Of a training of more steps about so many are kept, besides 1, 2, 5, 10, … and the last.
EVENLY: Final = 300


@dataclass(frozen=True)
class Loss:
    """The loss that an implementation states at one step, computed before that step's update."""

    case: str
    dtype: str
    implementation: str
    step: int
    loss: float


class LossKeeper:
    """Keeps the losses of all implementations of one problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._every = math.ceil(problem.steps / EVENLY)
        self._kept: list[Loss] = []
        self._latest: dict[str, Loss] = {}

    def add(self, judged: Mapping[Subject, JudgedStep]) -> None:
        """Take one step of those implementations that took it and state its loss."""
        if self._problem.steps == 1:
            return
        for who, step in judged.items():
            loss = stated(step.claim, "loss", who.dtype)
            if loss is None or loss.shape:
                continue
            one = Loss(who.case, who.dtype, who.implementation, step.step, float(loss))
            if is_told(one.step) or one.step % self._every == 0:
                self._kept.append(one)
                self._latest.pop(who.implementation, None)
            else:
                self._latest[who.implementation] = one

    def finished(self) -> tuple[Loss, ...]:
        """Return what is kept, of each program the last step too; nothing of a training of one step."""
        return *self._kept, *self._latest.values()
