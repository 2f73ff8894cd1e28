"""From the text of a file to a valid case file, or to all of its defects in plain words with their marks.

The models judge each value. What no single value shows (names, steps, rules that contradict themselves, the
targets of a loss) is judged on whatever could be read, so that all defects are reported at once.
"""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple, TypeAlias, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cases.array_checks import ArrayReader, Inputs, check_fit, check_memory, in_words, read_inputs
from cases.case import rejected_element
from cases.case_schema import AT_A_QUANTITY, EXPECTED_KINDS, Expectation, File
from cases.case_values import Model, OneOf
from cases.catalog import LOSSES
from cases.errors import MAX_KEPT, Mark, Report, printable, quoted, suggestion
from cases.names import DENSE, parameters
from cases.protocol import DEFAULT_DTYPES, DTYPES
from cases.skeleton import Shape
from cases.yaml_reader import Node, read_yaml

_Loc: TypeAlias = tuple[int | str, ...]

# Unknown keys that are compared with a missing one; names that a message lists, and numbers of a row.
_MAX_UNKNOWN_KEYS, _MAX_NAMES, _MAX_NUMBERS = 100, 20, 8
_ARRAY: Final = "nested lists of numbers, or a mapping with 'normal', 'uniform' or 'constant'"
_ONE_HOT: Final = "a 1 at the example's class and 0 elsewhere, because the loss is by class"
_TARGETS: Final = _ARRAY.replace(" or 'constant'", ", 'constant' or 'classes'")


class Checked(NamedTuple):
    file: File
    shapes: dict[str, tuple[int, ...]]


def check(text: str, report: Report) -> Checked | None:
    """Return what the file says, or None after adding its defects to `report`."""
    root = read_yaml(text, report)
    if root is None:
        return None
    if not isinstance(root.value, dict):
        report.add(root.mark, f"the file is {root}", "a mapping with the keys of a case")
        return None
    file: File | None = None
    try:
        file = File.model_validate(root.plain)
    except ValidationError as errors:
        details = errors.errors(include_url=False, include_input=False)
        report.more += max(0, len(details) - MAX_KEPT)
        for error in details[:MAX_KEPT]:
            _explain(error, root, report)
    shapes = _cross_check(root, report)
    return None if file is None or report.pending else Checked(file, shapes)


def _explain(error: ErrorDetails, root: Node, report: Report) -> None:
    kind, loc, context = error["type"], error["loc"], error.get("ctx", {})
    is_of_a_key = kind in ("missing", "extra_forbidden")
    node, path = _follow(root, loc[:-1] if is_of_a_key else loc)
    if "expected_tags" in context or context.get("discriminator") == "'name'":
        if "name" in node.entries:
            node, path = node.entries["name"], (*path, "name")
        else:
            kind, loc, is_of_a_key = "missing", (*path, "name"), True
    if not node.is_known:
        return
    known, key = _fields_at(loc[:-1] if is_of_a_key else loc), str(loc[-1]) if loc else ""
    if kind == "missing":
        unknown = [name for name in node.entries if name not in known][:_MAX_UNKNOWN_KEYS]
        is_misspelt = kind == error["type"] and any(suggestion(name, known) == key for name in unknown)
        if not is_misspelt:  # else the line about the unknown key is enough
            report.add(node.mark, f"{_label(path)} has no key {key!r}", _keys(known))
    elif kind == "extra_forbidden":
        wrong = f"unknown key {quoted(key)} in {_label(path)}"
        report.add(node.keys[key], wrong, _keys(known), key, known)
    else:
        expected = context.get("expected") or _expected(kind, loc, known, context)
        is_name = kind == "literal_error" or "expected_tags" in context
        meant = re.findall(r"'(\w+)'", expected) if is_name else ()
        report.add(node.mark, f"{_label(path)} is {node}", expected, node.text, meant)


