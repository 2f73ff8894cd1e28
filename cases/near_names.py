"""What a name that is none of a training step may be meant for, by the ways in which people write it."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from cases import names
from cases.errors import quoted, suggestion

LOSSES: Final = ("l", "cost", "error", "err", "objective", "j", "loss_value", "train_loss", "total_loss")
# A parameter, z or a of layer 1, where the quantity's own name has it; each is compared without its marks.
GRADIENTS: Final = (
    "d{}",
    "grad{}",
    "grads{}",
    "{}grad",
    "g{}",
    "gradient{}",
    "{}gradient",
    "nabla{}",
    "∂l∂{}",
)
UPDATED: Final = ("{}", "{}updated", "{}after", "{}next", "new{}", "updated{}", "next{}")
# How people call the letters of layer k; a weight of PyTorch's is also called fc1.weight or layers.1.weight.
LETTERS: Final = {
    "W": ("w{}", "weight{}", "weights{}", "kernel{}", "fc{}weight", "layer{}weight", "layers{}weight"),
    "b": ("b{}", "bias{}", "biases{}", "fc{}bias", "layer{}bias", "layers{}bias"),
    "z": ("z{}", "net{}", "pre{}", "preactivation{}", "linear{}"),
    "a": ("a{}", "h{}", "out{}", "act{}", "activation{}", "hidden{}"),
}


def no_quantity(name: str, known: Iterable[str]) -> str:
    """Say that a name is none of the `known` quantities and, if that can be seen, which is meant."""
    meant = meant_by(name, list(known))
    return "is not a quantity of this training step" + (f"; did you mean {quoted(meant)}?" if meant else "")


def not_claimed(quantity: str, stated: Iterable[str], known: list[str]) -> str:
    """Say that a quantity is not among the `stated` names and, if it can be seen, which of them is it."""
    others = (name for name in stated if name not in known)
    meaning_it = next((name for name in others if meant_by(name, known) == quantity), None)
    here = f"; {quoted(meaning_it)} is: did you mean {quoted(quantity)}?" if meaning_it else ""
    return f"was promised, but is not claimed{here}"


def meant_by(name: str, known: list[str]) -> str | None:
    """Return the known quantity that a name seems to be meant for, or None."""
    written = _bare(name)
    for quantity in known:
        if written in map(_bare, (quantity, *_spellings(quantity))):
            return quantity
    return suggestion(name, known)


def _bare(name: str) -> str:
    """Return a name without case, blanks and marks: "dL/dW1" and "dLdW_1" are one; a prime is an update."""
    return re.sub(r"[^0-9a-z∂δ]", "", name.replace("'", "new").replace("′", "new").lower())


def _spellings(quantity: str) -> Iterator[str]:
    if quantity == "loss":
        yield from LOSSES
    if quantity.startswith("dL/dz"):
        yield from (letter + quantity.removeprefix("dL/dz") for letter in ("delta", "δ"))
    for forms, of in ((GRADIENTS, names.gradient("{}")), (UPDATED, names.updated("{}")), (("{}",), "{}")):
        before, after = of.split("{}")
        if match := re.fullmatch(f"{re.escape(before)}([Wbza])([0-9]+){re.escape(after)}", quantity):
            for word in LETTERS[match[1]]:
                yield from (form.format(word.format(match[2])) for form in forms)
