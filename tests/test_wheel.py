"""What pip installs beside another project: one top-level name, which harms nothing there."""

import ast
import os
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from installed import ROOT, run

from reports.cli import COMMANDS, main
from reports.public import PUBLIC

PACKAGES = {"cases", "reference", "adapters", "reports"}
NAME = "backprop_parity"


def files_of_the_checkout():
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *PACKAGES]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


SCRIPT = ["backprop-parity", "=", f"{NAME}.reports.cli:main"]


def test_the_wheel_has_one_name_and_all_of_the_four_packages(built):
    listed = files_of_the_checkout()
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if not name.partition("/")[0].endswith(".dist-info")}
        (scripts,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
        assert wheel.read(scripts).decode().split() == ["[console_scripts]", *SCRIPT]
        code = {name: wheel.read(name).decode() for name in names if name.endswith(".py")}
    expected = {f"{NAME}/{name}" for name in listed if not name.endswith("README.md")}
    assert names == expected | {f"{NAME}/__init__.py", f"{NAME}/py.typed"}
    for name, text in code.items():
        if "/templates/" not in name:
            nodes = list(ast.walk(ast.parse(text)))
            imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
            imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
            assert not {module.partition(".")[0] for module in imported} & PACKAGES, name
    with tarfile.open(built[0]) as source:
        held = {name.partition("/")[2] for name in source.getnames()}
    assert held >= listed | {"pyproject.toml", "README.md", ".ci/wheel.py", "tests/test_wheel.py"}


HOST = {
    "reports/__init__.py": "MINE = 1\n",
    "cases/__init__.py": "MINE = 2\n",
    "mine.py": """
from backprop_parity import NoEquivalent, Problem
from backprop_parity.reference import training_steps

def train(problem: Problem):
    if problem.depth > 2:
        raise NoEquivalent("it has two layers")
    return training_steps(problem)
""",
    "conftest.py": """
def pytest_addoption(parser):
    for name in ("--device", "--cases", "--adapter", "--time-limit"):
        parser.addoption(name)
    parser.addoption("--slow", action="store_true")
""",
    "tests/test_host.py": """
import sys
from cases import MINE as TWO
from reports import MINE as ONE

def test_host(request):
    option = request.config.getoption
    assert (ONE, TWO, option("--device"), option("--slow"), option("--cases")) == (1, 2, "mps", True, "x")
    if "backprop_parity" in sys.modules:
        from backprop_parity.reports.pytest_options import given
        assert (given(request.config).time_limit, given(request.config).cases) == (7, [])
        assert option("--parity-device") == "cpu"
""",
}


@pytest.fixture
def host(tmp_path):
    for name, text in HOST.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("asked", [(), (f"-p{NAME}.reports.pytest_options", "--parity-time-limit=7")])
def test_a_hosts_pytest_has_its_own_options_and_packages(asked, python, host):
    mine = ("--device=mps", "--slow", "--cases=x")
    said = run(python, "-m", "pytest", "-q", "-pno:cacheprovider", *mine, *asked, "tests", cwd=host)
    assert "1 passed" in said
    if asked:
        bad = run(python, "-m", "pytest", *asked, "--parity-adapter=nope", cwd=host, code=4)
        assert "unknown adapter 'nope'" in bad


APART = f"""
import sys
from {NAME}.adapters import find_adapters
from {NAME}.cases import load_case
from {NAME}.adapters.isolation import Limits
(adapter,) = find_adapters(["mine:train" + sys.argv[1]], Limits())
print(adapter.programs[0].run(load_case("worked/document").problem("float64")).__next__()["loss"])
"""


@pytest.mark.parametrize("another", [False, True])
def test_an_adapter_runs_in_a_process_of_its_own(another, python, host):
    """Under another interpreter, too, which has not got the wheel; and the host's packages are not run."""
    (host / "cases" / "__init__.py").write_text("raise SystemError('the host')", encoding="utf-8")
    assert run(python, "-c", APART, f"@{sys.executable}" * another, cwd=host) == "0.013961695393597427\n"


def test_the_installed_command_builds_a_report_in_the_hosts_folder(python, host):
    command, folder = python.with_name("backprop-parity"), python.parent.parent
    before = sorted(folder.rglob("*"))
    chosen = ("--select", "worked/document", "--adapter", "mine:train")
    said = run(command, "build", *chosen, cwd=host)
    assert said.startswith("All agree.\n")
    assert "\n1 case in float64, float32 by mine:train" in said
    assert "Report: parity-report/narrowed/index.html" in said
    assert (host / "parity-report" / "narrowed" / "index.html").stat().st_size > 10_000
    results = (host / "parity-report" / "narrowed" / "results.json").read_text(encoding="utf-8")
    assert "backprop-parity build --select worked/document" in results
    assert sorted(folder.rglob("*")) == before
    assert run(command, "build", "--help", cwd=host).startswith("usage: backprop-parity build [-h]")


EVERY_NAME = f"""
import sys, {NAME}
assert not {{"numpy", "torch", "jax", "pandas", "reports", "cases"}} & set(sys.modules)
print(sorted(name for name in {NAME}.__all__ if getattr({NAME}, name).__module__[:len({NAME!r})] == {NAME!r}))
"""


def test_importing_it_loads_nothing_and_every_public_name_is_there(python, host):
    shown = ast.literal_eval(run(python, "-c", EVERY_NAME, cwd=host))
    assert set(PUBLIC) - set(shown) == {"Claim"}  # a type alias, which has typing's own __module__


@pytest.mark.skipif("not config.getoption('--slow')", reason="mypy reads all that NumPy has: --slow")
def test_a_type_checker_knows_the_public_names(python, host):
    pytest.importorskip("mypy")
    lines = f"from {NAME} import Problem, judge_step, nope", "reveal_type(Problem)", "reveal_type(judge_step)"
    (host / "typed.py").write_text("\n".join(lines), encoding="utf-8")
    said = run(python, "-m", "mypy", "--strict", f"--cache-dir={host}/.types", "typed.py", cwd=host, code=1)
    assert said.count(": error: ") == 1
    assert 'has no attribute "nope"' in said
    assert f"-> {NAME}.cases.problem.Problem" in said
    assert f"-> {NAME}.reports.judge_step.StepVerdict" in said


ALIASED = f"""
import {NAME}.cases.problem as installed, cases.problem as own
from {NAME} import Problem
from {NAME}.reports.runs import rows
import reports.runs.rows as own_rows
assert installed is own and Problem is own.Problem and rows is own_rows
assert (own.__spec__.name, own_rows.__spec__.name) == ("cases.problem", "reports.runs.rows")
try:
    import {NAME}.cases.nope
except ModuleNotFoundError as error:
    print(error)
"""


def test_an_editable_install_has_the_checkouts_own_modules(tmp_path, host):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "__init__.py").write_text((ROOT / ".ci" / "editable.py").read_text("utf-8"), "utf-8")
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    aliased = run(sys.executable, "-P", "-c", ALIASED, cwd=tmp_path, PYTHONPATH=path)
    assert aliased == f"No module named '{NAME}.cases.nope'\n"
    clash = run(sys.executable, "-c", f"import {NAME}", cwd=host, code=1, PYTHONPATH=path)
    assert "install without -e" in clash.splitlines()[-1]


