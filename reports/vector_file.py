"""vectors.json: of each case the inputs, the equations, and what follows from them, for any language."""

import gzip
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final
from uuid import uuid4

import numpy as np

from cases import Case, CaseErrors, Problem, Rule
from cases.load import asked_for
from cases.names import STEP
from cases.selection import UnknownCaseError, selected
from reference import tape
from reference.certified import correctly_rounded, forward_bounds
from reports import vector_lines
from reports.vector_flags import MEANINGS, Step, flags
from reports.vector_form import (
    FORMAT,
    SCHEMA,
    Document,
    Given,
    LeftOut,
    Limits,
    NamedLoss,
    NamedRule,
    TapeLine,
    Vector,
    plain,
)
from reports.vector_invalid import invalid_steps
from reports.vector_values import given, quantity
from reports.writers import terminal
from reports.writers.csv_json import to_json

ABOUT: Final = (
    "Training steps of small networks: the inputs exactly as given, the equations, and for every quantity "
    "the number of the format nearest to its exact value, with what a correct program may be off by. "
    "reports/README.md of backprop-parity describes every field."
)
# Each form of the file, by the ending of its name; behind either .gz may stand.
WRITERS: Final[dict[str, Callable[[Document], str]]] = {
    ".json": lambda content: f"{to_json(plain(content))}\n",
    ".txt": vector_lines.text,
}


def make(
    asked: Sequence[str], select: Sequence[str], dtypes: Sequence[str], limits: tuple[int, int], out: Path
) -> int:
    """Load the cases, compute, write the file, and return the exit code."""
    try:
        cases = selected(asked_for(asked), select)
    except (CaseErrors, UnknownCaseError) as error:
        print(error, file=sys.stderr)
        return 2
    console = terminal.console()
    with terminal.bar(console) as watch:
        content = document(cases, dtypes, limits, watch)
    if not content.vectors:
        print("nothing to write: no case of these is within the limits", file=sys.stderr)
        return 2
    try:
        size = _write(content, out)
    except OSError as error:
        print(f"{out} cannot be written: {error.strerror or error}", file=sys.stderr)
        return 2
    console.print(f"{_counted(content)}: {terminal.shown(out)} ({size / 1e6:.2g} MB)", soft_wrap=True)
    return 0


def release_name() -> str:
    """Return the name under which a release has the file: with the version of the suite and of the form."""
    try:
        of_suite = version("backprop-parity")
    except PackageNotFoundError:
        of_suite = "unreleased"
    return f"backprop-parity-vectors-{of_suite}-schema-{SCHEMA}.json.gz"


def _write(content: Document, out: Path) -> int:
    """Write the file whole or not at all, in the form that its name asks for; return its size in bytes."""
    is_packed = out.suffix == ".gz"
    form = (out.with_suffix("") if is_packed else out).suffix
    written = WRITERS.get(form, WRITERS[".json"])(content).encode()
    packed = gzip.compress(written, mtime=0) if is_packed else written  # the time would make each run another
    unfinished = out.with_name(f".{out.name}-{uuid4().hex[:12]}")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        unfinished.write_bytes(packed)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return len(packed)


def _counted(content: Document) -> str:
    vectors = content.vectors
    left_out = len({entry.case for entry in content.left_out if entry.what == "all"})
    cases = f"{len({entry.case for entry in vectors})}{f' ({left_out} left out)' if left_out else ''}"
    values = sum(len(one.decimal) for entry in vectors for step in entry.steps for one in step.values())
    counts = f"in all their number formats: {len(vectors)}, values: {values:,}"
    return f"Cases: {cases}, {counts}, invalid steps: {len(content.invalid)}"


def document(
    cases: Sequence[Case],
    dtypes: Sequence[str],
    limits: tuple[int, int],
    watch: Callable[[str, int, int], None] = lambda *_: None,
) -> Document:
    """Return the content of the file: cases in these of their formats, if any are given.

    `limits` are the most parameters of a case, and the most steps. `watch` is called before each case and
    format with what comes, how many are done, and of how many.
    """
    asked = [(case, dtype) for case in cases for dtype in case.dtypes if not dtypes or dtype in dtypes]
    problems = [(case, case.problem(dtype)) for case, dtype in asked]
    small = [(case, problem) for case, problem in problems if problem.size <= limits[0]]
    vectors = []
    for done, (case, problem) in enumerate(small):
        watch(f"{case.name} {problem.dtype}", done, len(small))
        vectors.append(_vector(case, problem, limits[1]))
    left_out = tuple(_left_out(problems, limits))
    made = [(problem, vector) for (_, problem), vector in zip(small, vectors, strict=True)]
    invalid = tuple(invalid_steps(made))
    return Document(FORMAT, SCHEMA, ABOUT, Limits(*limits), MEANINGS, left_out, tuple(vectors), invalid)


def _left_out(problems: Sequence[tuple[Case, Problem]], limits: tuple[int, int]) -> Iterator[LeftOut]:
    for case, problem in problems:
        if problem.size > limits[0]:
            yield LeftOut(case.name, problem.dtype, "all", f"it has {problem.size:,} parameters")
        elif problem.steps > limits[1]:
            later = f"steps {limits[1] + 1} to {problem.steps}"
            yield LeftOut(case.name, problem.dtype, later, "they are many")


def _vector(case: Case, problem: Problem, most_steps: int) -> Vector:
    arrays, dtype = {**problem.inputs, **problem.optimizer_state}, problem.dtype
    steps = list(_steps(problem, min(most_steps, problem.steps)))
    return Vector(
        case=case.name,
        about=case.about,
        dtype=dtype,
        flags=flags(case, problem, steps),
        activations=problem.activations,
        loss=NamedLoss(problem.loss, problem.reduction),
        optimizer=_rule(problem.optimizer),
        schedule=_rule(problem.schedule) if problem.schedule else None,
        clipping=_rule(problem.clipping) if problem.clipping else None,
        not_trained=tuple(sorted(problem.not_trained)),
        inputs={name: given(array, dtype) for name, array in arrays.items()},
        numbers=_numbers(problem),
        tape=tuple(TapeLine(line.name, line.equation, line.inputs) for line in tape(problem)),
        steps=tuple(
            {name: quantity(array, step.bounds[name], dtype) for name, array in step.rounded.items()}
            for step in steps
        ),
    )


def _rule(rule: Rule) -> NamedRule:
    return NamedRule(rule.name, tuple(sorted(rule.options)))


def _numbers(problem: Problem) -> dict[str, Given]:
    """Return the rates and what else the rules and the loss are given; those of the rules are float64."""
    of_loss = {name: given(number, problem.dtype) for name, number in problem.loss_numbers}
    return of_loss | {
        name: given(number, problem.dtype if isinstance(number, np.ndarray) else "float64")
        for name, number in problem.constants.items()
    }


def _steps(problem: Problem, steps: int) -> Iterator[Step]:
    """Give every quantity of each step, until the loss is small enough."""
    for rounded, bounds in zip(
        correctly_rounded(problem, steps), forward_bounds(problem, steps), strict=True
    ):
        yield Step({name: array for name, array in rounded.items() if name != STEP}, bounds)
        if problem.until is not None and rounded["loss"] <= problem.until:
            return
