"""What the arrays of a recording are, by the names that people give them.

A name is cut into words: `grads/fc1.weight` is the gradient of the weight of fc1, `dW1` that of W1,
`layers.0.kernel.new` a kernel after the update. Layers are counted in the order of their names, as a person
counts: fc2 comes before fc10.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from cases import names
from cases.recording import UnreadableError
from cases.skeleton import PATTERN

WEIGHTS: Final = frozenset(
    ["w", "weight", "weights", "kernel", "kernels", "theta", "matrix", "coef", "coefs"]
)
BIASES: Final = frozenset(["b", "bias", "biases", "offset", "intercept", "intercepts"])
INSIDE: Final = {
    **dict.fromkeys(["z", "pre", "preact", "preactivation", "preactivations", "linear", "net"], "z"),
    **dict.fromkeys(["a", "h", "act", "activation", "activations", "post", "hidden"], "a"),
}
WHOLE: Final = {
    **dict.fromkeys(["x", "input", "inputs", "features", "data"], "x"),
    **dict.fromkeys(["y", "target", "targets", "label", "labels"], "y"),
    **dict.fromkeys(["loss", "cost", "objective"], "loss"),
}
GRADIENT: Final = frozenset(["d", "dl", "dloss", "grad", "grads", "gradient", "gradients", "g"])
UPDATED: Final = frozenset(["new", "after", "updated", "next"])
# Words that tell nothing of what it is.
PLAIN: Final = frozenset(
    [
        "old",
        "before",
        "init",
        "initial",
        "start",
        "param",
        "params",
        "parameter",
        "parameters",
        "model",
        "state",
        "dict",
        "module",
    ]
)
# Where a layer stands whose word says so; of two other words neither is known to come first.
FIRST: Final = frozenset(["in", "input", "inputs", "first", "encoder", "enc", "embed", "embedding", "stem"])
LAST: Final = frozenset(
    ["out", "output", "outputs", "last", "final", "decoder", "dec", "head", "classifier", "logits"]
)
STEP: Final = re.compile(r"step[._/ ]?(\d+)[._/ ]*")
OURS: Final = re.compile(PATTERN)


@dataclass(frozen=True)
class Role:
    """What one array of a recording is."""

    kind: str  # "W", "b", "z", "a", "x", "y" or "loss"
    layer: str = ""  # what tells its layer from others, in the file's words
    what: str = ""  # "gradient", "updated", or "" for itself
    step: int = 0  # as the file counts them
    word: str = ""  # the word for its kind: a kernel is (n_in, n_out), a weight of PyTorch (n_out, n_in)


def role_of(name: str) -> Role | None:
    """Return what an array is by its name alone; None if that does not tell."""
    found = STEP.search(name)
    step = int(found.group(1)) if found else 0
    rest = name[: found.start()] + name[found.end() :] if found else name
    words = list(_words(rest))
    what = _taken(words, GRADIENT, "gradient") or _taken(words, UPDATED, "updated")
    words = [word for word in words if word not in PLAIN]
    for kind, known in (("W", WEIGHTS), ("b", BIASES)):
        named = [word for word in words if word in known]
        if named:
            layer = ".".join(word for word in words if word not in known)
            return Role(kind, layer, what, step=step, word=named[-1])
    for word in words:
        if word in INSIDE:
            return Role(INSIDE[word], ".".join(other for other in words if other != word), what, step=step)
    if len(words) == 1 and words[0] in WHOLE:
        return Role(WHOLE[words[0]], "", what, step=step)
    return None


def _taken(words: list[str], known: frozenset[str], what: str) -> str:
    """Take the words that say what it is out of a name; return what, or "" if there is none."""
    if not known.intersection(words) or len(known.intersection(words)) == len(words):
        return ""
    words[:] = [word for word in words if word not in known]
    return what


def _words(name: str) -> Iterable[str]:
    """Cut a name: "dL/dW1" is dl, w, 1; "fc1.weight.grad" is fc1, weight, grad; "W1_new" is w, 1, new."""
    for word in re.split(r"[^A-Za-z0-9]+", name):
        lower = word.lower()
        short = re.fullmatch(r"(d(?:l|loss)?d?|g)?([wbzah])(\d+)", lower)
        if short:
            yield from filter(None, (short.group(1) and "d", short.group(2), short.group(3)))
        elif re.fullmatch(r"d(w|b|z|a|x|weights?|bias(es)?|kernel)", lower):
            yield from ("d", lower[1:])
        elif glued := re.fullmatch(r"(weights?|bias|kernel|grad)(\d+)", lower):
            yield from glued.groups()
        elif lower:
            yield lower


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """Return what names are sorted by so that 10 comes after 9."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def quantities_of(given: Iterable[str], stated: Mapping[str, str]) -> dict[str, tuple[int, str]]:
    """Return for each array's name the step, from 0, and the quantity that it is.

    `stated` says for our names what they are called in the file; a parameter, x or y before the step has its
    own name (W1). Raises `UnreadableError` for a name that does not tell, and for two of one meaning.
    """
    theirs = {called: ours for ours, called in stated.items()}
    every = {name: role_of(name) for name in given if name not in theirs}
    from_zero = any(role and role.kind in "Wb" and role.layer == "0" for role in every.values())
    roles = {name: role for name, role in every.items() if from_zero or not _is_ours(name)}
    if unclear := [name for name, role in roles.items() if role is None]:
        missing = next((one for one in ("x", "y") if one not in {*theirs.values(), *every}), "dL/dW1")
        raise UnreadableError(
            f"it does not tell what {', '.join(map(repr, unclear[:3]))} is; say it, as in "
            f"--name {missing}={unclear[0]}, or leave it out by --ignore {unclear[0]}"
        )
    known = {name: role for name, role in roles.items() if role is not None}
    layers = {key: _numbered(known.values(), *kinds) for key, kinds in (("Wb", "Wb"), ("z", "z"), ("a", "a"))}
    quantities = {}
    for name in given:
        role = known.get(name)
        step, ours = (0, theirs.get(name, name)) if role is None else (role.step, _ours(role, layers))
        if name in theirs and (match := STEP.search(name)):
            step = int(match.group(1))
        quantities[name] = step, ours
    _check_each_once(quantities)
    return quantities