@pytest.fixture(scope="module")
def hook():
    pytest.importorskip("hatchling")
    spec = spec_from_file_location("wheel_hook", ROOT / ".ci" / "wheel.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REWRITTEN = {
    "from cases.names import a": "from backprop_parity.cases.names import a",
    "from reports import (\n    judge,\n)": "from backprop_parity.reports import (\n    judge,\n)",
    "import reports.judge as j, os": "import backprop_parity.reports.judge as j, os",
    "def f():\n    é = 1; from cases import a": "def f():\n    é = 1; from backprop_parity.cases import a",
    "A = {'é': 'adapters.numpy_reference:adapter'}": (
        "A = {'é': 'backprop_parity.adapters.numpy_reference:adapter'}"
    ),
    "import_module('cases.problem')": "import_module('backprop_parity.cases.problem')",
    "PackageLoader('reports', x)": "PackageLoader('backprop_parity.reports', x)",
    "from casesx import a; B = 'reports.nope', 'reports/build.py', 'see reports.build', cases.x": None,
    "from . import cases; A = f'{1}reports.build'; reports['cases']": None,
}


@pytest.mark.parametrize("text", REWRITTEN)
def test_what_names_a_package_is_rewritten_and_nothing_else(text, hook):
    assert hook.rewritten(text, ROOT) == (REWRITTEN[text] or text)


@pytest.mark.parametrize(
    "text", ["import reports.build", "A = 'reports.' 'build'", "load(f'adapters.{x}_capture')"]
)
def test_what_cannot_be_rewritten_ends_the_build(text, hook):
    with pytest.raises(hook.RewriteError, match=r"^1: .*cannot be rewritten"):
        hook.rewritten(text, ROOT)


HELP = """
import sys
from reports.cli import main
try:
    main()
finally:
    print({"numpy", "torch", "jax"} & {*sys.modules})
"""


def test_the_commands_help_loads_no_framework_and_a_missing_one_is_named(monkeypatch, capsys):
    said = run(sys.executable, "-c", HELP, "--help", cwd=ROOT)
    assert all(f"\n  {name} " in said for name in COMMANDS)
    assert said.endswith("set()\n")
    assert "invalid choice: 'biuld'" in run(sys.executable, "-c", HELP, "biuld", cwd=ROOT, code=2)
    monkeypatch.setitem(COMMANDS, "new", "reports.nope:command")
    assert main(["new", "--help"]) == 2
    assert capsys.readouterr().err == "backprop-parity new is not available in this version\n"
