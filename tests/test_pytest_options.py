"""The parity tests as a person runs them: their ids, their options, how a failure is told."""

import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters import Adapter, Unavailable, find_adapters
from adapters.isolation import Limits
from reference import Verdict
from reports.parity import FIRST_STEPS, Unusable, aligned, asked_for, command, failure_of, id_of

ROOT = Path(__file__).parent.parent
PARITY = "tests/test_parity.py"

pytest_plugins = ("pytester",)


@dataclass(frozen=True)
class Run:
    """What a run of pytest gave."""

    returncode: int
    stdout: str
    stderr: str = ""


@pytest.fixture
def parity(
    implementations: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Run]:
    """Give a function that runs pytest here, in this process, where `implementations` can be imported."""
    monkeypatch.syspath_prepend(implementations)
    monkeypatch.chdir(ROOT)

    def parity(*arguments: str) -> Run:
        done = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
        return Run(int(done.ret), done.stdout.str(), done.stderr.str())

    return parity


def started(*arguments: str, cwd: Path = ROOT) -> Run:
    """Run pytest as its own process, with this checkout behind everything else that can be imported."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    path = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    }
    done = subprocess.run(command, cwd=cwd, env=path, capture_output=True, text=True, check=False)
    return Run(done.returncode, done.stdout, done.stderr)


def counts(done: Run) -> str:
    """Return pytest's last line without its rules, times, and what was not selected."""
    return ", ".join(
        part
        for part in done.stdout.splitlines()[-1].strip("= ").split(" in ")[0].split(", ")
        if "desel" not in part
    )


def test_a_failure_is_a_sentence_a_table_and_a_command(parity: Callable[..., Run], folder: Path) -> None:
    adapters = ["--adapter", "programs:forgets_the_factor", "--adapter", "programs:honest"]
    done = parity(PARITY, f"--cases={folder}", *adapters, "-k", "mine and float64")
    assert (done.returncode, counts(done)) == (1, "1 failed, 1 passed")
    lines = done.stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("dL/da1["))
    assert "but follows from its inputs as" in lines[start]
    told, explanation = lines[start].split("). ", 1)
    assert told.endswith("(programs:forgets_the_factor, float64, mine/two-layers, step 2")
    assert explanation.startswith("Explained by: the factor w is missing from the hidden gradient")
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


def test_a_malformed_case_is_bad_usage_and_told_with_its_place(
    parity: Callable[..., Run], folder: Path
) -> None:
    (folder / "bad.yaml").write_text("about: no\nleyers: []\n", encoding="utf-8")
    done = parity(f"--cases={folder}")
    assert done.returncode == 4
    assert "bad.yaml:2:1: unknown key 'leyers'" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_folder_that_pytest_takes_for_the_project_is_told_with_what_to_write(
    parity: Callable[..., Run], folder: Path
) -> None:
    done = parity("-p", "reports.pytest_options", "--cases", str(folder))
    assert done.returncode == 4
    assert "finds no tests of parity there" in done.stderr
    assert "--cases=DIR" in done.stderr


