"""From the findings of a sweep to case files: each distinct one is minimized, and written as YAML.

A file reads back as the same problem to the last bit.
"""

import os.path
import platform
import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from adapters import Adapter, Unavailable
from cases import Problem, Rule, names
from cases.catalog import LOSSES
from cases.errors import counted, printable
from cases.load import MAX_FILE_BYTES
from cases.protocol import DTYPES
from reports.sweep.implementations import Implementation
from reports.sweep.minimize import MAX_SECONDS, input_size, minimize
from reports.sweep.minimize.dedup import (
    MAX_TRIED,
    FailingCase,
    Group,
    Symptom,
    failing_alone,
    failure,
    groups,
)
from reports.sweep.minimize.edits import width
from reports.sweep.minimize.short_numbers import RULE_DTYPE, shortest
from reports.sweep.plan import Plan
from reports.sweep.structure import RANGES
from reports.sweep.summary import show_line

# Where the schema is from the folder of a case that comes with the suite, such as cases/found/.
SCHEMA: Final = "../case.schema.json"

LINE_WIDTH: Final = 108


@dataclass(frozen=True)
class Minimized:
    """A distinct finding: its case file, if it has one, what is said of it, and whose it is.

    `adapter` is what a person types for that.
    """

    path: Path | None
    text: str
    adapter: str = ""


def write_minimized(
    plan: Plan,
    findings: pd.DataFrame,
    adapters: Iterable[Adapter | Unavailable],
    folder: Path,
    seconds: float = MAX_SECONDS,
) -> Iterator[Minimized]:
    """Minimize every distinct finding, and write the smallest case into a folder.

    Two findings are the same if they are of one implementation, at one kind of line, and if what explains the
    one is among what explains the other.

    Parameters
    ----------
    findings
        As `reports.sweep.summary.summarize` gives them.
    seconds
        The time for minimizing one of them.

    Yields
    ------
    Each as soon as its file is written. One that only the program over a stack shows has no file, because a
    case file is run alone.
    """
    seen: list[tuple[Implementation, Symptom]] = []
    for group in groups(findings, adapters):
        failing = failing_alone(plan, group)
        if failing is None:
            yield Minimized(None, _only_in_the_stack(plan, group))
            continue
        symptom = failing.failure.symptom
        if not any(owner == group.implementation and symptom.shows(other) for owner, other in seen):
            seen.append((group.implementation, symptom))
            yield _written(plan, group.implementation, failing, folder, seconds)


def _only_in_the_stack(plan: Plan, group: Group) -> str:
    cases = ", ".join(map(str, group.cases[:MAX_TRIED]))
    return (
        f"{group.implementation.name} fails at {group.kind or 'once'} only as swept, {group.how} (seed "
        f"{plan.seed}, cases {cases}): run alone it does not, or only as is known, so no case file shows it."
    )


def _written(
    plan: Plan, implementation: Implementation, failing: FailingCase, folder: Path, seconds: float
) -> Minimized:
    """Minimize a failing case and write it."""
    symptom = failing.failure.symptom

    def still_fails(problem: Problem) -> bool:
        now = failure(implementation, problem)
        return now is not None and now.symptom.is_as_clear_as(symptom)

    words = f"{implementation.name} {symptom.kind} {plan.seed} {failing.case}"
    name = re.sub("[^a-z0-9]+", "-", words.lower()).strip("-")
    problem = replace(minimize(failing.problem, still_fails, seconds), case=name)
    again = failure(implementation, problem)
    said = again.text if again else f"{failing.failure.text} When it was run again, it did not fail."
    text = document(problem, _about(plan, implementation.adapter, failing, said))
    if len(text.encode()) > MAX_FILE_BYTES:
        return Minimized(None, f"{said} In {seconds:g} s it was not reduced to what a case file can hold.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8", newline="\n")
    sizes = f"From {input_size(failing.problem)} numbers to {input_size(problem)}."
    return Minimized(path, f"{said} {sizes}", implementation.adapter.asked or implementation.adapter.name)


def _about(plan: Plan, adapter: Adapter, failing: FailingCase, said: str) -> str:
    """Say what a case is there to show, where it comes from, and with which versions it was seen."""
    of = [f"seed {plan.seed}", f"case {failing.case}"]
    of += [f"--widths {'-'.join(map(str, plan.widths))}"] if plan.widths else []
    of += [f"--dtype {dtype}" for dtype in plan.dtypes] if plan.dtypes != DTYPES else []
    size = "-".join(map(str, widths_of(failing.problem)))
    versions = [f"{adapter.title} {adapter.version}".strip()]
    versions += [f"NumPy {np.__version__}", f"Python {platform.python_version()}"]
    return (
        f"It is there to show that {said} Found by a sweep ({', '.join(of)}) and reduced from {size}; "
        f"seen with {', '.join(versions)}."
    )


