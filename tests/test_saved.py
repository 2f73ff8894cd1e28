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

from adapters import Adapter, Program, find_adapters
from cases import load_cases
from cases.numbers import rounded_once
from reference import Finding, JudgedStep, Subject, Verdict, training_steps
from reports import environment, page, report, results_file
from reports.build import main
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
def ran(implementations):
    """The report of a run with every kind of row: agreement, NaN, a crash, printed numbers, absence."""
    names = ("numpy", *(f"programs:{name}" for name in ("nan", "raises_in_step_2", "declines", "missing")))
    cases = shipped("worked/document", "formats/small", "divergences/hardtanh-at-one")
    selection = Selection(cases, find_adapters(names))
    answer = Answer("this suite", objects=True, step=2, quantity="dL/dW1")
    of_mistake = "nets/any", "float64", "sign", "structure"
    meetings = (
        MistakeResult(*of_mistake, changes=True, answers=(answer, answer)),
        MistakeResult(*of_mistake, inexpressible="no"),
    )
    faults = (FaultResult("nets/any", "float64", "z1", "allclose", (1e-12, math.inf)),)
    coverage = (Coverage("nets/any", 3, ("sign (float64)",), needed=True),)
    power = Power(7, 2, meetings, faults, (Alarm("a", "b", "c", answer),), coverage, ("torch is absent.",))
    made = environment.describe("a test")
    return report.put_together(runner.run(selection), selection, made, ("numpy",), power)


@pytest.fixture
def saved(ran, tmp_path):
    (tmp_path / results_file.NAME).write_text(results_file.dumps(ran.run), encoding="utf-8")
    return tmp_path


def plain(one):
    """A value as text, where NaN is NaN, −0 is not 0, and NumPy's numbers are numbers."""
    return re.sub(r"np\.float64\((.*?)\)", r"\1", repr(one))


def test_a_run_reads_back_as_it_was(ran, saved):
    again = results_file.read(saved)
    for field in dataclasses.fields(again):
        assert plain(getattr(again, field.name)) == plain(getattr(ran.run, field.name)), field.name
    assert results_file.dumps(again) == results_file.dumps(ran.run)
    assert {row.finding.verdict for row in again.results.rows} > {Verdict.ERROR, Verdict.NO_EQUIVALENT}
    assert again.results.printed
    made = report.put_together(again.results, again.selection, again.environment, again.asked)
    assert page.index(made) == page.index(dataclasses.replace(ran, power=None))


def test_it_is_what_its_schema_says(saved):
    schema = (REPORTS / "results.schema.json").read_text(encoding="utf-8")
    command = "python -m reports.results_file > reports/results.schema.json"
    assert schema == results_file.schema_text(), command
    validator = jsonschema.Draft202012Validator(json.loads(schema))
    document = json.loads((saved / results_file.NAME).read_text(encoding="utf-8"))
    validator.validate(document)
    document["results"]["pairs"] = {}
    document["results"]["rows"][0]["finding"]["used"] = "two"
    paths = [".".join(map(str, error.path)) for error in validator.iter_errors(document)]
    assert sorted(paths) == ["results.pairs", "results.rows.0.finding.used"]


def test_every_field_is_described_in_the_manual():
    described = set(re.findall(r"`([\w.]+)`", MANUAL))
    schema = json.loads(results_file.schema_text())
    kinds = schema["$defs"]
    fields = {*schema["properties"], *kinds["Environment"]["properties"]}
    for table in kinds["Results"]["properties"].values():
        (name,) = re.findall(r"#/\$defs/(\w+)", table["items"]["$ref"])
        fields |= {*kinds[name]["properties"]} - {"subject", "finding", "row"}
    fields |= {f"{of}.{name}" for of in ("subject", "finding") for name in kinds[of.title()]["properties"]}
    assert not fields - described, "reports/README.md should describe these"


def test_the_manuals_program_reads_a_run_with_nothing_but_python(saved, ran):
    (program,) = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, cwd=saved, capture_output=True, text=True, check=True)
    rows = [row for row in ran.results.rows if row.finding.verdict != "agrees"]
    expected = [f"{row.subject.case} {row.finding.quantity} {row.finding.verdict}" for row in rows]
    assert done.stdout.splitlines() == expected != []


def again(run):
    """The run as it is read from its text."""
    return results_file._form().validate_json(results_file.dumps(run))  # noqa: SLF001 - no file is needed


@settings(max_examples=50)
@given(
    st.lists(st.floats(width=64), min_size=1),
    st.text(),
    st.none() | st.tuples(st.integers(0), st.integers(0)),
)
def test_no_number_and_no_text_is_changed(ran, numbers, text, index):
    """NaN is one number here: a NaN's payload is kept where bits are, and nowhere else."""
    findings = [
        Finding(1, text, Verdict.DIFFERS, text[::-1], index, number, -number, used=number)
        for number in numbers
    ]
    rows = tuple(Row(SUBJECT, one, 3, one.used) for one in findings)
    run = dataclasses.replace(ran.run, results=Results(rows))
    json.loads(results_file.dumps(run), parse_constant=pytest.fail)
    assert plain(again(run)) == plain(run)


