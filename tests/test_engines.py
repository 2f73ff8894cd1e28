"""The engines: each agrees, each is what its name says, and where one cannot run it says why."""

import pytest

pytest.importorskip("jax")
pytest.importorskip("torch")

import logging
import warnings
from dataclasses import replace
from functools import partial
from itertools import product

import jax
import test_parity
import torch
from networks import ACTIVATIONS, LOSSES, network, parametrize_pairs
from rules import OPTIMIZERS, rule

from adapters import Adapter, Choice, Unavailable, find_adapters, jax_grad, torch_autograd
from adapters.registry import BUILT_IN, ENGINES
from cases import load_case, load_cases, names
from reference import Verdict, judge
from reports.build import main
from reports.parity import failure_of
from reports.runs.expectations import expectation_of

EACH_ENGINE = pytest.mark.parametrize("name", ENGINES)
slow = pytest.mark.skipif("not config.getoption('--slow')", reason="each structure is compiled: --slow")
without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")


def engine(name):
    (adapter,) = find_adapters([name])
    assert isinstance(adapter, Adapter), adapter
    (program,) = adapter.programs
    return program.run


def failures(problem, run, promises=names.outcome):
    return [finding for step in judge(problem, run, promises(problem.depth)) for finding in step.failures]


# each agrees


def pytest_generate_tests(metafunc):
    """Engines take the forward pass and the loss of their framework's adapter, which is tested with all."""
    parametrize_pairs(metafunc, one_in=3)


@EACH_ENGINE
def test_every_activation_and_loss_agrees(name, activation, loss, dtype):
    problem = network((3, 4, 2), 5, activations=(activation, "identity"), loss=loss, dtype=dtype, steps=2)
    assert failures(problem, engine(name)) == []


QUICK = [("momentum", "float64"), ("adam", "float32")]
UPDATES = [
    pytest.param(*update, marks=() if update in QUICK else slow)
    for update in product(("momentum", "nesterov", "adam", "adamw", "centered"), ("float64", "float32"))
]


@pytest.mark.parametrize(("optimizer", "dtype"), UPDATES)
@EACH_ENGINE
def test_every_engine_updates_by_the_frameworks_optimizer_and_shows_its_state(name, optimizer, dtype):
    loss = ("half_squared_error", "mean")
    problem = network(dtype=dtype, steps=3, optimizer=rule(dtype, **OPTIMIZERS[optimizer]), loss=loss)
    assert failures(problem, engine(name)) == []
    assert problem.updated_states <= set(next(engine(name)(problem.copy())))


# In x64-off JAX is as its case expects.
CASES = ["worked/document", "nets/not-trained", "edges/relu-at-zero", "divergences/x64-off", "nets/deep"]
LONG = {*product(("jax-forward", "jax-vmap"), ("divergences/x64-off",)), *product(ENGINES, ("nets/deep",))}


@pytest.mark.parametrize(
    ("name", "case"),
    [pytest.param(*one, marks=slow if one in LONG else ()) for one in product(ENGINES, CASES)],
)
def test_shipped_cases_agree(name, case):
    for dtype in load_case(case).dtypes:
        assert failure_of(load_case(case), name, dtype) is None


COMPILED = [
    *({"activations": name, "dtype": dtype} for name in ACTIVATIONS for dtype in ("float64", "float32")),
    *({"loss": loss, "optimizer": rule("float64", **OPTIMIZERS["adam"])} for loss in LOSSES),
]


@slow
@pytest.mark.parametrize("given", COMPILED, ids=str)
def test_torch_compile_agrees_for_every_activation_and_loss(given):
    assert failures(network((3, 4, 2), 5, steps=2, **given), engine("torch-compile")) == []


# each is what it says; of torch.func that is in test_adapters.py


@pytest.fixture
def fresh():
    """Compile anew in this test, and leave nothing behind that was compiled with what it plants."""
    jax_grad.compiled_step.cache_clear()
    yield
    jax_grad.compiled_step.cache_clear()


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


