"""The parity tests as a person runs them: their ids, options, failures in words, and the JUnit file."""

import math
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from adapters import Unavailable, find_adapters
from adapters.isolation import Limits
from cases import load_cases
from reference import Finding, Subject, Verdict
from reference.mistakes import MISTAKES
from reports.environment import PACKAGES
from reports.parity import Unusable, asked_for, command, failure_of, id_of, properties
from reports.runs.rows import Row

ROOT = Path(__file__).parent.parent
PARITY = "tests/test_parity.py"

pytest_plugins = ("pytester",)


@pytest.fixture
def parity(implementations, pytester, monkeypatch):
    """Give a function that runs pytest here, in this process, where `implementations` can be imported."""
    monkeypatch.syspath_prepend(implementations)
    monkeypatch.chdir(ROOT)

    def parity(*arguments):
        done = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
        return SimpleNamespace(returncode=done.ret, stdout=done.stdout.str(), stderr=done.stderr.str())

    return parity


def started(*arguments, cwd=ROOT):
    """Run pytest as its own process, with this checkout behind everything else that can be imported."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    env = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def counts(done):
    """Return pytest's last line without its rules, times, and what was not selected."""
    counted = done.stdout.splitlines()[-1].strip("= ").split(" in ")[0].split(", ")
    return ", ".join(part for part in counted if "desel" not in part)


def test_a_failure_is_a_sentence_a_table_and_a_command(parity, folder):
    """And what ends its process fails its own test: were it not isolated, it would end this very process."""
    names = ("forgets_the_factor", "honest", "ends_the_process")
    adapters = [f"--adapter=programs:{name}" for name in names]
    done = parity(PARITY, f"--cases={folder}", *adapters, "-k", "mine and float64")
    assert (done.returncode, counts(done)) == (1, "2 failed, 1 passed")
    ended = "programs:ends_the_process ended the process with exit code 3 (programs:ends_the_process, float64"
    assert ended in done.stdout
    lines = done.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("dL/da1["))
    assert "but follows from its inputs as" in lines[start]
    sentence, explanation = lines[start].split("). ", 1)
    assert sentence.endswith("(programs:forgets_the_factor, float64, mine/two-layers, step 2")
    assert explanation.startswith("No known mistake explains it.")  # right in the step before
    head = ["quantity", "by", "step", "verdict", "used", "error", "tolerance", "claimed", "derived"]
    assert lines[start + 2].split() == head
    assert lines[start + 3].split()[-7] == "2"
    assert "differs" in lines[start + 3]
    assert lines[start + 15] == "… and 7 more lines"
    assert lines[start + 17] == "To repeat this test alone:"
    assert "Traceback" not in done.stdout
    again = shlex.split(lines[start + 18])
    assert again[:3] == ["python", "-m", "pytest"]
    assert counts(parity(*again[3:])) == "1 failed"
    assert next(line for line in reversed(lines) if "-m pytest" in line).endswith("programs:ends_the_process")


@pytest.mark.parametrize(("asked", "counted"), [([], "2 skipped"), (["--adapter", "jax"], "2 failed")])
def test_an_absent_framework_is_skipped_unless_it_was_asked_for(parity, asked, counted, monkeypatch):
    absent = Unavailable("jax", Verdict.NOT_RUN, "jax is not installed")
    monkeypatch.setattr("reports.parity.find_adapters", lambda *_: (absent,))
    done = parity(PARITY, *asked, "-k", "document and jax")
    assert (done.returncode, counts(done)) == (bool(asked), counted)
    assert "not run: jax is not installed" in done.stdout
    assert (" --adapter jax" in done.stdout) is bool(asked)


@pytest.mark.parametrize("words", [(), ("--no-isolate",), ("--pdb",), ("--isolate", "--time-limit=60")])
def test_only_what_is_not_built_in_is_isolated_unasked_and_never_in_a_debugger(words, parity, monkeypatch):
    given, (numpy,) = {}, find_adapters(["numpy"])
    apart = () if words in [("--no-isolate",), ("--pdb",)] else ("programs:honest",)

    def found(names, limits, apart):
        given[names[0]] = limits, apart
        return (numpy,)

    monkeypatch.setattr("reports.parity.find_adapters", found)
    chosen = ["--adapter=numpy", "--adapter=programs:honest", "--dtype=float64", "-k", "document"]
    parity(PARITY, *chosen, *words)
    limits = Limits(60) if "--isolate" in words else None
    assert given == {"numpy": (limits, ()), "programs:honest": (limits, apart)}


