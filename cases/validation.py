"""From the text of a file to a valid case file, or to all of its defects in plain words with their marks."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cases.case_schema import File
from cases.case_values import Model, OneOf
from cases.checks import cross_check
from cases.errors import MAX_KEPT, Report, printable, quoted, suggestion
from cases.names import DENSE
from cases.yaml_reader import Node, read_yaml

_Loc: TypeAlias = tuple[int | str, ...]

# Unknown keys of one mapping that are compared with a missing one.
_MAX_UNKNOWN_KEYS: Final = 100
_ARRAY: Final = "nested lists of numbers, or a mapping with 'normal', 'uniform' or 'constant'"
_TARGETS: Final = _ARRAY.replace(" or 'constant'", ", 'constant' or 'classes'")


def check(text: str, report: Report) -> tuple[File, dict[str, tuple[int, ...]]] | None:
    """Return what the file says and the shapes of x, y, W1, …, or None after adding its defects to `report`."""
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
    shapes = cross_check(root, report)
    return None if file is None or report.pending else (file, shapes)


def _explain(error: ErrorDetails, root: Node, report: Report) -> None:
    """Add an error as a defect, unless it is about what has been reported already."""
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
    """Return the innermost node on the way to `loc`, and the steps that led to it.

    Steps that lead nowhere are the forms of a union.
    """
    node, path = root, []
    for step in loc:
        if step in node.entries:
            node = node.entries[str(step)]
        elif node.items and isinstance(step, int):
            node = node.items[step]
        else:
            continue
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
