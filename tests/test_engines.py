"""The engines: each agrees, each is what its name says, and where one cannot run it says why."""

import pytest

pytest.importorskip("jax")
pytest.importorskip("torch")

import subprocess
import sys
import warnings
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import jax
import torch
from networks import ACTIVATIONS, LOSSES, network, parametrize_pairs

from adapters import (
    Adapter,
    Choice,
    Unavailable,
    find_adapters,
    jax_engines,
    jax_grad,
    torch_autograd,
    torch_engines,
)
from adapters.registry import BUILT_IN, ENGINES
from cases import Rule, load_case, load_cases, names
from reference import Verdict, judge
from reports.build import main
from reports.parity import failure_of
from reports.runs.expectations import expectation_of

ROOT = Path(__file__).parent.parent
HALF = 0.5  # exact in every format, as every number of a rule must be
OPTIMIZERS = {
    "momentum": Rule("sgd", (("momentum", HALF),)),
    "nesterov": Rule("sgd", (("momentum", HALF),), frozenset({"nesterov"})),
    "adam": Rule("adam", (("beta1", HALF), ("beta2", 0.75), ("eps", 2.0**-20))),
    "adamw": Rule("adamw", (("beta1", HALF), ("beta2", 0.75), ("eps", 2.0**-20), ("weight_decay", 0.125))),
    "rmsprop": Rule("rmsprop", (("alpha", 0.75), ("eps", 2.0**-20)), frozenset({"centered"})),
}

EACH_ENGINE = pytest.mark.parametrize("name", ENGINES)
slow = pytest.mark.skipif("not config.getoption('--slow')", reason="each structure is compiled: --slow")
without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


def engine(name):
    (found,) = find_adapters([name])
    assert isinstance(found, Adapter), found
    (program,) = found.programs
    return program


def failures(problem, run, promises=names.outcome):
    return [finding for step in judge(problem, run, promises(problem.depth)) for finding in step.failures]


# each agrees


def pytest_generate_tests(metafunc):
    """Engines take the forward pass and the loss of their framework's adapter, which is tested with all."""
    parametrize_pairs(metafunc, one_in=3)


@EACH_ENGINE
def test_every_activation_and_loss_agrees(name, activation, loss, dtype):
    problem = network((3, 4, 2), 5, activations=(activation, "identity"), loss=loss, dtype=dtype, steps=2)
    assert failures(problem, engine(name).run) == []


QUICK = [("momentum", "float64"), ("adam", "float32")]
UPDATES = [
    pytest.param(*update, marks=() if update in QUICK else slow)
    for update in product(OPTIMIZERS, ["float64", "float32"])
]


@pytest.mark.parametrize(("optimizer", "dtype"), UPDATES)
@EACH_ENGINE
def test_every_engine_updates_by_the_frameworks_optimizer_and_shows_its_state(name, optimizer, dtype):
    loss = ("half_squared_error", "mean")
    problem = network(dtype=dtype, steps=3, optimizer=OPTIMIZERS[optimizer], loss=loss)
    run = engine(name).run
    assert failures(problem, run) == []
    assert problem.updated_states <= set(next(run(problem.copy())))


CASES = ["worked/document", "nets/not-trained", "edges/relu-at-zero", pytest.param("nets/deep", marks=slow)]


@pytest.mark.parametrize("case", CASES)
@EACH_ENGINE
def test_shipped_cases_agree(name, case):
    for dtype in ("float64", "float32"):
        assert failure_of(load_case(case), name, dtype) is None


COMPILED = [
    *(
        {"activations": activation, "dtype": dtype}
        for activation in ACTIVATIONS
        for dtype in ("float64", "float32")
    ),
    *({"loss": loss, "optimizer": OPTIMIZERS["adam"]} for loss in LOSSES),
]


@slow
@pytest.mark.parametrize("given", COMPILED, ids=str)
def test_torch_compile_agrees_for_every_activation_and_loss(given):
    assert failures(network((3, 4, 2), 5, steps=2, **given), engine("torch-compile").run) == []


# each is what it says


@pytest.fixture
def fresh():
    """Compile anew in this test, and leave nothing behind that was compiled with what it plants."""

    def clear():
        jax_grad.compiled_step.cache_clear()
        jax.clear_caches()

    clear()
    yield
    clear()


