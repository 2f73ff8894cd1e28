"""A training step of a program of any kind, judged line by line, where no case of the suite describes it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cases.protocol import Verdict
from cases.recording import ProgramRecording, ProgramStep
from reference import Finding
from reference.programs.updates import judge_update
from reports.certify import FunctionVerdict, GradientVerdict, same_runs, sentence_of, verdict_of
from reports.outcome import plural

if TYPE_CHECKING:
    import pandas as pd

MAX_SHOWN: Final = 5  # failures of one program


@dataclass(frozen=True)
class JudgedProgramStep:
    """The forward and backward pass of a step, and its update."""

    number: int
    gradients: GradientVerdict
    updates: tuple[Finding, ...]

    @property
    def agrees(self) -> bool:
        return self.gradients.agrees and all(one.verdict is Verdict.AGREES for one in self.updates)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        return (*self.gradients.judged.findings, *self.updates)

    def failures(self) -> Iterator[str]:
        yield from self.gradients.failures()
        yield from (sentence_of(one) for one in self.updates if not one.passes)


def judge_program(recording: ProgramRecording) -> tuple[JudgedProgramStep, ...]:
    return tuple(map(_judged, recording.steps))


def _judged(step: ProgramStep) -> JudgedProgramStep:
    return JudgedProgramStep(step.number, verdict_of(step.run), tuple(judge_update(step)))


def judge_programs(recordings: Mapping[str, ProgramRecording]) -> ProgramStepVerdict:
    """Judge the steps of a program or, with a second, of its port too, and whether both are one function."""
    runs = [recording.steps[0].run for recording in recordings.values()]
    same = same_runs(*runs) if len(runs) > 1 else None
    steps = {name: judge_program(recording) for name, recording in recordings.items()}
    return ProgramStepVerdict(recordings, steps, same)


@dataclass(frozen=True)
class ProgramStepVerdict:
    """How the training steps of one program, or of an original and its port, come out; `str` is a report."""

    recordings: Mapping[str, ProgramRecording]  # by the program's name
    steps: Mapping[str, tuple[JudgedProgramStep, ...]]  # the same
    same: FunctionVerdict | None  # of an original and its port

    @property
    def agrees(self) -> bool:
        """Whether every number of each program was judged, and agrees; a port computes the same function."""
        judged = all(step.agrees and step.updates for steps in self.steps.values() for step in steps)
        return judged and (self.same is None or self.same.is_same)

    @property
    def is_undecided(self) -> bool:
        """Whether something agrees of each program, something is undecided, and nothing else fails."""
        kinds = [{one.verdict for step in steps for one in step.findings} for steps in self.steps.values()]
        is_left = any(Verdict.UNDECIDED in each for each in kinds)
        right = all(Verdict.AGREES in each and Verdict.DIFFERS not in each for each in kinds)
        return is_left and right and (self.same is None or self.same.is_same)

    def to_frame(self) -> pd.DataFrame:
        """Return a table of every line of every step that was judged, with its place in the program."""
        import pandas as pd  # noqa: PLC0415 - heavy, and `agrees` needs none of it

        rows = [
            (name, step.number, finding.quantity, place, str(finding.verdict), finding.used, finding.digits)
            for name, steps in self.steps.items()
            for step in steps
            for place, finding in _placed(step)
        ]
        return pd.DataFrame(rows, columns=["program", "step", "line", "place", "verdict", "used", "digits"])

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        lines = [line for name in self.steps for line in self._about(name)]
        return "\n".join([*lines, *([str(self.same)] if self.same else [])])

    def _about(self, name: str) -> Iterator[str]:
        recording, steps = self.recordings[name], self.steps[name]
        yield self._headline(name)
        judged, run = steps[0].gradients.judged, recording.steps[0].run
        updates = {
            f"{group.rules.optimizer.name} (learning_rate {group.learning_rate:.6g})"
            for group in recording.steps[0].groups
            if not group.rules.not_trained.issuperset(group.parameters)
        }
        rules = "; ".join([f"{judged.known} of {plural(judged.lines, 'line')} judged", *sorted(updates)])
        yield f"Read from {recording.program}: {rules}; {run.dtype}."
        yield from (f"Not judged: {reason}." for reason in judged.unknown)
        yield from (f"Note: {note}" for note in recording.notes)
        failing = next((step for step in steps if not step.agrees), None)
        if failing:
            sentences = [*failing.failures()]
            yield from (f"Step {failing.number}: {sentence}" for sentence in sentences[:MAX_SHOWN])
            if len(sentences) > MAX_SHOWN:
                yield f"… and {len(sentences) - MAX_SHOWN} more: to_frame() has them all."

    def _headline(self, name: str) -> str:
        steps = self.steps[name]
        findings = [one for step in steps for one in step.findings]
        counted = Counter(one.verdict for one in findings)
        what = f"{plural(len(findings), 'quantity')} of {plural(len(steps), 'training step')}"
        if not findings:
            return f"{name}: nothing was compared, so nothing is known to agree."
        if any(verdict is not Verdict.AGREES for verdict in counted):
            said = ", ".join(f"{count} × {verdict}" for verdict, count in counted.items())
            verb = "does not agree" if Verdict.DIFFERS in counted else "is undecided"
            return f"{name} {verb}: {said}, of {what}."
        digits = min((one.digits for one in findings if one.digits > -math.inf), default=math.inf)
        used = max(one.used for one in findings)
        whole = all(step.agrees and step.updates for step in steps)
        return (
            f"{name} agrees{'' if whole else ' as far as it was judged'}: {what}; no error is larger than "
            f"{used:.2f} of what rounding alone may cause, and every comparison certifies at least "
            f"{digits:.1f} decimal digits."
        )


def _placed(step: JudgedProgramStep) -> Iterator[tuple[str, Finding]]:
    judged = step.gradients.judged
    yield from ((judged.place(number, finding), finding) for number, finding in judged.judged)
    yield from (("", finding) for finding in step.updates)
