"""The adapters: the frameworks' own functions, what each program promises and states, how they are loaded."""

import sys

import mpmath
import numpy as np
import pytest
from networks import network, parametrize_pairs

from adapters import Adapter, Unavailable, UnknownAdapterError, find_adapters
from adapters.registry import BUILT_IN, load_adapter
from cases.catalog import Rule
from cases.problem import stacked
from reference import Verdict, judge

FRAMEWORKS = ["torch", "jax"]
EACH = pytest.mark.parametrize("name", ["numpy", *FRAMEWORKS])
EACH_FRAMEWORK = pytest.mark.parametrize("name", FRAMEWORKS)


def programs(name):
    (adapter,) = find_adapters([name])
    assert isinstance(adapter, Adapter), adapter
    return adapter.programs


def failures(problem, program):
    promises, accumulators = program.promises(problem.depth), program.accumulators
    steps = judge(problem, program.run, promises, accumulators=accumulators)
    return [finding for step in steps for finding in step.failures]


def pytest_generate_tests(metafunc):
    parametrize_pairs(metafunc)


# right, and wrong at the line that is damaged


@EACH
def test_every_activation_and_loss_agrees(name, activation, loss, dtype):
    problem = network((3, 4, 2), 5, activations=(activation, "identity"), loss=loss, dtype=dtype, steps=2)
    for program in programs(name):
        assert failures(problem, program) == []


@EACH_FRAMEWORK
def test_parameters_that_are_not_trained_stay_and_have_gradients(name):
    for fixed in ({"b1", "W2"}, {"W1", "b1", "W2", "b2"}):
        problem = network(not_trained=frozenset(fixed))
        for program in programs(name):
            assert failures(problem, program) == []
            claim = next(program.run(problem.copy()))
            assert np.array_equal(claim["W2_new"], problem.parameters["W2"])


# what is promised and stated, name by name: less would go unnoticed otherwise

