"""The house: what stands at the top level, and which way imports run."""

import ast
import subprocess
import sys
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


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_never_run_to_the_right(package):
    """cases <- reference <- adapters <- reports."""
    to_the_right = set(PACKAGES[PACKAGES.index(package) + 1 :]) | {"tests"}
    for path in (ROOT / package).rglob("*.py"):
        found = {name for name in imports_of(path) if name.split(".")[0] in to_the_right}
        assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_only_the_numpy_adapter_uses_the_references_formulas():
    """Adapters take names of quantities, words for verdicts, and what they declare of themselves.

    To borrow arithmetic is to check nothing.
    """
    vocabulary = {"cases.names", "cases.crash.told", "cases.crash.ended"}
    vocabulary |= {f"cases.verdict.{name}" for name in ("Fault", "NoEquivalent", "Verdict")}
    vocabulary |= {"reference.formats.Accumulators", "reference.formats.IN_FLOAT32"}
    for path in (ROOT / "adapters").rglob("*.py"):
        found = {name for name in imports_of(path) if name.startswith("reference")} - vocabulary
        assert not found or path.name == "numpy_reference.py", f"{path.name} imports {found}"


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
