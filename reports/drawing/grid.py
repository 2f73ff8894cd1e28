"""Where each quantity of a training step stands: columns are layers, rows are what is done to them.

Forward runs from left to right, backward from right to left below it, and the update below that. A network of
many layers shows those at both ends, and one tall cell stands for the layers between.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cases import Problem, names
from reference import Line, tape

# The rows; an update may take several.
PARAMETERS, FORWARD, SLOPE, BACKWARD, GRADIENT, UPDATE = range(6)

MOST_LAYERS: Final = 12
# Of more layers than `MOST_LAYERS`, so many at each end are shown.
EACH_END: Final = 5

# What an update computes from numbers alone: it may stand beside what is computed from it.
FROM_NUMBERS: Final = frozenset({names.RATE, "correction1", "correction2"})

_PARAMETER: Final = re.compile(r"[Wb][1-9]\d*")
_EACH: Final = "·"


@dataclass(frozen=True)
class Cell:
    """A place in the grid, and the quantities that stand there.

    Attributes
    ----------
    names
        One quantity, or all of those between the ends that are shown.
    is_line
        Whether it is computed; x, y, W1, b1, … are given.
    is_tall
        Whether it fills its column.
    """

    names: tuple[str, ...]
    column: int
    row: int
    is_line: bool = True
    is_tall: bool = False


@dataclass(frozen=True)
class Grid:
    """All cells, those that are computed in the order of the tape, and the pairs that wires join.

    Attributes
    ----------
    wires
        The places in `cells` of an input and of a line that is computed from it, each pair once.
    layers
        The layers shown, each with the column of its z; its a stands in the next one.
    hidden
        How many layers the tall cell stands for.
    """

    cells: tuple[Cell, ...]
    wires: tuple[tuple[int, int], ...]
    layers: tuple[tuple[int, int], ...]
    hidden: int
    columns: int
    rows: int


def grid(problem: Problem) -> Grid:
    """Return the grid of one training step of `problem`."""
    lines, columns = tape(problem), _Columns(problem.depth)
    given = {"x": (0, FORWARD), "y": (columns.count - 1, BACKWARD)}
    given |= {name: (columns.of(name), PARAMETERS) for name in problem.parameters}
    places = _steps_places(problem.depth, columns)
    rows = _update_rows([line for line in lines if line.name not in places])
    places |= {name: (columns.of(name), row) for name, row in rows.items()}
    cells = [Cell((name,), *place, is_line=False) for name, place in given.items()]
    cells += [Cell((line.name,), *places[line.name]) for line in lines]
    whole = _gathered(cells, columns.tall)
    return Grid(
        whole,
        _wires(lines, whole),
        columns.layers,
        columns.hidden,
        columns.count,
        1 + max(cell.row for cell in cells),
    )


class _Columns:
    """The columns of a network of `depth` layers: the data, z and a of each layer shown, the loss."""

    def __init__(self, depth: int) -> None:
        self.hidden = depth - 2 * EACH_END if depth > MOST_LAYERS else 0
        first = EACH_END if self.hidden else depth
        after = range(first + self.hidden + 1, depth + 1)
        self.tall = 2 * first + 1 if self.hidden else None
        left = [(k, 2 * k - 1) for k in range(1, first + 1)]
        right = [(k, 2 * (k - self.hidden)) for k in after]
        self.layers = (*left, *right)
        self.count = 2 * len(self.layers) + 2 + (self.hidden > 0)
        self._starts = dict(self.layers)

    def at(self, k: int, *, is_right: bool) -> int:
        """Return the column of layer k's z and W or, on the right, of its a and b."""
        if k not in self._starts and self.tall is not None:
            return self.tall
        return self._starts[k] + is_right

    def of(self, name: str) -> int:
        """Return the column of a parameter or of what is computed for one; 0 for what serves them all."""
        found = _PARAMETER.search(name)
        return self.at(int(found[0][1:]), is_right=found[0][0] == "b") if found else 0


def _steps_places(depth: int, columns: _Columns) -> dict[str, tuple[int, int]]:
    """Return the column and row of every line before the update."""
    places = {"loss": (columns.count - 1, FORWARD)}
    for k in range(1, depth + 1):
        left, right = columns.at(k, is_right=False), columns.at(k, is_right=True)
        places |= {names.z(k): (left, FORWARD), names.a(k): (right, FORWARD), names.slope(k): (left, SLOPE)}
        places |= {
            names.gradient(names.z(k)): (left, BACKWARD),
            names.gradient(names.a(k)): (right, BACKWARD),
        }
        places |= {names.gradient(name(k)): (columns.of(name(k)), GRADIENT) for name in (names.W, names.b)}
    return places


def _update_rows(lines: Sequence[Line]) -> dict[str, int]:
    """Return the rows of the update: each below what it is computed from, W1's beside b1's and W2's."""
    rows: dict[str, int] = {}
    used = {True: UPDATE, False: UPDATE}
    kinds: dict[str, list[Line]] = {}
    for line in lines:
        kind = _PARAMETER.sub(_EACH, line.name)
        kinds[kind] = [*kinds.pop(kind, ()), line]  # in the order in which they end: all inputs come before
    for kind, alike in kinds.items():
        inputs = {name for line in alike for name in line.inputs if name in rows and name not in FROM_NUMBERS}
        row = max([used[_EACH in kind], *(rows[name] + 1 for name in inputs)])
        used[_EACH in kind] = row + 1
        rows |= {line.name: row for line in alike}
    return rows


def _gathered(cells: Iterable[Cell], tall: int | None) -> tuple[Cell, ...]:
    """Put the cells of the tall column into one."""
    hidden = [cell for cell in cells if cell.column == tall]
    if not hidden:
        return tuple(cells)
    together = tuple(name for cell in hidden for name in cell.names)
    return (
        *(cell for cell in cells if cell.column != tall),
        Cell(together, hidden[0].column, 0, is_tall=True),
    )


def _wires(lines: Iterable[Line], cells: Sequence[Cell]) -> tuple[tuple[int, int], ...]:
    at = {name: place for place, cell in enumerate(cells) for name in cell.names}
    pairs = [(at[name], at[line.name]) for line in lines for name in line.inputs if name in at]
    return tuple(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))
