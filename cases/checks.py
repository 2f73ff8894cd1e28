"""What no single value of a file shows: names, steps, rules that contradict themselves, targets of a loss.

All of it is judged on whatever could be read, so that every defect of a file is reported at once.
"""

import math
from collections.abc import Collection, Iterator
from collections.abc import Mapping as TypingMapping
from itertools import islice
from typing import Final

from cases.array_checks import ArrayReader, Inputs, check_fit, check_memory, in_words, read_inputs
from cases.case_schema import AT_A_QUANTITY, EXPECTED_KINDS, Expectation
from cases.catalog import LOSSES
from cases.dtypes import DEFAULT_DTYPES, DTYPES
from cases.errors import Mark, Report, printable, quoted
from cases.numbers import Number
from cases.published_values import rejected_element
from cases.skeleton import Shape, parameter_shapes
from cases.yaml_reader import Mapping, Node, Scalar, Sequence, child

# Names that a message lists, and numbers of a row.
MAX_NAMES, MAX_NUMBERS = 20, 8

_ONE_HOT: Final = "a 1 at the example's class and 0 elsewhere, because the loss is by class"


def cross_check(root: Mapping, report: Report) -> dict[str, tuple[int, ...]]:
    """Report what no single value shows, even in a file with other defects; return the arrays' shapes."""
    dtypes = _dtypes(root)
    arrays = ArrayReader(report, tuple(dict.fromkeys((*dtypes, *_printed_dtype(root)))))
    inputs = read_inputs(root, arrays)
    check_fit(inputs, report)
    check_memory(inputs, report)
    for key in ("dtypes", "not_trained"):
        _check_names_once(child(root, key), key, report)
    _check_parameters(child(root, "not_trained"), inputs, report)
    _check_published(root, inputs, ArrayReader(report, ("float64",)))
    _check_rules(root, arrays)
    _check_loss(root, arrays)
    _check_expectations(root, inputs, dtypes, report)
    return {name: tuple(length or 0 for length in shape) for name, shape in inputs.shapes.items()}


def _dtypes(root: Mapping) -> tuple[str, ...]:
    listed = child(root, "dtypes")
    if not isinstance(listed, Sequence):
        return DEFAULT_DTYPES
    named = {item.value for item in listed.items if isinstance(item, Scalar)}
    return tuple(dtype for dtype in DTYPES if dtype in named)


def _printed_dtype(root: Mapping) -> tuple[str, ...]:
    """Return the format in which numbers were printed, which the case itself need not run in."""
    match child(root, "published", "computed_in"):
        case Scalar(value=str(dtype)) if dtype in DTYPES:
            return (dtype,)
    return ()


def _check_rules(root: Mapping, arrays: ArrayReader) -> None:
    arrays.check_positive(child(root, "optimizer", "learning_rate"), "learning_rate")
    arrays.check_positive(child(root, "until", "loss"), "until.loss")
    optimizer, report = child(root, "optimizer"), arrays.report
    stated = optimizer.entries if isinstance(optimizer, Mapping) else {}
    nesterov, dampening = stated.get("nesterov"), stated.get("dampening")
    is_ahead = isinstance(nesterov, Scalar) and nesterov.value is True
    if is_ahead and nesterov and "momentum" not in stated:
        report.add(nesterov.mark, "nesterov is true without a momentum", "a momentum beside it")
    if dampening and "momentum" not in stated:
        report.add(dampening.mark, "a dampening without a momentum", "a momentum beside it")
    if dampening and is_ahead:
        report.add(dampening.mark, "a dampening with Nesterov's momentum", "one of the two")


def _check_loss(root: Mapping, arrays: ArrayReader) -> None:
    """Report numbers that a format would round to 0 or to infinity, and targets that are no classes."""
    for key in dict.fromkeys(name for loss in LOSSES.values() for name in loss.keys):
        arrays.check_positive(child(root, "loss", key), f"loss.{key}")
    match child(root, "loss", "name"), child(root, "y"):
        case Scalar(value=str(name)), Mapping() | Sequence() as y:
            if name in LOSSES and LOSSES[name].targets == "classes":
                _check_one_hot(y, arrays.report)


