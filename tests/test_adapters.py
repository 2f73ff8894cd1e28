"""The adapters are honest programs: the frameworks' own functions, copied inputs, no global state left."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from networks import network, parametrize_pairs

import adapters
from adapters import Adapter, Unavailable, UnknownAdapterError, find_adapters
from adapters.registry import ENTRY_POINT_GROUP, load_adapter
from reference import Verdict, judge

FRAMEWORKS = ["torch", "jax"]


def programs(name):
    (adapter,) = find_adapters([name])
    assert isinstance(adapter, Adapter), adapter
    return adapter.programs


def failures(problem, program):
    promises, accumulators = program.promises(problem.depth), program.accumulators
    steps = judge(problem, program.run, promises, accumulators=accumulators)
    return [finding for step in steps for finding in step.failures]


def is_damaged(problem, name, quantity):
    """The first failure of every program of an adapter is at `quantity`, if the program shows it."""
    for program in programs(name):
        first = failures(problem, program)[0]
        assert first.verdict is Verdict.DIFFERS
        if quantity in program.promises(problem.depth):
            assert first.quantity == quantity


def pytest_generate_tests(metafunc):
    parametrize_pairs(metafunc)


@pytest.mark.parametrize("name", ["numpy", *FRAMEWORKS])
def test_every_activation_and_loss_agrees(name, activation, loss, dtype):
    problem = network((3, 4, 2), 5, activations=(activation, "identity"), loss=loss, dtype=dtype, steps=2)
    for program in programs(name):
        assert failures(problem, program) == []


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_parameters_that_are_not_trained_stay(name):
    problem = network(not_trained=frozenset({"b1", "W2"}))
    for program in programs(name):
        assert failures(problem, program) == []
        claim = next(program.run(problem.copy()))
        assert np.array_equal(claim["W2_new"], problem.parameters["W2"])


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_network_of_which_nothing_is_trained_still_has_gradients(name):
    problem = network(not_trained=frozenset({"W1", "b1", "W2", "b2"}))
    for program in programs(name):
        assert failures(problem, program) == []


@pytest.mark.needs("torch")
def test_a_sigmoid_that_is_off_by_1e_12_is_caught_at_the_first_layers_activation(monkeypatch):
    from adapters.torch_functions import ACTIVATIONS as BY_NAME

    sigmoid = BY_NAME["sigmoid"]
    monkeypatch.setitem(BY_NAME, "sigmoid", lambda z: sigmoid(z) * (1 + 1e-12))
    is_damaged(network(), "torch", "a1")


@pytest.mark.needs("jax")
def test_a_jax_sigmoid_that_is_off_by_1e_12_is_caught(monkeypatch):
    from adapters import jax_grad
    from adapters.jax_functions import ACTIVATIONS as BY_NAME

    sigmoid = BY_NAME["sigmoid"]
    monkeypatch.setitem(BY_NAME, "sigmoid", lambda z: sigmoid(z) * (1 + 1e-12))
    jax_grad.compiled_step.cache_clear()
    try:
        is_damaged(network(), "jax", "a1")
    finally:
        jax_grad.compiled_step.cache_clear()


@pytest.mark.parametrize("name", ["numpy", *FRAMEWORKS])
def test_what_an_adapter_promises_it_claims_in_the_problems_dtype(name):
    for program in programs(name):
        for claim in program.run(network(dtype="float32", steps=2)):
            assert program.promises(2) <= set(claim)
            assert {array.dtype.name for array in claim.values()} == {"float32"}


@pytest.mark.parametrize("name", ["numpy", *FRAMEWORKS])
def test_claims_of_earlier_steps_do_not_change_when_training_goes_on(name):
    for program in programs(name):
        run = program.run(network(steps=3))
        first = next(run)
        kept = {quantity: array.copy() for quantity, array in first.items()}
        list(run)
        assert all(np.array_equal(kept[quantity], first[quantity]) for quantity in kept)


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
    from adapters.jax_functions import loss_key
    from adapters.jax_optimizers import Update

    jax_grad.compiled_step.cache_clear()
    for learning_rate in (0.1, 0.2):
        for seed in (1, 2):
            for program in programs("jax"):
                list(program.run(network((5, 7, 3), 6, seed=seed, learning_rate=learning_rate)))
    problem = network((5, 7, 3), 6)
    form = (problem.activations, loss_key(problem), problem.trained)
    structure = jax_grad.Structure(*form, Update.of(problem))
    assert jax_grad.compiled_step.cache_info().misses == 1
    assert jax_grad.compiled_step(structure)._cache_size() == 2  # noqa: SLF001 - plain and observed; JAX has no public count


@pytest.mark.needs("jax")
def test_a_cache_folder_that_the_user_chose_is_left_alone():
    code = """
        import jax
        jax.config.update("jax_compilation_cache_dir", "chosen")
        from adapters.jax_cache import use_compilation_cache
        use_compilation_cache()
        print(jax.config.jax_compilation_cache_dir)
    """
    assert run_python(code) == "chosen"


def run_python(code, **options):
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("framework", ["torch", "jax", "optax"])
def test_a_missing_framework_is_not_run_and_says_so(framework):
    name = "torch" if framework == "torch" else "jax"
    code = f"""
        import sys
        sys.modules[{framework!r}] = None
        from adapters import find_adapters
        for adapter in find_adapters(["numpy", {name!r}]):
            print(adapter.name, getattr(adapter, "verdict", "runs"), getattr(adapter, "reason", ""), sep="|")
    """
    lines = run_python(code).splitlines()
    assert f"{name}|not run|{framework} is not installed" in lines
    assert "numpy|runs|" in lines


def test_a_broken_framework_is_an_error_with_its_reason(tmp_path, monkeypatch):
    (tmp_path / "broken_framework.py").write_text("raise OSError('libcuda.so: no such file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    (found,) = find_adapters(["broken_framework:run"])
    assert found == Unavailable(
        "broken_framework:run", Verdict.ERROR, "could not be imported: OSError: libcuda.so: no such file"
    )


def test_an_unknown_name_lists_the_known_ones():
    expected = "unknown adapter 'tensorflow', expected one of numpy, torch, jax"
    with pytest.raises(UnknownAdapterError, match=expected):
        find_adapters(["tensorflow"])


def test_what_is_neither_an_adapter_nor_a_function_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "just_a_number.py").write_text("run = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    (found,) = find_adapters(["just_a_number:run"])
    assert found.reason == "is of type int, expected an Adapter or a function"
    (found,) = find_adapters(["just_a_number:walk"])
    assert found.reason.startswith("could not be imported: AttributeError")


def test_a_mistyped_module_is_an_error_and_no_missing_framework():
    (found,) = find_adapters(["no_such_module.inside:run"])
    assert (found.verdict, found.reason) == (Verdict.ERROR, "there is no module no_such_module")


THIRD_PARTY = """
    import numpy as np

    def run(problem):
        W, b, x, y = problem.parameters["W1"], problem.parameters["b1"], problem.x, problem.y
        a = 1 / (1 + np.exp(-(x @ W.T + b)))
        dz = (a - y) * a * (1 - a)
        dW, db = dz.T @ x, dz.sum(0)
        yield {"loss": np.square(a - y).sum() / 2, "dL/dW1": dW, "dL/db1": db,
               "W1_new": W - problem.learning_rate * dW, "b1_new": b - problem.learning_rate * db}
