"""A saved run: nothing is lost on the way to results.json and back; other files are refused in one line."""

import base64
import dataclasses
import json
import math
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import Adapter, Program, find_adapters
from cases import load_cases
from cases.rounding import rounded_once
from reference import Finding, JudgedStep, Subject, Verdict, training_steps
from reports import environment, page, report, saved
from reports.build import main
from reports.environment import Selection
from reports.power import Alarm, Answer, Coverage, Fault, Meeting, Power
from reports.report import Report
from reports.runs import runner
from reports.runs.recorded import MAX_VALUES, BitKeeper
from reports.runs.rows import Results, Row
from reports.runs.step_batches import StepBatch
from reports.saved import SavedRun, decode, encode, schema

pytestmark = pytest.mark.usefixtures("implementations")

WHO = Subject("nets/any", "theirs", "", "float64")
REPORTS = Path(report.__file__).parent
MANUAL = (REPORTS / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, implementations: Path) -> Report:
    """Give the report of a run with every kind of row: agreement, NaN, a crash, printed numbers, absence."""
    names = (
        "numpy",
        "programs:nan",
        "programs:raises_in_step_2",
        "programs:declines",
        "programs:missing",
    )
    wanted = ("worked/document", "formats/small", "divergences/hardtanh-at-one")
    cases = tuple(case for case in load_cases(REPORTS.parent / "cases") if case.name in wanted)
    selection = Selection(cases, find_adapters(names))
    answer = Answer("this suite", objects=True, step=2, quantity="dL/dW1")
    meeting = Meeting("nets/any", "float64", "sign", "structure", "", changes=True, answers=(answer, answer))
    fault = Fault("nets/any", "float64", "z1", "allclose", (1e-12, math.inf))
    coverage = Coverage("nets/any", 3, ("sign (float64)",), needed=True)
    meetings, alarms = (meeting, Meeting("b", "float32", "x", "y", "no")), (Alarm("a", "b", "c", answer),)
    power = Power(7, 2, meetings, (fault,), alarms, (coverage,), ("torch is absent.",))
    return report.put_together(
        runner.run(selection), selection, environment.describe("a test"), ("numpy",), power
    )


@pytest.fixture
def kept(told: Report, tmp_path: Path) -> Path:
    (tmp_path / saved.NAME).write_text(saved.dumps(told.run), encoding="utf-8")
    return tmp_path


def same(one: object, other: object) -> bool:
    """Whether two are the same, where NaN is NaN, −0 is not 0, and NumPy's numbers are numbers."""
    return plain(one) == plain(other)


def plain(one: object) -> str:
    return re.sub(r"np\.float64\((.*?)\)", r"\1", repr(one))


def test_a_run_reads_back_as_it_was(told: Report, kept: Path) -> None:
    again = saved.read(kept)
    for field in dataclasses.fields(SavedRun):
        assert same(getattr(again, field.name), getattr(told.run, field.name)), field.name
    assert saved.dumps(again) == saved.dumps(told.run)
    assert {row.finding.verdict for row in again.results.rows} > {Verdict.ERROR, Verdict.NO_EQUIVALENT}
    assert again.results.printed
    assert again.results.drifts == ()  # every case here takes one step


def test_the_page_is_made_again_from_it(told: Report, kept: Path) -> None:
    runner = saved.read(kept)
    again = report.put_together(runner.results, runner.selection, runner.environment, runner.asked)
    assert page.index(again) == page.index(dataclasses.replace(told, power=None))


def test_it_is_what_its_schema_says(kept: Path) -> None:
    written = (REPORTS / "results.schema.json").read_text(encoding="utf-8")
    assert written == schema.text(), "python -m reports.saved.schema > reports/results.schema.json"
    validator = jsonschema.Draft202012Validator(json.loads(written))
    document = json.loads((kept / saved.NAME).read_text(encoding="utf-8"))
    validator.validate(document)
    del document["results"]["rows"]["columns"]["finding.used"][0]
    document["results"]["pairs"] = []
    assert [list(error.path) for error in validator.iter_errors(document)] == [["results", "pairs"]]


def test_every_field_is_described_in_the_manual() -> None:
    described = set(re.findall(r"`([\w.]+)`", MANUAL))
    document = schema.schema()["properties"]
    missing = {*document, *document["environment"]["properties"]} - described
    for table in document["results"]["properties"].values():
        columns = table["properties"]["columns"]["properties"]
        missing |= {name.removeprefix("row.") for name in columns} - described
    assert not missing, f"reports/README.md should describe {', '.join(sorted(missing))}"


def test_the_manuals_program_reads_a_run_with_nothing_but_python(kept: Path, told: Report) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, cwd=kept, capture_output=True, text=True, check=True)
    others = [row for row in told.results.rows if row.finding.verdict != "agrees"]
    assert done.stdout.splitlines() == [
        f"{row.subject.case} {row.finding.quantity} {row.finding.verdict}" for row in others
    ]
    assert others


