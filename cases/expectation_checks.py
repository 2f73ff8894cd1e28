"""What a file expects of adapters: whether each says one thing, of a quantity and a step that there are."""

from cases.claims import check_names_once, report_unknown, texts
from cases.defects import Report, printable, quoted
from cases.dtypes import DTYPES
from cases.expectations import AT_A_QUANTITY, KINDS, Expectation
from cases.nodes import Mapping, Node, Scalar, child
from cases.numbers import Number
from cases.shapes import Inputs


def check_expectations(root: Mapping, inputs: Inputs, dtypes: tuple[str, ...], report: Report) -> None:
    """Report what is wrong with the expectations; `dtypes` are those that the case runs in."""
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
    """Report none or several of the four kinds, and one that has no cause or needs no step."""
    given = [key for key in node.entries if key in KINDS]
    one_of = f"exactly one of {', '.join(KINDS)}"
    for key in given[1:]:
        report.add(node.keys[key], f"{label} has {given[0]!r} and {key!r}", one_of)
    if not given and node.entries.keys() <= Expectation.model_fields.keys():  # else one may be misspelt
        report.add(node.mark, f"{label} says nothing of what is expected", one_of)
    if given and given[0] in AT_A_QUANTITY and "because" not in node.entries:
        report.add(node.mark, f"{label} has no key 'because'", f"it beside {given[0]!r}")
    if given == ["no_equivalent"] and "step" in node.entries:
        report.add(node.keys["step"], f"{label} has a step", "none, as whoever has no equivalent takes none")


def _check_quantity(node: Mapping, inputs: Inputs, report: Report) -> None:
    known = inputs.quantities if inputs.depth else {}
    for kind in AT_A_QUANTITY:
        match child(node, kind):
            case Scalar(value=str(name), mark=mark) if known and name.strip() and name.strip() not in known:
                report_unknown(name, mark, known, "quantity", report)


def _check_step(node: Mapping, label: str, steps: int, report: Report) -> None:
    match child(node, "step"):
        case Scalar(value=Number(whole=int(step)), mark=mark) if step > steps > 0:
            report.add(mark, f"{label}.step is {step}", f"at most {steps}, the steps that the case runs")


def _check_dtypes(node: Node, label: str, dtypes: tuple[str, ...], report: Report) -> None:
    named = child(node, "dtypes")
    check_names_once(named, f"{label}.dtypes", report)
    for item in texts(named):
        if item.value in DTYPES and item.value not in dtypes:
            wrong = f"{label}.dtypes has {quoted(str(item.value))}, in which the case does not run"
            report.add(item.mark, wrong, f"one of {', '.join(dtypes)}")


def _steps(root: Mapping) -> int:
    match child(root, "steps"):
        case None:
            return 1
        case Scalar(value=Number(whole=int(steps))):
            return steps
    return 0
