"""pydantic's errors in plain words, at their places in the file."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final, get_args

from pydantic import BaseModel

from cases.defects import Mark, Report, quoted
from cases.model import File
from cases.nodes import Mapping, Node, Refused, Scalar, Sequence, describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_Loc = tuple[int | str, ...]

_ARRAY: Final = "nested lists of numbers, or a mapping with 'normal', 'uniform' or 'constant'"


def explain(errors: ValidationError, root: Mapping, report: Report) -> None:
    """Add each error to `report` as a defect; those about what has been reported already are dropped."""
    for error in errors.errors(include_url=False, include_input=False):
        loc = error["loc"]
        node, found = _follow(root, loc[:-1] if error["type"] == "extra_forbidden" else loc)
        if not isinstance(node, Refused):
            report.add(*_explain_one(error, node, found))


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'activation'?` for a misspelt name, or nothing where none is near."""
    near = difflib.get_close_matches(wrong, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def _explain_one(error: ErrorDetails, node: Node, found: _Loc) -> tuple[Mark, str, str]:
    """Return where the error is, what is wrong there, and what was expected."""
    kind, loc, context = error["type"], error["loc"], error.get("ctx", {})
    if kind == "missing":
        return node.mark, f"{_label(found)} has no key {loc[-1]!r}", _keys(loc[:-1])
    if kind == "extra_forbidden":
        return _unknown_key(loc, node, found)
    if kind == "literal_error":
        return _not_among(node, found, context["expected"])
    if "expected_tags" in context or context.get("discriminator") == "'name'":
        return _wrong_name(node, found, context)
    expected = context.get("expected") or _expected_kind(kind, loc)
    return node.mark, f"{_label(found)} is {describe(node)}", expected


def _unknown_key(loc: _Loc, node: Node, found: _Loc) -> tuple[Mark, str, str]:
    key = str(loc[-1])
    models = _models_at(loc[:-1])
    known = [name for model in models for name in model.model_fields]
    wrong = f"unknown key {quoted(key)} in {_label(found)}{suggestion(key, known)}"
    mark = node.keys[key] if isinstance(node, Mapping) else node.mark
    return mark, wrong, _keys(loc[:-1])


def _wrong_name(node: Node, found: _Loc, context: dict[str, str]) -> tuple[Mark, str, str]:
    """Explain a mapping whose `name` is missing, or is none of those that may stand there."""
    name = node.entries.get("name") if isinstance(node, Mapping) else None
    if name is None:
        return node.mark, f"{_label(found)} has no key 'name'", _keys(found)
    expected = context.get("expected_tags", "").replace("', '", "' or '")
    return _not_among(name, (*found, "name"), expected)


def _not_among(node: Node, found: _Loc, expected: str) -> tuple[Mark, str, str]:
    value = node.value if isinstance(node, Scalar) else None
    near = suggestion(value, re.findall(r"'(\w+)'", expected)) if isinstance(value, str) else ""
    return node.mark, f"{_label(found)} is {describe(node)}{near}", expected


def _expected_kind(kind: str, loc: _Loc) -> str:
    if kind in ("list_type", "tuple_type"):
        return "a list"
    if kind.startswith("model") and (keys := _keys(loc)):
        return f"a mapping with {keys}"
    return _ARRAY if kind == "union_tag_not_found" else "a mapping"


def _follow(root: Mapping, loc: _Loc) -> tuple[Node, _Loc]:
    """Return the innermost node on the way to `loc`, and the steps that led to it.

    Steps that lead nowhere are the forms of a union, or the key of an error about a key.
    """
    node: Node = root
    found: list[int | str] = []
    for step in loc:
        if isinstance(node, Mapping) and step in node.entries:
            node = node.entries[str(step)]
        elif isinstance(node, Sequence) and isinstance(step, int):
            node = node.items[step]
        else:
            continue
        found.append(step)
    return node, tuple(found)


def _keys(loc: _Loc) -> str:
    """Return the keys that a mapping at `loc` may have, as words."""
    names = dict.fromkeys(name for model in _models_at(loc) for name in model.model_fields)
    return f"the keys {', '.join(names)}" if len(names) > 1 else f"the key {''.join(names)}"


def _models_at(loc: _Loc) -> list[type[BaseModel]]:
    """Return the models that may stand at `loc`: several only where a union is not decided."""
    models: list[type[BaseModel]] = [File]
    for step in loc:
        forms = [model for model in models if getattr(model, "form", "") == step]
        fields = [model.model_fields[str(step)] for model in models if step in model.model_fields]
        if forms:
            models = forms
        elif fields:
            models = [model for field in fields for model in _models_in(field.annotation)]
    return models


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _label(found: _Loc) -> str:
    """Return a name for what stands there: `layers[0].activation`, or `the case` for the whole."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in found)
    return text[1:] or "the case"