@settings(max_examples=50)
@given(
    st.lists(st.floats(width=64), min_size=1),
    st.text(),
    st.none() | st.tuples(st.integers(0), st.integers(0)),
)
def test_no_number_and_no_text_is_changed(
    numbers: list[float], text: str, index: tuple[int, ...] | None
) -> None:
    """NaN is one number here: a NaN's payload is kept where bits are, and nowhere else."""
    rows = [
        Row(
            WHO, Finding(1, text, Verdict.DIFFERS, text[::-1], index, number, -number, used=number), 3, number
        )
        for number in numbers
    ]
    document = json.loads(json.dumps(encode.table(Row, rows), allow_nan=False))
    assert same(decode.table(Row, document), tuple(rows))


@dataclasses.dataclass(frozen=True)
class Accuracy:
    name: str
    ulps: float
    worst_at: tuple[float, ...]
    steps: int = 1


@dataclasses.dataclass(frozen=True)
class Further:
    accuracy: tuple[Accuracy, ...] = ()
    rows: tuple[Row, ...] = ()


def test_a_further_field_needs_no_code(told: Report) -> None:
    further = Further(
        (Accuracy("exp", 0.7, (1.0, -math.inf)), Accuracy("tanh", math.nan, ())), told.results.rows[:3]
    )
    document = json.loads(json.dumps(encode.record(Further, further)))
    assert same(decode.record(Further, document), further)
    del document["accuracy"]["columns"]["steps"]
    document["new"], document["accuracy"]["columns"]["newer"] = 1, []
    assert same(decode.record(Further, document), further)  # what an older or a newer version wrote
    assert decode.record(Further, {}) == Further()


def test_a_type_that_is_imported_for_type_checkers_only_is_told() -> None:
    kind = dataclasses.make_dataclass("Kind", [("one", "Nowhere")])
    with pytest.raises(
        TypeError, match="imports Nowhere for type checkers only, expected an import at run time"
    ):
        encode.record(kind, kind(1))
    other = dataclasses.make_dataclass("Other", [("one", dict[str, object])])
    with pytest.raises(TypeError, match=r"Other\.one is of a type that cannot be saved"):
        encode.record(other, other({}))


HEAD = '{"format": "backprop-parity results", "schema": '
OLD = {"conclusion": {}, "environment": {}, "numbers": "", "results": {}, "pairs": {}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is no JSON (Expecting value: line 1 column 1 (char 0)), expected the results.json of "),
        ('{"format": "backprop-par', "this is no JSON (Unterminated string "),
        ("[]", "this is a JSON list, expected an object of format 'backprop-parity results'; name the "),
        ('{"a": 1, "b": 2}', "this is another JSON file (its first keys: 'a', 'b'), expected one with "),
        (json.dumps(OLD), "this was written before saved runs had a schema, and holds no bits to"),
        (HEAD + "0}", "this is schema 0, expected schema 1; make it again "),
        (HEAD + "2}", "it is from a newer version of the suite: read it "),
        (HEAD + "1}", "conclusion is None, expected something, but it is "),
    ],
)  # fmt: skip
def test_other_files_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a\nfile.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(saved.UnreadableError) as refused:
        saved.read(path)
    assert message in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_absent_or_no_text_is_told(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path, "results.json: there is no such file"),
        (tmp_path / "x", "this is no JSON"),
    ):
        (tmp_path / "x").write_bytes(b"\xff\xfe{")
        with pytest.raises(saved.UnreadableError, match=message):
            saved.read(path)


GONE = object()
DAMAGES: dict[str, dict[str, Any]] = {
    "results.rows.finding.used is 'two', expected a number": {"finding.used": ["two"]},
    "results.rows.finding.used is '0 values', expected ": {"finding.used": []},
    "results.rows.place is [], ": {"place": [[]]},
    "results.rows.expected is 1, expected true or false": {"expected": [1]},
    "results.rows.finding.verdict.texts is 'maybe', expected one of agrees, differs, undecided, error": {
        "finding.verdict": {"texts": ["maybe"], "at": [0]}
    },
    "subject.case.at is 7, expected a place among 1 texts": {"subject.case": {"texts": ["a"], "at": [7]}},
    "subject.case.at is None, expected a place": {"subject.case": {"texts": ["a"], "at": [None]}},
    "results.rows.subject.case is None, expected something": {"subject.case": GONE},
}


@pytest.mark.parametrize("message", DAMAGES)
def test_a_damaged_file_is_told_with_the_place(told: Report, tmp_path: Path, message: str) -> None:
    few = dataclasses.replace(told.run, results=Results(told.results.rows[:1]))
    document = json.loads(saved.dumps(few))
    columns = document["results"]["rows"]["columns"] | DAMAGES[message]
    document["results"]["rows"]["columns"] = {
        name: told for name, told in columns.items() if told is not GONE
    }
    (tmp_path / saved.NAME).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(saved.UnreadableError, match=re.escape(message)):
        saved.read(tmp_path)


