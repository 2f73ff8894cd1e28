"""The arrays of a file: shapes that fit each other and memory, and numbers that fit the file's formats.

All of it works on what could be read: a shape is None where the file does not let it be known, and a length
within it too.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cases.case_schema import MAX_LAYERS
from cases.case_values import DRAWN
from cases.catalog import DENSE, OPTIMIZERS, Rule, UpdateRules
from cases.errors import Mark, Report, counted
from cases.numbers import LARGEST, MAX_LENGTH, Number
from cases.protocol import DEFAULT_DTYPES
from cases.skeleton import Shape, Size, quantity_shapes
from cases.yaml_reader import Node

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

    def shape(self, node: Node, name: str, rank: int) -> Shape | None:
        """Return the shape of an input: written out, or to be drawn."""
        if isinstance(node.value, list):
            return self.written(node, name, rank)
        if name == "y" and "classes" in node.entries:
            classes = node.at("classes").items
            return (len(classes), _length(node.at("of"))) if classes else None
        self._check_drawn(node, name)
        kind = next((kind for kind in DRAWN if kind in node.entries), "")
        lengths = node.at(kind).items
        if lengths and len(lengths) != rank:
            wrong = f"the shape of {name} has {counted(len(lengths), 'length')}"
            self.report.add(node.at(kind).mark, wrong, "2: rows and columns" if rank > 1 else "1: its length")
            return None
        return tuple(map(_length, lengths)) or None

    def written(self, node: Node, name: str, rank: int, *, blanks: bool = False) -> Shape | None:
        """Return the shape of nested lists; with `blanks`, null may stand for a number that is not known."""
        if not node.is_known:
            return None
        if rank == 0:
            return self._number(node, name, blanks=blanks)
        if not node.items:
            self.report.add(node.mark, f"{name} is {node}", _ROWS[rank])
            return None
        inner: Shape | None = None
        for index, item in enumerate(node.items):
            here = f"{name[:-1]}, {index}]" if name.endswith("]") else f"{name}[{index}]"
            shape = self.written(item, here, rank - 1, blanks=blanks)
            if shape is None and item.is_known:
                return None  # one row that is no row says enough about the others
            if inner is None:
                inner = shape
            elif shape is not None and shape != inner:
                wrong = f"{here} has {counted(shape[0], 'number')}"
                self.report.add(item.mark, wrong, f"{inner[0]} as in the rows above")
        return (len(node.items), *(inner or (None,) * (rank - 1)))

    def _number(self, node: Node, name: str, *, blanks: bool) -> Shape | None:
        if node.number:
            self.check_range(node.number, node.mark, name)
        elif not (blanks and node.value is None):
            self.report.add(node.mark, f"{name} is {node}", "a number" + " or null" * blanks)
        return None if isinstance(node.value, list | dict) else ()

    def check_range(self, number: Number, mark: Mark, name: str) -> None:
        """Report a number that is not finite in each of the formats."""
        if not number.fits("float64"):
            self.report.add(mark, f"{name} is {number}", "a finite number within float64")
            return
        for dtype in self.dtypes:
            if not number.fits(dtype):
                self._beyond(mark, f"{name} is {number}", dtype)

    def check_positive(self, node: Node, name: str) -> None:
        """Report a number above 0 that a format would round to zero or to infinity."""
        number = _finite(node)
        if number is None or not number.nearest > 0:
            return
        self.check_range(number, node.mark, name)
        for dtype in self.dtypes:
            if number.rounded(dtype) == 0:
                self.report.add(node.mark, f"{name} is {number}, which {dtype} rounds to 0", "more than 0")

    def _beyond(self, mark: Mark, wrong: str, dtype: str) -> None:
        expected = f"at most {LARGEST[dtype]:.9g} in magnitude, the largest {dtype} (or other dtypes)"
        self.report.add(mark, wrong, expected)

    def _check_drawn(self, node: Node, name: str) -> None:
        """Report what would give numbers that are not finite, judged by the farthest that can be drawn."""
        finite = {key: _finite(node.at(key)) for key in ("mean", "scale", "low", "high", "value")}
        numbers = {key: number for key, number in finite.items() if number}
        for key, number in numbers.items():
            self.check_range(number, node.at(key).mark, f"{name}.{key}")
        near = {key: number.nearest for key, number in numbers.items()}
        if "normal" in node.entries and "scale" in near:
            farthest = FARTHEST_DRAWN * near["scale"] + abs(near.get("mean", 0))
            self._check_farthest(farthest, node, "scale", name)
        if not {"low", "high"} <= near.keys():
            return
        if near["low"] < near["high"]:
            self._check_farthest(near["high"] - near["low"], node, "high", name)
        else:
            wrong = f"{name}.high is {numbers['high']}"
            self.report.add(node.at("high").mark, wrong, f"more than {name}.low, {numbers['low']}")

    def _check_farthest(self, farthest: float, node: Node, key: str, name: str) -> None:
        number = node.at(key).number
        for dtype in self.dtypes:
            if number and number.fits(dtype) and not farthest <= LARGEST[dtype]:
                wrong = f"{name}.{key} is {number}, which reaches numbers of {farthest:.3g}"
                self._beyond(node.at(key).mark, wrong, dtype)


def _finite(node: Node) -> Number | None:
    return node.number if node.number and node.number.fits("float64") else None


def _length(node: Node) -> Size:
    return node.whole if node.whole and 0 < node.whole <= MAX_LENGTH else None


@dataclass(frozen=True)
class Inputs:
    """The arrays of a file by name (x, y, W1, b1, …), and their shapes so far as they are known."""

    depth: int
    nodes: dict[str, Node]
    shapes: dict[str, Shape]
    rules: UpdateRules

    @cached_property
    def widths(self) -> tuple[Size, ...]:
        """The widths of the input and of every layer."""
        first = self.size("W1", 1) or self.size("x", 1)
        return (first, *(self.size(f"W{k}", 0) or self.size(f"b{k}", 0) for k in range(1, self.depth + 1)))

    @cached_property
    def quantities(self) -> dict[str, Shape]:
        """The shapes of what one training step computes; empty if there are no layers."""
        batch = self.size("x", 0) or self.size("y", 0)
        return quantity_shapes(batch, self.widths, self.rules) if self.depth else {}

    def size(self, name: str, axis: int) -> Size:
        return self.shapes[name][axis] if name in self.shapes else None


def read_inputs(root: Node, arrays: ArrayReader) -> Inputs:
    """Measure every array of the file, and report those that are malformed in themselves."""
    listed = root.at("layers").items
    layers = listed if len(listed) <= MAX_LAYERS else []
    given = {name: (root.at(name), 2) for name in ("x", "y")}
    for k, layer in enumerate(layers, start=1):
        for name, axes in DENSE.parameters(k).items():
            given[name] = layer.at(name.removesuffix(str(k))), len(axes)
    measured = {name: arrays.shape(node, name, rank) for name, (node, rank) in given.items()}
    shapes = {name: shape for name, shape in measured.items() if shape is not None}
    nodes = {name: node for name, (node, _) in given.items()}
    return Inputs(len(layers), nodes, shapes, _read_rules(root))


def _read_rules(root: Node) -> UpdateRules:
    """Return what decides which quantities an update has, so far as it can be read."""
    stated = root.at("optimizer").entries
    name = root.at("optimizer", "name").text
    options = frozenset(key for key, node in stated.items() if node.value is True)
    return UpdateRules(
        Rule(name if name in OPTIMIZERS else "sgd", tuple((key, 0.0) for key in stated), options),
        Rule("step") if root.at("schedule").is_known else None,  # either has the same line
        Rule("global_norm") if root.at("clipping").is_known else None,
        frozenset(item.text for item in root.at("not_trained").items),
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
    needed = BYTES_PER_ELEMENT * sum(map(_elements, (*inputs.shapes.values(), *inputs.quantities.values())))
    if needed > MAX_MEMORY:
        largest = max(inputs.shapes, key=lambda name: _elements(inputs.shapes[name]))
        shape = in_words(inputs.shapes[largest])
        wrong = f"with {largest} of shape {shape} one training step needs {needed / 2**30:.3g} GiB"
        report.add(inputs.nodes[largest].mark, wrong, f"at most {MAX_MEMORY / 2**30:g} GiB")


def in_words(shape: Shape) -> str:
    """Return a shape as it is written in a sentence: `(3, 4)`, with ? for a length that is not known."""
    return str(tuple("?" if length is None else length for length in shape)).replace("'", "")


def _elements(shape: Shape) -> int:
    return math.prod(length or 0 for length in shape)
