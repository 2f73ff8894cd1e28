"""results.json: nothing is lost in a file and back, other files are refused in one line; kept bits."""

import base64
import dataclasses
import json
import math
import re
import struct
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from adapters import Adapter, Program, find_adapters
from cases import load_cases
from cases.numbers import rounded_once
from reference import Finding, JudgedStep, Subject, Verdict, training_steps
from reports import environment, page, report, results_file
from reports.build import main
from reports.columnar import form, table_form, written, written_table
from reports.detection import Alarm, Answer, Coverage, FaultResult, MistakeResult, Power
from reports.environment import Selection
from reports.runs import runner
from reports.runs.recorded import MAX_VALUES, BitKeeper
from reports.runs.rows import Results, Row
from reports.runs.step_batches import StepBatch

pytestmark = pytest.mark.usefixtures("implementations")

SUBJECT = Subject("nets/any", "theirs", "", "float64")
REPORTS = Path(report.__file__).parent
MANUAL = (REPORTS / "README.md").read_text(encoding="utf-8")


def shipped(*names):
    return tuple(case for case in load_cases(REPORTS.parent / "cases") if case.name in names)


@pytest.fixture(scope="module")
def told(implementations):
    """The report of a run with every kind of row: agreement, NaN, a crash, printed numbers, absence."""
    names = ("numpy", *(f"programs:{name}" for name in ("nan", "raises_in_step_2", "declines", "missing")))
    cases = shipped("worked/document", "formats/small", "divergences/hardtanh-at-one")
    selection = Selection(cases, find_adapters(names))
    answer = Answer("this suite", objects=True, step=2, quantity="dL/dW1")
    meeting = MistakeResult(
        "nets/any", "float64", "sign", "structure", "", changes=True, answers=(answer, answer)
    )
    fault = FaultResult("nets/any", "float64", "z1", "allclose", (1e-12, math.inf))
    coverage = Coverage("nets/any", 3, ("sign (float64)",), needed=True)
    meetings, alarms = (
        (meeting, MistakeResult("b", "float32", "x", "y", "no")),
        (Alarm("a", "b", "c", answer),),
    )
    power = Power(7, 2, meetings, (fault,), alarms, (coverage,), ("torch is absent.",))
    made = environment.describe("a test")
    return report.put_together(runner.run(selection), selection, made, ("numpy",), power)


@pytest.fixture
def saved(told, tmp_path):
    (tmp_path / results_file.NAME).write_text(results_file.dumps(told.run), encoding="utf-8")
    return tmp_path


def plain(one):
    """A value as text, where NaN is NaN, −0 is not 0, and NumPy's numbers are numbers."""
    return re.sub(r"np\.float64\((.*?)\)", r"\1", repr(one))


def test_a_run_reads_back_as_it_was(told, saved):
    again = results_file.read(saved)
    for field in dataclasses.fields(again):
        assert plain(getattr(again, field.name)) == plain(getattr(told.run, field.name)), field.name
    assert results_file.dumps(again) == results_file.dumps(told.run)
    assert {row.finding.verdict for row in again.results.rows} > {Verdict.ERROR, Verdict.NO_EQUIVALENT}
    assert again.results.printed
    made = report.put_together(again.results, again.selection, again.environment, again.asked)
    assert page.index(made) == page.index(dataclasses.replace(told, power=None))


def test_files_of_schema_1_are_read_with_their_names_of_columns(told, saved):
    text = (saved / results_file.NAME).read_text(encoding="utf-8").replace('"implementation":', '"claimant":')
    (saved / results_file.NAME).write_text(text.replace('"schema":2', '"schema":1'), encoding="utf-8")
    assert plain(results_file.read(saved)) == plain(told.run)


def test_it_is_what_its_schema_says(saved):
    schema = (REPORTS / "results.schema.json").read_text(encoding="utf-8")
    command = "python -m reports.results_file > reports/results.schema.json"
    assert schema == results_file.schema_text(), command
    validator = jsonschema.Draft202012Validator(json.loads(schema))
    document = json.loads((saved / results_file.NAME).read_text(encoding="utf-8"))
    validator.validate(document)
    document["results"]["pairs"] = []
    document["results"]["rows"]["columns"]["finding.used"][0] = "two"
    paths = [".".join(map(str, error.path)) for error in validator.iter_errors(document)]
    assert sorted(paths) == ["results.pairs", "results.rows.columns.finding.used.0"]