def steps(*claims: dict[str, Any]) -> Iterator[dict[Subject, JudgedStep]]:
    yield from ({WHO: JudgedStep(number, claim)} for number, claim in enumerate(claims, start=1))


def kept_of(*claims: dict[str, Any]) -> dict[int, Any]:
    keeper = BitKeeper()
    for judged in steps(*claims):
        keeper.add(StepBatch([judged]))
    return {one.step: one for one in keeper.finished()}


def test_the_values_are_little_endian_bytes_that_any_language_reads() -> None:
    one = kept_of({"W1": np.array([[1.5, -0.0], [math.inf, 1e-310]])})[1]
    assert one.shape == (2, 2)
    assert struct.unpack("<4d", base64.b64decode(one.values)) == (1.5, -0.0, math.inf, 1e-310)
    assert same(one.array.tolist(), [1.5, -0.0, math.inf, 1e-310])


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_the_bits_of_each_format_read_back(dtype: str) -> None:
    values = rounded_once([0.1, -3.0, math.nan, 0.0], dtype)
    keeper, who = BitKeeper(), dataclasses.replace(WHO, dtype=dtype)
    keeper.add(StepBatch([{who: JudgedStep(1, {"a1": values, "loss": values[1]})}]))
    found = {one.quantity: one for one in keeper.finished()}
    assert found["a1"].array.tobytes() == values.tobytes()
    assert (found["loss"].shape, found["loss"].array.tolist()) == ((), [-3.0])


def test_a_digest_stands_for_every_step_since_the_last_one_kept() -> None:
    def run(changed: int) -> dict[int, Any]:
        return kept_of(*({"loss": np.float64(10.0 * (step == changed))} for step in range(1, 14)))

    plain, moved = run(0), run(7)
    assert list(plain) == [1, 2, 5, 10, 13]
    assert [step for step in plain if plain[step].digest != moved[step].digest] == [10]
    assert plain[10].values == moved[10].values


@pytest.mark.parametrize(("size", "stride"), [(MAX_VALUES, 1), (MAX_VALUES + 1, 2), (78_400, 77)])
def test_of_a_large_array_evenly_spaced_values_are_kept(size: int, stride: int) -> None:
    array = np.arange(float(size)).reshape(-1, 1)
    one = kept_of({"W1": array})[1]
    assert one.stride == stride
    assert one.array.tolist() == array.ravel()[::stride].tolist()
    changed = array.copy()
    changed[1] += 1
    assert kept_of({"W1": changed})[1].digest != one.digest


def test_what_is_no_array_of_the_format_has_no_bits() -> None:
    claim = {"z1": [1.0], "a1": np.zeros(2, np.float32), "loss": np.float64(1)}
    assert [one.quantity for one in kept_of(claim).values()] == ["loss"]


def test_a_implementation_that_changes_its_arrays_later_changes_nothing_kept() -> None:
    def reuses(problem: Any) -> Iterator[dict[str, Any]]:
        held: dict[str, Any] = {}
        for step in training_steps(problem):
            for name, array in step.items():
                held.setdefault(name, np.empty_like(array))[...] = array
            yield dict(held)

    case = next(case for case in load_cases(REPORTS.parent / "cases") if case.name == "nets/square")
    programs = Program("again", reuses), Program("fresh", training_steps)
    selection = Selection((case,), (Adapter("mine", "", "", programs),), ("float64",))
    bits = runner.run(selection).bits
    digests = {
        name: [one.digest for one in bits if one.subject.program == name] for name in ("again", "fresh")
    }
    assert digests["again"] == digests["fresh"]


def test_a_report_is_made_again_without_running_anything(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    chosen = [
        "--cases",
        str(folder),
        "--select",
        "mine/",
        "--dtype",
        "float64",
        "--adapter",
        "programs:nan",
    ]
    assert main([*chosen, "--out", str(first)]) == 1
    (folder / "mine" / "two-layers.yaml").unlink()
    assert main(["--from", str(first), "--out", str(second)]) == 1
    visible = [path.name for path in first.iterdir() if not path.name.startswith(".")]
    assert len(visible) >= 5
    for name in visible:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    capsys.readouterr()
    assert main(["--from", str(first), "--select", "mine/"]) == 2
    assert "nothing else chooses what is in it" in capsys.readouterr().err


@pytest.mark.usefixtures("without_pictures")
def test_a_build_leaves_a_run_that_can_be_read(folder: Path, tmp_path: Path) -> None:
    assert (
        main(["--cases", str(folder), "--select", "mine/", "--adapter", "numpy", "--out", str(tmp_path)]) == 0
    )
    kept = saved.read(tmp_path)
    assert [one.name for one in kept.cases] == ["mine/two-layers"]
    assert kept.environment.run in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert kept.environment.run in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert len(kept.results.bits) == 3 * 2 * len({row.finding.quantity for row in kept.results.rows})