def test_what_an_isolated_program_prints_is_no_fault_and_is_shown(parity, implementations):
    text = (
        "import programs\ndef train(problem):\n    print('here I am')\n    return programs.honest(problem)\n"
    )
    (implementations / "printing.py").write_text(text, encoding="utf-8")
    done = parity(PARITY, "--adapter=printing:train", "-k", "worked/document-printing", "-rP")
    assert (done.returncode, counts(done)) == (0, "2 passed")
    assert done.stdout.count("here I am") == 2


HOST = {
    "reports/__init__.py": "MINE = 1\n",
    "conftest.py": """
def pytest_addoption(parser):
    parser.addoption("--device", default="cpu")
    parser.addoption("--slow", action="store_true")
    parser.addoption("--cases")
""",
    "test_host.py": """
from reports import MINE

def test_host(request):
    option = request.config.getoption
    assert (MINE, option("--device"), option("--slow")) == (1, "mps", True)
""",
}


def test_another_repositorys_pytest_is_left_alone(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "pytest11" not in project.get("entry-points", {})
    for name, text in HOST.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = started("--device=mps", "--slow", cwd=tmp_path)
    assert (done.returncode, counts(done)) == (0, "1 passed"), done.stdout + done.stderr


WITHOUT = """
import runpy, sys
from pathlib import Path
sys.modules |= dict.fromkeys(("torch", "jax", "optax"))
sys.path.append("tests")
import pytest
code = pytest.main(sys.argv[1:])
for path in sorted(Path("tests").glob("test_*.py")):
    try:
        runpy.run_path(path)
    except pytest.skip.Exception as reason:
        print(path, reason)
sys.exit(code)
"""


@pytest.mark.skipif("not config.getoption('--slow')", reason="every test file is imported: --slow")
def test_without_pytorch_and_jax_tests_are_skipped_with_the_reason():
    """All files can be imported; a few are run. To collect them all would take three times as long."""
    files = [f"tests/test_{name}.py" for name in ("parity", "activation_errors")]
    words = ["-p", "no:cacheprovider", "-q", *files, "-k", "document-torch or gradient_of_the_loss_is_one"]
    command = [sys.executable, "-c", WITHOUT, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for reason in ("could not import 'jax'", "not run: torch is not installed", ": jax is not installed"):
        assert reason in done.stdout


def test_a_right_number_that_is_listed_as_wrong_fails(parity, folder):
    case = folder / "mine" / "two-layers.yaml"
    step = "{step: 1, values: {z1: [[0.200, null, null], [null, null, null]]}, rejected: {z1: nobody knows}}"
    published = f"published: {{source: nobody, steps: [{step}]}}\n"
    case.write_text(case.read_text(encoding="utf-8") + published, encoding="utf-8")
    done = parity(PARITY, f"--cases={folder}", "-k", "test_published and mine")
    assert (done.returncode, counts(done)) == (1, "1 failed")
    assert "(published, printed, mine/two-layers)" in done.stdout
    assert f"python -m pytest '{PARITY}::test_published[mine/two-layers]' --cases={folder}" in done.stdout


def expecting(folder, name, adapter, expectation):
    """Add a case that expects something of one of the `implementations`."""
    text = (folder / "mine" / "two-layers.yaml").read_text(encoding="utf-8")
    text += f"expect:\n  programs:{adapter}: {expectation}\n"
    (folder / "mine" / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_an_expected_difference_passes_and_a_stale_one_fails(parity, folder):
    late = "{differs: dL/da1, because: it forgets W2, see: 'mine #7', step: 2}"
    expecting(folder, "known", "forgets_the_factor", late)
    expecting(folder, "stale", "honest", late)
    expecting(folder, "none", "declines", "{no_equivalent: it has none}")
    adapters = [f"--adapter=programs:{name}" for name in ("forgets_the_factor", "honest", "declines")]
    done = parity(PARITY, f"--cases={folder}", *adapters, "-v", "-k", "mine and float64")
    outcomes = {
        line.split("[")[1].split("-float64]")[0].replace("programs:", ""): line.split()[1]
        for line in done.stdout.splitlines()
        if line.startswith(f"{PARITY}::")
    }
    honest = {f"mine/{case}-honest" for case in ("known", "none", "two-layers")}
    passed = {name for name, outcome in outcomes.items() if outcome == "PASSED"}
    assert passed == {"mine/known-forgets_the_factor", "mine/none-declines", *honest}
    skipped = {name for name, outcome in outcomes.items() if outcome == "SKIPPED"}
    assert skipped == {f"mine/{case}-declines" for case in ("known", "stale", "two-layers")}
    assert (done.returncode, counts(done)) == (1, "4 failed, 5 passed, 3 skipped")
    assert "no equivalent: it has no such form" in done.stdout
    stale = (
        "programs:honest was expected to differ at dL/da1, step 2 (it forgets W2, mine #7), but agrees now: "
    )
    assert f"{stale}the framework changed its mind, or the case is out of date (programs:" in done.stdout


def case_of(folder, name="mine/two-layers"):
    return next(case for case in load_cases(folder) if case.name == name)


def test_a_mistake_that_explains_many_failed_tests_is_told_once_after_them(parity, folder):
    text = (folder / "mine" / "two-layers.yaml").read_text(encoding="utf-8")
    (folder / "mine" / "again.yaml").write_text(text, encoding="utf-8")
    adapters = [f"--adapter=programs:{name}" for name in ("always_forgets_it", "forgets_the_factor")]
    done = parity(PARITY, f"--cases={folder}", *adapters, "-k", "mine/")
    assert counts(done) == "8 failed"
    summary = done.stdout.partition("what explains several failures")[2].splitlines()[1]
    sentence = MISTAKES["weight-factor-missing"].sentence
    assert summary == f"programs:always_forgets_it: {sentence}, in 4 tests."
    assert "in 4 tests" not in parity(PARITY, f"--cases={folder}", *adapters, "-k", "again").stdout


BAD = {
    "--adapter=nope": "unknown adapter 'nope', expected one of numpy, torch, jax, torch-func, ",
    "--cases={folder}": "bad.yaml:2:1: unknown key 'leyers'",
    "-preports.pytest_options --cases {folder}/mine": "finds no tests of parity there",
    "--dtype=float8": "invalid choice: 'float8'",
    "--time-limit=0": "'0' is not a finite number above 0",
    "--memory-limit=much": "'much' is not a finite number above 0",
    "--adapter=jax@": "'jax@' names no interpreter, expected one behind the @: jax@PATH",
}


@pytest.mark.parametrize("argument", BAD)
def test_bad_usage(argument, parity, folder):
    (folder / "bad.yaml").write_text("about: no\nleyers: []\n", encoding="utf-8")
    done = parity(*argument.format(folder=folder).split())
    assert done.returncode == 4
    assert BAD[argument] in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_options_narrow_what_is_run(folder):
    asked = asked_for(("shipped", str(folder)), ("torch", "programs:honest"), ("float32",))
    run = {(name, dtype) for _, name, dtype in asked.runs}
    assert run == {("torch", "float32"), ("programs:honest", "float32")}
    assert "mine/two-layers" in {case.name for case, _, _ in asked.runs}
    assert "worked/document" in {case.name for case in asked.published}
    alone = asked_for((str(folder),), ("torch",), (), ("mine/t*",))
    assert [(case.name, *of) for case, *of in alone.runs] == [
        ("mine/two-layers", "torch", dtype) for dtype in ("float64", "float32")
    ]
    with pytest.raises(Unusable, match="no case has 'mine/tow' in its name; the nearest are mine/two-layers"):
        asked_for((str(folder),), (), (), ("mine/tow",))
    with pytest.raises(Unusable, match=r"nothing to test: none of \d+ cases runs in float8"):
        asked_for((), (), ("float8",))


def test_a_command_is_quoted_for_a_shell():
    quoted = command("tests/x.py::t[a b-é]", ["my cases"], "m:f")
    assert quoted == "python -m pytest 'tests/x.py::t[a b-é]' '--cases=my cases' --adapter m:f"
    quoted = command("t", adapter="m:f", slow=True, limits=Limits(60), isolates=False)
    assert quoted == "python -m pytest t --adapter m:f --slow --no-isolate --isolate --time-limit=60"


def test_a_long_case_is_cut_and_its_id_says_so_unless_slow(folder):
    text = (folder / "mine" / "two-layers.yaml").read_text(encoding="utf-8")
    (folder / "mine" / "long.yaml").write_text(text.replace("steps: 3", "steps: 103"), encoding="utf-8")
    long, short = (case_of(folder, f"mine/{name}") for name in ("long", "two-layers"))
    assert id_of(long, "numpy", "float64") == "mine/long-numpy-float64-first-100-steps"
    assert id_of(long, "numpy", "float64", slow=True) == "mine/long-numpy-float64"
    assert id_of(short, "numpy", "float64") == "mine/two-layers-numpy-float64"


@pytest.mark.parametrize("slow", [False, True])
def test_steps_beyond_the_cut_are_judged_only_with_slow(slow, monkeypatch, implementations, folder):
    monkeypatch.setattr("reports.parity.FIRST_STEPS", 1)  # forgets_the_factor is right in its first step
    case = case_of(folder)
    failure = failure_of(case, "programs:forgets_the_factor", "float64", slow=slow)
    assert (failure is not None) is slow


# the JUnit file: the same by one process and by several

IMPLEMENTATIONS = ("honest", "forgets_the_factor", "nan", "raises", "declines")


@pytest.fixture
def write(parity, implementations, folder, tmp_path, monkeypatch):
    """Give a function that runs the parity tests of one case, and returns the testsuite of the JUnit file."""
    monkeypatch.setenv("PYTHONPATH", str(implementations), prepend=os.pathsep)

    def write(*options, run=parity):
        adapters = [f"--adapter=programs:{name}" for name in IMPLEMENTATIONS]
        file = tmp_path / "junit.xml"
        chosen = [f"--cases={folder}", "-k", "mine/ and float64", f"--junitxml={file}"]
        done = run(PARITY, "-q", *adapters, *chosen, *options)
        assert done.returncode == 1, done.stdout + done.stderr
        suite = ET.parse(file).getroot().find("testsuite")  # noqa: S314 - pytest wrote it just now
        assert suite is not None
        return suite

    return write


def properties_of(element):
    return {one.attrib["name"]: one.attrib["value"] for one in element.iterfind("properties/property")}


def cases(suite):
    found = {one.attrib["name"]: properties_of(one) for one in suite.iterfind("testcase")}
    return {name.split("programs:")[1].removesuffix("-float64]"): found[name] for name in found}


def test_junit_properties_are_the_same_by_this_process_and_by_another(write):
    alone, together = write(), write("-n", "1", "--dist=load", "--no-isolate", run=started)
    found = cases(alone)
    assert found == cases(together)
    assert set(found) == set(IMPLEMENTATIONS)
    ids = {one.attrib["name"] for one in together.iterfind("testcase")}
    assert "test_parity[mine/two-layers-programs:honest-float64]" in ids
    assert properties_of(alone) == properties_of(together)
    assert {*PACKAGES, "python", "platform", "cpu"} <= set(properties_of(alone))
    verdicts = ["agrees", "differs", "differs", "error", "no equivalent"]
    assert [found[name]["verdict"] for name in IMPLEMENTATIONS] == verdicts
    honest, forgets = found["honest"], found["forgets_the_factor"]
    assert 0 < float(honest["used"]) <= 1 < float(forgets["used"])
    assert 10 < float(honest["digits"]) < 16
    assert list(honest)[:6] == ["verdict", "used", "digits", "compared", "z1", "a1"]
    assert honest["dL/dW1"].startswith("agrees ")
    assert (forgets["first difference"], forgets["dL/da1"]) == ("dL/da1, step 2", "differs, step 2")
    assert (found["nan"]["first difference"], found["nan"]["used"]) == ("loss", "inf")


def test_the_strict_junit_schema_has_no_properties_in_a_case(write):
    """xunit2 is Jenkins's junit-10.xsd, where properties stand in a suite and in no test case."""
    suite = write("-o", "junit_family=xunit2")
    assert suite.findall("testcase/properties") == []
    assert len(suite.findall("testcase")) == len(IMPLEMENTATIONS)
    names = {name for one in suite.iterfind("testcase") for name in one.attrib}
    assert names <= {"name", "classname", "time", "group"}
    assert set(PACKAGES) <= set(properties_of(suite))


def row(quantity, verdict, used, step=1, place=0, program="", **more):
    index = None if math.isnan(used) and not quantity else (0,)
    finding = Finding(step, quantity, verdict, "why", index, used=used, digits=14.0 - step)
    return Row(Subject("mine", "they", program, "float64"), finding, place, **more)


def test_junit_properties_give_the_worst_in_the_order_of_computation_and_a_failure_first():
    rows = [
        row("loss", Verdict.AGREES, 0.25, place=1),
        row("z1", Verdict.AGREES, 0.5),
        row("loss", Verdict.AGREES, 0.75, place=1, step=3),
        row("loss", Verdict.AGREES, 0.5, place=1, program="plain"),
    ]
    assert properties(rows) == [
        ("verdict", "agrees"), ("used", "0.75"), ("digits", "11"), ("compared", "4"),
        ("z1", "agrees 0.50 (13.0)"), ("loss", "agrees 0.75 (11.0), step 3"),
    ]  # fmt: skip

    rows = [
        row("z1", Verdict.DIFFERS, 9.0, expected=True),
        row("a1", Verdict.DIFFERS, 5.0, place=1, step=2),
        row("loss", Verdict.DIFFERS, 7.0, place=2, step=2),
    ]
    found = dict(properties(rows))
    assert (found["verdict"], found["first difference"], found["used"]) == ("differs", "a1, step 2", "9")
    assert found["z1"] == "differs as expected"
    assert dict(properties(rows[:1]))["first difference"] == "z1"
    assert properties([]) == [("verdict", "nothing compared")]
    assert properties([row("", Verdict.ERROR, math.nan)]) == [("verdict", "error")]
