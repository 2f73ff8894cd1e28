"""Recorded training steps of a program in any language, and the problem that it was read to compute."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from cases.captured import Captured
from cases.catalog import UpdateRules
from cases.problem import Problem
from cases.protocol import IN_FLOAT32, Accumulators, Claim


class UnreadableError(ValueError):
    """A program or a file of which no training step can be read; the message says why, and what serves."""


@dataclass(frozen=True)
class Recording:
    """Training steps that a program took.

    Claims are in the layout of `cases.names`, whatever that of the program: Wk is (n_out, n_in), each row of
    x and of y is one example. A layer without a bias has one of zeros, not trained and not stated.
    """

    problem: Problem  # what the program computes, as read from its code or from what is known of it
    claims: tuple[Claim, ...]  # what it computed: one for each training step
    program: str  # for the report: "torch 2.13.0", or a file's name
    promises: frozenset[str] = frozenset()  # what each claim must state
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # its own, by ours
    notes: tuple[str, ...] = ()  # what was found out and not stated, in sentences
    accumulators: Accumulators = IN_FLOAT32  # in what it accumulates if its format has 16 bits

    def __repr__(self) -> str:
        return f"<training steps of {self.problem.case}, recorded from {self.program}: {len(self.claims)}>"

    def called(self, quantity: str) -> str:
        """Return what the program calls a quantity, with our name: "fc1.weight (W1)", or ours alone."""
        for before, after in (("", ""), ("dL/d", ""), ("", "_new")):
            name = quantity.removeprefix(before).removesuffix(after)
            if self.names.get(name, name) != name and before + name + after == quantity:
                return f"{before}{self.names[name]}{after} ({quantity})"
        return quantity


@dataclass(frozen=True)
class UpdateGroup:
    """Parameters that are updated alike, by their names in the program."""

    parameters: tuple[str, ...]
    learning_rate: float
    rules: UpdateRules


@dataclass(frozen=True)
class ProgramStep:
    """One training step of any program.

    `run` is its forward and backward pass. `before` holds its parameters and the optimizer's states, `claim`
    the gradients, what the update made of both, and what is seen of it; named as by `cases.names`, but for
    each parameter, which has the name that it has in the program.
    """

    run: Captured
    before: Mapping[str, NDArray[Any]]
    claim: Claim
    groups: tuple[UpdateGroup, ...]  # none where the optimizer is not known
    number: int  # of the step, from 1; with those that the optimizer has taken before


@dataclass(frozen=True)
class ProgramRecording:
    """Training steps of a program of any kind."""

    name: str
    program: str  # "torch 2.13.0"
    steps: tuple[ProgramStep, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<training steps of {self.name}, recorded from {self.program}: {len(self.steps)}>"