def _expected(kind: str, loc: _Loc, known: Iterable[str], context: dict[str, str]) -> str:
    if "expected_tags" in context:
        return " or ".join(context["expected_tags"].rsplit(", ", 1))
    if kind in ("list_type", "tuple_type"):
        return "a list"
    if kind.startswith("model") and known:
        return f"a mapping with {_keys(known)}"
    if kind == "union_tag_not_found":
        return _TARGETS if loc == ("y",) else _ARRAY
    return "a mapping"


def _follow(root: Node, loc: _Loc) -> tuple[Node, _Loc]:
    """Return the innermost node on the way to `loc`, and the steps that led to it."""
    node, path = root, []
    for step in loc:
        if step in node.entries:
            node = node.entries[str(step)]
        elif node.items and isinstance(step, int):
            node = node.items[step]
        else:
            continue  # the form of a union
        path.append(step)
    return node, tuple(path)


def _keys(known: Iterable[str]) -> str:
    names = tuple(known)
    return f"the keys {', '.join(names)}" if len(names) > 1 else f"the key {''.join(names)}"


def _fields_at(loc: _Loc) -> dict[str, None]:
    """Return the keys that a mapping at `loc` may have, of several models only where a union is undecided."""
    models: list[type[Model]] = [File]
    for step in loc:
        fields = [model.model_fields[str(step)] for model in models if step in model.model_fields]
        if forms := [model for model in models if model.form == step]:
            models = forms
        elif fields:
            models = [model for field in fields for model in _models_in((field.annotation, *field.metadata))]
    return dict.fromkeys(name for model in models for name in model.model_fields)


def _models_in(annotations: Iterable[object]) -> Iterator[type[Model]]:
    for annotation in annotations:
        if isinstance(annotation, OneOf):
            yield from _models_in(annotation.types.values())
        elif isinstance(annotation, type) and issubclass(annotation, Model):
            yield annotation
        yield from _models_in(get_args(annotation))


def _label(path: _Loc) -> str:
    """Return a name for what is there: `W1.scale`, `activation of layer 2`, `loss`, `the case`."""
    match path:
        case ():
            return "the case"
        case ("layers", int(index)):
            return f"layer {index + 1}"
        case ("layers", int(index), str(array), *rest) if array in DENSE:
            return _dotted((f"{array}{index + 1}", *rest))
        case ("layers", int(index), *rest):
            return f"{_dotted(rest)} of layer {index + 1}"
    return _dotted(path)


def _dotted(path: Iterable[int | str]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in path)[1:]


def _cross_check(root: Node, report: Report) -> dict[str, tuple[int, ...]]:
    """Report what no single value shows, even in a file with other defects; return the arrays' shapes."""
    named = {item.text for item in root.at("dtypes").items}
    dtypes = tuple(dtype for dtype in DTYPES if dtype in named) or DEFAULT_DTYPES
    printed_in = root.at("published", "computed_in").text  # which the case itself need not run in
    also = [printed_in] if printed_in in DTYPES else []
    arrays = ArrayReader(report, tuple(dict.fromkeys([*dtypes, *also])))
    inputs = read_inputs(root, arrays)
    check_fit(inputs, report)
    check_memory(inputs, report)
    for key in ("dtypes", "not_trained"):
        _check_once(root.at(key).items, f"{key} has", report)
    known = dict.fromkeys(parameters(inputs.depth))
    _check_known(_marks(root.at("not_trained").items), known, "parameter", report)
    _check_published(root.at("published"), inputs.quantities, ArrayReader(report, ("float64",)))
    _check_rules(root, arrays)
    _check_targets(root, report)
    steps = root.at("steps").whole or (0 if "steps" in root.entries else 1)
    _check_expectations(root.at("expect"), inputs, steps, dtypes, report)
    return {name: tuple(length or 0 for length in shape) for name, shape in inputs.shapes.items()}


