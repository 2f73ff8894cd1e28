"""A case's training step as a table of its tape: columns are layers, rows are kinds of quantities.

Each cell has the worst that any implementation shows of its line, over all steps and number formats.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cases import Problem, names
from cases.errors import printable
from reference import Line, Verdict, tape
from reports.outcome import NOTHING, LineCell, agrees, at_step, group_by, plural, verdict
from reports.runs.rows import PUBLISHED, Row

MAX_COLUMNS: Final = 12
LAYERS_AT_EACH_END: Final = 5  # of a network of more layers, these have a column of their own
SILENT: Final = (Verdict.NOT_RUN, Verdict.NO_EQUIVALENT)  # adapters that compared nothing
_LAYER: Final = re.compile(r"(?<=[azWb])[1-9]\d*")  # the number of a layer in a quantity's name
BACKWARD: Final = ("dL/da", "da/dz", "dL/dz", "dL/dW", "dL/db")


@dataclass(frozen=True)
class TapeCell:
    """One line of the tape, or those of several layers together.

    `text` is the largest part that is used of any tolerance, "0.42", or "differs"; `about` the equation, and
    whose that is: "z1 = x W1ᵀ + b1 (torch, float32)". Of the first line that does not agree `first` names by
    whom: "jax, torch".
    """

    text: str
    css_class: str = ""
    about: str = ""
    first: str = ""


Cells = Sequence[TapeCell | None]


@dataclass(frozen=True)
class TapeTable:
    """The whole table; `sentence` names the first line that does not agree.

    `most` names the line that used the most of its tolerance, "" where nothing was compared.
    The groups are what is given, forward, backward and update; each has for each kind of quantity a cell for
    each column, None where the tape has no such line.
    """

    title: str
    sentence: str
    columns: tuple[str, ...]
    groups: tuple[tuple[str, Mapping[str, Cells]], ...]
    most: str = ""


def tape_table(problem: Problem, rows: Iterable[Row]) -> TapeTable:
    judged = [row for row in rows if row.subject.adapter != PUBLISHED and row.finding.verdict not in SILENT]
    wrong = [row for row in judged if not agrees(row)]
    first = LineCell.of(wrong).row if wrong else None
    alike = (row for row in wrong if first and _at(row) == _at(first))
    adapters = ", ".join(dict.fromkeys(row.subject.adapter for row in alike))
    columns = _columns(problem)
    judged_by, wrong_by = (group_by(own, lambda row: row.finding.quantity) for own in (judged, wrong))
    worst = {name: [max(own, key=lambda row: row.finding.used)] for name, own in judged_by.items()} | wrong_by

    def cell(lines: Sequence[Line]) -> TapeCell | None:
        if not lines:
            return None
        own = [row for line in lines for row in worst.get(line.name, ())]
        is_first = first is not None and first.finding.quantity in {line.name for line in lines}
        return _cell(lines, own, adapters if is_first else "")

    def cells(lines: Iterable[Line]) -> Cells:
        by_layer = {_layer(line): line for line in lines}
        return tuple(cell([by_layer[k] for k in layers if k in by_layer]) for layers in columns.values())

    given: dict[str, Cells] = {"": tuple(map(_given, columns.values()))}
    groups = [
        (group, {kind: cells(lines) for kind, lines in kinds.items()})
        for group, kinds in _groups(tape(problem)).items()
    ]
    title = f"The tape of {printable(problem.case)}"
    sentence = printable(_sentence(judged, first, adapters))
    return TapeTable(title, sentence, tuple(columns), (("given", given), *groups), printable(_most(judged)))


def _most(judged: Iterable[Row]) -> str:
    worst = max((row for row in judged if row.compared), key=lambda row: row.finding.used, default=None)
    if worst is None:
        return ""
    by = f"{worst.subject.implementation}, {worst.subject.dtype}{at_step(worst)}"
    return f"at most {worst.finding.used:.2f} of what is allowed, at {worst.finding.quantity} ({by})"


def formulas(problems: Iterable[Problem]) -> pd.DataFrame:
    """Return the different formulas of their lines, by kind; the layer is that of a formula's first line."""
    lines = [line for problem in problems for line in tape(problem)]
    by_form = group_by(lines, lambda line: _LAYER.sub("", f"{line.name} = {line.equation}"))
    by_kind = group_by((alike[0] for alike in by_form.values()), _kind)
    pairs = [(line.name, line.equation) for own in by_kind.values() for line in own]
    return pd.DataFrame(pairs, columns=["quantity", "formula"])


def _at(row: Row) -> tuple[str, int, bool]:
    return row.finding.quantity, row.finding.step, row.fails


def _sentence(judged: Iterable[Row], first: Row | None, adapters: str) -> str:
    if first is not None:
        line = f"{first.finding.quantity or 'the whole step'}{at_step(first)}, {verdict(first)}"
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
    end = [line.name for line in lines].index("loss") + 1
    backward = [line for line in lines[end:] if _kind(line) in BACKWARD]
    update = [line for line in lines[end:] if _kind(line) not in BACKWARD]
    parts = {"forward →": lines[:end], "← backward": backward, "update": update}
    return {name: group_by(own, _kind) for name, own in parts.items() if own}


def _kind(line: Line) -> str:
    return _LAYER.sub("", line.name)


def _layer(line: Line) -> int:
    number = _LAYER.search(line.name)
    return int(number[0]) if number else 0  # what serves all layers


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