def test_half_a_surrogate_pair_is_saved_as_an_escape(ran):
    rows = [Row(dataclasses.replace(SUBJECT, case="\ud800"), Finding(1, "", Verdict.ERROR, used=math.inf))]
    (row,) = again(dataclasses.replace(ran.run, results=Results(tuple(rows)))).results.rows
    assert (row.subject.case, row.finding.used) == ("\\ud800", math.inf)


def test_a_new_field_needs_no_code(ran, saved):
    """As an older or a newer version would have written it."""
    document = json.loads((saved / results_file.NAME).read_text(encoding="utf-8"))
    document["new"] = document["results"]["rows"][0]["new"] = 1
    for name in ("steps", "max_abs_diff", "explanation"):
        for row in document["results"]["rows"]:
            row.pop(name, None)
    del document["results"]["bits"]
    (saved / results_file.NAME).write_text(json.dumps(document), encoding="utf-8")
    results, before = results_file.read(saved).results, ran.results
    assert results.bits == ()
    assert {(row.steps, row.explanation, str(row.max_abs_diff)) for row in results.rows} == {(1, "", "nan")}
    assert [row.finding.verdict for row in results.rows] == [row.finding.verdict for row in before.rows]


HEAD = '{"format": "backprop-parity results", "schema": '


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is no JSON (EOF while parsing a value at line 1 column 0), expected the results.json of "),
        ('{"format": "backprop-par', "this is no JSON (EOF while parsing a string "),
        (b"\xff\xfe{", "this is no JSON ("),
        ("[]", "this is a JSON list, expected an object of format 'backprop-parity results'; name the "),
        ('{"a": 1, "b": 2}', "this is another JSON file (its first keys: 'a', 'b'), expected one with "),
        (HEAD + "2}", "this is schema 2, expected schema 3; it is from an older version of the suite: read "),
        (HEAD + "4}", "it is from a newer version of the suite: read it with that one, or make it again "),
        (HEAD + "3}", "conclusion is missing, expected a run as schema 3 describes it; the file is damaged"),
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
    ("damage", "message"),
    [
        (lambda row: row["finding"].update(used="two"), ".finding.used is 'two', expected a valid number"),
        (lambda row: row.update(place=[]), ".place is [], expected a valid integer"),
        (lambda row: row.update(expected=2), ".expected is 2, expected a valid boolean"),
        (lambda row: row["finding"].update(verdict="maybe"),
         ".finding.verdict is 'maybe', expected 'agrees', 'differs', 'undecided', 'error'"),
        (lambda row: row["subject"].update(case=None), ".subject.case is None, expected a valid string"),
        (lambda row: row["subject"].pop("case"), ".subject.case is missing"),
        (lambda row: row.clear(), ".subject is missing"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_the_path_in_it(saved, damage, message):
    document = json.loads((saved / results_file.NAME).read_text(encoding="utf-8"))
    damage(document["results"]["rows"][0])
    (saved / results_file.NAME).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(results_file.UnreadableError, match=re.escape(f"results.rows[0]{message}")):
        results_file.read(saved)


def bits_of(*claims, subject=SUBJECT):
    keeper = BitKeeper()
    for number, claim in enumerate(claims, start=1):
        keeper.add(StepBatch([{subject: JudgedStep(number, claim)}]))
    return keeper.finished()


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_values_are_little_endian_bytes_that_any_language_reads_of_each_format(dtype):
    (one,) = bits_of({"W1": np.array([[1.5, -0.0], [math.inf, 1e-310]])})
    assert one.shape == (2, 2)
    assert struct.unpack("<4d", base64.b64decode(one.values)) == (1.5, -0.0, math.inf, 1e-310)
    values = rounded_once([0.1, -3.0, math.nan, 0.0], dtype)
    claim = {"a1": values, "loss": values[1], "z1": [1.0], "a2": np.zeros(2, "int64")}
    bits = {one.quantity: one for one in bits_of(claim, subject=dataclasses.replace(SUBJECT, dtype=dtype))}
    assert bits.keys() == {"a1", "loss"}
    assert bits["a1"].array.tobytes() == values.tobytes()
    assert (bits["loss"].shape, bits["loss"].array.tolist()) == ((), [-3.0])


def test_a_digest_stands_for_every_step_since_the_last_one_kept():
    before, after = (
        {one.step: one for one in bits_of(*({"loss": np.float64(step == changed)} for step in range(1, 14)))}
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
    assert one.array.tolist() == array.ravel()[::stride].tolist()
    assert one.digest != other.digest


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


def test_a_build_leaves_a_run_and_its_report_is_made_again_without_running_anything(folder, tmp_path, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    chosen = ["--cases", str(folder), "--select", "mine/", "--dtype", "float64", "--adapter", "programs:nan"]
    assert main([*chosen, "--out", str(first)]) == 1
    (folder / "mine" / "two-layers.yaml").unlink()
    assert main(["--from", str(first), "--out", str(second)]) == 1
    run = results_file.read(first)
    assert [one.name for one in run.cases] == ["mine/two-layers"]
    for name in ("index.html", "summary.md"):
        assert run.environment.run in (first / name).read_text(encoding="utf-8")
    assert len(run.results.bits) == 3 * len({row.finding.quantity for row in run.results.rows})
    visible = [path.name for path in first.iterdir() if not path.name.startswith(".")]
    assert len(visible) >= 5
    for name in visible:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    capsys.readouterr()
    assert main(["--from", str(first), "--select", "mine/"]) == 2
    assert "nothing else chooses what is in it" in capsys.readouterr().err