OUTCOME = set("loss dL/dW1 dL/db1 dL/dW2 dL/db2 W1_new b1_new W2_new b2_new".split())
OBSERVABLE = OUTCOME | set("z1 a1 z2 a2 dL/dz1 dL/da1 dL/dz2 dL/da2".split())
# Of a network of two layers.
PROMISED = {
    "numpy": {"": OBSERVABLE | {"da1/dz1", "da2/dz2"}},
    "torch": {"": OBSERVABLE},
    "jax": {"plain": OUTCOME, "observed": OBSERVABLE},
    **{name: {"": OUTCOME} for name in "torch-func torch-compile jax-eager jax-forward jax-vmap".split()},
    **{name: {"": OUTCOME} for name in "autograd sklearn equinox keras tinygrad".split()},
    "torch-cuda": {"": OBSERVABLE},
    "jax-cuda": {"plain": OUTCOME, "observed": OBSERVABLE},
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_program_promises_what_it_is_known_to_show(name):
    (adapter,) = find_adapters([name])
    if isinstance(adapter, Unavailable):
        pytest.skip(adapter.reason)
    assert {one.name: set(one.promises(2)) for one in adapter.programs} == PROMISED[name]


PARAMETERS = ("W1", "b1", "W2", "b2")
# What can be seen of Adam with a schedule and clipping, besides what is promised; NumPy shows more.
SEEN = {"rate", "norm"} | {
    text.format(name) for name in PARAMETERS for text in ("m_{}_new", "v_{}_new", "dL/d{}_clipped")
}
SEEN_OF_NUMPY = {"clip", "correction1", "correction2", *(f"direction_{name}" for name in PARAMETERS)}


def adam(name, max_norm):
    eps = 1e-6 if name.startswith("torch") else 0.0
    return {
        "optimizer": Rule("adam", (("beta1", 0.5), ("beta2", 0.75), ("eps", 0.25))),
        "schedule": Rule("step", (("every", 1), ("factor", 0.5))),
        "clipping": Rule("global_norm", (("max_norm", max_norm), ("clip_eps", eps))),
    }


@pytest.mark.parametrize("name", ["numpy", *FRAMEWORKS, "torch-func"])
def test_each_program_states_its_promises_and_all_that_can_be_seen_of_an_update(name):
    problem = network(steps=2, **adam(name, 0.125))
    for program in programs(name):
        own = SEEN_OF_NUMPY if name == "numpy" else set()
        for claim in program.run(problem.copy()):
            assert set(claim) == PROMISED[name][program.name] | SEEN | own
        assert failures(problem, program) == []


@EACH
def test_each_case_of_a_stack_is_judged_right(name):
    """Adam and clipping, and cases of which some are clipped and others not, each by its own norm."""
    rules = adam(name, 0.5)
    alone = [network(seed=i, scale=scale, steps=3, **rules) for i, scale in enumerate((1, 4, 0.1))]
    for program in programs(name):
        claims = list(program.stacked.run(stacked(alone)))
        assert [claim["rate"].shape for claim in claims] == [()] * 3  # the same for all, so stated once
        factors = [claim["dL/dW1_clipped"][:, 0, 0] / claim["dL/dW1"][:, 0, 0] for claim in claims]
        assert np.ptp(factors, axis=1).min() > 0.05
        for i, problem in enumerate(alone):
            own = [{key: array[i] if array.ndim else array for key, array in step.items()} for step in claims]
            assert all(program.promises(2) | SEEN <= set(claim) for claim in own)
            steps = list(judge(problem, lambda _, own=own: iter(own), program.promises(2)))
            assert [finding for step in steps for finding in step.failures] == []


@EACH
def test_claims_have_the_problems_dtype_and_do_not_change_when_training_goes_on(name):
    for program in programs(name):
        claims, copies = [], []
        for claim in program.run(network(dtype="float32", steps=3)):
            claims.append(claim)
            copies.append({quantity: array.copy() for quantity, array in claim.items()})
        for claim, copy in zip(claims, copies, strict=True):
            assert program.promises(2) <= set(claim)
            assert {array.dtype.name for array in claim.values()} == {"float32"}
            assert all(np.array_equal(copy[quantity], claim[quantity]) for quantity in copy)


# JAX and PyTorch


@pytest.mark.needs("jax")
def test_jax_leaves_its_float64_setting_as_it_found_it_even_between_steps():
    import jax

    for program in programs("jax"):
        for before in (False, True):
            with jax.enable_x64(before):
                run = program.run(network(dtype="float64", steps=2))
                next(run)
                assert jax.config.jax_enable_x64 is before
                assert next(run)["loss"].dtype == "float64"


@pytest.mark.needs("jax")
def test_jax_programs_are_compiled_once_for_a_structure_and_its_shapes():
    from adapters import jax_grad

    jax_grad.compiled_step.cache_clear()
    for learning_rate, seed in ((0.1, 1), (0.2, 2)):
        for program in programs("jax"):
            list(program.run(network((5, 7, 3), 6, seed=seed, learning_rate=learning_rate)))
    assert jax_grad.compiled_step.cache_info().misses == 1
    step = jax_grad.compiled_step(jax_grad.structure_of(network((5, 7, 3), 6)))
    assert step._cache_size() == 2  # noqa: SLF001 - plain and observed; JAX has no public count


@pytest.mark.needs("jax")
def test_a_cache_folder_that_the_user_chose_is_left_alone():
    import jax

    from adapters.jax_grad import use_compilation_cache

    use_compilation_cache()
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", "chosen")
    use_compilation_cache.__wrapped__()
    assert jax.config.jax_compilation_cache_dir == "chosen"
    jax.config.update("jax_compilation_cache_dir", before)


@pytest.mark.needs("jax")
def test_jaxs_binary_cross_entropy_is_right_where_xlas_log1p_is_not():
    """XLA's log1p(−a) is off by 200 u of itself near a = 0.41 in float64 (test_contract.py)."""
    import jax

    from adapters.jax_functions import loss_of

    key = ("binary_cross_entropy", "sum", ())
    with jax.enable_x64(True), mpmath.workdps(40):
        loss = jax.jit(lambda p: loss_of(key, p, jax.numpy.zeros_like(p)))
        for a in np.linspace(0.3, 0.5, 64):
            exact = -mpmath.log(1 - mpmath.mpf(float(a)))
            assert abs(float(loss(np.array([[a]]))) - exact) <= (12 * exact + 1) * 2.0**-53


@pytest.mark.needs("torch")
def test_torch_func_differentiates_tensors_that_record_nothing(monkeypatch):
    """Parameters that require a gradient of their own would be recorded as well as transformed."""
    import torch

    from adapters import torch_autograd

    def forbidden(*_, **__):
        raise AssertionError("backward was called")

    monkeypatch.setattr(torch.Tensor, "backward", forbidden)
    problem, to_torch = network(), torch_autograd.to_torch
    parameters = {name: to_torch(array).requires_grad_() for name, array in problem.parameters.items()}
    given = parameters, to_torch(problem.x), to_torch(problem.y)
    seen, gradients = torch_autograd.functional(problem, *given)
    assert gradients.keys() == parameters.keys()
    assert not any(tensor.requires_grad for tensor in [*seen.values(), *gradients.values()])
    with pytest.raises(AssertionError, match="backward was called"):
        torch_autograd.backward(problem, *given)


# how they are found


@pytest.mark.parametrize("framework", ["torch", "jax", "optax"])
def test_a_missing_framework_is_not_run_and_says_so(framework, monkeypatch):
    name = "torch" if framework == "torch" else "jax"
    for module in [module for module in sys.modules if module.startswith(f"adapters.{name}_")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, framework, None)
    loaded = load_adapter.__wrapped__(name, BUILT_IN[name].location)
    assert loaded == Unavailable(name, Verdict.NOT_RUN, f"{framework} is not installed")


BROKEN = {
    "raise OSError('libcuda.so: no such file')": "could not be imported: OSError: libcuda.so: no such file",
    "run = 3": "is of type int, expected an Adapter or a function",
    "walk = 3": "could not be imported: AttributeError",
    "import no_such_module": "no_such_module is not installed",
    "": "there is no module",  # a mistyped name, and no missing framework
}


@pytest.mark.parametrize("source", BROKEN)
def test_what_cannot_be_loaded_says_why(source, tmp_path, monkeypatch):
    name = f"broken_{abs(hash(source))}"
    if source:
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    (loaded,) = find_adapters([f"{name}:run"])
    assert (loaded.name, loaded.verdict is Verdict.NOT_RUN) == (f"{name}:run", source.startswith("import"))
    assert loaded.reason.startswith(BROKEN[source])


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownAdapterError, match="'tensorflow', expected one of numpy, torch, jax"):
        find_adapters(["tensorflow@python"])


def test_an_adapter_is_loaded_once():
    load_adapter.cache_clear()
    assert find_adapters(["numpy"])[0] is find_adapters(["numpy"])[0]
