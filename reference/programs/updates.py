"""The update of a program's parameters, judged by the formulas of its optimizer, whatever it computes."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cases import names, skeleton
from cases.names import Quantity
from cases.protocol import Accumulators
from cases.recording import ProgramStep, UpdateGroup
from reference.agreement import compare
from reference.arithmetic import Bounded, format_of
from reference.findings import Finding
from reference.line import Line, evaluate, line_of
from reference.optimizers import FORMULAS
from reference.training import exact


def judge_update(step: ProgramStep) -> list[Finding]:
    """Judge what an optimizer made of the gradients that it was given, and what it states on the way."""
    findings: list[Finding] = []

    def settle(line: Line, derived: Bounded) -> Bounded:
        claimed = step.claim.get(line.name)
        if claimed is None:
            return derived
        findings.append(compare(step.number, line.name, claimed, derived))
        return derived.stated(claimed)

    clipped: Mapping[str, Any] = {}
    for group in step.groups:
        known = _known(step, group)
        clipped = clipped or evaluate(_clipping(step), known, settle)
        lines = [line_of(quantity, FORMULAS) for quantity in _lines(group)]
        evaluate(lines, {**known, **clipped}, settle)
    return findings


def _clipping(step: ProgramStep) -> Iterator[Line]:
    """The gradients of all groups are clipped together."""
    trained = {
        name: ()
        for group in step.groups
        for name in group.parameters
        if group.rules.clipping and name not in group.rules.not_trained
    }
    return (line_of(one, FORMULAS) for one in (skeleton.clipping(trained) if trained else ()))


def _lines(group: UpdateGroup) -> Iterator[Quantity]:
    yield from skeleton.rate(group.rules)
    yield from skeleton.update(dict.fromkeys(group.parameters, ()), group.rules)


def _known(step: ProgramStep, group: UpdateGroup) -> dict[str, Bounded]:
    """Return all that an update starts from, each array in its own number format."""
    accumulators: Accumulators = step.run.accumulators
    rules = [rule for rule in (group.rules.optimizer, group.rules.schedule, group.rules.clipping) if rule]
    dtype = str(step.before[group.parameters[0]].dtype)
    numbers = {
        names.LEARNING_RATE: np.asarray(group.learning_rate, dtype),
        names.STEP: np.asarray(float(step.number)),
        **{name: np.asarray(number) for rule in rules for name, number in rule.numbers},
    }
    given = {name: array for name, array in step.claim.items() if name.startswith(names.gradient(""))}
    arrays = {**step.before, **given}
    known = exact(numbers, format_of(dtype, accumulators))
    for name, array in arrays.items():
        known[name] = Bounded.exact(array, format_of(str(array.dtype), accumulators))
    return known
