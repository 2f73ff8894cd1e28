"""What the tests of the reports share: a folder with one case, and implementations wrong in one way each."""

import math
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from installed import built, python  # noqa: F401 - fixtures

from reference import parts
from reports.runs import parallel

COLLECTED = parts.collected

TWO_LAYERS = """
about: Two layers, three steps.
layers:
  - {W: [[0.4, 0.1], [0.2, -0.3], [0.7, 0.5]], b: [0.1, 0.2, -0.1], activation: tanh}
  - {W: [[0.6, -0.2, 0.3]], b: [0.2], activation: sigmoid}
x: [[0.5, -1.0], [0.25, 0.75]]
y: [[0.8], [0.1]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.1}
steps: 3
"""

IMPLEMENTATIONS = '''
"""Implementations that are wrong in one way each: every function trains, and damages what it states."""

import os

import numpy as np

from reference import training_steps
from cases.protocol import NoEquivalent


def stating(change):
    """Train, and state what `change` makes of each step's number, values and problem."""

    def train(problem):
        for number, step in enumerate(training_steps(problem), start=1):
            yield change(number, step, problem)

    return train


honest = stating(lambda number, step, problem: step)
nan = stating(lambda number, step, problem: {**step, "loss": step["loss"] * np.nan})
drops = stating(lambda number, step, problem: {name: step[name] for name in step if name != "dL/db1"})
wrong_shape = stating(lambda number, step, problem: {**step, "dL/db1": step["dL/db1"].reshape(1, 3)})
OTHER = {"float64": "float32", "float32": "float64"}
wrong_dtype = stating(
    lambda number, step, problem: {**step, "dL/dW1": step["dL/dW1"].astype(OTHER[problem.dtype])}
)


def changes_its_inputs(problem):
    steps = list(training_steps(problem.copy()))
    problem.x[0, 0] = 7
    yield from steps


def raises(problem):
    raise ValueError("no such luck")
    yield


def raises_in_step_2(problem):
    yield next(training_steps(problem))
    raise ValueError("no such luck")


def ends_the_program(problem):
    raise SystemExit(0)
    yield


def ends_the_process(problem):
    os._exit(3)
    yield


def stops_early(problem):
    yield next(training_steps(problem))


def without_w2(number, step, problem, first=2):
    """The hidden gradient without W2: from the second step on, so that the first does not show it."""
    if number >= first:
        step["dL/da1"] = np.broadcast_to(step["dL/dz2"], step["dL/da1"].shape).copy()
    return step


forgets_the_factor = stating(without_w2)
always_forgets_it = stating(lambda *step: without_w2(*step, first=1))


def declines(problem):
    raise NoEquivalent("it has no such form")
    yield


not_a_function = 3
'''


def pytest_configure(config):
    """Set how many damaged files the reader of cases is given; no test fails because a machine is slow."""
    settings.register_profile("unhurried", settings(), deadline=None)
    settings.load_profile("unhurried")
    settings.register_profile("reader", max_examples=5000 if config.getoption("--slow") else 100)
    settings.register_profile("reports", max_examples=40 if config.getoption("--slow") else 3)
    parallel.collect_seldom()  # also while files are collected


@contextmanager
def nobody_collects():
    """Collect nothing, so that a part that fails raises."""
    yield []


@pytest.fixture(autouse=True, scope="session")
def failing_parts_raise():
    """Let a part of a report that fails fail the test, but where a test asks that `parts_may_fail`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "collected", nobody_collects)
        yield


@pytest.fixture(autouse=True, scope="session")
def builds_stay_in_their_process():
    """Let no build begin a pool, but where a test asks for one: the tests themselves keep all cores busy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "ENOUGH", math.inf)
        yield


@pytest.fixture
def parts_may_fail(monkeypatch):
    """Collect the parts that fail, as a build does."""
    monkeypatch.setattr(parts, "collected", COLLECTED)


FRAMEWORKS = ("torch", "jax", "optax")


# Files with fixtures that take seconds, or a test that does. With -n the first ones run in one process,
# where each fixture is made once, and what is left for another process to take over is short.
FIRST = [
    "test_bring.py", "test_wheel.py",
    "test_detection.py", "test_parts.py", "test_page_browser.py", "test_saved.py", "test_hostile_texts.py",
    "test_sweep_command.py", "test_diagnosis_printed.py", "test_pytest_options.py", "test_readme.py",
    "test_report_build.py", "test_isolation.py", "test_case_limits.py",
]  # fmt: skip


def pytest_collection_modifyitems(items):
    place = {name: i for i, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.path.name, len(FIRST)))


def pytest_collection_finish():
    """Leave alone what is loaded and collected, as a build does: to look through it takes time."""
    parallel.collect_seldom()


def pytest_runtest_setup(item):
    """Skip what needs a framework that is not installed: it is marked so, or has its name as an argument.

    The parity tests tell of that themselves, and fail where the framework was asked for.
    """
    needed = [name for marker in item.iter_markers("needs") for name in marker.args]
    if isinstance(item, pytest.Function) and item.path.name != "test_parity.py" and hasattr(item, "callspec"):
        needed += [one.partition("-")[0] for one in item.callspec.params.values() if isinstance(one, str)]
    needed += ["optax"] * ("jax" in needed)
    for name in FRAMEWORKS:
        if name in needed and find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="session")
def implementations(tmp_path_factory):
    """Give the folder of an importable module `programs`, to be named as `--adapter programs:honest`."""
    folder: Path = tmp_path_factory.mktemp("implementations")
    (folder / "programs.py").write_text(IMPLEMENTATIONS, encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture
def folder(tmp_path):
    """Give a folder with one case, `mine/two-layers`."""
    (tmp_path / "cases" / "mine").mkdir(parents=True)
    (tmp_path / "cases" / "mine" / "two-layers.yaml").write_text(TWO_LAYERS, encoding="utf-8")
    return tmp_path / "cases"


@pytest.fixture
def without_pictures(request, monkeypatch):
    """Draw no pictures, which take most of a small build, but where a test asks to have them `drawn`."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr("reports.plots.pictures", lambda _: ())


@pytest.fixture
def drawn():
    """Draw pictures all the same."""


@pytest.fixture(autouse=True, scope="session")
def workflows_page_is_left_alone():
    """Let no build of a test append to the page of a workflow that runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GITHUB_STEP_SUMMARY", raising=False)
        patch.delenv("GITHUB_ACTIONS", raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def tinygrad_needs_no_compiler():
    """Have tinygrad's device from the first test that loads it: it looks once, by default for clang."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEV", "PYTHON")
        yield


# A process may have 65,530 memory maps; a program of JAX takes some 50, and a file compiles up to 400.
MANY_MAPS = 25_000


@pytest.fixture(autouse=True, scope="module")
def programs_are_let_go():
    """Forget what JAX has compiled, after a file where it is much: else the next files use it again."""
    yield
    if "adapters.jax_grad" in sys.modules and memory_maps() > MANY_MAPS:
        sys.modules["adapters.jax_grad"].compiled_step.cache_clear()
        sys.modules["jax"].clear_caches()


def memory_maps():
    """Return how many memory maps this process has; infinitely many where nobody knows."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return math.inf