def show_minimized(found: Iterable[Minimized], folder: Path, flags: Iterable[str], out: Console) -> None:
    """Show each distinct finding as it is written, and how to see it again; `flags` are for the limits."""
    written: list[Minimized] = []
    for one in found:
        show_line(f"{one.path or 'no case file'}: {one.text}", out)
        written += [] if one.path is None else [one]
    if written:
        again = f"to see {'it' if len(written) == 1 else 'them'} again: {command(written, folder, flags)}"
        show_line(f"{counted(len(written), 'case')} written; {again}", out)


def command(written: Iterable[Minimized], folder: Path, flags: Iterable[str]) -> str:
    """Return the command that shows findings again, quoted for a shell: by their adapters, and no others."""
    stems = [one.path.stem for one in written if one.path is not None]
    adapters = dict.fromkeys(one.adapter for one in written)
    words = ["python", "-m", "reports.build", "--cases", str(folder)]
    words += [word for name in adapters for word in ("--adapter", name)]
    common = os.path.commonprefix(stems)  # noqa: RUF071 - of names, not of paths
    return shlex.join([*words, *(["--select", common] if common else []), *flags])


# A problem as text


def document(problem: Problem, about: str) -> str:
    """Return the text of a case file in the problem's own number format.

    Parameters
    ----------
    about
        What the case is there to show.

    Raises
    ------
    ValueError
        If a number is not finite, which no case file can state.
    """
    text = printable(" ".join(about.split()))
    lines = [
        f"# yaml-language-server: $schema={SCHEMA}",
        f"# {in_one_line(problem)}",
        "about: >-",
        *textwrap.wrap(text, LINE_WIDTH, initial_indent="  ", subsequent_indent="  ", **_UNBROKEN),
        "layers:",
        *(f"  - {_layer(problem, k)}" for k in range(1, problem.depth + 1)),
        f"x: {_array(problem.x)}",
        f"y: {_array(problem.y)}",
        *_rules(problem),
        f"dtypes: [{problem.dtype}]",
    ]
    return "\n".join(lines) + "\n"


_UNBROKEN: Final[dict[str, Any]] = {"break_long_words": False, "break_on_hyphens": False}


def in_one_line(problem: Problem) -> str:
    """Return the network: x (2) --> tanh (3) = ŷ, one example."""
    count, named = len(problem.x), zip(("x", *problem.activations), widths_of(problem), strict=True)
    examples = "one example" if count == 1 else counted(count, "example")
    return f"{' --> '.join(f'{name} ({size})' for name, size in named)} = ŷ, {examples}"


def widths_of(problem: Problem) -> tuple[int, ...]:
    """Return the widths of the input and of each layer's output."""
    return tuple(width(problem, layer) for layer in range(problem.depth + 1))


def _layer(problem: Problem, k: int) -> str:
    W, b = problem.parameters[names.W(k)], problem.parameters[names.b(k)]
    return _mapping({"W": _array(W), "b": _array(b), "activation": problem.activations[k - 1]})


def _rules(problem: Problem) -> Iterator[str]:
    """Give the lines of the loss, the update and the run."""
    loss = {"name": problem.loss}
    if len(LOSSES[problem.loss].reductions) > 1:
        loss["reduction"] = problem.reduction
    loss |= {name: shortest(number, problem.dtype) for name, number in problem.loss_numbers}
    yield f"loss: {_mapping(loss)}"
    rate = shortest(problem.learning_rate, problem.dtype)
    optimizer = {"name": problem.optimizer.name, "learning_rate": rate} | _stated(problem.optimizer)
    yield f"optimizer: {_mapping(optimizer)}"
    if problem.schedule:
        yield f"schedule: {_mapping({'name': problem.schedule.name} | _stated(problem.schedule))}"
    if problem.clipping:
        clipping = {name.removeprefix("clip_"): text for name, text in _stated(problem.clipping).items()}
        yield f"clipping: {_mapping(clipping)}"
    if problem.steps > 1:
        yield f"steps: {problem.steps}"
    if problem.until is not None:
        yield f"until: {{loss: {shortest(problem.until, problem.dtype)}}}"
    if problem.not_trained:
        yield f"not_trained: [{', '.join(sorted(problem.not_trained))}]"
    if problem.forms != "stated":
        yield f"forms: {problem.forms}"


def _stated(rule: Rule) -> dict[str, str]:
    """Return what a rule states, as it is written."""
    numbers = {
        name: str(int(number)) if RANGES.get(name) == "count" else shortest(number, RULE_DTYPE)
        for name, number in rule.numbers
    }
    return numbers | dict.fromkeys(sorted(rule.options), "true")


def _mapping(entries: dict[str, str]) -> str:
    return f"{{{', '.join(f'{name}: {text}' for name, text in entries.items())}}}"


def _array(array: NDArray[Any]) -> str:
    if array.ndim > 1:
        return f"[{', '.join(map(_array, array))}]"
    return f"[{', '.join(shortest(float(number), str(array.dtype)) for number in array)}]"
