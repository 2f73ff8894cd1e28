"""The names of what one training step computes, in the document's notation, and their shapes."""

from __future__ import annotations

from typing import TypeAlias

Size: TypeAlias = int | None
"""A length; None where the file does not let it be known."""

Shape: TypeAlias = tuple[Size, ...]

PATTERN = r"loss|([za]|dL/d[azWb])[1-9][0-9]*|da[1-9][0-9]*/dz[1-9][0-9]*|[Wb][1-9][0-9]*_new"
"""What the names look like, for editors; which of them there are depends on the depth."""


def parameter_shapes(widths: tuple[Size, ...]) -> dict[str, Shape]:
    """Return the shapes of W1, b1, W2, b2, …, given the widths of the input and of every layer."""
    shapes: dict[str, Shape] = {}
    for k in range(1, len(widths)):
        shapes[f"W{k}"] = (widths[k], widths[k - 1])
        shapes[f"b{k}"] = (widths[k],)
    return shapes


def quantity_shapes(batch: Size, widths: tuple[Size, ...]) -> dict[str, Shape]:
    """Return the shape of every quantity of one training step: z1, a1, …, loss, dL/da2, …, W1_new, ….

    Parameters
    ----------
    batch
        The number of examples N.
    widths
        The widths of the input and of every layer: n_0, n_1, …, n_depth.
    """
    shapes: dict[str, Shape] = {"loss": ()}
    for k in range(1, len(widths)):
        rows = (batch, widths[k])
        shapes |= dict.fromkeys((f"z{k}", f"a{k}", f"dL/da{k}", f"da{k}/dz{k}", f"dL/dz{k}"), rows)
    for name, shape in parameter_shapes(widths).items():
        shapes |= {f"dL/d{name}": shape, f"{name}_new": shape}
    return shapes