def test_every_field_is_described_in_the_manual():
    described = set(re.findall(r"`([\w.]+)`", MANUAL))
    schema = json.loads(results_file.schema_text())
    fields = {*schema["properties"], *schema["$defs"]["Environment"]["properties"]}
    for table in schema["$defs"]["Results"]["properties"].values():
        columns = schema["$defs"][table["$ref"].rpartition("/")[2].replace("Table", "Columns")]
        fields |= {name.removeprefix("row.") for name in columns["properties"]}
    assert not fields - described, "reports/README.md should describe these"


def test_the_manuals_program_reads_a_run_with_nothing_but_python(saved, told):
    (program,) = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, cwd=saved, capture_output=True, text=True, check=True)
    rows = [row for row in told.results.rows if row.finding.verdict != "agrees"]
    expected = [f"{row.subject.case} {row.finding.quantity} {row.finding.verdict}" for row in rows]
    assert done.stdout.splitlines() == expected != []


@settings(max_examples=50)
@given(
    st.lists(st.floats(width=64), min_size=1),
    st.text(),
    st.none() | st.tuples(st.integers(0), st.integers(0)),
)
def test_no_number_and_no_text_is_changed(numbers, text, index):
    """NaN is one number here: a NaN's payload is kept where bits are, and nowhere else."""
    findings = [
        Finding(1, text, Verdict.DIFFERS, text[::-1], index, number, -number, used=number)
        for number in numbers
    ]
    rows = tuple(Row(SUBJECT, one, 3, one.used) for one in findings)
    document = json.loads(json.dumps(written_table(Row, rows), allow_nan=False))
    assert plain(TypeAdapter(table_form(Row)).validate_python(document)) == plain(rows)


@dataclasses.dataclass(frozen=True)
class Accuracy:
    name: str
    ulps: float
    worst_at: tuple[float, ...]
    subject: Subject = SUBJECT
    steps: int = 1


@dataclasses.dataclass(frozen=True)
class Measured:
    accuracy: tuple[Accuracy, ...] = ()
    rows: tuple[Row, ...] = ()


def test_a_new_field_needs_no_code(told):
    accuracy = (Accuracy("exp", 0.7, (1.0, -math.inf)), Accuracy("tanh", math.nan, ()))
    measured, reader = Measured(accuracy, told.results.rows[:3]), TypeAdapter(form(Measured))
    document = json.loads(json.dumps(written(measured)))
    assert plain(reader.validate_python(document)) == plain(measured)
    columns = document["accuracy"]["columns"]  # as an older or a newer version would have written them
    older = {name: column for name, column in columns.items() if name in {"name", "ulps", "worst_at"}}
    document["new"], document["accuracy"]["columns"] = 1, {**older, "newer": []}
    assert plain(reader.validate_python(document)) == plain(measured)
    assert reader.validate_python({}) == Measured()


