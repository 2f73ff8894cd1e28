"""results.json: a run saved whole, and read back as it was; other files are refused in one line.

pydantic writes and reads the dataclasses as they are, but for the fields that have their default: these are
left out. So a new field needs no code, only a default, by which older files are still read.

`python -m reports.results_file` prints the JSON Schema of the file.
"""

import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError, from_json

from adapters import Adapter, Unavailable
from cases import SHIPPED, Case, case_of
from cases.errors import printable, well_formed
from reference import Verdict
from reports.detection import Power
from reports.environment import Environment, Selection
from reports.outcome import Conclusion
from reports.runs.rows import Results
from reports.writers.csv_json import escaped

NAME: Final = "results.json"
FORMAT: Final = "backprop-parity results"

# The version of the format. It rises when an older reader would misread a file: when something is taken
# away, or comes to mean something else. What is added does not raise it, because readers pass over what they
# do not know, and take the default for what is missing.
SCHEMA: Final = 3

NUMBERS: Final = (
    'Numbers are written so that they read back exactly. "NaN", "Infinity" and "-Infinity" stand as text, '
    "because JSON has none of them. reports/README.md describes every field."
)

REBUILD: Final = "make it again with `python -m reports.build`"
MAX_SHOWN_LETTERS: Final = 40


@dataclass(frozen=True)
class SavedCase:
    """A case: its name, and the text of its file."""

    name: str
    path: str  # of a case that comes with the suite relative to the suite's folder of cases
    is_shipped: bool  # whether it comes with the suite
    text: str

    @classmethod
    def of(cls, case: Case) -> Self:
        is_shipped = case.path.is_relative_to(SHIPPED)
        path = case.path.relative_to(SHIPPED) if is_shipped else case.path
        return cls(case.name, path.as_posix(), is_shipped, case.text)

    @property
    def case(self) -> Case:
        return case_of(self.name, SHIPPED / self.path if self.is_shipped else Path(self.path), self.text)


@dataclass(frozen=True)
class SavedAdapter:
    """An adapter without its programs; where it did not run, with the verdict and the reason."""

    name: str
    title: str = ""
    version: str = ""
    framework: str = ""
    verdict: Verdict | None = None
    reason: str = ""

    @classmethod
    def of(cls, adapter: Adapter | Unavailable) -> Self:
        if isinstance(adapter, Unavailable):
            return cls(adapter.name, verdict=adapter.verdict, reason=adapter.reason)
        return cls(adapter.name, adapter.title, adapter.version, adapter.framework)

    @property
    def adapter(self) -> Adapter | Unavailable:
        if self.verdict is not None:
            return Unavailable(self.name, self.verdict, self.reason)
        return Adapter(self.name, self.title, self.version, (), self.framework)


@dataclass(frozen=True)
class SavedRun:
    """Everything that a report shows: enough to make it again, and to compare it with another run."""

    conclusion: Conclusion
    environment: Environment
    cases: tuple[SavedCase, ...]
    adapters: tuple[SavedAdapter, ...]
    dtypes: tuple[str, ...]  # none are those of each case
    asked: tuple[str, ...]  # the adapters whose absence is a failure
    results: Results
    power: Power | None = None  # what the suite would catch, where that was measured

    __pydantic_config__: ClassVar = ConfigDict(ser_json_inf_nan="strings")

    @property
    def selection(self) -> Selection:
        """What was run: the cases as they were, the adapters without their programs.

        Raises `CaseErrors` if this version of the suite does not take the file of a case.
        """
        cases = tuple(saved.case for saved in self.cases)
        return Selection(cases, tuple(saved.adapter for saved in self.adapters), self.dtypes)


def saved_run(
    results: Results,
    selection: Selection,
    environment: Environment,
    asked: Sequence[str],
    conclusion: Conclusion,
    power: Power | None,
) -> SavedRun:
    cases = tuple(map(SavedCase.of, selection.cases))
    adapters = tuple(map(SavedAdapter.of, selection.adapters))
    return SavedRun(conclusion, environment, cases, adapters, selection.dtypes, tuple(asked), results, power)


class UnreadableError(Exception):
    """A file is no saved run that can be read here; the message says in one line why, and what to do."""

    def __init__(self, path: Path, observed: str, expected: str, remedy: str) -> None:
        super().__init__(printable(f"{path}: {observed}, expected {expected}; {remedy}"))


