"""A training step of a program of one's own, judged: `judge_step`, and `assert_step_agrees` for a test.

They take a model, its data, its loss and its optimizer, run the program's own forward pass, backward pass and
update, and judge every number of it. What is computed is read from the program itself; a port is judged
`against` the program that it was ported from.
"""

# ruff: noqa: ANN401 - what frameworks' functions take and return may be anything

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cases import Problem
from cases.protocol import Verdict
from cases.recording import ProgramRecording, Recording, UnreadableError
from reference import Finding, Subject, judge
from reference.certified import is_certified
from reports.outcome import NOTHING, Cell, group_by, plural
from reports.program_step import ProgramStepVerdict, judge_programs
from reports.runs.rows import Row, RowKeeper, first_failure, places
from reports.runs.runner import explained, rows_of
from reports.sweep.case_text import document, in_one_line

if TYPE_CHECKING:
    import pandas as pd

UNDECIDED: Final = (
    "Nothing is known to be wrong, but rounding may change what is undecided by as much as it is, or make it "
    "overflow. Judge it in a longer format, or accept it beside what agrees: accept_undecided=True."
)

# Who reads a model, by the packages that its classes come from; the first that is found in this order.
READERS: Final = {
    "keras": "adapters.tracing.keras_model:read_keras",
    "flax": "adapters.tracing.jax_program:read_jax",
    "equinox": "adapters.tracing.jax_program:read_jax",
    "torch": "adapters.tracing.torch_module:read_torch",
}
# Who captures a program of any kind, line by line, where no case of the suite describes it.
CAPTURES: Final = {
    "adapters.tracing.jax_program:read_jax": "adapters.tracing.jax_captured:read_jax_program",
    "adapters.tracing.torch_module:read_torch": "adapters.tracing.torch_captured:read_torch_program",
}
ASSERT_CLOSE: Final = "assert_close"  # the column of what torch.testing says of two programs


def read_step(  # noqa: PLR0913 - a training step has as many parts
    model: Any,
    x: Any,
    y: Any,
    *,
    loss: Callable[..., Any] | str | None = None,
    optimizer: Any = None,
    parameters: Any = None,
    steps: int = 1,
    any_program: bool | None = None,
    **others: Any,
) -> Recording | ProgramRecording:
    """Run `steps` training steps of a model on the same data, and return what they computed.

    - `model`: a PyTorch module, a Flax NNX, Equinox or Keras model, or with `parameters` a JAX function of
      parameters and x. Dense layers and activations, one after the other, are read as the document's
      network, with every z and a; any other PyTorch or JAX program is read operation by operation
    - `any_program`: whether to read it operation by operation, whatever it is; by default where it must be
    - `x`, `y`: as the model and the loss take them; each row is an example
    - `loss`: of the model's output and y, a single number; or a name of `cases.catalog.LOSSES`
    - `optimizer`: of torch.optim, of optax or of Keras; both may be left out for a compiled Keras model
    - `others`: for PyTorch the optimizer's `scheduler`, and `clip_norm` for `clip_grad_norm_`; for optax the
      `state` of an optimizer that has taken steps

    Nothing of the program is changed. Raises `UnreadableError` where something is of another kind.
    """
    if steps < 1:
        raise UnreadableError(f"steps is {steps}, expected at least 1")
    location = _reader(model, parameters)
    needed = {"loss": loss, "optimizer": optimizer}
    if missing := [name for name, value in needed.items() if value is None and location != READERS["keras"]]:
        raise UnreadableError(f"no {missing[0]} is given, expected {missing[0]}=…")
    given = {**others, **needed} if parameters is None else {**others, **needed, "parameters": parameters}

    def read(location: str) -> Any:
        module, _, function = location.partition(":")
        return getattr(import_module(module), function)(model, x, y, steps=steps, **given)

    if any_program:
        return _captured(read, location)
    try:
        return read(location)
    except Exception as error:  # whatever a program of another kind makes of it
        if any_program is False or location not in CAPTURES:
            raise
        return _captured(read, location, error)


