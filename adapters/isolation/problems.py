"""A problem as a message's header and arrays, and back: every number reads back exactly."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from numpy.typing import NDArray

from cases.problem import Problem
from cases.update_rules import Rule

ARRAYS = ("parameters", "x", "y")
# What only the judge needs.
UNSEEN = ("tolerance",)

# A step states each parameter eight times over at most, and of each unit five numbers; in a wider format.
SLACK = 64

LEAST = 2**20


def most_bytes(problem: Problem) -> int:
    """Return how much the claim of one step may take: far more than any that is nearly right.

    Of a stack it is that of all its cases.
    """
    examples = problem.x.shape[-2]
    numbers = problem.x.size + problem.y.size
    for name, array in problem.parameters.items():
        numbers += array.size + (examples * array.size if name.startswith("b") else 0)
    return LEAST + SLACK * 8 * numbers


def told(problem: Problem) -> dict[str, Any]:
    """Return everything but the arrays, as JSON has it."""
    names = [field.name for field in fields(problem) if field.name not in (*ARRAYS, *UNSEEN)]
    return {name: _plain(getattr(problem, name)) for name in names}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value that a problem has
    if isinstance(value, Rule):
        return {"name": value.name, "numbers": _plain(value.numbers), "options": sorted(value.options)}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | int) else float(value)


def problem_of(header: Mapping[str, Any], arrays: dict[str, NDArray[Any]]) -> Problem:
    """Return the problem that was told; `arrays` holds x, y and the parameters, by name."""
    parameters = {name: array for name, array in arrays.items() if name not in ("x", "y")}
    given = dict(header) | {
        "activations": tuple(header["activations"]),
        "loss_numbers": _numbers(header["loss_numbers"]),
        "not_trained": frozenset(header["not_trained"]),
        **{name: _rule(header[name]) for name in ("optimizer", "schedule", "clipping")},
    }
    return Problem(parameters=parameters, x=arrays["x"], y=arrays["y"], **given)


def _rule(told: Mapping[str, Any] | None) -> Rule | None:
    return None if told is None else Rule(told["name"], _numbers(told["numbers"]), frozenset(told["options"]))


def _numbers(told: list[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    return tuple((name, float(number)) for name, number in told)
