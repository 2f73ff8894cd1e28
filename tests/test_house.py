"""The house: what stands at the top level, and which way imports run."""

import ast
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["cases", "reference", "adapters", "reports"]
TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", *PACKAGES, "tests"}


def tracked():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    return done.stdout.splitlines()


def test_nothing_else_stands_at_the_top_level():
    tops = {name.split("/")[0] for name in tracked()}
    assert {name for name in tops if not name.startswith(".")} <= TOP_LEVEL


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MAY_IMPORT = {"cases": {"cases"}, "reference": {"cases", "reference"}, "adapters": {"cases", "adapters"}}
BORROWS = {"adapters/numpy_reference.py": "reference"}  # the one adapter that is the reference itself


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_from_reports_to_the_reference_and_the_adapters_and_from_both_to_the_cases(package):
    """cases <- {reference, adapters} <- reports. An adapter that borrows arithmetic would check nothing."""
    for path in (ROOT / package).rglob("*.py"):
        name = str(path.relative_to(ROOT))
        allowed = MAY_IMPORT.get(package, set(PACKAGES)) | {BORROWS.get(name, package)}
        imported = {one.split(".")[0] for one in imports_of(path)} & {*PACKAGES, "tests"}
        assert imported <= allowed, f"{name} imports {imported - allowed}"


def modules():
    """Give each module of the four packages with what it imports of them, wherever the import stands."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    known = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths
    }
    for path in paths:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        whole = {one if one in known else one.rpartition(".")[0] for one in imports_of(path)}
        yield name, whole & known - {name}


def test_no_imports_run_in_a_circle():
    """Those that stand in functions, or for the type checker alone, included."""
    list(TopologicalSorter(dict(modules())).static_order())


def test_no_file_has_the_name_of_another():
    stems = Counter(name.rpartition(".")[2] for name, _ in modules() if "." in name)
    assert [stem for stem, count in stems.items() if count > 1 and stem != "__main__"] == []


@pytest.mark.parametrize("package", ["cases", "reference"])
def test_the_inner_rooms_are_plain_numpy(package):
    for path in (ROOT / package).rglob("*.py"):
        heavy = {name.split(".")[0] for name in imports_of(path)} & {"torch", "jax", "optax", "pandas"}
        assert not heavy, f"{path.relative_to(ROOT)} imports {heavy}"


UNREAD = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
EVALUATED = {"eval", "exec", "compile", "__import__"}
LOADED = {"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "torch.load", "torch.save"}
LOADED |= {"os.system", "os.popen", "np.fromregex", "pd.read_pickle", "pd.eval"}


def dangers(source):
    """Give what in a module runs text as a program, or reads objects from bytes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from (name for name in names if name.split(".")[0] in UNREAD)
        if isinstance(node, ast.Name) and node.id in EVALUATED:
            yield node.id
        if isinstance(node, ast.Attribute) and (ast.unparse(node) in LOADED or "pickle" in node.attr):
            yield ast.unparse(node)
        if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell", "unsafe"):
            yield from [f"{node.arg}={ast.unparse(node.value)}"] * (ast.unparse(node.value) != "False")


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_unpickled_or_evaluated(package):
    for path in (ROOT / package).rglob("*.py"):
        found = list(dangers(path.read_text(encoding="utf-8")))
        assert not found, f"{path.relative_to(ROOT)}: {found}"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "eval(text)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "frame.to_pickle(path)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_what_unpickles_or_evaluates_is_found(source):
    assert list(dangers(source))


def test_help_is_quick_because_no_framework_is_loaded():
    code = (
        "import sys, runpy\n"
        "sys.argv = ['build', '--help']\n"
        "try: runpy.run_module('reports.build', run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "print([m for m in ('torch', 'jax', 'optax', 'pandas', 'numpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "--cases" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
