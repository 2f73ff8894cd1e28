"""Do the arrays of a case fit each other, and into memory? Judged on whatever could be read of the file."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cases.arrays import ArrayReader
from cases.defects import Report, counted
from cases.model import MAX_LAYERS
from cases.nodes import Mapping, Node, Sequence, child
from cases.quantities import Rules, Shape, Size, quantity_shapes, update_shapes
from cases.rules import read_rules

BYTES_AN_ELEMENT: Final = 16  # a float64 and the float64 that bounds its error
MAX_BYTES: Final = 4 * 2**30


@dataclass(frozen=True)
class Inputs:
    """The arrays of a file by name (x, y, W1, b1, …), and their shapes so far as they are known."""

    depth: int
    nodes: dict[str, Node]
    shapes: dict[str, Shape]
    rules: Rules

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
        return quantity_shapes(self.batch, self.widths) | update_shapes(self.widths, self.rules)

    def size(self, name: str, axis: int) -> Size:
        """Return the length of one axis of an array."""
        return self.shapes[name][axis] if name in self.shapes else None


def read_inputs(root: Mapping, arrays: ArrayReader) -> Inputs:
    """Measure every array of the file, and report those that are malformed in themselves."""
    listed = child(root, "layers")
    layers = listed.items if isinstance(listed, Sequence) and len(listed.items) <= MAX_LAYERS else ()
    found = {name: child(root, name) for name in ("x", "y")}
    for k, layer in enumerate(layers, start=1):
        found |= {f"W{k}": child(layer, "W"), f"b{k}": child(layer, "b")}
    nodes = {name: node for name, node in found.items() if node is not None}
    ranks = {name: 1 if name.startswith("b") else 2 for name in nodes}
    measured = {name: arrays.shape(node, name, ranks[name]) for name, node in nodes.items()}
    shapes = {name: shape for name, shape in measured.items() if shape is not None}
    return Inputs(len(layers), nodes, shapes, read_rules(root))


def check_fit(inputs: Inputs, report: Report) -> None:
    """Report arrays whose shapes contradict each other, each at the array that follows the other."""

    def demand(name: str, axis: int, size: Size, what: str, why: str) -> None:
        actual = inputs.size(name, axis)
        if size is not None and actual is not None and size != actual:
            wrong = f"{name} is {words(inputs.shapes[name])}, with {counted(actual, what)}"
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
    needed = BYTES_AN_ELEMENT * sum(map(_elements, shapes))
    if needed > MAX_BYTES:
        largest = max(inputs.shapes, key=lambda name: _elements(inputs.shapes[name]))
        shape = words(inputs.shapes[largest])
        wrong = f"with {largest} of shape {shape} one training step needs {needed / 2**30:.3g} GiB"
        report.add(inputs.nodes[largest].mark, wrong, f"at most {MAX_BYTES / 2**30:g} GiB")


def words(shape: Shape) -> str:
    """Return a shape as it is written in a sentence: `(3, 4)`, with ? for a length that is not known."""
    lengths = ["?" if length is None else str(length) for length in shape]
    return f"({lengths[0]},)" if len(lengths) == 1 else f"({', '.join(lengths)})"


def _elements(shape: Shape) -> int:
    return math.prod(length for length in shape if length is not None) if None not in shape else 0