"""


def test_a_third_partys_function_outside_the_tree_is_an_adapter(tmp_path, monkeypatch):
    (tmp_path / "their_backprop.py").write_text(textwrap.dedent(THIRD_PARTY))
    monkeypatch.syspath_prepend(tmp_path)
    (adapter,) = find_adapters(["their_backprop:run"])
    assert failures(network((4, 3), 5), adapter.programs[0]) == []


def test_a_third_partys_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "their_package.py").write_text(textwrap.dedent(THIRD_PARTY))
    info = tmp_path / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\ntheirs = their_package:run\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert [adapter.name for adapter in find_adapters()] == ["numpy", "torch", "jax", "theirs"]
    (adapter,) = find_adapters(["theirs"])
    assert failures(network((4, 3), 5), adapter.programs[0]) == []


def test_the_framework_adapters_write_no_derivative_and_borrow_no_formula():
    """Independence is the product: from the reference they take names and declare what they accumulate in."""
    folder = Path(adapters.__file__).parent
    for module in ("torch_autograd", "jax_grad", "jax_cache"):
        tree = ast.parse((folder / f"{module}.py").read_text())
        imported = {
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        from_reference = {name for name in imported if name.startswith("reference")}
        assert from_reference <= {"cases.names", "reference.arithmetic.number_formats.Accumulators"}, module


def test_loading_is_done_once():
    load_adapter.cache_clear()
    assert find_adapters(["numpy"])[0] is find_adapters(["numpy"])[0]