def _check_one_hot(y: Mapping | Sequence, report: Report) -> None:
    """Report each row that is not one 1 among zeros, and targets that are drawn."""
    if isinstance(y, Mapping):
        if "classes" not in y.entries:
            expected = "one-hot rows, or a mapping with 'classes' and 'of'"
            report.add(y.mark, "y is drawn or filled", expected)
        return
    for index, row in enumerate(y.items):
        items = row.items if isinstance(row, Sequence) else (row,)
        numbers = [
            item.value for item in items if isinstance(item, Scalar) and isinstance(item.value, Number)
        ]
        one_hot = [0.0] * (len(items) - 1) + [1.0]
        if len(numbers) == len(items) and sorted(number.nearest for number in numbers) != one_hot:
            shown = [*map(str, numbers[:MAX_NUMBERS]), *["…"] * (len(numbers) > MAX_NUMBERS)]
            report.add(row.mark, f"y[{index}] is [{', '.join(shown)}]", _ONE_HOT)


def _check_names_once(node: Node | None, label: str, report: Report) -> None:
    seen: set[str] = set()
    for name, mark in _texts(node):
        if name in seen:
            report.add(mark, f"{label} has {quoted(name)} twice", "it once")
        seen.add(name)


def _check_parameters(node: Node | None, inputs: Inputs, report: Report) -> None:
    """Report names in `not_trained` that are no parameters of this network."""
    known = parameter_shapes(inputs.widths)
    for name, mark in _texts(node):
        if inputs.depth and name not in known:
            _report_unknown(name, mark, known, "parameter", report)


def _check_published(root: Mapping, inputs: Inputs, arrays: ArrayReader) -> None:
    """Report what is wrong with the printed values: names, shapes, numbers, the order of the steps."""
    computed_in, rounded = (child(root, "published", key) for key in ("computed_in", "inputs"))
    if computed_in is not None and isinstance(rounded, Scalar) and rounded.value == "as printed":
        arrays.report.add(rounded.mark, "inputs as printed beside computed_in", "one of the two")
    last = 0
    for step in _items(child(root, "published", "steps")):
        match child(step, "step"):
            case Scalar(value=Number(whole=int(value)), mark=mark):
                if 0 < value <= last:
                    arrays.report.add(mark, f"step {value} after step {last}", "steps in ascending order")
                last = max(last, value)
        _check_printed_step(step, inputs.quantities if inputs.depth else {}, arrays)


def _check_printed_step(step: Node, shapes: TypingMapping[str, Shape], arrays: ArrayReader) -> None:
    values, rejected, report = child(step, "values"), child(step, "rejected"), arrays.report
    _check_walk(child(step, "walk"), values, shapes, report)
    if not isinstance(values, Mapping):
        return
    for name, node in values.entries.items():
        if name in shapes:
            _check_printed(name, node, shapes[name], arrays)
        elif shapes:
            _report_unknown(name, values.keys[name], shapes, "quantity", report)
    if isinstance(rejected, Mapping):
        for key, mark in rejected.keys.items():
            _check_rejected(key, mark, values, shapes, report)


def _check_printed(name: str, node: Node, shape: Shape, arrays: ArrayReader) -> None:
    """Report a printed value that is neither a bare number for a single element nor has the full shape."""
    if isinstance(node, Scalar):
        is_single = None in shape or math.prod(length or 1 for length in shape) == 1
        if isinstance(node.value, Number) and not is_single:
            expected = f"nested lists of shape {in_words(shape)}"
            arrays.report.add(node.mark, f"{name} is a single number", expected)
        else:
            arrays.written(node, name, rank=0)
        return
    actual = arrays.written(node, name, len(shape), blanks=bool(shape))
    if actual and not all(None in pair or pair[0] == pair[1] for pair in zip(actual, shape, strict=True)):
        arrays.report.add(node.mark, f"{name} has the shape {in_words(actual)}", in_words(shape))


def _check_rejected(
    key: str, mark: Mark, values: Mapping, shapes: TypingMapping[str, Shape], report: Report
) -> None:
    """Report a rejected number that is none of those printed."""
    name, index = rejected_element(key)
    if name not in values.entries:
        wrong = f"{quoted(key)} is rejected but not among the values of this step"
        report.add(mark, wrong, "the name of one of them", key, values.entries)
        return
    printed: Node | None = values.entries[name]
    if index is None or name not in shapes or (isinstance(printed, Scalar) and not any(index)):
        return
    for i in index:
        printed = printed.items[i] if isinstance(printed, Sequence) and i < len(printed.items) else None
    if len(index) != len(shapes[name]) or printed is None:
        expected = f"an element of its shape {in_words(shapes[name])}, counted from 0"
        report.add(mark, f"{quoted(key)} is rejected but {name} has no such element", expected)
    elif isinstance(printed, Scalar) and printed.value is None:
        report.add(mark, f"{quoted(key)} is rejected but not printed", "an element with a number")


