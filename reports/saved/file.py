"""results.json: a run written without losing a bit, and read back; other files are refused in one line."""

import json
from pathlib import Path
from typing import Any, Final

from cases.errors import printable
from reports.saved import decode, encode
from reports.saved.run import SavedRun
from reports.writers.csv_json import to_json

NAME: Final = "results.json"

# What a saved run calls itself.
FORMAT: Final = "backprop-parity results"

# The version of the format. It rises when an older reader would misread a file: when something is taken
# away, or comes to mean something else. What is added does not raise it, because readers pass over what they
# do not know, and take the default for what is not there.
SCHEMA: Final = 1

NUMBERS: Final = (
    'Numbers are written so that they read back exactly. "NaN", "Infinity" and "-Infinity" stand as text, '
    "because JSON has none of them. reports/README.md describes every field."
)

AGAIN: Final = "make it again with `python -m reports.build`"


class UnreadableError(Exception):
    """A file is no saved run that can be read here; the message says in one line why, and what to do."""

    def __init__(self, path: Path, found: str, expected: str, remedy: str) -> None:
        super().__init__(printable(f"{path}: {found}, expected {expected}; {remedy}"))


def dumps(run: SavedRun) -> str:
    """Return the text of results.json."""
    head = {"format": FORMAT, "schema": SCHEMA, "numbers": NUMBERS}
    document = head | encode.record(SavedRun, run)
    return to_json(document) + "\n"


def read(path: Path) -> SavedRun:
    """Read a saved run from its file, or from the folder of its report.

    Raises
    ------
    UnreadableError
        If there is none, or none that can be read.
    """
    path = path / NAME if path.is_dir() else path
    document = _checked(path, _parsed(path))
    try:
        run: SavedRun = decode.record(SavedRun, document)
    except decode.MalformedError as error:
        wanted = f"a run as schema {SCHEMA} describes it"
        raise UnreadableError(path, str(error), wanted, f"the file is damaged: {AGAIN}") from None
    return run


def _parsed(path: Path) -> object:
    wanted = f"the {NAME} of a report"
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        remedy = f"name a {NAME} or the folder of a report"
        raise UnreadableError(path, "there is no such file", wanted, remedy) from None
    except OSError as error:
        found = f"the file cannot be read ({error.strerror or error})"
        raise UnreadableError(path, found, wanted, "see to its permissions") from None
    except (ValueError, RecursionError) as error:
        found = f"this is no JSON ({error})"
        raise UnreadableError(
            path, found, wanted, f"if it was one, it is cut off or damaged: {AGAIN}"
        ) from None


def _checked(path: Path, document: object) -> dict[str, Any]:
    """Return a document whose format and schema are those that can be read."""
    if not isinstance(document, dict):
        found = f"this is a JSON {type(document).__name__}"
        raise UnreadableError(path, found, f"an object of format {FORMAT!r}", f"name the {NAME} of a report")
    if document.get("format") != FORMAT:
        raise _foreign(path, document)
    schema = document.get("schema")
    if schema != SCHEMA:
        newer = isinstance(schema, int) and schema > SCHEMA
        remedy = "it is from a newer version of the suite: read it with that one" if newer else AGAIN
        raise UnreadableError(path, f"this is schema {schema!r}", f"schema {SCHEMA}", remedy)
    return document


def _foreign(path: Path, document: dict[str, Any]) -> UnreadableError:
    if {"conclusion", "environment", "numbers", "results"} <= document.keys():
        found = "this was written before saved runs had a schema, and holds no bits to compare"
        return UnreadableError(path, found, f"schema {SCHEMA}", AGAIN)
    keys = ", ".join(map(repr, list(document)[:4])) or "none"
    found = f"this is another JSON file (its first keys: {keys})"
    return UnreadableError(path, found, f'one with "format": "{FORMAT}"', f"name the {NAME} of a report")