def _captured(read: Callable[[str], Any], location: str, first: Exception | None = None) -> Any:
    """Read a program operation by operation; where that fails too, say why it is no case of the suite."""
    if location not in CAPTURES:
        raise UnreadableError("a Keras model is read as dense layers only, expected a PyTorch or JAX program")
    try:
        return read(CAPTURES[location])
    except Exception as error:
        raise first or error from error


def _reader(model: object, parameters: object) -> str:
    packages = {ancestor.__module__.partition(".")[0] for ancestor in type(model).__mro__}
    for package, reader in READERS.items():
        if package in packages:
            return reader
    if callable(model) and parameters is not None and "jax" in sys.modules:
        return READERS["flax"]
    raise UnreadableError(
        f"a model of type {type(model).__name__} is none that can be read, expected a PyTorch module, a Flax "
        "NNX, Equinox or Keras model, or a JAX function with its `parameters`"
    )


def judge_step(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    against: Recording | ProgramRecording | None = None,
    certify: bool | None = None,
    **given: Any,
) -> StepVerdict | ProgramStepVerdict:
    """Judge a program's training steps; a model and what else `read_step` takes, or what that returned.

    - `against`: what `read_step` returned of another program, which then says what is right: this one is its
      port, and both are judged
    - `certify`: whether truth is derived in ball arithmetic; by default where that takes no long time

    Raises `UnreadableError` as `read_step`. What differs is in the verdict, which says it when printed.
    """
    kinds = Recording | ProgramRecording
    if isinstance(against, ProgramRecording) and not isinstance(model, kinds):
        given["any_program"] = True
    recording = model if isinstance(model, kinds) else read_step(model, x, y, **given)
    recordings = (against, recording) if against else (recording,)
    dense = [one for one in recordings if isinstance(one, Recording)]
    if len(dense) == len(recordings):
        return judge_recorded(*dense, certify=certify)
    programs = [one for one in recordings if isinstance(one, ProgramRecording)]
    if dense:
        raise UnreadableError(
            "the one program is read as dense layers and the other operation by operation, expected both "
            "alike: read_step(…, any_program=True) for both"
        )
    return judge_programs(dict(zip(_names(programs), programs, strict=True)))


def judge_recorded(*recordings: Recording, certify: bool | None = None) -> StepVerdict:
    """Judge recorded steps of a network of dense layers; of several the first says what is right."""
    problem, names = recordings[0].problem, _names(recordings)
    rows = {name: _judged(problem, name, one, certify) for name, one in zip(names, recordings, strict=True)}
    return StepVerdict(problem, dict(zip(names, recordings, strict=True)), rows)


def assert_step_agrees(*program: Any, accept_undecided: bool = False, **given: Any) -> None:
    """Raise AssertionError, with the verdict of `judge_step` of the same, unless that says that all agree.

    `accept_undecided` lets lines pass that the number format does not decide, next to others that agree.
    """
    verdict = judge_step(*program, **given)
    if verdict.agrees or (accept_undecided and verdict.is_undecided):
        return
    raise AssertionError(f"\n{verdict}" + (f"\n\n{UNDECIDED}" if verdict.is_undecided else ""))


def _names(recordings: Sequence[Recording | ProgramRecording]) -> tuple[str, ...]:
    """Return a name for each program: its own, or what it is where two have the same."""
    programs = [recording.program for recording in recordings]
    if len({*programs}) == len(programs):
        return tuple(programs)
    return ("original", "port")


def _judged(problem: Problem, name: str, recording: Recording, certify: bool | None) -> list[Row]:
    subject, keeper = Subject(problem.case, name, "", problem.dtype), RowKeeper()
    keeper.add([Row(subject, finding) for finding in _other_inputs(problem, recording.problem)])
    judging = judge(
        problem,
        lambda _: iter(recording.claims),
        recording.promises,
        certify=certify,
        accumulators=recording.accumulators,
    )
    for judged in judging:
        rows = rows_of(problem, subject, judged)
        if judged.failures and keeper.is_worse(rows):  # what comes later follows from it
            rows = explained(problem, judged, rows)
        keeper.add(rows)
    return keeper.rows


