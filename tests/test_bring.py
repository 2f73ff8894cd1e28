"""What a newcomer has, judged from an empty folder that holds nothing else, beside the installed package.

Each program, of `tests/brought` or of the examples, is judged twice: as it is, and with a mistake whose line
is known.
"""

import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from installed import ROOT, run
from platformdirs import user_cache_path

BROUGHT, EXAMPLES = ROOT / "tests" / "brought", ROOT / "adapters" / "examples"

# What each needs, and its mistake: for the models the derivative of tanh is 1.
STRAIGHT = {"jnp.tanh(z)": "(z + jax.lax.stop_gradient(jnp.tanh(z) - z))"}
PROGRAMS = {
    "torch_module": (["torch"], {"torch.tanh(z)": "z + (torch.tanh(z) - z).detach()"}),
    "jax_function": (["jax", "optax"], STRAIGHT),
    "equinox_model": (["jax", "optax", "equinox"], STRAIGHT),
    "flax_model": (["jax", "optax", "flax"], STRAIGHT),
    "keras_model": (
        ["jax", "keras"],
        {"keras.ops.tanh(z)": "z + keras.ops.stop_gradient(keras.ops.tanh(z) - z)"},
    ),
    "torch_any": (
        ["torch"],
        {"return g / 2": "return g / 2.1"},
    ),
    "port": (["torch", "jax", "optax"], {", approximate=False": "", ", weight_decay=0.01": ""}),
}
# A framework takes seconds to load, so one process runs all programs, each as `python FILE` does.
RUN_EACH = """
import contextlib, io, json, pathlib, runpy, sys
sys.modules["sklearn"] = None  # Keras would load it, and uses it for none of this
said = {}
for path in sorted(pathlib.Path().glob("*.py")):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            said[path.stem] = int(end.code), printed.getvalue()
pathlib.Path("said.json").write_text(json.dumps(said), encoding="utf-8")
"""
COMPILED_ONCE = {
    "JAX_COMPILATION_CACHE_DIR": str(user_cache_path("backprop-parity") / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def bring(source: Path, to: Path, mistake=()):
    """Copy a program, with a mistake in place of what is right."""
    text = source.read_text(encoding="utf-8")
    for right, wrong in dict(mistake).items():
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    to.write_text(text, encoding="utf-8")


def skip_without(names, found):
    for name in names:
        if not found(name):
            pytest.skip(f"not run: {name} is not installed")


@pytest.fixture(scope="module")
def said(python, tmp_path_factory):
    """Give the exit code, and what is printed, of each program that can be run here."""
    folder = tmp_path_factory.mktemp("mine")
    for name, (needed, mistake) in PROGRAMS.items():
        if all(map(find_spec, needed)):
            bring(BROUGHT / f"{name}.py", folder / f"{name}.py")
            bring(BROUGHT / f"{name}.py", folder / f"wrong_{name}.py", mistake)
    run(python, "-c", RUN_EACH, cwd=folder, KERAS_BACKEND="jax", **COMPILED_ONCE)
    return json.loads((folder / "said.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in {"port", "torch_any"}])
def test_a_model_is_judged_in_five_lines(name, said):
    skip_without(PROGRAMS[name][0], find_spec)
    (right, agrees), (wrong, differs) = said[name], said[f"wrong_{name}"]
    framework = name.partition("_")[0]
    assert re.match(rf"{framework} \d.* agrees: \d+ quantities of 1 training step; ", agrees)
    assert re.match(rf"{framework} \d.* differs at dL/dz1, in step 1\.\n", differs)
    assert "derivative is missing" in differs
    assert (right, wrong) == (0, 1)


def test_a_program_of_any_kind_is_judged_in_five_lines(said):
    skip_without(PROGRAMS["torch_any"][0], find_spec)
    (right, agrees), (wrong, differs) = said["torch_any"], said["wrong_torch_any"]
    assert re.match(r"torch \S+ agrees: \d+ quantities of 1 training step; ", agrees)
    assert "\nTrue\n" in agrees
    assert re.search(r"The derivative of Halved \(wrong_torch_any\.py:\d+\) is not that of what it", differs)
    assert (right, wrong) == (0, 1)


def test_a_port_is_judged_at_both_of_its_mistakes(said):
    """`torch.testing.assert_close` passes the second: the rate 0.001 × 0.0099 W is less than its 1e-5."""
    skip_without(PROGRAMS["port"][0], find_spec)
    (right, agrees), (wrong, differs) = said["port"], said["wrong_port"]
    assert (right, wrong) == (0, 1)
    assert [line.partition(" ")[0] for line in agrees.splitlines()[:2]] == ["torch", "jax"]
    expected = [
        r"torch \S+ agrees: ",
        r"jax \S+ differs at a1, in step 1\.$",
        r"Note: the activation of layer 1 is gelu_tanh in jax \S+, and gelu_erf in torch ",
        r"Note: weight_decay is 0\.0001 in jax \S+, and 0\.01 in torch ",
        r"a1\[.* Explained by: gelu_tanh was computed",
        r"a1\[.* W2_new is wrong in its own right, too\. Explained by: the weight decay is ",
    ]
    for line in expected:
        assert re.search(f"^{line}", differs, re.MULTILINE), differs
    rows = re.findall(r"(\w\S*?)\)? +agrees \S+ \(\S+\) +differs +(passes|fails)$", differs, re.MULTILINE)
    updates = dict.fromkeys(["W2_new", "b2_new", "W1_new", "b1_new"], "passes")
    assert dict(rows) == {"a1": "fails", "dL/dz1": "fails", **updates}


SLOW = pytest.mark.skipif(
    "not config.getoption('--slow')", reason="C shows it, test_exec_program both: --slow"
)
JUDGE = "--activations tanh,identity --loss half_squared_error --reduction sum --learning-rate 0.1".split()


@pytest.mark.parametrize(
    ("mistake", "words"), [({}, "agrees: 5 quantities"), ({"a1**2": "a1"}, "differs at dL/dW1, in step 1.")]
)
def test_a_recorded_step_is_judged_by_its_file(mistake, words, python, tmp_path):
    bring(BROUGHT / "record.py", tmp_path / "record.py", mistake)
    run(python, "record.py", cwd=tmp_path)
    command = python.with_name("backprop-parity"), "judge", "step.npz", *JUDGE
    assert run(*command, cwd=tmp_path, code=int(bool(mistake))).startswith(f"step.npz {words}")


@pytest.mark.parametrize(
    ("source", "tool", "mistake"),
    [
        ("backprop.c", "cc", {"a * (1 - a)": "a * (1 + a)"}),
        pytest.param("backprop.js", "node", {"a * (1 - a)": "a * (1 + a)"}, marks=SLOW),
    ],
)
def test_a_program_in_another_language_is_judged(source, tool, mistake, python, tmp_path):
    skip_without([tool], shutil.which)
    bring(EXAMPLES / source, tmp_path / source)
    bring(EXAMPLES / source, tmp_path / f"wrong_{source}", mistake)
    asked = []
    for name in (source, f"wrong_{source}"):
        if tool == "cc":
            compiled = ["cc", "-O2", "-o", name.removesuffix(".c"), name, "-lm"]
            subprocess.run(compiled, cwd=tmp_path, check=True)
        asked += ["--adapter", f"exec:./{name.removesuffix('.c')}" if tool == "cc" else f"exec:node {name}"]
    build = [python.with_name("backprop-parity"), "build", "--select", "worked/document", "--format", "csv"]
    assert "All agree." in run(*build, *asked[:2], cwd=tmp_path)
    differs = run(*build, *asked[2:], cwd=tmp_path, code=1)
    assert re.search(r"^dL/dz2\[0, 0\] is \S+, but .*float64, worked/document\)", differs, re.MULTILINE)
