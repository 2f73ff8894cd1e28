"""The arrays of a file: their shapes, and whether every number fits the formats it will be rounded to."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cases.defects import Mark, Report, counted
from cases.dtypes import DEFAULT_DTYPES
from cases.nodes import Mapping, Node, Refused, Scalar, Sequence, child, describe
from cases.numbers import LARGEST, MAX_LENGTH, Number
from cases.quantities import Shape, Size

DRAWN_KINDS: Final = ("normal", "uniform", "constant")
FARTHEST: Final = 16  # standard deviations; NumPy's normal numbers, made of 53 random bits, stay within 14

_ROWS: Final = ("a number", "a list of numbers", "a list of rows, each a list of numbers")


@dataclass(frozen=True)
class ArrayReader:
    """Reads the shapes of arrays off the tree, and reports what is wrong with them.

    It works on what could be read: a shape is None where the file does not tell, and a length within it too.
    """

    report: Report
    dtypes: tuple[str, ...] = DEFAULT_DTYPES

    @cached_property
    def _fits_all(self) -> float:
        """The largest number that is finite in each of the formats."""
        return min(LARGEST[dtype] for dtype in ("float64", *self.dtypes))

    def shape(self, node: Node | None, name: str, rank: int) -> Shape | None:
        """Return the shape of an input: written out, or to be drawn."""
        if isinstance(node, Sequence):
            return self.written(node, name, rank)
        if not isinstance(node, Mapping):
            return None
        if name == "y" and "classes" in node.entries:
            return self._one_hot_shape(node)
        self._check_drawn(node, name)
        kind = next((kind for kind in DRAWN_KINDS if kind in node.entries), None)
        return self._drawn_shape(child(node, kind), name, rank) if kind else None

    def written(self, node: Node, name: str, rank: int, *, blanks: bool = False) -> Shape | None:
        """Return the shape of nested lists; with `blanks`, null may stand for a number that is not known."""
        if isinstance(node, Refused):
            return None
        if rank == 0:
            self._check_number(node, name, blanks=blanks)
            return () if isinstance(node, Scalar) else None
        if not isinstance(node, Sequence) or not node.items:
            self.report.add(node.mark, f"{name} is {describe(node)}", _ROWS[rank])
            return None
        return self._nested(node, name, rank, blanks=blanks)

    def _nested(self, node: Sequence, name: str, rank: int, *, blanks: bool) -> Shape | None:
        inner: Shape | None = None
        for index, item in enumerate(node.items):
            here = f"{name[:-1]}, {index}]" if name.endswith("]") else f"{name}[{index}]"
            shape = self.written(item, here, rank - 1, blanks=blanks)
            if shape is None and not isinstance(item, Refused):
                return None  # one row that is no row says enough about the others
            if inner is None:
                inner = shape
            elif shape is not None and shape != inner:
                wrong = f"{here} has {counted(shape[0], 'number')}"
                self.report.add(item.mark, wrong, f"{inner[0]} as in the rows above")
        return (len(node.items), *(inner or (None,) * (rank - 1)))

    def _check_number(self, node: Node, name: str, *, blanks: bool) -> None:
        value = node.value if isinstance(node, Scalar) else node
        if isinstance(value, Number):
            self.check_range(value, node.mark, name)
        elif not (blanks and value is None):
            self.report.add(node.mark, f"{name} is {describe(node)}", "a number" + " or null" * blanks)

    def check_range(self, number: Number, mark: Mark, name: str) -> None:
        """Report a number that is not finite in each of the formats."""
        if abs(number.nearest) <= self._fits_all:
            return
        if not number.fits("float64"):
            self.report.add(mark, f"{name} is {number}", "a finite number within float64")
            return
        for dtype in self.dtypes:
            if not number.fits(dtype):
                self._beyond(mark, f"{name} is {number}", dtype)

    def _beyond(self, mark: Mark, wrong: str, dtype: str) -> None:
        expected = f"at most {LARGEST[dtype]:.9g} in magnitude, the largest {dtype} (or other dtypes)"
        self.report.add(mark, wrong, expected)

    def _drawn_shape(self, node: Node | None, name: str, rank: int) -> Shape | None:
        if not isinstance(node, Sequence) or not node.items:
            return None
        if len(node.items) != rank:
            wrong = f"the shape of {name} has {counted(len(node.items), 'length')}"
            self.report.add(node.mark, wrong, "2: rows and columns" if rank > 1 else "1: its length")
            return None
        return tuple(_length(item) for item in node.items)

    def _one_hot_shape(self, node: Mapping) -> Shape | None:
        """Return the shape of targets that are given by classes, each of which must be one of them."""
        classes, number = child(node, "classes"), _number(child(node, "of"))
        of = _length(node.entries["of"]) if number else None
        if not isinstance(classes, Sequence) or not classes.items:
            return None
        expected = f"a whole number from 0 to {of - 1}, below y.of" if of else "a whole number from 0 on"
        for index, item in enumerate(classes.items):
            given = _number(item)
            whole = given.whole if given else None
            if not isinstance(item, Refused) and (whole is None or whole < 0 or (of and whole >= of)):
                self.report.add(item.mark, f"y.classes[{index}] is {describe(item)}", expected)
        return len(classes.items), of

    def _check_drawn(self, node: Mapping, name: str) -> None:
        """Report what would give numbers that are not finite, judged by the farthest that can be drawn."""
        numbers = {key: _finite(child(node, key)) for key in ("mean", "scale", "low", "high", "value")}
        for key, number in numbers.items():
            if number:
                self.check_range(number, node.entries[key].mark, f"{name}.{key}")
        low, high, scale = numbers["low"], numbers["high"], numbers["scale"]
        if "normal" in node.entries and scale:
            mean = numbers["mean"] or Number("0")
            self._check_farthest(FARTHEST * scale.nearest + abs(mean.nearest), node, "scale", name)
        if low and high and not low.nearest < high.nearest:
            mark = node.entries["high"].mark
            self.report.add(mark, f"{name}.high is {high}", f"more than {name}.low, {low}")
        elif low and high:
            self._check_farthest(high.nearest - low.nearest, node, "high", name)

    def _check_farthest(self, farthest: float, node: Mapping, key: str, name: str) -> None:
        number, mark = _finite(child(node, key)), node.entries[key].mark
        for dtype in self.dtypes:
            if number and number.fits(dtype) and not farthest <= LARGEST[dtype]:
                wrong = f"{name}.{key} is {number}, which reaches numbers of {farthest:.3g}"
                self._beyond(mark, wrong, dtype)


def _number(node: Node | None) -> Number | None:
    return node.value if isinstance(node, Scalar) and isinstance(node.value, Number) else None


def _finite(node: Node | None) -> Number | None:
    number = _number(node)
    return number if number and number.fits("float64") else None


def _length(node: Node) -> Size:
    number = _number(node)
    whole = number.whole if number else None
    return whole if whole and 0 < whole <= MAX_LENGTH else None
