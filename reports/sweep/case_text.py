"""A problem as the text of a case file, which reads back as the same problem to the last bit."""

import math
import textwrap
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from cases import Problem, Rule, names
from cases.catalog import LOSSES, NUMBERS
from cases.errors import counted, printable
from cases.protocol import DTYPES
from reference import findings

SCHEMA: Final = "../case.schema.json"  # from the folder of a case that comes with the suite
LINE_WIDTH: Final = 108
PLAIN_EXPONENTS: Final = range(-4, 7)  # the exponents of 10 with which a number is written without one


def document(problem: Problem, about: str, written: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Return the text of a case file in the problem's own number format, which says what it is about.

    Of inputs and parameters that are `written` these texts, in nested lists, stand in place of the numbers.

    Raises ValueError if a number is not finite, or if training has begun before: no case file can state that.
    """
    if problem.steps_before:
        raise ValueError(f"training began {problem.steps_before} steps before, which no case file can state")
    lines = textwrap.wrap(
        printable(" ".join(about.split())), LINE_WIDTH, initial_indent="  ", subsequent_indent="  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    content = (_content(problem) | {name: written[name] for name in ("x", "y") if name in written}).items()
    parameters = {name: written.get(name, array.tolist()) for name, array in problem.parameters.items()}
    layers = (
        {"W": parameters[names.W(k)], "b": parameters[names.b(k)], "activation": activation}
        for k, activation in enumerate(problem.activations, start=1)
    )
    return "\n".join(
        [
            f"# yaml-language-server: $schema={SCHEMA}",
            f"# {in_one_line(problem)}",
            *("about: >-", *lines),
            *("layers:", *(f"  - {_flow(layer, problem.dtype)}" for layer in layers)),
            *(f"{key}: {_flow(value, problem.dtype)}" for key, value in content if value is not None),
            "",
        ]
    )


def in_one_line(problem: Problem) -> str:
    """Return the network: x (2) --> tanh (3) = ŷ, one example."""
    count, named = len(problem.x), zip(("x", *problem.activations), widths(problem), strict=True)
    examples = "one example" if count == 1 else counted(count, "example")
    return f"{' --> '.join(f'{name} ({size})' for name, size in named)} = ŷ, {examples}"


def widths(problem: Problem) -> tuple[int, ...]:
    """Return the widths of the input and of each layer's output."""
    layers = range(1, problem.depth + 1)
    return (problem.x.shape[1], *(len(problem.parameters[names.b(k)]) for k in layers))


def _content(problem: Problem) -> dict[str, Any]:
    """Return what a case file states below its layers; None for what it leaves out."""
    loss, optimizer, clipping = problem.loss, problem.optimizer, _rule(problem.clipping)
    reduction = {"reduction": problem.reduction} if len(LOSSES[loss].reductions) > 1 else {}
    if clipping:
        clipping = {name.removeprefix("clip_"): value for name, value in clipping.items() if name != "name"}
    return {
        "x": problem.x.tolist(),
        "y": problem.y.tolist(),
        "loss": {"name": loss, **reduction, **dict(problem.loss_numbers)},
        "optimizer": {"name": optimizer.name, "learning_rate": problem.learning_rate} | _rule(optimizer),
        "schedule": _rule(problem.schedule) or None,
        "clipping": clipping or None,
        "steps": str(problem.steps) if problem.steps > 1 else None,
        "until": None if problem.until is None else {"loss": problem.until},
        "not_trained": sorted(problem.not_trained) or None,
        "forms": problem.forms if problem.forms != "stated" else None,
        "dtypes": [problem.dtype],
    }


def _rule(rule: Rule | None) -> dict[str, Any]:
    """Return what a rule states: its numbers are float64 in every format, and written here."""
    if rule is None:
        return {}
    counts = {name for name, _ in rule.numbers if NUMBERS[name].kind == "count"}
    numbers = {
        name: str(int(number)) if name in counts else shortest(number, DTYPES[0])
        for name, number in rule.numbers
    }
    return {"name": rule.name, **numbers, **dict.fromkeys(sorted(rule.options), "true")}


def _flow(value: Any, dtype: str) -> str:  # noqa: ANN401 - what YAML can state
    """Write a value in YAML's flow style; numbers are of a format."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(part, dtype)}' for key, part in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(part, dtype) for part in value)}]"
    return value if isinstance(value, str) else shortest(float(value), dtype)


def shortest(number: float, dtype: str) -> str:
    """Write a number of a format in few digits that read back as it: 0.1, -0, 2e-8.

    Raises ValueError if it is not finite.
    """
    if not math.isfinite(number):
        raise ValueError(f"{number} is no finite number of {dtype}")
    decimal = Decimal(findings.shortest(number, dtype)).normalize()
    return f"{decimal:f}" if decimal.adjusted() in PLAIN_EXPONENTS else f"{decimal:e}".replace("+", "")
