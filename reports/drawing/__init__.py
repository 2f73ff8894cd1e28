"""A case's training step drawn as its tape: boxes for lines, wires for what each line is computed from."""

from reports.drawing.figure import tape_drawing
from reports.drawing.style import STYLE

__all__ = ["STYLE", "tape_drawing"]