@pytest.fixture
def calls(monkeypatch, fresh):
    """Record the shape that each call of JAX's activation is given, and whether nothing is compiled."""
    recorded = []
    activate = jax_grad.activate

    def spy(name, z):
        recorded.append((z.shape, jax.config.jax_disable_jit))
        return activate(name, z)

    monkeypatch.setattr(jax_grad, "activate", spy)
    return recorded


def test_the_functional_engine_records_nothing_in_its_tensors(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("backward was called")

    monkeypatch.setattr(torch.Tensor, "backward", forbidden)
    assert failures(network(), engine("torch-func").run) == []
    assert [found.verdict for found in failures(network(), torch_autograd.train)] == [Verdict.ERROR]


def test_the_eager_engine_runs_python_in_every_step_and_compiles_nothing(calls):
    list(engine("jax-eager").run(network((2, 3, 1), 4, steps=3)))
    assert calls == [((4, 3), True), ((4, 1), True)] * 3
    assert not jax.config.jax_disable_jit
    assert jax_grad.compiled_step.cache_info().currsize == 0


@pytest.mark.parametrize("name", ["jax-forward", "jax-vmap"])
def test_the_other_engines_are_compiled_once(name, calls):
    list(engine(name).run(network((2, 3, 1), 4, steps=3)))
    assert len(calls) == 2


def test_the_engine_by_example_sees_one_example_at_a_time(calls):
    list(engine("jax-vmap").run(network((2, 3, 1), 4)))
    assert [shape for shape, _ in calls] == [(1, 3), (1, 1)]


def test_a_mean_without_its_factor_is_caught(fresh):
    def wrong(problem):
        def by_sum(structure, objective):
            name, _, numbers = structure.loss
            return jax_engines.by_example(replace(structure, loss=(name, "sum", numbers)), objective)

        return jax_grad.train(problem, step_for=partial(jax_grad.step_of, differentiate=by_sum))

    problem = network(loss=("half_squared_error", "mean"))
    assert failures(problem, wrong)[0].quantity == "loss"
    assert failures(network(), wrong) == []


def test_forward_mode_meets_no_custom_vjp(fresh, monkeypatch):
    """JAX has no forward mode for it, and says so: an engine that went backwards would run it."""
    activate = jax_grad.activate

    def planted(name, z):
        function = jax.custom_vjp(lambda z: activate(name, z))
        function.defvjp(lambda z: (activate(name, z), z), lambda z, upstream: (upstream,))
        return function(z)

    monkeypatch.setattr(jax_grad, "activate", planted)
    (found,) = failures(network(), engine("jax-forward").run)
    assert found.verdict is Verdict.ERROR
    assert "forward-mode" in found.reason
    for name in ("jax-eager", "jax-vmap"):
        assert failures(network(), engine(name).run)[0].verdict is Verdict.DIFFERS


def test_forward_mode_declines_what_its_memory_does_not_hold():
    limit = jax_engines.MAX_PARAMETERS_FORWARD
    assert 8 * limit**2 <= 2**28 < 8 * (limit + 1) ** 2
    problem = network((80, 80), 1)
    assert problem.size > limit
    (found,) = failures(problem, engine("jax-forward").run)
    assert found.verdict is Verdict.NO_EQUIVALENT
    assert found.reason == "forward mode is run for up to 5,792 parameters, not 6,480"


@slow
def test_pytorchs_compiler_compiles_one_whole_graph():
    from torch._dynamo.utils import counters

    counters.clear()
    list(engine("torch-compile").run(network(steps=3)))
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]
    assert counters["inductor"] or counters["aot_autograd"]["ok"]


@slow
def test_what_pytorch_compiles_is_judged_and_no_copy_of_it(monkeypatch):
    activate = torch_autograd.activate
    monkeypatch.setattr(torch_autograd, "activate", lambda name, z: activate(name, z) * (1 + 1e-12))
    assert failures(network(), engine("torch-compile").run)[0].quantity == "loss"


# where one cannot run


