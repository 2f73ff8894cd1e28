"""From the text of a file to a valid case file, or to all of its defects in plain words with their marks."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cases.case_schema import FORMS, File
from cases.case_values import Model
from cases.checks import cross_check
from cases.errors import MAX_KEPT, Mark, Report, printable, quoted, suggestion
from cases.yaml_reader import Mapping, Node, Refused, Scalar, Sequence, describe, plain, read_yaml

_Loc: TypeAlias = tuple[int | str, ...]
# What `Report.add` takes: where, what is wrong, what was expected, a name and those that it may mean.
_Words: TypeAlias = tuple[Mark, str, str, str, tuple[str, ...]]

# Unknown keys of one mapping that are compared with a missing one.
_MAX_UNKNOWN_KEYS: Final = 100
_ARRAY: Final = "nested lists of numbers, or a mapping with 'normal', 'uniform' or 'constant'"
_TARGETS: Final = _ARRAY.replace(" or 'constant'", ", 'constant' or 'classes'")


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
    shapes = cross_check(root, report)
    return None if file is None or report.pending else Checked(file, shapes)


def _validate(root: Mapping, report: Report) -> File | None:
    try:
        return File.model_validate(plain(root))
    except ValidationError as errors:
        _explain(errors, root, report)
        return None


def _explain(errors: ValidationError, root: Mapping, report: Report) -> None:
    """Add each error to `report` as a defect; those about what has been reported already are dropped."""
    details = errors.errors(include_url=False, include_input=False)
    report.more += max(0, len(details) - MAX_KEPT)
    for error in details[:MAX_KEPT]:
        loc = error["loc"]
        node, path = _follow(root, loc[:-1] if error["type"] == "extra_forbidden" else loc)
        named = node.entries.get("name") if isinstance(node, Mapping) else None
        if isinstance(node, Refused) or (
            isinstance(named, Refused) and "discriminator" in error.get("ctx", {})
        ):
            continue
        if not _is_misspelt(error, node):
            report.add(*_explain_one(error, node, path))


def _is_misspelt(error: ErrorDetails, node: Node) -> bool:
    """Say whether a missing key is there under a wrong name: one line, about that name, is enough."""
    if error["type"] != "missing" or not isinstance(node, Mapping):
        return False
    known = _fields_at(error["loc"][:-1])
    unknown = [key for key in node.entries if key not in known][:_MAX_UNKNOWN_KEYS]
    return any(suggestion(key, known) == error["loc"][-1] for key in unknown)


def _explain_one(error: ErrorDetails, node: Node, path: _Loc) -> _Words:
    """Return where the error is, what is wrong there, and what was expected."""
    kind, loc, context = error["type"], error["loc"], error.get("ctx", {})
    if kind == "missing":
        return node.mark, f"{_label(path)} has no key {loc[-1]!r}", _keys(loc[:-1]), "", ()
    if kind == "extra_forbidden":
        return _unknown_key(loc, node, path)
    if kind == "literal_error":
        return _not_among(node, path, context["expected"])
    if "expected_tags" in context or context.get("discriminator") == "'name'":
        return _wrong_name(node, path, context)
    expected = context.get("expected") or _expected_kind(kind, loc)
    return node.mark, f"{_label(path)} is {describe(node)}", expected, "", ()


def _unknown_key(loc: _Loc, node: Node, path: _Loc) -> _Words:
    key = str(loc[-1])
    mark = node.keys[key] if isinstance(node, Mapping) else node.mark
    wrong = f"unknown key {quoted(key)} in {_label(path)}"
    return mark, wrong, _keys(loc[:-1]), key, tuple(_fields_at(loc[:-1]))


def _wrong_name(node: Node, path: _Loc, context: dict[str, str]) -> _Words:
    """Explain a mapping whose `name` is missing, or is none of those that may stand there."""
    name = node.entries.get("name") if isinstance(node, Mapping) else None
    if name is None:
        return node.mark, f"{_label(path)} has no key 'name'", _keys(path), "", ()
    expected = " or ".join(context.get("expected_tags", "").rsplit(", ", 1))
    return _not_among(name, (*path, "name"), expected)


def _not_among(node: Node, path: _Loc, expected: str) -> _Words:
    name = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
    known = tuple(re.findall(r"'(\w+)'", expected))
    return node.mark, f"{_label(path)} is {describe(node)}", expected, name, known


def _expected_kind(kind: str, loc: _Loc) -> str:
    if kind in ("list_type", "tuple_type"):
        return "a list"
    if kind.startswith("model") and (keys := _keys(loc)):
        return f"a mapping with {keys}"
    if kind == "union_tag_not_found":
        return _TARGETS if loc == ("y",) else _ARRAY
    return "a mapping"


def _follow(root: Mapping, loc: _Loc) -> tuple[Node, _Loc]:
    """Return the innermost node on the way to `loc`, and the steps that led to it.

    Steps that lead nowhere are the forms of a union, or the key of an error about a key.
    """
    node: Node = root
    path: list[int | str] = []
    for step in loc:
        if isinstance(node, Mapping) and step in node.entries:
            node = node.entries[str(step)]
        elif isinstance(node, Sequence) and isinstance(step, int):
            node = node.items[step]
        else:
            continue
        path.append(step)
    return node, tuple(path)


def _keys(loc: _Loc) -> str:
    """Return the keys that a mapping at `loc` may have, as words."""
    names = _fields_at(loc)
    return f"the keys {', '.join(names)}" if len(names) > 1 else f"the key {''.join(names)}"


def _fields_at(loc: _Loc) -> dict[str, None]:
    return dict.fromkeys(name for model in _models_at(loc) for name in model.model_fields)


def _models_at(loc: _Loc) -> list[type[Model]]:
    """Return the models that may stand at `loc`: several only where a union is not decided."""
    models: list[type[Model]] = [File]
    for step in loc:
        forms = [model for model in models if getattr(model, "form", "") == step]
        fields = [model.model_fields[str(step)] for model in models if step in model.model_fields]
        if forms:
            models = forms
        elif fields:
            models = [model for field in fields for model in _models_in(field.annotation)]
    return models


def _models_in(annotation: object) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield from FORMS[annotation].values() if annotation in FORMS else (annotation,)
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _label(path: _Loc) -> str:
    """Return a name for what is there: `W1.scale`, `activation of layer 2`, `loss`, `the case`."""
    match path:
        case ():
            return "the case"
        case ("layers", int(index)):
            return f"layer {index + 1}"
        case ("layers", int(index), "W" | "b" as array, *rest):
            return _dotted((f"{array}{index + 1}", *rest))
        case ("layers", int(index), *rest):
            return f"{_dotted(rest)} of layer {index + 1}"
    return _dotted(path)


def _dotted(path: Iterable[int | str]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in path)[1:]
