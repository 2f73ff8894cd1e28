"""What a program can compute, by its own word; a case that asks for something else is passed over.

A set of names limits each of the fields of `Structure`. What is added to a name is told apart: "sgd" is plain
gradient descent, and "sgd+momentum", "adam+step" or "sgd+clipping" are something else.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from itertools import chain
from typing import Any, Final

from cases.catalog import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES
from cases.errors import quoted, suggestion
from cases.problem import Problem
from cases.protocol import DTYPES, NoEquivalent, Program, Structure, TrainingRun

CLIPPING, NOT_TRAINED, SMOOTHING = "clipping", "not_trained", "label_smoothing"


def _optional(optimizer: str) -> Iterator[str]:
    """Give the keys of an optimizer that a case may leave out."""
    return (name for name, key in OPTIMIZERS[optimizer].keys.items() if key.default in (None, False))


# The parts that a loss and an update may have besides their names.
OF_LOSSES: Final = (SMOOTHING,)
OF_UPDATES: Final = (
    *dict.fromkeys(chain.from_iterable(map(_optional, OPTIMIZERS))),
    *SCHEDULES,
    CLIPPING,
    NOT_TRAINED,
)
LIMITED: Final = {"depth": "layers", "batch": "examples", "steps": "steps"}  # what is counted
REDUCTIONS: Final = ("sum", "mean")
# Of each field with names: those that there are, and the parts that may be added to one.
NAMES: Final[dict[str, tuple[Collection[str], Collection[str]]]] = {
    "activations": (ACTIVATIONS, ()),
    "losses": (tuple(LOSSES), OF_LOSSES),
    "reductions": (REDUCTIONS, ()),
    "optimizers": (tuple(OPTIMIZERS), OF_UPDATES),
    "dtypes": (DTYPES, ()),
}


class StructureError(ValueError):
    """What a program says of itself cannot be read; the message says why."""


def structure_of(given: Any) -> Structure | None:  # noqa: ANN401 - whatever a program has as its `structure`
    """Return what a program says of itself: a `Structure`, a mapping with its fields, or None.

    Raises `StructureError`, with what is wrong and what was meant, if it is none.
    """
    if given is None:
        return None
    known = [field.name for field in fields(Structure)]
    stated = dict(given) if isinstance(given, Mapping) else {}
    if isinstance(given, Structure):
        stated = {name: getattr(given, name) for name in known}
    elif not isinstance(given, Mapping):
        raise StructureError(
            f"structure is a {type(given).__name__}, expected a mapping with {', '.join(known)}"
        )
    for name, value in stated.items():
        if name not in known:
            raise StructureError(f"structure has {quoted(str(name))}, expected {_one_of(str(name), known)}")
        if value is not None:
            stated[name] = _names(name, value) if name in NAMES else _counts(name, value)
    return Structure(**stated)


def _names(field: str, value: Any) -> frozenset[str]:  # noqa: ANN401 - the same
    known, parts = NAMES[field]
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, Collection) or not all(isinstance(each, str) for each in listed):
        raise StructureError(f"structure's {field} is {value!r:.60}, expected a set of names")
    for each in listed:
        name, *added = each.split("+")
        if name not in known:
            raise StructureError(f"structure's {field} has {quoted(name)}, expected {_one_of(name, known)}")
        if wrong := next((part for part in added if part not in parts), None):
            raise StructureError(
                f"structure's {field} has {quoted(each)}, expected after + {_one_of(wrong, parts)}"
            )
    return frozenset(listed)


def _counts(field: str, value: Any) -> frozenset[int]:  # noqa: ANN401 - the same
    listed = [value] if isinstance(value, int) else value
    is_counted = isinstance(listed, Collection) and all(type(each) is int and each > 0 for each in listed)
    if not is_counted or not listed:
        raise StructureError(
            f"structure's {field} is {value!r:.60}, expected a number from 1, or a set or range of them"
        )
    return frozenset(listed)


def _one_of(name: str, known: Collection[str]) -> str:
    meant = suggestion(name, known)
    return (", ".join(known) or "nothing") + (f"; did you mean {quoted(meant)}?" if meant else "")


def limited(program: Program, of_adapter: Structure | None) -> Program:
    """Return a program that declines what it does not do, as it says itself, or else its adapter."""
    structure = program.structure or of_adapter
    if structure is None:
        return program
    stacked = program.stacked and replace(program.stacked, run=_declining(program.stacked.run, structure))
    return replace(program, run=_declining(program.run, structure), stacked=stacked, structure=structure)


def _declining(run: TrainingRun, structure: Structure) -> TrainingRun:
    def run_or_decline(problem: Problem) -> Any:  # noqa: ANN401 - whatever the program gives
        if why := why_not(structure, problem):
            raise NoEquivalent(why)
        return run(problem)

    return run_or_decline


def why_not(structure: Structure, problem: Problem) -> str:
    """Return what a problem asks for that a program does not do, in words; "" if there is nothing."""
    asked: dict[str, tuple[str, ...] | int] = {
        "dtypes": (problem.dtype,),
        "depth": problem.depth,
        "activations": problem.activations,
        "losses": (_form(problem.loss, _loss_parts(problem)),),
        "reductions": (problem.reduction,) if len(LOSSES[problem.loss].reductions) > 1 else (),
        "optimizers": (_form(problem.optimizer.name, _update_parts(problem)),),
        "batch": problem.x.shape[-2],
        "steps": problem.steps,
    }
    for field, of_case in asked.items():
        does = getattr(structure, field)
        if isinstance(of_case, int):
            if does is not None and of_case not in does:
                return f"it does {_counted(does)} {LIMITED[field]}, and the case asks for {of_case}"
        elif (
            other := []
            if does is None
            else [name for name in of_case if _parts(name) not in map(_parts, does)]
        ):
            return f"it does {_listed(sorted(does))}, and the case asks for {_listed(dict.fromkeys(other))}"
    return ""


def _parts(form: str) -> frozenset[str]:
    return frozenset(form.split("+"))


def _form(name: str, parts: Iterator[str]) -> str:
    return "+".join((name, *parts))


def _loss_parts(problem: Problem) -> Iterator[str]:
    if dict(problem.loss_numbers).get(SMOOTHING):
        yield SMOOTHING


def _update_parts(problem: Problem) -> Iterator[str]:
    """Give what an update has besides the numbers that its optimizer must have."""
    rule = problem.optimizer
    yield from (name for name in _optional(rule.name) if rule.has(name) or name in rule.options)
    if problem.schedule:
        yield problem.schedule.name
    if problem.clipping:
        yield CLIPPING
    if problem.not_trained:
        yield NOT_TRAINED


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _counted(numbers: Collection[int]) -> str:
    least, most = min(numbers), max(numbers)
    if len(numbers) > 2 and most - least == len(numbers) - 1:  # noqa: PLR2004 - two are listed
        return f"{least} to {most}"
    return _listed(map(str, sorted(numbers)))