def _other_inputs(problem: Problem, own: Problem) -> Iterator[Finding]:
    """Give an error for each array from which a port starts that is not the original's."""
    for name, array in problem.inputs.items():
        given = own.inputs.get(name)
        if given is None or given.shape != array.shape or given.dtype != array.dtype:
            form = "is missing" if given is None else f"is {given.dtype} of shape {given.shape}"
            yield Finding(1, name, Verdict.ERROR, f"{form}, expected {array.dtype} of shape {array.shape}")
        elif not np.array_equal(given, array, equal_nan=True):
            far = float(np.nanmax(np.abs(given.astype(float) - array.astype(float))))
            reason = f"is not the original's before the first step: up to {far:.2g} apart"
            yield Finding(1, name, Verdict.ERROR, reason)


@dataclass(frozen=True)
class StepVerdict:
    """How the training steps of one program, or of an original and its port, come out; `str` is a report."""

    problem: Problem  # what is right, as read from the first program
    recordings: Mapping[str, Recording]  # by the program's name
    rows: Mapping[str, list[Row]]  # the same: one for each quantity of each step

    @property
    def agrees(self) -> bool:
        """Whether something was compared of each program, and nothing fails."""
        compared = all(any(row.compared for row in rows) for rows in self.rows.values())
        return compared and not self.failures

    @property
    def is_undecided(self) -> bool:
        """Whether something agrees of each program, something is undecided, and nothing else fails."""
        some = all(any(row.compared and row.passes for row in rows) for rows in self.rows.values())
        kinds = {row.finding.verdict for row in self.failures}
        return some and kinds == {Verdict.UNDECIDED}

    @cached_property
    def failures(self) -> tuple[Row, ...]:
        """The first line of each program that fails."""
        return tuple(row for row in map(first_failure, self.rows.values()) if row is not None)

    def to_frame(self) -> pd.DataFrame:
        """Return a table of every line of every step: what each program's cell says.

        With a port it has a column of what `torch.testing.assert_close` says of the two, if PyTorch is there.
        """
        import pandas as pd  # noqa: PLC0415 - heavy, and `agrees` needs none of it

        keys = dict.fromkeys(_key(row) for rows in self.rows.values() for row in rows if row.finding.quantity)
        rank = places(self.problem)
        lines = sorted(keys, key=lambda key: (key[0], rank.get(key[1], -1)))
        cells = {name: group_by(rows, _key) for name, rows in self.rows.items()}
        columns: dict[str, list[str]] = {
            "step": [str(step) for step, _ in lines],
            "line": [self._called(quantity) for _, quantity in lines],
        }
        for name, by_line in cells.items():
            columns[name] = [str(Cell.of(by_line[key]).state) if key in by_line else NOTHING for key in lines]
        if len(self.recordings) > 1 and "torch" in sys.modules:
            columns[ASSERT_CLOSE] = [self._close(*key) for key in lines]
        return pd.DataFrame(columns)

    def to_case(self, path: str | Path, about: str = "") -> Path:
        """Write the problem as a case file, so that reports, sweeps and vectors apply; return its path.

        Raises FileExistsError where another file is there, and ValueError where a number is not finite.
        """
        program = next(iter(self.recordings.values())).program
        text = document(
            self.problem, about or f"A training step of {self.problem.case}, read from {program}."
        )
        where = Path(path)
        if not (where.is_file() and where.read_text("utf-8") == text):  # as after the same test before
            with where.open("x", encoding="utf-8") as file:
                file.write(text)
        return where

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        """Return how it comes out, in a few lines; where something fails, with the table of that step."""
        lines = [*map(self._headline, self.rows), self._about(), *self._notes()]
        if self.failures:
            lines += ["", *(row.sentence for row in self.failures), "", *self._table()]
        return "\n".join(lines)

    def _headline(self, name: str) -> str:
        rows, steps = self.rows[name], plural(len(self.recordings[name].claims), "training step")
        failed, compared = first_failure(rows), [row for row in rows if row.compared]
        if failed is not None:
            at = f" at {self._called(failed.finding.quantity)}" if failed.finding.quantity else ""
            return f"{name} {failed.finding.verdict}{at}, in step {failed.finding.step}."
        if not compared:
            return f"{name}: nothing was compared, so nothing is known to agree."
        cell, count = Cell.of(compared), plural(sum(row.steps for row in compared), "quantity")
        digits = min(
            (row.finding.digits for row in compared if row.finding.digits > -math.inf), default=math.inf
        )
        certified = f", and every comparison certifies at least {digits:.1f} decimal digits"
        return (
            f"{name} agrees: {count} of {steps}; no error is larger than {cell.used:.2f} of what rounding "
            f"alone may cause{certified if digits < math.inf else ''}."
        )

    def _about(self) -> str:
        problem, program = self.problem, next(iter(self.recordings.values())).program
        truth = "certified truth" if is_certified(problem, 1) else "float64 values with their own bound"
        loss = f"{problem.loss} ({problem.reduction})"
        rules = f"{loss}; {_update(problem)}; {problem.dtype}; judged by {truth}"
        return f"Read from {program}: {in_one_line(problem)}; {rules}."

    def _notes(self) -> list[str]:
        notes = [note for recording in self.recordings.values() for note in recording.notes]
        return [f"Note: {note}" for note in (*self._other_definitions(), *notes)]

    def _other_definitions(self) -> Iterator[str]:
        """Say what the port computes otherwise, as far as that was read from the programs."""
        first, *ports = self.recordings.items()
        for name, port in ports:
            mine, theirs = _definition(self.problem), _definition(port.problem)
            for what in {**mine, **theirs}:
                if (here := mine.get(what, NOTHING)) != (there := theirs.get(what, NOTHING)):
                    yield f"{what} is {there} in {name}, and {here} in {first[0]}."

    def _called(self, quantity: str) -> str:
        return next(iter(self.recordings.values())).called(quantity)

    def _table(self) -> Iterator[str]:
        """Give the table of the first step that fails, line by line."""
        step = str(min(row.finding.step for row in self.failures))
        frame = self.to_frame()
        of_step = frame[frame["step"] == step].drop(columns="step")
        rows = [[*of_step.columns], *of_step.to_numpy().tolist()]
        lengths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield "  ".join(cell.ljust(length) for cell, length in zip(row, lengths, strict=True)).rstrip()

    def _close(self, step: int, quantity: str) -> str:
        from reports.detection.baselines import differs_by_assert_close  # noqa: PLC0415 - loads torch

        claims = [recording.claims[step - 1] for recording in self.recordings.values()]
        if not all(quantity in claim for claim in claims):
            return NOTHING
        return "fails" if differs_by_assert_close(*(claim[quantity] for claim in claims)) else "passes"


def _key(row: Row) -> tuple[int, str]:
    return row.finding.step, row.finding.quantity


def _definition(problem: Problem) -> dict[str, str]:
    """Return what a program was read to compute, part by part, as it is shown."""
    layers = {f"the activation of layer {k}": name for k, name in enumerate(problem.activations, start=1)}
    rule, numbers = problem.optimizer, dict(problem.optimizer.numbers)
    stated = {"learning_rate": problem.learning_rate, **numbers, **dict(problem.loss_numbers)}
    return {
        **layers,
        "the loss": f"{problem.loss} ({problem.reduction})",
        "the optimizer": " ".join([rule.name, *sorted(rule.options)]),
        "what is not trained": ", ".join(sorted(problem.not_trained)) or NOTHING,
        **{name: f"{number:.9g}" for name, number in stated.items()},
    }


def _update(problem: Problem) -> str:
    numbers = (("learning_rate", problem.learning_rate), *problem.optimizer.numbers)
    shown = ", ".join(f"{name} {number:.6g}" for name, number in numbers)
    return " ".join([problem.optimizer.name, *sorted(problem.optimizer.options), f"({shown})"])