def _check_rules(root: Node, arrays: ArrayReader) -> None:
    """Report numbers that a format would round to 0 or to infinity, and options that exclude each other."""
    optimizer, report = root.at("optimizer"), arrays.report
    arrays.check_positive(optimizer.at("learning_rate"), "learning_rate")
    arrays.check_positive(root.at("until", "loss"), "until.loss")
    for name, key in (item for loss in LOSSES.values() for item in loss.keys.items()):
        if key.kind == "positive":
            arrays.check_positive(root.at("loss", name), f"loss.{name}")
    nesterov, dampening = optimizer.at("nesterov"), optimizer.at("dampening")
    is_ahead, is_dampened = nesterov.value is True, "dampening" in optimizer.entries
    if is_ahead and "momentum" not in optimizer.entries:
        report.add(nesterov.mark, "nesterov is true without a momentum", "a momentum too")
    if is_dampened and "momentum" not in optimizer.entries:
        report.add(dampening.mark, "a dampening without a momentum", "a momentum too")
    if is_dampened and is_ahead:
        report.add(dampening.mark, "a dampening with Nesterov's momentum", "one of the two")


def _check_targets(root: Node, report: Report) -> None:
    """Report targets of a loss by class that are no classes: each row that is not one 1 among zeros."""
    y, loss = root.at("y"), LOSSES.get(root.at("loss", "name").text)
    if loss is None or loss.targets != "classes":
        return
    if y.entries and "classes" not in y.entries:
        report.add(y.mark, "y is drawn or filled", "one-hot rows, or a mapping with 'classes' and 'of'")
    for index, row in enumerate(y.items):
        numbers = [item.number for item in row.items if item.number]
        one_hot = [0.0] * (len(numbers) - 1) + [1.0]
        is_read = isinstance(row.value, list) and len(numbers) == len(row.items)
        if is_read and sorted(number.nearest for number in numbers) != one_hot:
            shown = [*map(str, numbers[:_MAX_NUMBERS]), *["…"] * (len(numbers) > _MAX_NUMBERS)]
            report.add(row.mark, f"y[{index}] is [{', '.join(shown)}]", _ONE_HOT)


def _marks(listed: Iterable[Node]) -> Iterator[tuple[str, Mark]]:
    return ((node.text, node.mark) for node in listed if node.text)


def _check_once(listed: Iterable[Node], where: str, report: Report) -> None:
    seen: set[str] = set()
    for name, mark in _marks(listed):
        if name in seen:
            report.add(mark, f"{where} {quoted(name)} twice", "it once")
        seen.add(name)


def _check_known(
    named: Iterable[tuple[str, Mark]], known: Collection[str], what: str, report: Report
) -> None:
    """Report names that are none of those known, if any are."""
    expected = f"one of {', '.join(islice(known, _MAX_NAMES))}" + ", …" * (len(known) > _MAX_NAMES)
    for name, mark in named:
        if known and name not in known:
            report.add(mark, f"unknown {what} {quoted(name)}", expected, name, known)


def _check_published(published: Node, shapes: Mapping[str, Shape], arrays: ArrayReader) -> None:
    if "computed_in" in published.entries and published.at("inputs").text == "as printed":
        mark = published.at("inputs").mark
        arrays.report.add(mark, "inputs as printed together with computed_in", "one of the two")
    last = 0
    for step in published.at("steps").items:
        number, values = step.at("step").whole or 0, step.at("values")
        if 0 < number <= last:
            wrong = f"step {number} after step {last}"
            arrays.report.add(step.at("step").mark, wrong, "steps in ascending order")
        last = max(last, number)
        _check_walk(step.at("walk").items, values, shapes, arrays.report)
        _check_known(values.keys.items(), shapes, "quantity", arrays.report)
        for name, node in values.entries.items():
            if name in shapes:
                _check_printed(name, node, shapes[name], arrays)
        for key, mark in step.at("rejected").keys.items() if isinstance(values.value, dict) else ():
            _check_rejected(key, mark, values, shapes, arrays.report)


