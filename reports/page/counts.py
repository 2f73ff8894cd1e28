"""How each adapter fares, counted: the matrix in one line for each."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from reports.page.tints import tint
from reports.tables import NOTHING

KINDS: Final = ("agree", "differ as their cases say", "no equivalent", "not run", "fail")


def counts(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return for each adapter how many of its cases, one in each number format, fare how.

    Parameters
    ----------
    matrix
        Each case by each adapter: a line for each case and number format, a column for each adapter.
    """
    adapters = matrix.columns[2:]
    told = [(name, *_counted([kind(cell) for cell in matrix[name]])) for name in adapters]
    frame = pd.DataFrame(told, columns=["adapter", *KINDS])
    return frame.drop(columns=[name for name in KINDS[1:-1] if set(frame[name]) == {NOTHING}])


def _counted(kinds: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(kinds.count(kind) or NOTHING) for kind in KINDS)


def kind(cell: str) -> str:
    """Say which of the kinds a cell of the matrix is; "" where an adapter was not asked."""
    own = next((name for name in ("no equivalent", "not run") if cell.startswith(name)), "")
    return own or {"news": "fail", "known": "differ as their cases say", "": ""}.get(tint(cell), "agree")