CALLS = {
    "jax-eager": [((4, 3), True), ((4, 1), True)] * 3,  # Python runs in every step
    "jax-forward": [((4, 3), False), ((4, 1), False)],  # once, to be compiled
    "jax-vmap": [((1, 3), False), ((1, 1), False)],  # one example at a time
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_compiled_and_for_what_shapes(name, calls):
    list(engine(name)(network((2, 3, 1), 4, steps=3)))
    assert calls == CALLS[name]
    assert not jax.config.jax_disable_jit
    assert jax_grad.compiled_step.cache_info().currsize == (name != "jax-eager")


@pytest.mark.usefixtures("fresh")
def test_forward_mode_meets_no_custom_vjp(monkeypatch):
    """JAX has no forward mode for it, and says so: an engine that went backwards would run it."""
    activate = jax_grad.activate

    def planted(name, z):
        function = jax.custom_vjp(lambda z: activate(name, z))
        function.defvjp(lambda z: (activate(name, z), z), lambda z, upstream: (upstream,))
        return function(z)

    monkeypatch.setattr(jax_grad, "activate", planted)
    (finding,) = failures(network(), engine("jax-forward"))
    assert finding.verdict is Verdict.ERROR
    assert "forward-mode" in finding.reason
    for name in ("jax-eager", "jax-vmap"):
        assert failures(network(), engine(name))[0].verdict is Verdict.DIFFERS


def test_forward_mode_declines_what_its_memory_does_not_hold():
    limit = jax_grad.MAX_PARAMETERS_FORWARD
    assert 8 * limit**2 <= 2**28 < 8 * (limit + 1) ** 2
    (finding,) = failures(network((80, 80), 1), engine("jax-forward"))
    assert finding.verdict is Verdict.NO_EQUIVALENT
    assert finding.reason == "forward mode is run for up to 5,792 parameters, not 6,480"


@slow
def test_pytorch_compiles_one_whole_graph_and_that_is_judged(monkeypatch):
    from torch._dynamo.utils import counters

    counters.clear()
    activate = torch_autograd.activate
    monkeypatch.setattr(torch_autograd, "activate", lambda name, z: activate(name, z) * (1 + 1e-12))
    assert failures(network(), engine("torch-compile"))[0].quantity == "loss"
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]
    assert counters["inductor"] or counters["aot_autograd"]["ok"]


# where one cannot run


def test_without_a_compiler_or_pythons_headers_nothing_is_compiled(monkeypatch):
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": "/nowhere"})
    assert torch_autograd.missing_compiler() == "no Python headers: there is no /nowhere/Python.h"
    monkeypatch.setenv("CXX", "no-such-compiler")
    reason = "no C++ compiler: no-such-compiler is not installed"
    assert torch_autograd.find_compiled() == Unavailable("torch-compile", Verdict.NOT_RUN, reason)


def test_only_the_compilers_own_deprecation_is_ignored():
    with torch_autograd.without_compiler_deprecations():
        warnings.warn("`torch.jit.script_method` is deprecated. Please switch", DeprecationWarning, 1)
        with pytest.raises(DeprecationWarning, match="something else"):
            warnings.warn("something else is deprecated", DeprecationWarning, 1)


@pytest.fixture
def asking(request, monkeypatch):
    """Give a function that returns what the parity tests choose where pytest is given an option."""

    def asking(option, value):
        monkeypatch.setattr(request.config.option, option, value)
        return test_parity.choice(request.config)

    return asking


USUAL, ON_CUDA = ("numpy", "torch", "jax"), ("torch-cuda", "jax-cuda")
DOCUMENT = ["--select", "worked/document", "--dtype", "float32"]


