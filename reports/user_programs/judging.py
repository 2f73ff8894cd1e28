"""A file of programs run and judged in this process, a result at a time."""

# ruff: noqa: ANN401 - what a user's functions return may be anything

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from cases.captured import NotCapturedError
from cases.errors import type_and_message, well_formed
from cases.protocol import Verdict
from reference import parts
from reports.certify import FunctionVerdict, GradientVerdict, certify_gradients, same_function
from reports.outcome import plural
from reports.user_programs.program_files import ProgramFile
from reports.user_programs.program_results import PAIR, ProgramResult
from reports.user_programs.program_tape import sources_of, tape_of

Program: TypeAlias = tuple[Callable[..., Any], Sequence[Any]]  # a function and its arguments

MAX_TEXT = 4_000  # characters of a verdict


class UnusableError(Exception):
    """A program could not be made or judged; the message says why."""


def judge_file(file: ProgramFile) -> Iterator[ProgramResult]:
    """Give the verdict on each program of a file, then on each pair; one that fails costs its own.

    What the file raises is a verdict of error, also where it would end the interpreter by `sys.exit`.
    """
    module: ModuleType | UnusableError
    try:
        with _in_words(file, ""):
            module = _loaded(file)
    except UnusableError as error:
        module = error
    programs: dict[str, Program | UnusableError] = {}
    for name in file.judged:
        try:
            if isinstance(module, UnusableError):
                raise module
            yield _judged(file, name, [_program(file, module, part, programs) for part in name.split(PAIR)])
        except UnusableError as error:
            yield ProgramResult(file.name, name, Verdict.ERROR, well_formed(str(error), MAX_TEXT))


def _judged(file: ProgramFile, name: str, programs: Sequence[Program]) -> ProgramResult:
    what = " and ".join(f"{part}()" for part in name.split(PAIR))
    try:
        if len(programs) > 1:
            return _of_pair(file, name, same_function(*programs))
        ((function, args),) = programs
        return _of_gradients(file, name, certify_gradients(function, *args))
    except NotCapturedError as error:
        raise UnusableError(f"{what} cannot be judged: {error}.") from error
    except Exception as error:
        raise UnusableError(f"{what} cannot be judged: {parts.reason(error)}.") from error


def _program(
    file: ProgramFile, module: ModuleType, name: str, made: dict[str, Program | UnusableError]
) -> Program:
    """Return what a function of the file gives; it is called once, and put among what is `made`."""
    if name not in made:
        try:
            with _in_words(file, name):
                made[name] = _given(file, name, getattr(module, name)())
        except UnusableError as error:
            made[name] = error
    program = made[name]
    if isinstance(program, UnusableError):
        raise program
    return program


@contextmanager
def _in_words(file: ProgramFile, name: str) -> Iterator[None]:
    """Raise UnusableError for whatever the file raises: what it was, and at which line."""
    try:
        yield
    except UnusableError:
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame.lineno for frame in frames if Path(frame.filename).resolve() == file.path.resolve()]
        line = own[-1] if own else file.functions.get(name, 1)
        what = f"{name}()" if name else "the file"
        raise UnusableError(f"{file.path}:{line}: {what} raised {type_and_message(error)}") from error


def _loaded(file: ProgramFile) -> ModuleType:
    """Run a file; what lies beside it can be imported, but nothing that is installed is hidden by it.

    The name of its module is none that anything else could import.
    """
    name = f"program {file.name}"
    spec = spec_from_file_location(name, file.path)
    if spec is None or spec.loader is None:
        raise UnusableError(f"{file.path}:1: the file cannot be loaded")
    module = sys.modules[name] = module_from_spec(spec)
    beside = str(file.path.resolve().parent)
    if beside not in sys.path:
        sys.path.append(beside)
    spec.loader.exec_module(module)
    return module


def _given(file: ProgramFile, name: str, made: Any) -> Program:
    match made:
        case (function, [*_] | (*_,) as given) if callable(function):
            return function, tuple(given)
    what = type(made).__name__
    if isinstance(made, tuple):
        what = f"({', '.join(type(part).__name__ for part in made)})"
    wanted = "expected (function, (argument, …))"
    raise UnusableError(f"{file.path}:{file.functions[name]}: {name}() returned {what}, {wanted}")


def _of_gradients(file: ProgramFile, name: str, verdict: GradientVerdict) -> ProgramResult:
    run, judged = verdict.run, verdict.judged
    compared = bool(judged.findings)
    return ProgramResult(
        file.name, name, _verdict_on(verdict), well_formed(str(verdict), MAX_TEXT), run.framework, run.dtype,
        verdict.used if compared else math.nan, verdict.digits if compared else math.nan,
        judged.known, judged.lines,
        tuple(f"{where}: {plural(count, 'element')}" for where, count in judged.kinks), judged.unknown,
        tape_of(verdict, sources_of(file)),
    )  # fmt: skip


def _verdict_on(verdict: GradientVerdict) -> Verdict:
    """Return the verdict in a word: what was judged in part only is undecided, and nothing an error."""
    if verdict.agrees:
        return Verdict.AGREES
    findings = (*verdict.judged.findings, *(verdict.whole.findings if verdict.whole else ()))
    if verdict.wrong or any(finding.verdict is Verdict.DIFFERS for finding in findings):
        return Verdict.DIFFERS
    return Verdict.UNDECIDED if verdict.judged.findings else Verdict.ERROR


def _of_pair(file: ProgramFile, pair: str, verdict: FunctionVerdict) -> ProgramResult:
    frameworks = " and ".join(dict.fromkeys(run.framework for run in verdict.runs))
    formats = " and ".join(dict.fromkeys(run.dtype for run in verdict.runs))
    return ProgramResult(
        file.name, pair, _verdict_on_pair(verdict), well_formed(str(verdict), MAX_TEXT), frameworks, formats,
        max(finding.used for finding in verdict.forward), max(verdict.digits, 0.0),
    )  # fmt: skip


def _verdict_on_pair(verdict: FunctionVerdict) -> Verdict:
    """Return the verdict in a word; two whose exact outputs are open, and part at no line, are undecided."""
    if verdict.agrees:
        return Verdict.AGREES
    kinds = {finding.verdict for finding in verdict.forward}
    parts_somewhere = verdict.difference is not None and bool(verdict.difference.lines)
    if Verdict.DIFFERS in kinds or parts_somewhere or Verdict.UNDECIDED not in kinds:
        return Verdict.DIFFERS
    return Verdict.UNDECIDED