def dumps(run: SavedRun) -> str:
    """Return the text of results.json, in one line."""
    head = json.dumps({"format": FORMAT, "schema": SCHEMA, "numbers": NUMBERS})
    try:
        text = _form().dump_json(run, exclude_defaults=True)
    except PydanticSerializationError:  # half a surrogate pair, as in the name of a file that is not UTF-8
        whole = _form().validate_python(_well_formed(_form().dump_python(run, mode="json")))
        text = _form().dump_json(whole, exclude_defaults=True)
    return f"{head[:-1]},{escaped(text.decode().removeprefix('{'))}\n"


def _well_formed(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, str):
        return well_formed(value, len(value))
    if isinstance(value, dict):
        return {name: _well_formed(item) for name, item in value.items()}
    return list(map(_well_formed, value)) if isinstance(value, list) else value


def read(path: Path) -> SavedRun:
    """Read a saved run from its file, or from the folder of its report; raises `UnreadableError`."""
    path = path / NAME if path.is_dir() else path
    gc.disable()  # which would look through a million new objects again and again
    try:
        document = _parsed(path)
        _check_format(path, document)
        return _form().validate_python(document)
    except ValidationError as error:
        wanted = f"a run as schema {SCHEMA} describes it"
        raise UnreadableError(path, _described(error), wanted, f"the file is damaged: {REBUILD}") from None
    finally:
        gc.enable()


def _parsed(path: Path) -> object:
    wanted = f"the {NAME} of a report"
    try:
        return from_json(path.read_bytes())
    except FileNotFoundError:
        remedy = f"name a {NAME} or the folder of a report"
        raise UnreadableError(path, "there is no such file", wanted, remedy) from None
    except OSError as error:
        observed = f"the file cannot be read ({error.strerror or error})"
        raise UnreadableError(path, observed, wanted, "see to its permissions") from None
    except ValueError as error:
        remedy = f"if it was one, it is cut off or damaged: {REBUILD}"
        raise UnreadableError(path, f"this is no JSON ({error})", wanted, remedy) from None


def _check_format(path: Path, document: object) -> None:
    remedy = f"name the {NAME} of a report"
    if not isinstance(document, dict):
        observed = f"this is a JSON {type(document).__name__}"
        raise UnreadableError(path, observed, f"an object of format {FORMAT!r}", remedy)
    if document.get("format") != FORMAT:
        keys = ", ".join(map(repr, list(document)[:4])) or "none"
        observed = f"this is another JSON file (its first keys: {keys})"
        raise UnreadableError(path, observed, f'one with "format": "{FORMAT}"', remedy)
    if (schema := document.get("schema")) != SCHEMA:
        age = "a newer" if isinstance(schema, int) and schema > SCHEMA else "an older"
        remedy = f"it is from {age} version of the suite: read it with that one, or {REBUILD}"
        raise UnreadableError(path, f"this is schema {schema!r}", f"schema {SCHEMA}", remedy)


def _described(error: ValidationError) -> str:
    """Describe the first thing that is wrong: where it is, what is there, and what was expected."""
    first = error.errors(include_url=False)[0]
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
    where = "".join(steps).removeprefix(".")
    if first["type"] == "missing":
        return f"{where} is missing"
    text = repr(first["input"])
    shown = text if len(text) <= MAX_SHOWN_LETTERS else f"{text[:MAX_SHOWN_LETTERS]}…"
    return f"{where} is {shown}, expected {first['msg'].removeprefix('Input should be ')}"


@cache
def _form() -> TypeAdapter[SavedRun]:
    return TypeAdapter(SavedRun)


class _Schema(GenerateJsonSchema):
    """Gives fields no titles, which would only repeat their names, and numbers their texts."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - of every field
        return False

    def float_schema(self, schema: object) -> dict[str, Any]:  # noqa: ARG002 - of every number
        return {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}


def schema_text() -> str:
    """Return the JSON Schema of results.json, as reports/results.schema.json holds it."""
    schema = _form().json_schema(schema_generator=_Schema)
    for kind in (schema, *schema["$defs"].values()):
        kind.pop("description", None)  # its docstring
    head = {"format": {"const": FORMAT}, "schema": {"const": SCHEMA}, "numbers": {"type": "string"}}
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A run of backprop-parity, saved whole; reports/README.md describes its fields",
        "properties": head | schema["properties"],
        "required": [*head, *schema["required"]],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