@without_cuda
@pytest.mark.usefixtures("without_pictures")
def test_a_device_that_was_asked_for_and_is_absent_fails_report_and_tests(asking, tmp_path, capsys):
    assert main([*DOCUMENT, "--device", "cuda", "--out", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr().out
    assert "Asked for, but not run: torch-cuda, jax-cuda." in printed
    assert "Not run: torch-cuda, because no CUDA device." in printed
    assert "agrees" in printed  # NumPy, all the same
    choice = asking("device", "cuda")
    assert (choice.names, choice.required) == (("numpy", *ON_CUDA), ON_CUDA)
    for name in ON_CUDA:
        failure = failure_of(load_case("worked/document"), name, "float32")
        assert (failure.not_run, "not run: no CUDA device" in failure.text) == (True, True)


def test_what_jax_logs_while_it_looks_for_a_device_is_not_printed(monkeypatch, caplog):
    log = logging.getLogger("jax._src.xla_bridge")

    def devices(platform):
        log.warning("An NVIDIA GPU may be present on this machine")
        raise RuntimeError(f"unknown backend {platform}")

    monkeypatch.setattr(jax, "devices", devices)
    level = log.level
    assert jax_grad.first_device.__wrapped__("cuda") is None
    assert log.level == level
    assert not caplog.records


# on a device: the same code, here on the processor


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_runs_on_a_device_agrees(dtype):
    problem = network(dtype=dtype, optimizer=rule(dtype, **OPTIMIZERS["adam"]), steps=2)
    assert failures(problem, torch_autograd.train_on_device, names.observable) == []
    for observe, promises in ((False, names.outcome), (True, names.observable)):
        assert failures(problem, partial(jax_grad.train_on_device, observe=observe), promises) == []


@pytest.fixture
def low_precision():
    """Set PyTorch to compute products with TF32, where there is a device, until the end of a test."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.usefixtures("low_precision")
def test_pytorchs_tf32_is_off_in_every_step_and_as_it_was_between_them_or_it_is_an_error(monkeypatch):
    seen = []
    linear = torch.nn.functional.linear

    def spy(*given):
        seen.append((torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32))
        return linear(*given)

    monkeypatch.setattr(torch_autograd.F, "linear", spy)
    for _ in torch_autograd.train_on_device(network(dtype="float32", steps=2)):
        assert torch.get_float32_matmul_precision() == "high"
    assert seen == [("highest", False)] * 4
    with monkeypatch.context() as patch:
        patch.setattr(torch, "set_float32_matmul_precision", lambda _: None)
        (finding,) = failures(network(), torch_autograd.train_on_device)
    assert (finding.verdict, "TF32 cannot be switched off" in finding.reason) == (Verdict.ERROR, True)


def test_jax_asks_for_full_precision_in_every_product_and_nowhere_else():
    lowered = []

    def spy(structure):
        step = jax_grad.compiled_step(structure)

        def run(*given):
            lowered.append(str(step.lower(*given).as_text()))
            return step(*given)

        return run

    for train in (jax_grad.train_on_device, jax_grad.train):
        list(train(network(dtype="float32"), step_for=spy))
    on_device, plain = [
        [line for line in text.splitlines() if "stablehlo.dot_general" in line] for text in lowered
    ]
    assert len(on_device) == len(plain) > 4
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in on_device)
    assert not any("HIGHEST" in line for line in plain)


# which of them run


def test_every_built_in_adapter_can_be_named_and_knows_its_framework():
    for (name, row), adapter in zip(BUILT_IN.items(), find_adapters(tuple(BUILT_IN)), strict=True):
        assert (adapter.name, row.framework) == (name, name.split("-")[0] if "-" in name else "")
        assert isinstance(adapter, Unavailable) or adapter.framework == row.framework


CHOSEN = [
    (Choice(), USUAL, ()),
    (Choice(engines=True), (*USUAL, "torch-func", "jax-eager", "jax-forward", "jax-vmap"), ()),
    (Choice(("torch-compile",)), ("torch-compile",), ("torch-compile",)),
    (
        Choice(("jax-vmap",), engines=True),
        ("jax-vmap", "torch-func", "jax-eager", "jax-forward"),
        ("jax-vmap",),
    ),
    (Choice(device="cuda"), ("numpy", *ON_CUDA), ON_CUDA),
    (
        Choice(("torch", "jax@../old/bin/python"), device="cuda"),
        ("torch-cuda", "jax-cuda@../old/bin/python"),
        ("torch-cuda", "jax-cuda@../old/bin/python", *ON_CUDA),
    ),
]


@pytest.mark.parametrize(("choice", "run", "required"), CHOSEN)
def test_what_runs_and_what_is_required(choice, run, required):
    assert (choice.names, choice.required) == (run, required)


@pytest.mark.usefixtures("without_pictures")
def test_the_options_add_the_engines(asking, tmp_path, capsys):
    assert main([*DOCUMENT, "--engines", "--verbose", "--out", str(tmp_path / "out")]) == 0
    header = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(" case"))
    assert header.split() == ["case", "dtype", *USUAL, *ENGINES]
    assert asking("engines", True).names == (*USUAL, *ENGINES)


# what cases expect of the frameworks


@pytest.fixture
def expecting(folder):
    """Give a function that loads the case of two layers with what it expects of JAX at a quantity."""

    def expecting(quantity, forms):
        path = folder / "mine" / "two-layers.yaml"
        expects = f"expect: {{jax: {{errs: {quantity}, because: float64 is off}}}}"
        path.write_text(f"{path.read_text()}\nforms: {forms}\ndtypes: [float64]\n{expects}\n")
        return load_cases(folder)[0]

    return expecting


@pytest.mark.parametrize(("quantity", "is_met"), [("z1", True), ("a2", True), ("dL/dz1", False)])
def test_an_engine_may_hide_what_is_expected_but_not_fail_before_it(expecting, quantity, is_met):
    failure = failure_of(expecting(quantity, "defaults"), "jax-eager", "float64")
    assert (failure is None) is is_met
    assert is_met or "was expected to be in error at dL/dz1" in failure.text


def test_an_engine_that_agrees_in_all_it_states_is_taken_at_its_word(expecting):
    case = expecting("z1", "stated")
    (eager,) = find_adapters(["jax-eager"])
    assert expectation_of(case, "float64", eager, []) is None
    assert failure_of(case, "jax-eager", "float64") is None
    assert failure_of(case, "jax", "float64") is not None  # it shows z1, which agrees: news
    assert expectation_of(case, "float64", replace(eager, name="jax"), []) is not None
