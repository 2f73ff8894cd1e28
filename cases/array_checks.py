"""The arrays of a file: shapes that fit each other and memory, and numbers that fit the file's formats.

All of it works on what could be read: a shape is None where the file does not let it be known, and a length
within it too.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cases.case_schema import MAX_LAYERS
from cases.catalog import DENSE
from cases.dtypes import DEFAULT_DTYPES
from cases.errors import Mark, Report, counted
from cases.numbers import LARGEST, MAX_LENGTH, Number
from cases.skeleton import Shape, Size, quantity_shapes
from cases.update_rules import OPTIMIZERS, Rule, UpdateRules
from cases.yaml_reader import Mapping, Node, Refused, Scalar, Sequence, child, describe

DRAWN_KINDS: Final = ("normal", "uniform", "constant")
# Standard deviations; NumPy's normal numbers, made of 53 random bits, stay within 14.
FARTHEST_DRAWN: Final = 16
BYTES_PER_ELEMENT: Final = 16  # a float64 and the float64 that bounds its error
MAX_MEMORY: Final = 4 * 2**30

_ROWS: Final = ("a number", "a list of numbers", "a list of rows, each a list of numbers")


@dataclass(frozen=True)
class ArrayReader:
    """Reads the shapes of arrays off the tree, and reports what is wrong with them and their numbers."""

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

    def check_positive(self, node: Node | None, name: str) -> None:
        """Report a number above 0 that a format would round to zero or to infinity."""
        number = _finite(node)
        if node is None or number is None or not number.nearest > 0:
            return
        self.check_range(number, node.mark, name)
        for dtype in self.dtypes:
            if number.rounded(dtype) == 0:
                self.report.add(node.mark, f"{name} is {number}, which {dtype} rounds to 0", "more than 0")

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
            self._check_farthest(FARTHEST_DRAWN * scale.nearest + abs(mean.nearest), node, "scale", name)
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


@dataclass(frozen=True)
class Inputs:
    """The arrays of a file by name (x, y, W1, b1, …), and their shapes so far as they are known."""

    depth: int
    nodes: dict[str, Node]
    shapes: dict[str, Shape]
    rules: UpdateRules

    @cached_property
    def batch(self) -> Size:
        """The number of examples."""
        return self.size("x", 0) or self.size("y", 0)

    @cached_property
    def widths(self) -> tuple[Size, ...]:
        """The widths of the input and of every layer."""
        first = self.size("W1", 1) or self.size("x", 1)
        return (first, *(self.size(f"W{k}", 0) or self.size(f"b{k}", 0) for k in range(1, self.depth + 1)))

    @cached_property
    def quantities(self) -> dict[str, Shape]:
        """The shapes of what one training step computes."""
        return quantity_shapes(self.batch, self.widths, self.rules)

    def size(self, name: str, axis: int) -> Size:
        """Return the length of one axis of an array."""
        return self.shapes[name][axis] if name in self.shapes else None


def read_inputs(root: Mapping, arrays: ArrayReader) -> Inputs:
    """Measure every array of the file, and report those that are malformed in themselves."""
    listed = child(root, "layers")
    layers = listed.items if isinstance(listed, Sequence) and len(listed.items) <= MAX_LAYERS else ()
    given = {name: (child(root, name), 2) for name in ("x", "y")}
    for k, layer in enumerate(layers, start=1):
        for name, axes in DENSE.parameters(k).items():
            given[name] = child(layer, name.removesuffix(str(k))), len(axes)
    nodes = {name: node for name, (node, _) in given.items() if node is not None}
    measured = {name: arrays.shape(node, name, given[name][1]) for name, node in nodes.items()}
    shapes = {name: shape for name, shape in measured.items() if shape is not None}
    return Inputs(len(layers), nodes, shapes, _read_rules(root))


def _read_rules(root: Mapping) -> UpdateRules:
    """Return what decides which quantities an update has, so far as it can be read."""
    optimizer, listed = child(root, "optimizer"), child(root, "not_trained")
    stated = optimizer.entries if isinstance(optimizer, Mapping) else {}
    values = {key: node.value for key, node in stated.items() if isinstance(node, Scalar)}
    name = str(values.get("name")) if values.get("name") in OPTIMIZERS else "sgd"
    options = frozenset(key for key, value in values.items() if value is True)
    fixed = listed.items if isinstance(listed, Sequence) else ()
    return UpdateRules(
        Rule(name, tuple((key, 0.0) for key in stated), options),
        Rule("step") if child(root, "schedule") else None,  # either has the same line
        Rule("global_norm") if child(root, "clipping") else None,
        frozenset(str(item.value) for item in fixed if isinstance(item, Scalar)),
    )


def check_fit(inputs: Inputs, report: Report) -> None:
    """Report arrays whose shapes contradict each other, each at the array that follows the other."""

    def demand(name: str, axis: int, size: Size, what: str, why: str) -> None:
        actual = inputs.size(name, axis)
        if size is not None and actual is not None and size != actual:
            wrong = f"{name} is {in_words(inputs.shapes[name])}, with {counted(actual, what)}"
            report.add(inputs.nodes[name].mark, wrong, f"{size}, {why}")

    demand("x", 1, inputs.size("W1", 1), "column", "the number of columns of W1")
    for k in range(1, inputs.depth + 1):
        if k > 1:
            demand(f"W{k}", 1, inputs.widths[k - 1], "column", f"the width of layer {k - 1}")
        demand(f"b{k}", 0, inputs.size(f"W{k}", 0), "number", f"the number of rows of W{k}")
    demand("y", 0, inputs.size("x", 0), "row", "the number of examples in x")
    if inputs.depth:
        demand("y", 1, inputs.widths[-1], "column", f"the width of layer {inputs.depth}, the last")


def check_memory(inputs: Inputs, report: Report) -> None:
    """Report a case that needs too much memory, at its largest array; nothing is allocated to find out."""
    shapes = [*inputs.shapes.values(), *inputs.quantities.values()]
    needed = BYTES_PER_ELEMENT * sum(map(_elements, shapes))
    if needed > MAX_MEMORY:
        largest = max(inputs.shapes, key=lambda name: _elements(inputs.shapes[name]))
        shape = in_words(inputs.shapes[largest])
        wrong = f"with {largest} of shape {shape} one training step needs {needed / 2**30:.3g} GiB"
        report.add(inputs.nodes[largest].mark, wrong, f"at most {MAX_MEMORY / 2**30:g} GiB")


def in_words(shape: Shape) -> str:
    """Return a shape as it is written in a sentence: `(3, 4)`, with ? for a length that is not known."""
    lengths = ["?" if length is None else str(length) for length in shape]
    return f"({lengths[0]},)" if len(lengths) == 1 else f"({', '.join(lengths)})"


def _elements(shape: Shape) -> int:
    return math.prod(length for length in shape if length is not None) if None not in shape else 0