def _is_ours(name: str) -> bool:
    return bool(OURS.fullmatch(name)) or name in ("x", "y") or bool(re.fullmatch(r"[Wb][1-9]\d*", name))


def _numbered(roles: Iterable[Role], *kinds: str) -> dict[str, int]:
    """Number the layers of some kinds from 1; a0 is x, where layers are numbered from 0."""
    keys = sorted({role.layer for role in roles if role.kind in kinds}, key=_order)
    for key, after in pairwise(keys):
        if _order(key)[0] == _order(after)[0] and _without_numbers(key) != _without_numbers(after):
            raise UnreadableError(
                f"it does not tell which of the layers {key!r} and {after!r} comes first; say what each "
                f"array of theirs is, as in --name {kinds[0][0]}1=THEIRS"
            )
    digits = [int(key) for key in keys if key.isdigit()]
    if digits and len(digits) == len(keys) and min(digits) > 0:
        return {key: int(key) for key in keys}  # their own numbers: W2 alone is the second
    return {key: k for k, key in enumerate(keys, start=1)}


def _order(layer: str) -> tuple[int, tuple[tuple[int, str], ...]]:
    """Return what layers are sorted by: where their words say that they stand, then their numbers."""
    words = {*layer.split(".")}
    return bool(words & LAST) - bool(words & FIRST), natural(layer)


def _without_numbers(layer: str) -> str:
    return ".".join(filter(None, (word.strip("0123456789") for word in layer.split("."))))


def _ours(role: Role, layers: Mapping[str, Mapping[str, int]]) -> str:
    if role.kind in ("x", "y", "loss"):
        name = role.kind
    else:
        k = layers["Wb" if role.kind in "Wb" else role.kind][role.layer]
        name = f"{role.kind}{k}"
    if role.what:
        return names.gradient(name) if role.what == "gradient" else names.updated(name)
    return name


def _check_each_once(quantities: Mapping[str, tuple[int, str]]) -> None:
    first: dict[tuple[int, str], str] = {}
    for name, meant in quantities.items():
        other = first.setdefault(meant, name)
        if other != name:
            raise UnreadableError(
                f"both {other!r} and {name!r} are {meant[1]}; say which, as in --name {meant[1]}={name}"
            )
