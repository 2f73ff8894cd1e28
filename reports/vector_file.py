"""vectors.json: of each case the inputs, the equations, and what follows from them, for any language."""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_UP, Context
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np

from cases import Case, CaseErrors, Problem, Rule
from cases.load import asked_for
from cases.names import STEP
from cases.selection import UnknownCaseError, selected
from reference import tape
from reference.arithmetic import Bounded, Real
from reference.certified import correctly_rounded, error_from_rounded, forward_bounds
from reference.findings import shortest
from reports.writers import terminal
from reports.writers.csv_json import to_json

FORMAT: Final = "backprop-parity vectors"
SCHEMA: Final = 1

ABOUT: Final = (
    "Training steps of small networks: the inputs exactly as given, the equations, and for every quantity "
    "the number of the format nearest to its exact value, with what a correct program may be off by. "
    "reports/README.md of backprop-parity describes every field."
)

UP: Final = Context(prec=3, rounding=ROUND_UP)


def make(
    given: Sequence[str], select: Sequence[str], dtypes: Sequence[str], limits: tuple[int, int], out: Path
) -> int:
    """Load the cases, compute, write the file, and return the exit code."""
    try:
        cases = selected(asked_for(given), select)
    except (CaseErrors, UnknownCaseError) as error:
        print(error, file=sys.stderr)
        return 2
    console = terminal.console()
    with terminal.bar(console) as watch:
        content = document(cases, dtypes, limits, watch)
    if not content["vectors"]:
        print("nothing to write: no case of these is within the limits", file=sys.stderr)
        return 2
    unfinished = out.with_name(f".{out.name}-{uuid4().hex[:12]}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_text(f"{to_json(content)}\n", encoding="utf-8", newline="\n")
            unfinished.replace(out)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        print(f"{out} cannot be written: {error.strerror or error}", file=sys.stderr)
        return 2
    console.print(f"{_counted(content)}: {terminal.shown(out)}", soft_wrap=True)
    return 0


def _counted(content: dict[str, Any]) -> str:
    vectors = content["vectors"]
    left_out = len({entry["case"] for entry in content["left_out"] if entry["what"] == "all"})
    cases = f"{len({entry['case'] for entry in vectors})}{f' ({left_out} left out)' if left_out else ''}"
    quantities = [quantity for entry in vectors for step in entry["steps"] for quantity in step.values()]
    values = sum(len(quantity["decimal"]) for quantity in quantities)
    return f"Cases: {cases}, in all their number formats: {len(vectors)}, values: {values:,}"


def document(
    cases: Sequence[Case],
    dtypes: Sequence[str],
    limits: tuple[int, int],
    watch: Callable[[str, int, int], None] = lambda *_: None,
) -> dict[str, Any]:
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
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "about": ABOUT,
        "limits": {"parameters": limits[0], "steps": limits[1]},
        "left_out": list(_left_out(problems, limits)),
        "vectors": vectors,
    }


def _left_out(problems: Sequence[tuple[Case, Problem]], limits: tuple[int, int]) -> Iterator[dict[str, str]]:
    for case, problem in problems:
        about = {"case": case.name, "dtype": problem.dtype}
        if problem.size > limits[0]:
            yield about | {"what": "all", "why": f"it has {problem.size:,} parameters"}
        elif problem.steps > limits[1]:
            yield about | {"what": f"steps {limits[1] + 1} to {problem.steps}", "why": "they are many"}


def _vector(case: Case, problem: Problem, most_steps: int) -> dict[str, Any]:
    arrays, lines = {**problem.inputs, **problem.optimizer_state}, tape(problem)
    return {
        "case": case.name,
        "about": case.about,
        "dtype": problem.dtype,
        "activations": list(problem.activations),
        "loss": {"name": problem.loss, "reduction": problem.reduction},
        "optimizer": _rule(problem.optimizer),
        "schedule": _rule(problem.schedule),
        "clipping": _rule(problem.clipping),
        "not_trained": sorted(problem.not_trained),
        "inputs": {name: exact(array, problem.dtype) for name, array in arrays.items()},
        "numbers": _numbers(problem),
        "tape": [{"name": one.name, "equation": one.equation, "inputs": list(one.inputs)} for one in lines],
        "steps": list(_steps(problem, min(most_steps, problem.steps))),
    }


def _rule(rule: Rule | None) -> dict[str, Any] | None:
    return None if rule is None else {"name": rule.name, "options": sorted(rule.options)}


def _numbers(problem: Problem) -> dict[str, Any]:
    """Return the rates and what else the rules and the loss are given; those of the rules are float64."""
    of_loss = {name: exact(number, problem.dtype) for name, number in problem.loss_numbers}
    return of_loss | {
        name: exact(number, problem.dtype if isinstance(number, np.ndarray) else "float64")
        for name, number in problem.constants.items()
    }


def exact(array: object, dtype: str) -> dict[str, Any]:
    """Return numbers exactly as they are, along the rows: the shortest decimals, and hexadecimal floats."""
    wide = np.asarray(array, np.float64)
    values = wide.ravel().tolist()
    return {
        "dtype": dtype,
        "shape": list(wide.shape),
        "decimal": [_written(value, lambda number: shortest(number, dtype)) for value in values],
        "hex": [_written(value, float.hex) for value in values],
    }


def _written(value: float, write: Callable[[float], str]) -> str | None:
    """Write a number, infinity, or None where it is not known."""
    if math.isinf(value):
        return f"{'-' * (value < 0)}Infinity"
    return None if math.isnan(value) else write(value)


def _steps(problem: Problem, steps: int) -> Iterator[dict[str, Any]]:
    """Give every quantity of each step, until the loss is small enough."""
    for values, bounds in zip(correctly_rounded(problem, steps), forward_bounds(problem, steps), strict=True):
        yield {name: _quantity(values[name], bounds[name], problem.dtype) for name in values if name != STEP}
        if problem.until is not None and values["loss"] <= problem.until:
            return


def _quantity(rounded: Real, bound: Bounded, dtype: str) -> dict[str, Any]:
    within = [_up(allowed) for allowed in error_from_rounded(bound, rounded).ravel().tolist()]
    return {key: value for key, value in exact(rounded, dtype).items() if key != "dtype"} | {"within": within}


def _up(bound: float) -> str | None:
    """Return a bound to three digits, rounded up; None where there is none."""
    return None if math.isnan(bound) else str(float(UP.create_decimal_from_float(bound)))
