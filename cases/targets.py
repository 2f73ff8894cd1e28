"""What a loss asks of its numbers and its targets, beyond the shape of each value."""

from typing import Final

from cases.arrays import ArrayReader
from cases.nodes import Mapping, Node, Scalar, Sequence, child
from cases.numbers import Number

# The numbers of losses, each of which divides or bounds, and so must not be rounded to 0.
NUMBERS: Final = ("delta", "beta")

BY_CLASS: Final = "softmax_cross_entropy_with_integer_labels"


def check_loss(root: Mapping, arrays: ArrayReader) -> None:
    """Report numbers that a format would round to 0 or to infinity, and targets that are no classes."""
    for number in NUMBERS:
        node = child(root, "loss", number)
        if isinstance(node, Scalar) and isinstance(node.value, Number) and node.value.nearest > 0:
            _check_number(node.value, node, number, arrays)
    name, y = child(root, "loss", "name"), child(root, "y")
    if isinstance(name, Scalar) and name.value == BY_CLASS and y is not None:
        _check_one_hot(y, arrays)


def _check_number(number: Number, node: Node, name: str, arrays: ArrayReader) -> None:
    if number.fits("float64"):
        arrays.check_range(number, node.mark, f"loss.{name}")
    for dtype in arrays.dtypes:
        if number.rounded(dtype) == 0:
            arrays.report.add(node.mark, f"loss.{name} is {number}, which {dtype} rounds to 0", "more than 0")


def _check_one_hot(y: Node, arrays: ArrayReader) -> None:
    """Report each row that is not one 1 among zeros, and targets that are drawn."""
    expected = "a 1 at the example's class and 0 elsewhere, because the loss is by class"
    if isinstance(y, Mapping) and "classes" not in y.entries:
        arrays.report.add(
            y.mark, "y is drawn or filled", "one-hot rows, or a mapping with 'classes' and 'of'"
        )
    for index, row in enumerate(y.items if isinstance(y, Sequence) else ()):
        if isinstance(row, Sequence):
            values = [item.value if isinstance(item, Scalar) else None for item in row.items]
            numbers = [value for value in values if isinstance(value, Number)]
            if len(numbers) == len(values) and not _is_one_hot(numbers):
                arrays.report.add(row.mark, f"y[{index}] is {_words(numbers)}", expected)


def _is_one_hot(row: list[Number]) -> bool:
    return sorted(number.nearest for number in row) == [0.0] * (len(row) - 1) + [1.0]


def _words(row: list[Number], most: int = 8) -> str:
    shown = ", ".join(str(number) for number in row[:most])
    return f"[{shown}, …]" if len(row) > most else f"[{shown}]"
