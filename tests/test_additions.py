"""What it takes to add an activation, a loss, an optimizer or a mistake (cases/README.md), in a copy."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# What is added, a file, the beginning of the line below which a text is put (none: at the end), and the text.
ADDED = '''
=== celu | cases/catalog.py | ACTIVATIONS
    "celu",
=== celu | adapters/torch_functions.py | ACTIVATIONS
    "celu": lambda z: F.celu(z, alpha=1.0),
=== celu | adapters/jax_functions.py | ACTIVATIONS
    "celu": lambda z: jax.nn.celu(z, alpha=1.0),
=== celu | reference/activations/celu.py |
from reference.activations.elu import ELU as CELU  # with α = 1 the two are equal

=== squared error | cases/catalog.py | LOSSES
    "squared_error": LossKind("Σ (a − y)² over all elements.", reductions=("sum",)),
=== squared error | adapters/torch_functions.py | LOSSES
    "squared_error": F.mse_loss,
=== squared error | adapters/jax_functions.py | LOSSES
    "squared_error": optax.squared_error,
=== squared error | reference/losses/squares.py | SQUARES
    ("squared_error", "sum"): Loss(
        "Σ ({0} − {1})²", "2 ({0} − {1})", squared_error_sum, lambda y_hat, y: 2 * (y_hat - y)
    ),
=== adadelta | cases/catalog.py | is_decay_decoupled

def _adadelta(parameter: str, gradient: str, _: Rule) -> Iterator[Quantity]:
    v, u, way = (names.state(kind, parameter) for kind in ("v", "u", "direction"))
    yield Quantity(names.updated(v), "average of squares", ("rho", v, gradient))
    yield Quantity(way, "adadelta direction", (u, names.updated(v), gradient, "eps"))
    yield Quantity(names.updated(u), "average of squares", ("rho", u, way))
    yield Quantity(names.updated(parameter), "descend", (parameter, way, LEARNING_RATE))
=== adadelta | cases/catalog.py | OPTIMIZERS
    "adadelta": OptimizerKind(
        "Adadelta: W_new = W − η √(u + ε) / √(v_new + ε) dL/dW.",
        {"rho": Key("fraction", "ρ, of both averages; above 0 and below 1.", symbol="ρ"), **_keys("eps")},
        _adadelta,
    ),
=== adadelta | adapters/torch_optimizers.py | OPTIMIZERS
    "adadelta": TorchOptimizer(
        torch.optim.Adadelta, {"v": "square_avg", "u": "acc_delta"}, lambda rule: {"rho": rule["rho"]}
    ),
=== adadelta | adapters/jax_optimizers.py | OPTIMIZERS
    "adadelta": OptaxOptimizer(
        optax.adadelta, {"v": "e_g", "u": "e_x"}, lambda rule: {"rho": rule["rho"], "eps": rule["eps"]}
    ),
=== adadelta | reference/optimizers/adadelta.py |
"""Adadelta: Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012), algorithm 1."""

from reference.arithmetic import cast, sqrt
from reference.line import Formula

FORMULAS = {
    "adadelta direction": Formula(
        lambda u, v, g, eps: sqrt(u + cast(eps)) / sqrt(v + cast(eps)) * g, "√({0} + {3}) / √({1} + {3}) {2}"
    )
}

=== slope squared | reference/mistakes/wrong_updates.py |

@mistake("the slope of the first layer was squared")
def slope_squared(problem: Problem) -> Lines:
    """dL/dz1 = dL/da1 σ'(z1)²."""
    inputs = names.gradient("a1"), names.slope(1)
    return [Line(names.gradient("z1"), lambda da, slope: da * slope * slope, inputs, "{0} ⊙ {1}²")]
'''
ADDITIONS = [re.split(r" \| ?|\n", part, maxsplit=3) for part in ADDED.split("\n=== ")[1:]]

CASE = """\
about: What was added.
layers:
  - {W: [[0.4, 0.1], [0.2, -0.3]], b: [0.1, -0.5], activation: celu}
  - {W: [[0.6, -0.2]], b: [0.2], activation: sigmoid}
x: [[0.5, -1.0], [0.25, 0.75]]
y: [[0.8], [0.1]]
loss: {name: squared_error}
optimizer: {name: adadelta, learning_rate: 0.5, rho: 0.9, eps: 1e-3}
steps: 3
"""
JUDGE = """
from adapters import find_adapters
from cases import load_case
from cases.write_schema import schema_text
from reference import judge
from reference.mistakes import MISTAKES, mistaken_steps

assert all(name in schema_text() for name in ("celu", "squared_error", "adadelta", "rho"))
problem = load_case("added.yaml").problem("float64")
for adapter in find_adapters():
    program = adapter.programs[-1]
    steps = list(judge(problem, program.run, program.promises(2)))
    assert {"a1", "loss", "u_W1_new", "v_b2_new"} <= steps[2].claim.keys()
    print(adapter.name, [str(finding) for step in steps for finding in step.failures])
wrong = judge(problem, lambda problem: mistaken_steps(problem, MISTAKES["slope-squared"]), frozenset())
assert next(wrong).failures[0].quantity == "dL/dz1"
"""


@pytest.fixture(name="copy")
def _copy(tmp_path):
    leave_out = shutil.ignore_patterns("__pycache__", "*.yaml")
    for package in ("cases", "reference", "adapters"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=leave_out)
    for _, path, anchor, text in ADDITIONS:
        file = tmp_path / path
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        place = re.search(rf"^ *{anchor}\b.*\n", before, re.MULTILINE) if anchor else None
        assert place or not anchor, f"{file} has no line {anchor}"
        end = place.end() if place else len(before)
        file.write_text(f"{before[:end]}{text}\n{before[end:]}", encoding="utf-8")
    return tmp_path


@pytest.mark.needs("torch", "jax")
def test_an_activation_a_loss_and_an_optimizer_are_added_in_four_files_each_and_a_mistake_in_one(copy):
    files = {name: {path for what, path, _, _ in ADDITIONS if what == name} for name, *_ in ADDITIONS}
    assert [len(paths) for paths in files.values()] == [4, 4, 4, 1]
    (copy / "added.yaml").write_text(CASE, encoding="utf-8")
    command = [sys.executable, "-c", JUDGE]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["numpy []", "torch []", "jax []"]