def _check_walk(walk: Node | None, values: Node | None, known: Collection[str], report: Report) -> None:
    """Report quantities of a walk that are unknown or listed twice, and printed ones that it leaves out."""
    seen: set[str] = set()
    for name, mark in (text for part in _items(walk) for text in _texts(child(part, "quantities"))):
        if known and name not in known:
            _report_unknown(name, mark, known, "quantity", report)
        if name in seen:
            report.add(mark, f"the walk has {quoted(name)} twice", "it once")
        seen.add(name)
    if seen and isinstance(values, Mapping):
        for name, mark in values.keys.items():
            if name in known and name not in seen:
                report.add(mark, f"{name} is printed, but in no part of the walk", "it in one of them")


def _check_expectations(root: Mapping, inputs: Inputs, dtypes: tuple[str, ...], report: Report) -> None:
    """Report an expectation that is none or several, or of a quantity, step or format that there is not."""
    expect = child(root, "expect")
    if not isinstance(expect, Mapping):
        return
    for adapter, node in expect.entries.items():
        if not adapter.strip() or not adapter.isprintable():
            report.add(expect.keys[adapter], f"the adapter {quoted(adapter)}", "a name as after --adapter")
        if isinstance(node, Mapping):
            label = f"expect.{printable(adapter)}"
            _check_kind(node, label, report)
            _check_quantity(node, inputs, report)
            _check_step(node, label, _steps(root), report)
            _check_dtypes(node, label, dtypes, report)


def _check_kind(node: Mapping, label: str, report: Report) -> None:
    given = [key for key in node.entries if key in EXPECTED_KINDS]
    one_of = f"exactly one of {', '.join(EXPECTED_KINDS)}"
    for key in given[1:]:
        report.add(node.keys[key], f"{label} has {given[0]!r} and {key!r}", one_of)
    if not given and node.entries.keys() <= Expectation.model_fields.keys():  # else one may be misspelt
        report.add(node.mark, f"{label} says nothing of what is expected", one_of)
    if given and given[0] in AT_A_QUANTITY and "because" not in node.entries:
        report.add(node.mark, f"{label} has no key 'because'", f"it beside {given[0]!r}")
    if given == ["no_equivalent"] and "step" in node.entries:
        expected = "none, because an adapter without an equivalent runs none"
        report.add(node.keys["step"], f"{label} has a step", expected)


def _check_quantity(node: Mapping, inputs: Inputs, report: Report) -> None:
    known = inputs.quantities if inputs.depth else {}
    for kind in AT_A_QUANTITY:
        match child(node, kind):
            case Scalar(value=str(name), mark=mark) if known and name.strip() and name.strip() not in known:
                _report_unknown(name, mark, known, "quantity", report)


def _check_step(node: Mapping, label: str, steps: int, report: Report) -> None:
    match child(node, "step"):
        case Scalar(value=Number(whole=int(step)), mark=mark) if step > steps > 0:
            report.add(mark, f"{label}.step is {step}", f"at most {steps}, the steps that the case runs")


def _steps(root: Mapping) -> int:
    match child(root, "steps"):
        case None:
            return 1
        case Scalar(value=Number(whole=int(steps))):
            return steps
    return 0


def _check_dtypes(node: Mapping, label: str, dtypes: tuple[str, ...], report: Report) -> None:
    _check_names_once(child(node, "dtypes"), f"{label}.dtypes", report)
    for name, mark in _texts(child(node, "dtypes")):
        if name in DTYPES and name not in dtypes:
            wrong = f"{label}.dtypes has {quoted(name)}, in which the case does not run"
            report.add(mark, wrong, f"one of {', '.join(dtypes)}")


def _report_unknown(name: str, mark: Mark, known: Collection[str], what: str, report: Report) -> None:
    expected = f"one of {', '.join(islice(known, MAX_NAMES))}" + ", …" * (len(known) > MAX_NAMES)
    report.add(mark, f"unknown {what} {quoted(name)}", expected, name, known)


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _texts(node: Node | None) -> Iterator[tuple[str, Mark]]:
    """Give the items of a list that are text, with their marks."""
    for item in _items(node):
        if isinstance(item, Scalar) and isinstance(item.value, str):
            yield item.value, item.mark
