"""Where the wrong elements of an array stand: a row, a column, the diagonal; and a factor that they share."""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reference.arithmetic import Error, Real

# So many elements are named one by one where they form no pattern.
NAMED: Final = 3

# A constant factor is told as a fraction if both its terms are at most this.
SIMPLE: Final = 12


def error_pattern(
    claimed: ArrayLike,
    derived: ArrayLike,
    wrong: NDArray[np.bool_],
    *,
    among: NDArray[np.bool_] | None = None,
    within: Error = 0.0,
) -> str:
    """Say how many elements are wrong of how many, where they stand, and by which factor if it is one.

    Parameters
    ----------
    claimed, derived
        What is claimed and what follows, arrays of one shape.
    wrong
        Which elements are wrong.
    among
        Which elements were compared; all, if not given.
    within
        What the claimed numbers are known to; a factor is told only where every wrong element has it to that.

    Returns
    -------
    str
        "2 of 4 are wrong: row 1, each 2 times what it should be"; "" for one number alone.
    """
    compared = np.ones(wrong.shape, np.bool_) if among is None else among
    total, count = int(compared.sum()), int(wrong.sum())
    if total <= 1 or not count:
        return ""
    head = f"{count} of {total} {'is' if count == 1 else 'are'} wrong"
    place = "" if count == total else _place(wrong, compared)
    factor = _factor(np.asarray(claimed, np.float64), np.asarray(derived, np.float64), wrong, within)
    parts = ", ".join(filter(None, (place, factor)))
    return f"{head}: {parts}" if parts else head


def _place(wrong: NDArray[np.bool_], compared: NDArray[np.bool_]) -> str:
    """Name the row, the column, the diagonal or the few elements that are wrong, and nothing else of them."""
    if wrong.ndim == 2:  # noqa: PLR2004 - a matrix
        for what, across in (("row", wrong), ("column", wrong.T)):
            lines = np.flatnonzero(across.any(axis=1))
            whole = compared if what == "row" else compared.T
            if len(lines) == 1 and across[lines[0]].sum() == whole[lines[0]].sum() > 1:
                return f"{what} {lines[0]}"
        if wrong.shape[0] == wrong.shape[1] and _only(wrong, compared, np.eye(len(wrong), dtype=np.bool_)):
            return "the diagonal"
        if wrong.shape[0] == wrong.shape[1] and _only(wrong, compared, ~np.eye(len(wrong), dtype=np.bool_)):
            return "all off the diagonal"
    places = [str(place) for place in np.argwhere(wrong).tolist()]
    return ", ".join(places[:NAMED]) + ", …" * (len(places) > NAMED)


def _only(wrong: NDArray[np.bool_], compared: NDArray[np.bool_], pattern: NDArray[np.bool_]) -> bool:
    return int(wrong.sum()) > 1 and np.array_equal(wrong, pattern & compared)


def _factor(claimed: Real, derived: Real, wrong: NDArray[np.bool_], within: Error) -> str:
    """Return the one factor, a small fraction, that several wrong elements share; "" where there is none."""
    if int(wrong.sum()) < 2:  # noqa: PLR2004 - one alone has any factor
        return ""
    stated, right = claimed[wrong], derived[wrong]
    uncertain = np.broadcast_to(within, wrong.shape)[wrong]
    widest = int(np.abs(right).argmax())
    with np.errstate(all="ignore"):  # what is not finite, or overflows on the way, has no factor
        ratio = stated[widest] / right[widest]
        room = uncertain + 4 * np.finfo(np.float64).eps * np.abs(stated)  # top / below and a product, rounded
        for top, below in _fractions(abs(float(ratio))):
            factor = np.copysign(top / below, ratio)
            within_room = np.abs(stated - factor * right) <= room
            if factor != 1 and within_room.all() and (np.abs(stated) > room).any():
                return _each(factor, top, below)
    return ""


def _fractions(near: float) -> list[tuple[int, int]]:
    """Return the small fractions next to a number, the simplest first."""
    if not np.isfinite(near):
        return []
    every = [(round(near * below) or 1, below) for below in range(1, SIMPLE + 1)]
    return [pair for pair in every if pair[0] <= SIMPLE * pair[1]]


def _each(factor: Any, top: int, below: int) -> str:  # noqa: ANN401 - NumPy's own scalar
    if factor == -1:
        return "each with the other sign"
    told = f"{top}" if below == 1 else f"{top}/{below}"
    return f"each {'−' if factor < 0 else ''}{told} times what it should be"