@pytest.mark.parametrize(
    ("asked", "code", "counted"), [([], 0, "2 skipped"), (["--adapter", "jax"], 1, "2 failed")]
)
def test_a_framework_that_is_absent_is_skipped_and_fails_where_it_was_asked_for(
    parity: Callable[..., Run], asked: list[str], code: int, counted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = Unavailable("jax", Verdict.NOT_RUN, "jax is not installed")
    monkeypatch.setattr("reports.parity.find_adapters", lambda *_: (absent,))
    done = parity(PARITY, *asked, "-k", "document and jax")
    assert (done.returncode, counts(done)) == (code, counted)
    assert "not run: jax is not installed" in done.stdout
    assert (" --adapter jax" in done.stdout) is bool(asked)


def test_what_ends_the_process_fails_its_own_test_and_names_itself(
    parity: Callable[..., Run], folder: Path
) -> None:
    """Were it not isolated, it would end this very process."""
    adapters = ["--adapter", "programs:ends_the_process", "--adapter", "programs:honest"]
    done = parity(PARITY, f"--cases={folder}", *adapters, "-k", "mine and float64")
    assert (done.returncode, counts(done)) == (1, "1 failed, 1 passed")
    told = "programs:ends_the_process ended the process with exit code 3 (programs:ends_the_process, float64"
    assert told in done.stdout
    again = next(line for line in done.stdout.splitlines() if "-m pytest" in line)
    assert again.endswith("--adapter programs:ends_the_process")


@pytest.mark.parametrize(
    ("words", "apart"),
    [
        ((), ("programs:honest",)),
        (("--no-isolate",), ()),
        (("--pdb",), ()),
        (("--isolate", "--time-limit=60"), ("programs:honest",)),
    ],
)
def test_only_what_is_not_built_in_is_isolated_unasked_and_never_beside_a_debugger(
    words: tuple[str, ...],
    apart: tuple[str, ...],
    parity: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given, (numpy,) = {}, find_adapters(["numpy"])

    def found(names: list[str], limits: object, apart: tuple[str, ...]) -> tuple[Adapter | Unavailable]:
        given[names[0]] = limits, apart
        return (numpy,)

    monkeypatch.setattr("reports.parity.find_adapters", found)
    parity(
        PARITY,
        "--adapter=numpy",
        "--adapter=programs:honest",
        "--dtype=float64",
        "-k",
        "document",
        *words,
    )
    limits = Limits(60) if "--isolate" in words else None
    assert given == {"numpy": (limits, ()), "programs:honest": (limits, apart)}


def test_what_an_isolated_program_prints_is_no_fault_and_is_shown(
    parity: Callable[..., Run], implementations: Path
) -> None:
    text = "from reference import training_steps\n\n\ndef train(problem):\n    print('here I am')\n"
    (implementations / "printing.py").write_text(
        f"{text}    yield from training_steps(problem)\n", encoding="utf-8"
    )
    done = parity(PARITY, "--adapter=printing:train", "-k", "worked/document-printing", "-rP")
    assert (done.returncode, counts(done)) == (0, "2 passed")
    assert done.stdout.count("here I am") == 2


def test_ids_are_what_a_person_types_and_the_same_in_every_process() -> None:
    done = started(PARITY, "-n", "2", "-v", "-k", "document and numpy and float32")
    assert (done.returncode, counts(done)) == (0, "1 passed")
    assert "test_parity[worked/document-numpy-float32]" in done.stdout


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


def test_where_it_is_installed_another_repositorys_pytest_is_as_before(tmp_path: Path) -> None:
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


def test_without_pytorch_and_jax_tests_are_skipped_with_the_reason() -> None:
    """All files can be imported; a few are run. To collect them all would take three times as long."""
    files = [f"tests/test_{name}.py" for name in ("parity", "adapters", "losses")]
    words = ["-p", "no:cacheprovider", "-q", *files, "-k", "document-torch or sigmoid_that_is_off"]
    command = [sys.executable, "-c", WITHOUT, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("contract", "engines", "losses"):
        assert f"tests/test_{name}.py could not import 'jax'" in done.stdout
    for reason in ("could not import 'jax'", "not run: torch is not installed", ": jax is not installed"):
        assert reason in done.stdout


def test_a_right_number_that_is_listed_as_wrong_fails(parity: Callable[..., Run], folder: Path) -> None:
    case = folder / "mine" / "two-layers.yaml"
    step = "{step: 1, values: {z1: [[0.200, null, null], [null, null, null]]}, rejected: {z1: nobody knows}}"
    published = f"published: {{source: nobody, steps: [{step}]}}\n"
    case.write_text(case.read_text(encoding="utf-8") + published, encoding="utf-8")
    done = parity(PARITY, f"--cases={folder}", "-k", "test_published and mine")
    assert (done.returncode, counts(done)) == (1, "1 failed")
    assert "(published, printed, mine/two-layers)" in done.stdout
    assert f"python -m pytest '{PARITY}::test_published[mine/two-layers]' --cases={folder}" in done.stdout


def expecting(folder: Path, name: str, adapter: str, expectation: str) -> None:
    """Add a case that expects something of one of the `implementations`."""
    text = (folder / "mine" / "two-layers.yaml").read_text(encoding="utf-8")
    text += f"expect:\n  programs:{adapter}: {expectation}\n"
    (folder / "mine" / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_what_a_case_expects_passes_and_is_news_where_it_is_not_so(
    parity: Callable[..., Run], folder: Path
) -> None:
    late = "{differs: dL/da1, because: it forgets W2, see: 'mine #7', step: 2}"
    expecting(folder, "known", "forgets_the_factor", late)
    expecting(folder, "stale", "honest", late)
    expecting(folder, "none", "declines", "{no_equivalent: it has none}")
    adapters = [f"--adapter=programs:{name}" for name in ("forgets_the_factor", "honest", "declines")]
    done = parity(PARITY, f"--cases={folder}", *adapters, "-v", "-k", "mine and float64")
    told = {
        line.split("[")[1].split("-float64]")[0].replace("implementations:", ""): line.split()[1]
        for line in done.stdout.splitlines()
        if line.startswith(f"{PARITY}::")
    }
    assert {name for name, outcome in told.items() if outcome == "PASSED"} == {
        "mine/known-forgets_the_factor",
        "mine/none-declines",
        *(f"mine/{case}-honest" for case in ("known", "none", "two-layers")),
    }
    assert {name for name, outcome in told.items() if outcome == "SKIPPED"} == {
        f"mine/{case}-declines" for case in ("known", "stale", "two-layers")
    }
    assert (done.returncode, counts(done)) == (1, "4 failed, 5 passed, 3 skipped")
    assert "no equivalent: it has no such form" in done.stdout
    assert (
        "programs:honest was expected to differ at dL/da1, step 2 (it forgets W2, mine #7), but agrees now: "
        "the framework changed its mind, or the case is out of date (programs:honest, float64, mine/stale)"
    ) in done.stdout


BAD = {
    "--adapter=nope": "unknown adapter 'nope', expected one of numpy, torch, jax, torch-func, "
    "torch-compile, ",
    "--dtype=float8": "invalid choice: 'float8'",
    "--time-limit=0": "'0' is not a finite number above 0",
    "--memory-limit=much": "'much' is not a finite number above 0",
    "--adapter=jax@": "'jax@' names no interpreter, expected one behind the @: jax@PATH",
}


@pytest.mark.parametrize("argument", BAD)
def test_bad_usage(argument: str, parity: Callable[..., Run]) -> None:
    done = parity(PARITY, argument)
    assert done.returncode == 4
    assert BAD[argument] in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_options_import_nothing_heavy() -> None:
    code = (
        "import reports.pytest_options, sys\n"
        "print({'numpy', 'pandas', 'torch', 'jax', 'pydantic', 'cases'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_options_narrow_what_is_run(folder: Path) -> None:
    asked = asked_for((str(folder),), ("torch", "programs:honest"), ("float32",))
    assert {(name, dtype) for _, name, dtype in asked.runs} == {
        ("torch", "float32"),
        ("programs:honest", "float32"),
    }
    assert "mine/two-layers" in {case.name for case, _, _ in asked.runs}
    assert "worked/document" in {case.name for case in asked.published}


def test_nothing_to_test_is_told() -> None:
    with pytest.raises(Unusable, match=r"nothing to test: none of \d+ cases runs in float8"):
        asked_for((), (), ("float8",))


@pytest.mark.usefixtures("implementations")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nan", "loss is nan, but follows from"),
        ("drops", "dL/db1 was promised, but is not claimed"),
        ("wrong_shape", "dL/db1 has shape (1, 3), expected (3,)"),
        ("wrong_dtype", "dL/dW1 has dtype float64, expected float32"),
        ("changes_its_inputs", "x was given as an input and was changed in place"),
        ("raises", "programs:raises raised ValueError: no such luck at implementations.py"),
        ("ends_the_program", "programs:ends_the_program raised SystemExit"),
        ("not_a_function", "error: is of type int, expected an Adapter or a function"),
    ],
)
def test_each_damage_is_told_first(name: str, told: str, folder: Path) -> None:
    case = next(case for case, _, _ in asked_for((str(folder),)).runs if case.name == "mine/two-layers")
    failure = failure_of(case, f"programs:{name}", "float32")
    assert failure is not None
    assert not failure.not_run
    assert failure.told.startswith(told)
    assert failure_of(case, "programs:honest", "float32") is None


def test_a_command_is_quoted_for_a_shell() -> None:
    told = command("tests/x.py::t[a b-é]", ["my cases"], "m:f")
    assert told == "python -m pytest 'tests/x.py::t[a b-é]' '--cases=my cases' --adapter m:f"
    told = command("t", adapter="m:f", limits=Limits(60), isolates=False)
    assert told == "python -m pytest t --adapter m:f --no-isolate --isolate --time-limit=60"


def test_a_case_of_thousands_of_steps_is_cut_and_says_so_unless_it_may_be_slow(folder: Path) -> None:
    text = (folder / "mine" / "two-layers.yaml").read_text(encoding="utf-8")
    (folder / "mine" / "long.yaml").write_text(text.replace("steps: 3", "steps: 1003"), encoding="utf-8")
    long, short = (
        next(case for case, _, _ in asked_for((str(folder),)).runs if case.name == f"mine/{name}")
        for name in ("long", "two-layers")
    )
    assert id_of(long, "numpy", "float64") == "mine/long-numpy-float64-first-1000-steps"
    assert id_of(long, "numpy", "float64", slow=True) == "mine/long-numpy-float64"
    assert id_of(short, "numpy", "float64") == "mine/two-layers-numpy-float64"
    assert command("t", slow=True) == "python -m pytest t --slow"


@pytest.mark.parametrize("slow", [False, True])
def test_steps_beyond_the_cut_are_judged_only_with_slow(
    slow: bool, monkeypatch: pytest.MonkeyPatch, implementations: Path, folder: Path
) -> None:
    monkeypatch.setattr("reports.parity.FIRST_STEPS", 1)  # forgets_the_factor is right in its first step
    case = next(case for case, _, _ in asked_for((str(folder),)).runs if case.name == "mine/two-layers")
    failure = failure_of(case, "programs:forgets_the_factor", "float64", slow=slow)
    assert (failure is not None) is slow
    assert FIRST_STEPS == 1_000


def test_columns_are_straight() -> None:
    assert aligned([("a", "bb", "c"), ("aaa", "b", "")]) == ["a    bb  c", "aaa  b"]
