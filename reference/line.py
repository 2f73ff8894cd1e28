"""A line of the tape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Line:
    """One line of the tape: `name` = `formula`(`inputs`), written out in `equation`."""

    name: str
    formula: Callable[..., Any]
    inputs: tuple[str, ...]
    equation: str
