"""The names of what one training step computes, in the document's notation, and their shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from cases.problem import Rule

# A length; None where the file does not let it be known.
Size: TypeAlias = int | None

Shape: TypeAlias = tuple[Size, ...]

# What the names look like, for editors; which of them there are depends on the depth.
PATTERN = (
    r"loss|([za]|dL/d[azWb])[1-9][0-9]*|da[1-9][0-9]*/dz[1-9][0-9]*|([muv]_)?[Wb][1-9][0-9]*_new"
    r"|rate|norm|clip|correction[12]|dL/d[Wb][1-9][0-9]*_(clipped|decayed)|direction_[Wb][1-9][0-9]*"
)


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


def update_shapes(widths: tuple[Size, ...], rules: Rules) -> dict[str, Shape]:
    """Return the shapes of what an update computes besides: rate, norm, m_W1_new, …."""
    shapes: dict[str, Shape] = dict.fromkeys(rules.scalars, ())
    for name, shape in parameter_shapes(widths).items():
        if name not in rules.not_trained:
            shapes |= {form.format(name): shape for form in rules.forms}
    return shapes


@dataclass(frozen=True)
class Rules:
    """What a case's optimizer, schedule and clipping add to a training step.

    Attributes
    ----------
    scalars
        The names of single numbers: rate, norm.
    forms
        The names of what there is for each parameter, with braces for its name: "m_{}_new".
    not_trained
        The parameters that are not updated.
    """

    scalars: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    not_trained: frozenset[str] = frozenset()


def rules_of(optimizer: Rule, schedule: object, clipping: object, not_trained: frozenset[str]) -> Rules:
    """Return what the rules add; of a schedule and a clipping it matters only whether there is one."""
    scalars = ["rate"] * bool(schedule) + ["norm", "clip"] * bool(clipping)
    forms = [f"{kind}_{{}}_new" for kind in optimizer.states]
    if "m" in optimizer.states and optimizer.name.startswith("adam"):
        scalars += ["correction1"] if optimizer.name == "adamax" else ["correction1", "correction2"]
    forms += ["dL/d{}_clipped"] * bool(clipping)
    forms += ["dL/d{}_decayed"] * (optimizer.has("weight_decay") and optimizer.name != "adamw")
    forms += ["direction_{}"] * (optimizer.name in {"adam", "adamw"})
    return Rules(tuple(scalars), tuple(forms), not_trained)
