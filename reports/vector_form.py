"""What vectors.json holds, as types: the writer fills them in, and the JSON Schema follows from them.

`python -m reports.vector_form` prints the schema.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from pydantic import TypeAdapter

FORMAT: Final = "backprop-parity vectors"

# It rises when something is taken away or comes to mean something else. What is added does not raise it.
SCHEMA: Final = 1


@dataclass(frozen=True)
class Values:
    """An array along its rows, twice: as decimals and as hexadecimal floats; None where it is not settled."""

    shape: tuple[int, ...]
    decimal: tuple[str | None, ...]
    hex: tuple[str | None, ...]


@dataclass(frozen=True)
class Given(Values):
    dtype: str


@dataclass(frozen=True)
class Quantity(Values):
    """The right values, and how far each of a correct program's may be from them; None without a bound."""

    within: tuple[str | None, ...]


@dataclass(frozen=True)
class NamedRule:
    name: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class NamedLoss:
    name: str
    reduction: str


@dataclass(frozen=True)
class TapeLine:
    name: str
    equation: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Vector:
    """A case in one number format."""

    case: str
    about: str
    dtype: str
    flags: tuple[str, ...]
    activations: tuple[str, ...]
    loss: NamedLoss
    optimizer: NamedRule
    schedule: NamedRule | None
    clipping: NamedRule | None
    not_trained: tuple[str, ...]
    inputs: dict[str, Given]
    numbers: dict[str, Given]
    tape: tuple[TapeLine, ...]
    steps: tuple[dict[str, Quantity], ...]


@dataclass(frozen=True)
class InvalidStep:
    """A step that a checker must reject: that of the vector of this case and format, with a mistake."""

    case: str
    dtype: str
    step: int  # from 1
    mistake: str
    why: str
    outside: tuple[str, ...]  # the quantities that are outside their bound, in the order of the tape
    values: dict[str, Values]


@dataclass(frozen=True)
class LeftOut:
    case: str
    dtype: str
    what: str
    why: str


@dataclass(frozen=True)
class Limits:
    parameters: int
    steps: int


@dataclass(frozen=True)
class Document:
    format: Literal["backprop-parity vectors"]
    schema: Literal[1]
    about: str
    limits: Limits
    flags: dict[str, str]  # what each flag means
    left_out: tuple[LeftOut, ...]
    vectors: tuple[Vector, ...]
    invalid: tuple[InvalidStep, ...]


@cache
def _form() -> TypeAdapter[Document]:
    return TypeAdapter(Document)


def plain(document: Document) -> dict[str, Any]:
    """Return the document as JSON has it: dicts, lists, texts and numbers."""
    return _form().dump_python(document, mode="json")


def schema_text() -> str:
    """Return the JSON Schema of vectors.json, as reports/vectors.schema.json holds it."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Vectors of backprop-parity; reports/README.md describes the fields",
    }
    schema = {name: value for name, value in _form().json_schema().items() if name != "title"}
    return json.dumps(head | schema, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