def test_without_a_compiler_or_pythons_headers_nothing_is_compiled(monkeypatch):
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": "/nowhere"})
    assert torch_engines.missing_compiler() == "no Python headers: there is no /nowhere/Python.h"
    monkeypatch.setenv("CXX", "no-such-compiler")
    reason = "no C++ compiler: no-such-compiler is not installed"
    assert torch_engines.find_compiled() == Unavailable("torch-compile", Verdict.NOT_RUN, reason)


def test_only_the_compilers_own_deprecation_is_ignored():
    with torch_engines.without_compiler_deprecations():
        warnings.warn("`torch.jit.script_method` is deprecated. Please switch", DeprecationWarning, 1)
        with pytest.raises(DeprecationWarning, match="something else"):
            warnings.warn("something else is deprecated", DeprecationWarning, 1)


@without_cuda
@pytest.mark.usefixtures("without_pictures")
def test_a_device_that_was_asked_for_and_is_absent_fails_the_report(tmp_path, capsys):
    asked = ["--select", "worked/document", "--dtype", "float32", "--out", str(tmp_path / "out")]
    assert main([*asked, "--device", "cuda"]) == 1
    printed = capsys.readouterr().out
    assert "Asked for, but not run: torch-cuda, jax-cuda." in printed
    assert "Not run: torch-cuda, because no CUDA device." in printed
    assert "agrees" in printed  # NumPy, all the same


def pytest_of_document(*arguments):
    run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/test_parity.py", *arguments]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)


@without_cuda
def test_a_device_that_was_asked_for_and_is_absent_fails_the_parity_tests():
    done = pytest_of_document("--device", "cuda", "-k", "document and float32 and not published")
    assert done.returncode == 1
    assert "2 failed, 1 passed" in done.stdout
    assert "not run: no CUDA device" in done.stdout
    assert "--adapter jax-cuda" in done.stdout  # the command that repeats it
    assert "Warning" not in done.stdout + done.stderr


