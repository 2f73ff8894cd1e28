"""From the text of a file to a valid case file, or to all of its defects."""

from dataclasses import dataclass

from pydantic import ValidationError

from cases.arrays import ArrayReader
from cases.claims import check_names_once, check_parameters, check_published
from cases.defects import Report
from cases.dtypes import DEFAULT_DTYPES, DTYPES
from cases.expectation_checks import check_expectations
from cases.model import File
from cases.nodes import Mapping, Scalar, Sequence, child, describe, plain
from cases.rules import check_rules
from cases.shapes import check_fit, check_memory, read_inputs
from cases.targets import check_loss
from cases.wording import explain
from cases.yaml_reader import read_yaml


@dataclass(frozen=True)
class Checked:
    """A valid file: what it says, and the shapes of its arrays x, y, W1, b1, …."""

    file: File
    shapes: dict[str, tuple[int, ...]]


def check(text: str, report: Report) -> Checked | None:
    """Return what the file says, or None after adding its defects to `report`."""
    root = read_yaml(text, report)
    if root is None:
        return None
    if not isinstance(root, Mapping):
        report.add(root.mark, f"the file is {describe(root)}", "a mapping with the keys of a case")
        return None
    file = _validate(root, report)
    shapes = _cross_check(root, report)
    return None if file is None or report.found else Checked(file, shapes)


def _validate(root: Mapping, report: Report) -> File | None:
    try:
        return File.model_validate(plain(root))
    except ValidationError as errors:
        explain(errors, root, report)
        return None


def _cross_check(root: Mapping, report: Report) -> dict[str, tuple[int, ...]]:
    """Report what no single value shows (shapes, ranges, names), even in a file with other defects."""
    dtypes = child(root, "dtypes")
    arrays = ArrayReader(report, tuple(dict.fromkeys((*_readable_dtypes(root), *_printed_in(root)))))
    inputs = read_inputs(root, arrays)
    check_fit(inputs, report)
    check_memory(inputs, report)
    check_names_once(dtypes, "dtypes", report)
    check_names_once(child(root, "not_trained"), "not_trained", report)
    check_parameters(child(root, "not_trained"), inputs, report)
    check_published(root, inputs, ArrayReader(report, ("float64",)))
    check_rules(root, arrays)
    check_loss(root, arrays)
    check_expectations(root, inputs, _readable_dtypes(root), report)
    return {name: tuple(length or 0 for length in shape) for name, shape in inputs.shapes.items()}


def _readable_dtypes(root: Mapping) -> tuple[str, ...]:
    node = child(root, "dtypes")
    if not isinstance(node, Sequence):
        return DEFAULT_DTYPES
    named = {item.value for item in node.items if isinstance(item, Scalar)}
    return tuple(dtype for dtype in DTYPES if dtype in named)


def _printed_in(root: Mapping) -> tuple[str, ...]:
    """Return the format in which numbers were printed, which the case itself need not run in."""
    match child(root, "published", "computed_in"):
        case Scalar(value=str(dtype)) if dtype in DTYPES:
            return (dtype,)
    return ()
