"""A case's training step as a table of its tape: columns are layers, rows are kinds of quantities.

Each cell has the worst that any implementation shows of its line, over all steps and number formats.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cases import Problem, names
from cases.defects import printable
from reference import Line, Verdict, tape
from reports.conclusion import plural
from reports.outcome import NOTHING, LineCell, agrees, at_step, verdict
from reports.rows import PUBLISHED, Row

# Of a network of more layers, `LAYERS_AT_EACH_END` at each end have a column of their own.
MAX_COLUMNS: Final = 12
LAYERS_AT_EACH_END: Final = 5

# Adapters that compared nothing.
SILENT: Final = (Verdict.NOT_RUN, Verdict.NO_EQUIVALENT)

# The number of a layer in a quantity's name.
_LAYER: Final = re.compile(r"(?<=[azWb])[1-9]\d*")

_BACKWARD: Final = ("dL/da", "da/dz", "dL/dz", "dL/dW", "dL/db")


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
    columns = _columns(problem)
    found = _Found(judged, first)
    groups = [
        (group, {kind: found.cells(lines, columns.values()) for kind, lines in kinds.items()})
        for group, kinds in _groups(tape(problem)).items()
    ]
    given: dict[str, Cells] = {"": tuple(map(_given, columns.values()))}
    title = f"The training step of {printable(problem.case)} as its tape"
    return TapeTable(title, _sentence(judged, first), tuple(columns), (("given", given), *groups))


def _sentence(judged: Sequence[Row], first: Row | None) -> str:
    if first is not None:
        line = f"{first.finding.quantity or 'the whole claim'}{at_step(first)}, {verdict(first)}"
        return printable(f"The first line that does not agree: {line} ({_adapters(judged, first)}).")
    compared = any(row.compared for row in judged)
    return "Every line that was compared agrees." if compared else "Nothing was compared."


def _adapters(judged: Iterable[Row], first: Row) -> str:
    """Name those who do not agree at the first wrong line, in that step."""
    at = (first.finding.quantity, first.finding.step, first.fails)
    same = (row for row in judged if (row.finding.quantity, row.finding.step, row.fails) == at)
    return ", ".join(dict.fromkeys(row.subject.adapter for row in same if not agrees(row)))


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
    groups: dict[str, dict[str, list[Line]]] = {"forward →": {}, "← backward": {}, "update": {}}
    loss = next(place for place, line in enumerate(lines) if line.name == "loss")
    for place, line in enumerate(lines):
        kind = _LAYER.sub("", line.name)
        group = "forward →" if place <= loss else "← backward" if kind in _BACKWARD else "update"
        groups[group].setdefault(kind, []).append(line)
    return groups


def _given(layers: range) -> TapeCell:
    parameters = [name for k in layers if k for name in (names.W(k), names.b(k))] or ["x", "y"]
    ends = [*parameters[:2], "…", parameters[-1]] if len(layers) > 1 else parameters
    return TapeCell(", ".join(ends))


@dataclass(frozen=True)
class _Found:
    """What was judged, and the first line that does not agree."""

    judged: Sequence[Row]
    first: Row | None

    @cached_property
    def by_quantity(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self.judged:
            found.setdefault(row.finding.quantity, []).append(row)
        return found

    def cells(self, lines: Sequence[Line], columns: Iterable[range]) -> Cells:
        """Return the cell of each column for the lines of one kind."""
        by_layer = {_layer(line.name): line for line in lines}
        found = ([by_layer[k] for k in layers if k in by_layer] for layers in columns)
        return tuple(self._cell(here) if here else None for here in found)

    def _cell(self, lines: Sequence[Line]) -> TapeCell:
        equation = f"{lines[0].name} = {lines[0].equation}" + (f" … {lines[-1].name}" if lines[1:] else "")
        rows = [row for line in lines for row in self.by_quantity.get(line.name, ())]
        if not rows:
            return TapeCell(NOTHING, about=equation)
        worst = LineCell.of(rows)
        by = f"{worst.row.subject.implementation}, {worst.row.subject.dtype}{at_step(worst.row)}"
        is_first = self.first is not None and self.first.finding.quantity in {line.name for line in lines}
        first = _adapters(self.judged, self.first) if self.first and is_first else ""
        return TapeCell(str(worst), worst.css_class, printable(f"{equation} ({by})"), printable(first))


def _layer(name: str) -> int:
    """Return the number of the layer that a line belongs to; 0 where it serves all."""
    number = _LAYER.search(name)
    return int(number[0]) if number else 0
