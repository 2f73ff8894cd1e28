"""What a newcomer has, judged from an empty folder beside nothing but the installed package.

Each program is a file of its own. It is judged twice: as it is, and with one mistake whose line is known.
"""

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from installed import run

EXAMPLES = Path(__file__).parent.parent / "adapters" / "examples"

JUDGED = """
from backprop_parity import judge_step

verdict = judge_step(model, x, y, loss=loss, optimizer=optimizer)
print(verdict)
raise SystemExit(not verdict.agrees)
"""
TORCH = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        z = self.fc1(x)
        return self.fc2(torch.tanh(z))

torch.manual_seed(0)
model, x, y = Net(), torch.randn(5, 3), torch.tensor([0, 1, 1, 0, 1])
loss, optimizer = nn.CrossEntropyLoss(), torch.optim.AdamW(model.parameters())
"""
JAX = """
import jax
import jax.numpy as jnp
import optax

def activation(z):
    return jnp.tanh(z)

def loss(output, y):
    return optax.softmax_cross_entropy_with_integer_labels(output, y).mean()

random = jax.random.split(jax.random.key(0), 3)
x, y, optimizer = jax.random.normal(random[0], (5, 3)), jnp.array([0, 1, 1, 0, 1]), optax.adamw(1e-3)
"""
FUNCTION = """
def model(tree, x):
    return activation(x @ tree["W1"] + tree["b1"]) @ tree["W2"]

tree = {"W1": jax.random.normal(random[1], (3, 4)), "b1": jnp.zeros(4), "W2": jnp.ones((4, 2))}
"""
EQUINOX = """
import equinox
model = equinox.nn.MLP(3, 2, 4, 1, activation=activation, key=random[1])
"""
FLAX = """
from flax import nnx
rngs = nnx.Rngs(0)
model = nnx.Sequential(nnx.Linear(3, 4, rngs=rngs), activation, nnx.Linear(4, 2, rngs=rngs))
"""
KERAS = """
import keras
import numpy as np

def activation(z):
    return keras.ops.tanh(z)

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation), keras.layers.Dense(2)])
x, y = np.random.normal(size=(5, 3)).astype("float32"), np.array([0, 1, 1, 0, 1])
loss, optimizer = keras.losses.SparseCategoricalCrossentropy(from_logits=True), keras.optimizers.Adam()
"""
PORT = """
import jax
import jax.numpy as jnp
import optax
import torch
from backprop_parity import judge_step, read_step
from torch import nn

torch.manual_seed(0)
model, x, y = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2)), torch.randn(5, 3), torch.randn(5, 2)
original = read_step(model, x, y, loss=nn.MSELoss(), optimizer=torch.optim.AdamW(model.parameters()))

def port(tree, x):
    W1, b1, W2, b2 = tree
    return jax.nn.gelu(x @ W1.T + b1, approximate=False) @ W2.T + b2

def loss(output, y):
    return jnp.square(output - y).mean()

tree = [jnp.asarray(parameter.detach().numpy()) for parameter in model.parameters()]
given = {"parameters": tree, "loss": loss, "optimizer": optax.adamw(1e-3, weight_decay=0.01)}
verdict = judge_step(port, jnp.asarray(x.numpy()), jnp.asarray(y.numpy()), against=original, **given)
print(verdict)
raise SystemExit(not verdict.agrees)
"""
# Each with what it needs, and its mistake: a hidden layer's derivative is 1, not that of tanh.
STRAIGHT = "jnp.tanh(z)", "z + jax.lax.stop_gradient(jnp.tanh(z) - z)"
PROGRAMS = {
    "torch": (["torch"], TORCH + JUDGED, {"torch.tanh(z)": "z + (torch.tanh(z) - z).detach()"}),
    "jax": (["optax"], JAX + FUNCTION + JUDGED.replace("x, y,", "x, y, parameters=tree,"), dict([STRAIGHT])),
    "equinox": (["optax", "equinox"], JAX + EQUINOX + JUDGED, dict([STRAIGHT])),
    "flax": (["optax", "flax"], JAX + FLAX + JUDGED, dict([STRAIGHT])),
    "keras": (
        ["jax", "keras"],
        KERAS + JUDGED,
        {"keras.ops.tanh(z)": "z + keras.ops.stop_gradient(keras.ops.tanh(z) - z)"},
    ),
    "a port": (["torch", "optax"], PORT, {", approximate=False": "", ", weight_decay=0.01": ""}),
}
# One process, because a framework takes seconds to load.
RUN_EACH = """
import contextlib, io, json, pathlib, runpy
said = {}
for path in sorted(pathlib.Path().glob("*.py")):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            said[path.stem] = int(end.code), printed.getvalue()
pathlib.Path("said.json").write_text(json.dumps(said), encoding="utf-8")
"""


def missing(needed):
    return [name for name in needed if find_spec(name) is None]


def with_mistake(text, mistake):
    for right, wrong in mistake.items():
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    return text


@pytest.fixture(scope="module")
def said(python, tmp_path_factory):
    """Give the exit code, and the lines that are printed, of each program that can be run here."""
    folder = tmp_path_factory.mktemp("mine")
    for name, (needed, text, mistake) in PROGRAMS.items():
        if not missing(needed):
            (folder / f"{name} right.py").write_text(text, encoding="utf-8")
            (folder / f"{name} wrong.py").write_text(with_mistake(text, mistake), encoding="utf-8")
    run(python, "-c", RUN_EACH, cwd=folder, KERAS_BACKEND="jax")
    return json.loads((folder / "said.json").read_text(encoding="utf-8"))


def outcomes(said, name):
    if absent := missing(PROGRAMS[name][0]):
        pytest.skip(f"{absent[0]} is not installed")
    (right, agrees), (wrong, differs) = said[f"{name} right"], said[f"{name} wrong"]
    assert (right, wrong) == (0, 1), agrees + differs
    return agrees, differs


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "a port"])
def test_a_model_is_judged_in_five_lines(name, said):
    agrees, differs = outcomes(said, name)
    assert re.match(rf"{name} \d.* agrees: \d+ quantities of 1 training step; ", agrees)
    assert re.match(rf"{name} \d.* differs at dL/dz1, in step 1\.\n", differs)
    assert "derivative is missing" in differs
