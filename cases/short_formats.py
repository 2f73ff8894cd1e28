"""What float16 is not judged with: its exponentials overflow at 11, long before the functions of them do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cases.nodes import Mapping, Scalar, Sequence, child

if TYPE_CHECKING:
    from cases.arrays import ArrayReader
    from cases.nodes import Node

_ACTIVATIONS: Final = ("sigmoid", "tanh", "relu", "identity")
_LOSSES: Final = ("half_squared_error", "mean_squared_error")


def has_bound(dtype: str, name: str) -> bool:
    """Whether there is a bound for an activation or a loss in a format."""
    return dtype != "float16" or name in (*_ACTIVATIONS, *_LOSSES)


def check_float16(root: Mapping, arrays: ArrayReader) -> None:
    """Report an activation or a loss for which there is no bound in float16."""
    if "float16" not in arrays.dtypes:
        return
    listed = child(root, "layers")
    for layer in listed.items if isinstance(listed, Sequence) else ():
        _check(child(layer, "activation"), _ACTIVATIONS, arrays)
    _check(child(root, "loss", "name"), _LOSSES, arrays)


def _check(node: Node | None, known: tuple[str, ...], arrays: ArrayReader) -> None:
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value not in known:
        expected = f"{', '.join(known[:-1])} or {known[-1]} where dtypes has float16"
        arrays.report.add(node.mark, f"{node.value} has no bound in float16", expected)