def _check_printed(name: str, node: Node, shape: Shape, arrays: ArrayReader) -> None:
    """Report a printed value that is neither a bare number for a single element nor has the full shape."""
    if not isinstance(node.value, list | dict):
        is_single = None in shape or math.prod(length or 1 for length in shape) == 1
        if node.number and not is_single:
            expected = f"nested lists of shape {in_words(shape)}"
            arrays.report.add(node.mark, f"{name} is a single number", expected)
        else:
            arrays.written(node, name, rank=0)
        return
    actual = arrays.written(node, name, len(shape), blanks=bool(shape))
    if actual and not all(None in pair or pair[0] == pair[1] for pair in zip(actual, shape, strict=True)):
        arrays.report.add(node.mark, f"{name} has the shape {in_words(actual)}", in_words(shape))


def _check_rejected(key: str, mark: Mark, values: Node, shapes: Mapping[str, Shape], report: Report) -> None:
    name, index = rejected_element(key)
    if name not in values.entries:
        wrong = f"{quoted(key)} is rejected but not among the values of this step"
        report.add(mark, wrong, "the name of one of them", key, values.entries)
        return
    printed: Node | None = values.at(name)
    is_scalar = printed is not None and not isinstance(printed.value, list | dict)
    if index is None or name not in shapes or (is_scalar and not any(index)):
        return
    for i in index:
        printed = printed.items[i] if printed and i < len(printed.items) else None
    if len(index) != len(shapes[name]) or printed is None:
        expected = f"an element of its shape {in_words(shapes[name])}, counted from 0"
        report.add(mark, f"{quoted(key)} is rejected but {name} has no such element", expected)
    elif printed.value is None:
        report.add(mark, f"{quoted(key)} is rejected but not printed", "an element with a number")


def _check_walk(walk: Collection[Node], values: Node, known: Collection[str], report: Report) -> None:
    listed = [node for part in walk for node in part.at("quantities").items]
    _check_known(_marks(listed), known, "quantity", report)
    _check_once(listed, "the walk has", report)
    seen = {node.text for node in listed}
    for name, mark in values.keys.items() if seen - {""} else ():
        if name in known and name not in seen:
            report.add(mark, f"{name} is printed, but in no part of the walk", "it in one of them")


def _check_expectations(
    expect: Node, inputs: Inputs, steps: int, dtypes: tuple[str, ...], report: Report
) -> None:
    for adapter, node in expect.entries.items():
        label, step, listed = f"expect.{printable(adapter)}", node.at("step"), node.at("dtypes").items
        if not (adapter.strip() and adapter.isprintable()):
            report.add(expect.keys[adapter], f"the adapter {quoted(adapter)}", "a name as after --adapter")
        if isinstance(node.value, dict):
            _check_kind(node, label, report)
        quantities = _marks(node.at(kind) for kind in AT_A_QUANTITY)
        _check_known(quantities, inputs.quantities, "quantity", report)
        if (step.whole or 0) > steps > 0:
            wrong = f"{label}.step is {step.whole}"
            report.add(step.mark, wrong, f"at most {steps}, the steps that the case runs")
        _check_once(listed, f"{label}.dtypes has", report)
        for item in listed:
            if item.text in DTYPES and item.text not in dtypes:
                wrong = f"{label}.dtypes has {quoted(item.text)}, in which the case does not run"
                report.add(item.mark, wrong, f"one of {', '.join(dtypes)}")


def _check_kind(node: Node, label: str, report: Report) -> None:
    given = [key for key in node.entries if key in EXPECTED_KINDS]
    one_of = f"exactly one of {', '.join(EXPECTED_KINDS)}"
    for key in given[1:]:
        report.add(node.keys[key], f"{label} has {given[0]!r} and {key!r}", one_of)
    if not given and node.entries.keys() <= Expectation.model_fields.keys():  # else one may be misspelt
        report.add(node.mark, f"{label} says nothing of what is expected", one_of)
    if given and given[0] in AT_A_QUANTITY and "because" not in node.entries:
        report.add(node.mark, f"{label} has no key 'because'", f"it with {given[0]!r}")
    if given == ["no_equivalent"] and "step" in node.entries:
        expected = "none, because an adapter without an equivalent runs none"
        report.add(node.keys["step"], f"{label} has a step", expected)
