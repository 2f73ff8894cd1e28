"""The house: what stands at the top level, and which way imports run."""

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["cases", "reference", "adapters", "reports"]
TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", *PACKAGES, "tests"}
# The code of each module of the four packages, by its dotted name.
CODE = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path.read_text("utf-8")
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
}


def test_nothing_else_stands_at_the_top_level():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    tops = {name.split("/")[0] for name in done.stdout.splitlines()}
    assert {name for name in tops if not name.startswith(".")} <= TOP_LEVEL


def imports_of(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MAY_IMPORT = {"cases": {"cases"}, "reference": {"cases", "reference"}, "adapters": {"cases", "adapters"}}
BORROWS = {"adapters.numpy_reference": "reference"}  # the one adapter that is the reference itself
HEAVY = {"torch", "jax", "optax", "pandas"}


@cache
def imports():
    """Give what each module imports; they are parsed by the process that tests them, and not by all."""
    return {name: set(imports_of(code)) for name, code in CODE.items()}


def test_imports_run_from_reports_to_the_reference_and_the_adapters_and_from_both_to_the_cases():
    """cases <- {reference, adapters} <- reports. An adapter that borrows arithmetic would check nothing."""
    for name, imported in imports().items():
        package, tops = name.split(".")[0], {one.split(".")[0] for one in imported}
        allowed = MAY_IMPORT.get(package, set(PACKAGES)) | {BORROWS.get(name, package)}
        assert tops & {*PACKAGES, "tests"} <= allowed, name
        assert package in ("adapters", "reports") or not tops & HEAVY, name


def test_no_imports_run_in_a_circle_and_no_file_has_the_name_of_another():
    """Those that stand in functions, or for the type checker alone, included."""
    graph = {}
    for name, imported in imports().items():
        modules = {one if one in CODE else one.rpartition(".")[0] for one in imported}
        graph[name] = modules & CODE.keys() - {name}
    list(TopologicalSorter(graph).static_order())
    stems = Counter(name.rpartition(".")[2] for name in CODE if "." in name)
    assert [stem for stem, count in stems.items() if count > 1 and stem != "__main__"] == []


UNREAD = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
# What runs text as a program, or reads objects from bytes; Ruff's rules on security forbid more of it.
RUNS_TEXT = re.compile(
    r"(?<![.\w])(?:eval|exec|compile|__import__)\(|allow_pickle=True|shell=True|unsafe=True|\bpd\.eval|_pickle\("
    r"|\byaml\.(?:unsafe_|full_)?load|\btorch\.(?:save\(|load\((?!.*weights_only=True))|\bos\.(?:system|popen)\(|fromregex"
)
DANGEROUS = ["eval(text)", "np.load(path, allow_pickle=True)", "yaml.load(text, Loader=yaml.Loader)"]
DANGEROUS += ["frame.to_pickle(path)", "torch.load(path)", "subprocess.run(text, shell=True)"]


def test_nothing_is_unpickled_or_evaluated():
    for name, imported in imports().items():
        assert not UNREAD & {one.split(".")[0] for one in imported}, name
    assert [name for name, code in CODE.items() if RUNS_TEXT.search(code)] == []
    assert [source for source in DANGEROUS if not RUNS_TEXT.search(source)] == []


@pytest.mark.parametrize(
    ("typed", "shown", "loads"), [("--help", "--cases", []), ("--list", "nets/", ["numpy"])]
)
def test_help_and_a_list_are_quick_because_no_framework_is_loaded(typed, shown, loads):
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['build', {typed!r}]\n"
        "try: runpy.run_module('reports.build', run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "print([m for m in ('torch', 'jax', 'optax', 'pandas', 'numpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown in done.stdout
    assert done.stdout.splitlines()[-1] == str(loads)
