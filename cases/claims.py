"""The names of parameters and quantities in a file, and whether printed values have their shapes."""

import math
from collections.abc import Collection, Iterator
from collections.abc import Mapping as TypingMapping
from itertools import islice

from cases.arrays import ArrayReader
from cases.defects import Mark, Report, quoted
from cases.nodes import Mapping, Node, Scalar, Sequence, child
from cases.numbers import Number
from cases.published import rejected_place
from cases.quantities import Shape, parameter_shapes
from cases.shapes import Inputs, words


def check_names_once(node: Node | None, label: str, report: Report) -> None:
    """Report a name that stands twice in a list."""
    seen: set[object] = set()
    for item in texts(node):
        if item.value in seen:
            report.add(item.mark, f"{label} has {quoted(str(item.value))} twice", "it once")
        seen.add(item.value)


def check_parameters(node: Node | None, inputs: Inputs, report: Report) -> None:
    """Report names in `not_trained` that are no parameters of this network."""
    known = parameter_shapes(inputs.widths)
    for item in texts(node):
        if inputs.depth and item.value not in known:
            report_unknown(str(item.value), item.mark, known, "parameter", report)


def check_published(root: Mapping, inputs: Inputs, arrays: ArrayReader) -> None:
    """Report what is wrong with the printed values: names, shapes, numbers, the order of the steps."""
    _check_origin(root, arrays.report)
    last = 0
    for step in _items(child(root, "published", "steps")):
        match child(step, "step"):
            case Scalar(value=Number(whole=int(value)), mark=mark):
                if 0 < value <= last:
                    arrays.report.add(mark, f"step {value} after step {last}", "steps in ascending order")
                last = max(last, value)
        _check_step(step, inputs, arrays)


def _check_origin(root: Mapping, report: Report) -> None:
    """Report numbers said to come from a program that was given inputs which nobody knows."""
    computed_in, inputs = (child(root, "published", key) for key in ("computed_in", "inputs"))
    if computed_in is not None and isinstance(inputs, Scalar) and inputs.value == "as printed":
        report.add(inputs.mark, "inputs as printed beside computed_in", "one of the two")


def _check_step(step: Node, inputs: Inputs, arrays: ArrayReader) -> None:
    values, rejected = child(step, "values"), child(step, "rejected")
    shapes = inputs.quantities if inputs.depth else {}
    if isinstance(values, Mapping):
        for name, node in values.entries.items():
            if name in shapes:
                _check_value(name, node, shapes[name], arrays)
            elif shapes:
                report_unknown(name, values.keys[name], shapes, "quantity", arrays.report)
    if isinstance(values, Mapping) and isinstance(rejected, Mapping):
        for key, mark in rejected.keys.items():
            _check_rejected(key, mark, values, shapes, arrays.report)
    _check_walk(child(step, "walk"), values, shapes, arrays.report)


def _check_rejected(
    key: str, mark: Mark, values: Mapping, shapes: TypingMapping[str, Shape], report: Report
) -> None:
    """Report a rejected number that is none of those printed."""
    name, index = rejected_place(key)
    if name not in values.entries:
        wrong = f"{quoted(key)} is rejected but not among the values of this step"
        report.add(mark, wrong, "the name of one of them", key, values.entries)
        return
    printed: Node | None = values.entries[name]
    if index is None or name not in shapes or (isinstance(printed, Scalar) and not any(index)):
        return
    for place in index:
        printed = (
            printed.items[place] if isinstance(printed, Sequence) and place < len(printed.items) else None
        )
    if len(index) != len(shapes[name]) or printed is None:
        expected = f"an element of its shape {words(shapes[name])}, counted from 0"
        report.add(mark, f"{quoted(key)} is rejected but {name} has no such element", expected)
    elif isinstance(printed, Scalar) and printed.value is None:
        report.add(mark, f"{quoted(key)} is rejected but not printed", "an element with a number")


def _check_walk(walk: Node | None, values: Node | None, known: Collection[str], report: Report) -> None:
    """Report a walk's quantity that there is none of, that stands twice, or that is printed and left out."""
    seen: set[str] = set()
    for item in (item for part in _items(walk) for item in texts(child(part, "quantities"))):
        name = str(item.value)
        if known and name not in known:
            report_unknown(name, item.mark, known, "quantity", report)
        if name in seen:
            report.add(item.mark, f"the walk has {quoted(name)} twice", "it once")
        seen.add(name)
    if seen and isinstance(values, Mapping):
        for name, mark in values.keys.items():
            if name in known and name not in seen:
                report.add(mark, f"{name} is printed, but in no part of the walk", "it in one of them")


def _check_value(name: str, node: Node, shape: Shape, arrays: ArrayReader) -> None:
    """Report a printed value that is neither a bare number for a single element nor has the full shape."""
    if isinstance(node, Scalar):
        single = None in shape or math.prod(length or 1 for length in shape) == 1
        if isinstance(node.value, Number) and not single:
            expected = f"nested lists of shape {words(shape)}"
            arrays.report.add(node.mark, f"{name} is a single number", expected)
        else:
            arrays.written(node, name, rank=0)
        return
    actual = arrays.written(node, name, len(shape), blanks=bool(shape))
    if actual and not all(None in pair or pair[0] == pair[1] for pair in zip(actual, shape, strict=True)):
        arrays.report.add(node.mark, f"{name} has the shape {words(actual)}", words(shape))


def report_unknown(name: str, mark: Mark, known: Collection[str], what: str, report: Report) -> None:
    """Report a name that is none of those known."""
    few = 20
    expected = f"one of {', '.join(islice(known, few))}" + ", …" * (len(known) > few)
    report.add(mark, f"unknown {what} {quoted(name)}", expected, name, known)


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def texts(node: Node | None) -> Iterator[Scalar]:
    """Give the items of a list that are text."""
    for item in _items(node):
        if isinstance(item, Scalar) and isinstance(item.value, str):
            yield item
