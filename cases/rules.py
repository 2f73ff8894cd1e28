"""What no single value of an update's rules shows: parts that need each other, and ranges."""

from typing import Final

from cases.arrays import ArrayReader
from cases.defects import Report
from cases.nodes import Mapping, Node, Scalar, Sequence, child
from cases.numbers import Number
from cases.problem import Rule
from cases.quantities import Rules, rules_of

_NAMES: Final = frozenset({"sgd", "adam", "adamw", "adamax", "rmsprop", "adagrad"})


def read_rules(root: Mapping) -> Rules:
    """Return what the rules of a file add to a training step, so far as they can be read."""
    stated = _entries(child(root, "optimizer"))
    name = stated.get("name")
    known = isinstance(name, Scalar) and name.value in _NAMES
    options = {key for key, node in stated.items() if isinstance(node, Scalar) and node.value is True}
    rule = Rule(
        str(name.value) if known and isinstance(name, Scalar) else "sgd",
        tuple((key, 0.0) for key in stated),
        frozenset(options),
    )
    listed = child(root, "not_trained")
    fixed = listed.items if isinstance(listed, Sequence) else ()
    names = frozenset(str(item.value) for item in fixed if isinstance(item, Scalar))
    return rules_of(rule, child(root, "schedule"), child(root, "clipping"), names)


def check_rules(root: Mapping, arrays: ArrayReader) -> None:
    """Report what contradicts itself, and numbers that a format would round to 0 or to infinity."""
    _check_not_rounded_away(root, ("optimizer", "learning_rate"), "learning_rate", arrays)
    _check_not_rounded_away(root, ("until", "loss"), "until.loss", arrays)
    _check_momentum(_entries(child(root, "optimizer")), arrays.report)


def _check_not_rounded_away(root: Mapping, place: tuple[str, ...], name: str, arrays: ArrayReader) -> None:
    """Report a number above 0 that a format would round to zero or to infinity."""
    node = child(root, *place)
    if not isinstance(node, Scalar) or not isinstance(node.value, Number) or not node.value.nearest > 0:
        return
    if node.value.fits("float64"):
        arrays.check_range(node.value, node.mark, name)
    for dtype in arrays.dtypes:
        if node.value.rounded(dtype) == 0:
            wrong = f"{name} is {node.value}, which {dtype} rounds to 0"
            arrays.report.add(node.mark, wrong, "more than 0")


def _check_momentum(stated: dict[str, Node], report: Report) -> None:
    """Report Nesterov's momentum or a dampening that has no momentum to act on, and both together."""
    nesterov = stated.get("nesterov")
    is_ahead = isinstance(nesterov, Scalar) and nesterov.value is True
    if is_ahead and nesterov and "momentum" not in stated:
        report.add(nesterov.mark, "nesterov is true without a momentum", "a momentum beside it")
    dampening = stated.get("dampening")
    if dampening and "momentum" not in stated:
        report.add(dampening.mark, "a dampening without a momentum", "a momentum beside it")
    if dampening and is_ahead:
        report.add(dampening.mark, "a dampening with Nesterov's momentum", "one of the two")


def _entries(node: Node | None) -> dict[str, Node]:
    return node.entries if isinstance(node, Mapping) else {}