HEAD = '{"format": "backprop-parity results", "schema": '


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is no JSON (Expecting value: line 1 column 1 (char 0)), expected the results.json of "),
        ('{"format": "backprop-par', "this is no JSON (Unterminated string "),
        (b"\xff\xfe{", "this is no JSON ("),
        ("[]", "this is a JSON list, expected an object of format 'backprop-parity results'; name the "),
        ('{"a": 1, "b": 2}', "this is another JSON file (its first keys: 'a', 'b'), expected one with "),
        (HEAD + "0}", "this is schema 0, expected schema 2; make it again "),
        (HEAD + "3}", "it is from a newer version of the suite: read it "),
        (HEAD + "2}", "conclusion is missing, expected a run as schema 2 describes it; the file is damaged"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "a\nfile.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(results_file.UnreadableError) as refused:
        results_file.read(path)
    assert message in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path))
    assert "\n" not in str(refused.value)
    with pytest.raises(results_file.UnreadableError, match=r"results\.json: there is no such file"):
        results_file.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("finding.used", ["two"], ".finding.used[0] is 'two', expected a valid number"),
        ("finding.used", ["0.5"], ".finding.used[0] is '0.5', expected a valid number"),
        ("finding.used", [], ".finding.used has 0 values, expected 1, the table's count"),
        ("place", [[]], ".place[0] is [], expected a valid integer"),
        ("expected", [1], ".expected[0] is 1, expected a valid boolean"),
        ("finding.verdict", {"texts": ["maybe"], "at": [0]},
         ".finding.verdict.texts[0] is 'maybe', expected 'agrees', 'differs', 'undecided', 'error'"),
        ("subject.case", {"texts": ["a"], "at": [7]}, ".subject.case.at has 7, expected the index"),
        ("subject.case", {"texts": ["a"], "at": [None]}, ".subject.case.at[0] is None, expected a valid"),
        ("subject.case", None, ".subject.case is None, expected a valid dictionary"),
        ("subject.case", ..., ".subject.case is missing"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_the_path_in_it(told, tmp_path, name, column, message):
    document = json.loads(
        results_file.dumps(dataclasses.replace(told.run, results=Results(told.results.rows[:1])))
    )
    columns = document["results"]["rows"]["columns"]
    columns[name] = column
    if column is ...:
        del columns[name]
    (tmp_path / results_file.NAME).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(results_file.UnreadableError, match=re.escape(f"results.rows.columns{message}")):
        results_file.read(tmp_path)


def bits_of(*claims, subject=SUBJECT):
    keeper = BitKeeper()
    for number, claim in enumerate(claims, start=1):
        keeper.add(StepBatch([{subject: JudgedStep(number, claim)}]))
    return keeper.finished()


def test_values_are_little_endian_bytes_that_any_language_reads():
    (one,) = bits_of({"W1": np.array([[1.5, -0.0], [math.inf, 1e-310]])})
    assert one.shape == (2, 2)
    assert struct.unpack("<4d", base64.b64decode(one.values)) == (1.5, -0.0, math.inf, 1e-310)
    assert plain(one.array.tolist()) == plain([1.5, -0.0, math.inf, 1e-310])


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_the_bits_of_each_format_read_back(dtype):
    values = rounded_once([0.1, -3.0, math.nan, 0.0], dtype)
    claim = {"a1": values, "loss": values[1]}
    bits = {one.quantity: one for one in bits_of(claim, subject=dataclasses.replace(SUBJECT, dtype=dtype))}
    assert bits["a1"].array.tobytes() == values.tobytes()
    assert (bits["loss"].shape, bits["loss"].array.tolist()) == ((), [-3.0])


def test_a_digest_stands_for_every_step_since_the_last_one_kept():
    before, after = (
        {
            one.step: one
            for one in bits_of(*({"loss": np.float64(10.0 * (step == changed))} for step in range(1, 14)))
        }
        for changed in (0, 7)
    )
    assert list(before) == [1, 2, 5, 10, 13]
    assert [step for step in before if before[step].digest != after[step].digest] == [10]
    assert before[10].values == after[10].values


@pytest.mark.parametrize(("size", "stride"), [(MAX_VALUES, 1), (MAX_VALUES + 1, 2), (78_400, 77)])
def test_of_a_large_array_evenly_spaced_values_are_kept(size, stride):
    array = np.arange(float(size)).reshape(-1, 1)
    changed = array + (array == 1)
    (one,), (other,) = bits_of({"W1": array}), bits_of({"W1": changed})
    assert one.stride == stride
    assert one.array.tolist() == array.ravel()[::stride].tolist()
    assert one.digest != other.digest


def test_what_is_no_array_of_the_format_has_no_bits():
    claim = {"z1": [1.0], "a1": np.zeros(2, np.float32), "loss": np.float64(1)}
    assert [one.quantity for one in bits_of(claim)] == ["loss"]


def test_arrays_that_a_program_reuses_change_nothing_kept():
    def reuses(problem):
        held = {}
        for step in training_steps(problem):
            for name, array in step.items():
                held.setdefault(name, np.empty_like(array))[...] = array
            yield dict(held)

    programs = Program("again", reuses), Program("fresh", training_steps)
    selection = Selection(shipped("nets/square"), (Adapter("mine", "", "", programs),), ("float64",))
    digests = {"again": [], "fresh": []}
    for one in runner.run(selection).bits:
        digests[one.subject.program].append(one.digest)
    assert digests["again"] == digests["fresh"] != []


def test_a_report_is_made_again_without_running_anything(folder, tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    chosen = ["--cases", str(folder), "--select", "mine/", "--dtype", "float64", "--adapter", "programs:nan"]
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
def test_a_build_leaves_a_run_that_can_be_read(folder, tmp_path):
    command = ["--cases", str(folder), "--select", "mine/", "--adapter", "numpy", "--out", str(tmp_path)]
    assert main(command) == 0
    runner = results_file.read(tmp_path)
    assert [one.name for one in runner.cases] == ["mine/two-layers"]
    for name in ("index.html", "summary.md"):
        assert runner.environment.run in (tmp_path / name).read_text(encoding="utf-8")
    assert len(runner.results.bits) == 3 * 2 * len({row.finding.quantity for row in runner.results.rows})
