"""A problem as the text of a case file, which reads back as the same problem to the last bit."""

import textwrap
from collections.abc import Iterator
from typing import Any, Final

from numpy.typing import NDArray

from cases import Problem, Rule, names
from cases.dtypes import DTYPES
from cases.errors import counted, printable
from reports.sweep.shrinking.digits import shortest
from reports.sweep.shrinking.simpler import MEANS

# Where the schema is from the folder of a case that comes with the suite, such as cases/found/.
SCHEMA: Final = "../case.schema.json"

WIDTH: Final = 108
# Numbers of rules that are counts of steps.
WHOLE: Final = ("every", "over")


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
    layers = [_layer(problem, k) for k in range(1, problem.depth + 1)]
    lines = [
        f"# yaml-language-server: $schema={SCHEMA}",
        f"# {drawing(problem)}",
        "about: >-",
        *textwrap.wrap(_one_line(about), WIDTH, initial_indent="  ", subsequent_indent="  ", **_UNBROKEN),
        "layers:",
        *(f"  - {layer}" for layer in layers),
        f"x: {_array(problem.x)}",
        f"y: {_array(problem.y)}",
        *_rules(problem),
        f"dtypes: [{problem.dtype}]",
    ]
    return "\n".join(lines) + "\n"


_UNBROKEN: Final[dict[str, Any]] = {"break_long_words": False, "break_on_hyphens": False}


def drawing(problem: Problem) -> str:
    """Return the network in one line: x (2) --> tanh (3) = ŷ, one example."""
    count, named = len(problem.x), zip(("x", *problem.activations), widths_of(problem), strict=True)
    examples = "one example" if count == 1 else counted(count, "example")
    return f"{' --> '.join(f'{name} ({width})' for name, width in named)} = ŷ, {examples}"


def widths_of(problem: Problem) -> tuple[int, ...]:
    """Return the widths of the input and of each layer's output."""
    outputs = (len(problem.parameters[names.b(k)]) for k in range(1, problem.depth + 1))
    return problem.x.shape[1], *outputs


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _layer(problem: Problem, k: int) -> str:
    W, b = problem.parameters[names.W(k)], problem.parameters[names.b(k)]
    return _mapping({"W": _array(W), "b": _array(b), "activation": problem.activations[k - 1]})


def _rules(problem: Problem) -> Iterator[str]:
    """Give the lines of the loss, the update and the run."""
    loss = {"name": problem.loss}
    if problem.loss not in MEANS:
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
    """Return what a rule states, as it is written; a rule's numbers are float64 in every format."""
    numbers = {
        name: str(int(number)) if name in WHOLE else shortest(number, DTYPES[0])
        for name, number in rule.numbers
    }
    return numbers | dict.fromkeys(sorted(rule.options), "true")


def _mapping(entries: dict[str, str]) -> str:
    return f"{{{', '.join(f'{name}: {text}' for name, text in entries.items())}}}"


def _array(array: NDArray[Any]) -> str:
    if array.ndim > 1:
        return f"[{', '.join(map(_array, array))}]"
    return f"[{', '.join(shortest(float(number), str(array.dtype)) for number in array)}]"