@without_cuda
def test_looking_for_a_device_says_so_and_prints_nothing_else():
    code = (
        "from adapters import find_adapters\nfound = find_adapters(['jax', 'jax-cuda', 'torch-cuda'])[1:]\n"
    )
    code += "for one in found: print(one.verdict, one.reason)"
    looked = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(looked, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == "not run no CUDA device\n" * 2


# on a device: the same code, here on the processor


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_runs_on_a_device_agrees(dtype):
    problem = network(dtype=dtype, optimizer=OPTIMIZERS["adam"], steps=2)
    assert failures(problem, partial(torch_engines.run_on_device, device="cpu"), names.observable) == []
    for observe, promises in ((False, names.outcome), (True, names.observable)):
        run = partial(jax_engines.train_on_device, observe=observe, platform="cpu")
        assert failures(problem, run, promises) == []


@pytest.fixture
def low_precision():
    """Set PyTorch to compute products with TF32, where there is a device, until the end of a test."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.usefixtures("low_precision")
def test_pytorchs_tf32_is_off_in_every_step_and_as_it_was_between_them(monkeypatch):
    seen = []
    linear = torch.nn.functional.linear

    def spy(*given):
        seen.append((torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32))
        return linear(*given)

    monkeypatch.setattr(torch_autograd.F, "linear", spy)
    for _ in torch_engines.run_on_device(network(dtype="float32", steps=2), "cpu"):
        assert torch.get_float32_matmul_precision() == "high"
    assert seen == [("highest", False)] * 4


@pytest.mark.usefixtures("low_precision")
def test_tf32_that_cannot_be_switched_off_is_an_error(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(torch, "set_float32_matmul_precision", lambda _: None)
        (found,) = failures(network(), partial(torch_engines.run_on_device, device="cpu"))
    assert (found.verdict, "TF32 cannot be switched off" in found.reason) == (Verdict.ERROR, True)


def test_jax_asks_for_full_precision_in_every_product_and_nowhere_else(monkeypatch):
    lowered = []

    def spy(structure):
        step = jax_grad.compiled_step(structure)

        def run(*given):
            lowered.append(str(step.lower(*given).as_text()))
            return step(*given)

        return run

    problem = network(dtype="float32")
    train = jax_grad.train
    monkeypatch.setattr(jax_grad, "train", lambda *given, **options: train(*given, step_for=spy, **options))
    list(jax_engines.train_on_device(problem, observe=False, platform="cpu"))
    list(jax_grad.train(problem))
    on_device, plain = [
        [line for line in text.splitlines() if "stablehlo.dot_general" in line] for text in lowered
    ]
    assert len(on_device) == len(plain) > 4
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in on_device)
    assert not any("HIGHEST" in line for line in plain)


# which of them run


def test_every_built_in_adapter_can_be_named_and_knows_its_framework():
    for (name, row), found in zip(BUILT_IN.items(), find_adapters(tuple(BUILT_IN)), strict=True):
        assert (found.name, row.framework) == (name, name.split("-")[0] if "-" in name else "")
        if isinstance(found, Adapter):
            assert found.framework == row.framework


def test_engines_run_where_they_are_asked_for():
    assert ENGINES == ("torch-func", "jax-eager", "jax-forward", "jax-vmap")
    assert [adapter.name for adapter in find_adapters()] == ["numpy", "torch", "jax"]
    assert Choice().names == ("numpy", "torch", "jax")
    assert Choice(engines=True).names == ("numpy", "torch", "jax", *ENGINES)
    assert Choice(("torch-compile",)).names == ("torch-compile",)
    assert Choice(("jax-vmap",), engines=True).names[:2] == ("jax-vmap", "torch-func")


def test_a_device_takes_the_place_of_the_processor_and_is_required():
    assert Choice(device="cuda").names == ("numpy", "torch-cuda", "jax-cuda")
    assert Choice(device="cuda").required == ("torch-cuda", "jax-cuda")
    assert Choice(("torch", "jax@../old/bin/python"), device="cuda").names == (
        "torch-cuda",
        "jax-cuda@../old/bin/python",
    )
    assert Choice(("torch", "numpy")).required == ("torch", "numpy")
    assert Choice(engines=True).required == ()


@pytest.mark.usefixtures("without_pictures")
def test_the_options_add_the_engines(tmp_path, capsys):
    asked = ["--select", "worked/document", "--dtype", "float64", "--out", str(tmp_path / "out")]
    assert main([*asked, "--engines"]) == 0
    header = next(line for line in capsys.readouterr().out.splitlines() if "numpy" in line)
    assert header.split() == ["case", "dtype", "numpy", "torch", "jax", *ENGINES]
    done = pytest_of_document("--collect-only", "-q", "--engines", "-k", "document and float64")
    collected = [line for line in done.stdout.splitlines() if "test_parity[" in line]
    assert len(collected) == 3 + len(ENGINES)


# what cases expect of the frameworks


@EACH_ENGINE
def test_what_a_case_expects_of_a_framework_holds_for_its_engines(name):
    assert failure_of(load_case("divergences/x64-off"), name, "float64") is None


EXPECTS = """
forms: defaults
dtypes: [float64]
expect: {{jax: {{errs: {quantity}, because: float64 is off}}}}
"""


@pytest.mark.parametrize(("quantity", "is_met"), [("z1", True), ("a2", True), ("dL/dz1", False)])
def test_an_engine_may_hide_what_is_expected_but_not_fail_before_it(folder, quantity, is_met):
    path = folder / "mine" / "two-layers.yaml"
    path.write_text(path.read_text() + EXPECTS.format(quantity=quantity))
    (case,) = load_cases(folder)
    failure = failure_of(case, "jax-eager", "float64")
    assert (failure is None) is is_met
    if failure is not None:
        assert "was expected to be in error at dL/dz1" in failure.text


def test_an_engine_that_agrees_in_all_it_states_is_taken_at_its_word(folder):
    path = folder / "mine" / "two-layers.yaml"
    path.write_text(path.read_text() + EXPECTS.format(quantity="z1").replace("forms: defaults", ""))
    (case,) = load_cases(folder)
    (eager,) = find_adapters(["jax-eager"])
    assert expectation_of(case, "float64", eager, []) is None
    assert failure_of(case, "jax-eager", "float64") is None
    assert failure_of(case, "jax", "float64") is not None  # it shows z1, which agrees: news
    named = replace(eager, name="jax")
    assert expectation_of(case, "float64", named, []) is not None
