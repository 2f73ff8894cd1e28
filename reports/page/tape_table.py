"""A case's training step as a table of its tape: columns are layers, rows are kinds of quantities.

Each cell has the worst that any implementation shows of its line, over all steps and number formats.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cases import Problem, names
from cases.errors import printable
from reference import Line, Verdict, tape
from reports.outcome import NOTHING, LineCell, agrees, at_step, group_by, plural, verdict
from reports.runs.rows import PUBLISHED, Row

# Of a network of more layers, `LAYERS_AT_EACH_END` at each end have a column of their own.
MAX_COLUMNS: Final = 12
LAYERS_AT_EACH_END: Final = 5

# Adapters that compared nothing.
SILENT: Final = (Verdict.NOT_RUN, Verdict.NO_EQUIVALENT)

# The number of a layer in a quantity's name.
_LAYER: Final = re.compile(r"(?<=[azWb])[1-9]\d*")

BACKWARD: Final = ("dL/da", "da/dz", "dL/dz", "dL/dW", "dL/db")


@dataclass(frozen=True)
class TapeCell:
    """One line of the tape, or those of several layers together.

    Attributes
    ----------
    text
        "0.42", the largest part that is used of any tolerance; "differs"; or `NOTHING`.
    about
        The equation, and whose the worst is: "z1 = x W1ᵀ + b1 (torch, float32)".
    first
        Those who do not agree here, where this is the first line that does not: "jax, torch".
    """

    text: str
    css_class: str = ""
    about: str = ""
    first: str = ""


Cells = Sequence[TapeCell | None]


@dataclass(frozen=True)
class TapeTable:
    """The whole table.

    Attributes
    ----------
    sentence
        Which line is the first that does not agree.
    columns
        The layers, and what serves all of them.
    groups
        What is given, forward, backward and update, each with its rows: for each kind of quantity a cell for
        each column, None where the tape has no such line.
    """

    title: str
    sentence: str
    columns: tuple[str, ...]
    groups: tuple[tuple[str, Mapping[str, Cells]], ...]


def tape_table(problem: Problem, rows: Iterable[Row]) -> TapeTable:
    """Return the table of one training step of `problem`, in any of its number formats.

    Parameters
    ----------
    rows
        What was found on this case, by all implementations in all steps and formats.
    """
    judged = [row for row in rows if row.subject.adapter != PUBLISHED and row.finding.verdict not in SILENT]
    wrong = [row for row in judged if not agrees(row)]
    first = LineCell.of(wrong).row if wrong else None
    adapters = _adapters(wrong, first) if first else ""
    columns, by_quantity = _columns(problem), group_by(judged, lambda row: row.finding.quantity)

    def cell(lines: Sequence[Line]) -> TapeCell:
        names = [line.name for line in lines]
        found = [row for name in names for row in by_quantity.get(name, ())]
        return _cell(lines, found, adapters if first and first.finding.quantity in names else "")

    given: dict[str, Cells] = {"": tuple(map(_given, columns.values()))}
    groups = [
        (group, {kind: _cells(lines, columns.values(), cell) for kind, lines in kinds.items()})
        for group, kinds in _groups(tape(problem)).items()
    ]
    title = f"The training step of {printable(problem.case)} as its tape"
    sentence = _sentence(judged, first, adapters)
    return TapeTable(title, printable(sentence), tuple(columns), (("given", given), *groups))


def _adapters(wrong: Iterable[Row], first: Row) -> str:
    """Name those who do not agree at the first wrong line, in that step."""
    at = (first.finding.quantity, first.finding.step, first.fails)
    same = (row for row in wrong if (row.finding.quantity, row.finding.step, row.fails) == at)
    return ", ".join(dict.fromkeys(row.subject.adapter for row in same))


def _sentence(judged: Iterable[Row], first: Row | None, adapters: str) -> str:
    if first is not None:
        line = f"{first.finding.quantity or 'the whole claim'}{at_step(first)}, {verdict(first)}"
        return f"The first line that does not agree: {line} ({adapters})."
    compared = any(row.compared for row in judged)
    return "Every line that was compared agrees." if compared else "Nothing was compared."


def _columns(problem: Problem) -> dict[str, range]:
    """Return by its heading the layers of each column; 0 is what serves all of them."""
    columns, depth = {}, problem.depth
    shown = LAYERS_AT_EACH_END if depth > MAX_COLUMNS else depth
    hidden = range(shown + 1, depth - shown + 1)
    for k in range(1, depth + 1):
        if k not in hidden:
            units = plural(len(problem.parameters[names.b(k)]), "unit")
            columns[f"layer {k}: {problem.activations[k - 1]}, {units}"] = range(k, k + 1)
        elif k == hidden[0]:
            columns[f"… {len(hidden)} more layers"] = hidden
    return {**columns, "all layers": range(1)}


def _groups(lines: Sequence[Line]) -> dict[str, dict[str, list[Line]]]:
    """Collect the lines by the part of the step, and in it by kind, in the order of computation."""
    order = [line.name for line in lines]
    forward = order[: order.index("loss") + 1]
    parts = group_by(
        lines,
        lambda line: (
            "forward →" if line.name in forward else "← backward" if _kind(line) in BACKWARD else "update"
        ),
    )
    return {part: group_by(those, _kind) for part, those in parts.items()}


def _kind(line: Line) -> str:
    return _LAYER.sub("", line.name)


def _layer(line: Line) -> int:
    """Return the number of the layer that a line belongs to; 0 where it serves all."""
    number = _LAYER.search(line.name)
    return int(number[0]) if number else 0


def _cells(
    lines: Sequence[Line], columns: Iterable[range], cell: Callable[[Sequence[Line]], TapeCell]
) -> Cells:
    by_layer = {_layer(line): line for line in lines}
    found = ([by_layer[k] for k in layers if k in by_layer] for layers in columns)
    return tuple(cell(here) if here else None for here in found)


def _cell(lines: Sequence[Line], rows: Sequence[Row], first: str) -> TapeCell:
    equation = f"{lines[0].name} = {lines[0].equation}" + (f" … {lines[-1].name}" if lines[1:] else "")
    if not rows:
        return TapeCell(NOTHING, about=equation)
    worst = LineCell.of(rows)
    by = f"{worst.row.subject.implementation}, {worst.row.subject.dtype}{at_step(worst.row)}"
    return TapeCell(str(worst), worst.css_class, printable(f"{equation} ({by})"), printable(first))


def _given(layers: range) -> TapeCell:
    parameters = [name for k in layers if k for name in (names.W(k), names.b(k))] or ["x", "y"]
    return TapeCell(", ".join([*parameters[:2], "…", parameters[-1]] if len(layers) > 1 else parameters))
