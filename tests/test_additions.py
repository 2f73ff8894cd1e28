"""What it takes to add an activation, a loss and an optimizer (cases/README.md): one of each, in a copy."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Each of these: a file, the line below which a text is put, or "" for a new file, and the text.
CELU = [
    ("cases/catalog.py", "Activation: TypeAlias = Literal[", '    "celu",'),
    (
        "adapters/torch_functions.py",
        "ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {",
        '    "celu": lambda z: F.celu(z, alpha=1.0),',
    ),
    (
        "adapters/jax_functions.py",
        "ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {",
        '    "celu": lambda z: jax.nn.celu(z, alpha=1.0),',
    ),
    (
        "reference/activations/celu.py",
        "",
        '''"""CELU with α = 1, which is ELU with α = 1."""

from reference.activations.elu import ELU

CELU = ELU
''',
    ),
]
SQUARED_ERROR = [
    (
        "cases/catalog.py",
        "LOSSES: Final[dict[str, LossKind]] = {",
        '    "squared_error": LossKind("Σ (a − y)² over all elements.", reductions=("sum",)),',
    ),
    (
        "adapters/torch_functions.py",
        "LOSSES: dict[str, Callable[..., Tensor]] = {",
        '    "squared_error": F.mse_loss,',
    ),
    (
        "adapters/jax_functions.py",
        "LOSSES: dict[str, Callable[..., jax.Array]] = {",
        '    "squared_error": optax.squared_error,',
    ),
    (
        "reference/losses/squares.py",
        "SQUARES = {",
        """    ("squared_error", "sum"): Loss(
        "Σ ({0} − {1})²",
        "2 ({0} − {1})",
        squared_error_sum,
        lambda y_hat, y: 2 * (y_hat - y),
    ),""",
    ),
]
ADADELTA = [
    (
        "cases/update_rules.py",
        "    is_decay_decoupled: bool = False",
        """

def _adadelta(parameter: str, gradient: str, _: Rule) -> Iterator[Quantity]:
    v, u, way = (names.state(kind, parameter) for kind in ("v", "u", "direction"))
    yield Quantity(names.updated(v), "average of squares", ("rho", v, gradient))
    yield Quantity(way, "adadelta direction", (u, names.updated(v), gradient, "eps"))
    yield Quantity(names.updated(u), "average of squares", ("rho", u, way))
    yield Quantity(names.updated(parameter), "descend", (parameter, way, LEARNING_RATE))""",
    ),
    (
        "cases/update_rules.py",
        "OPTIMIZERS: Final[dict[str, OptimizerKind]] = {",
        """    "adadelta": OptimizerKind(
        "Adadelta: W_new = W − η √(u + ε) / √(v_new + ε) dL/dW.",
        {"rho": Key("fraction", "ρ, of both averages; above 0 and below 1.", symbol="ρ"), **_keys("eps")},
        _adadelta,
    ),""",
    ),
    (
        "adapters/torch_optimizers.py",
        "OPTIMIZERS = {",
        """    "adadelta": TorchOptimizer(
        torch.optim.Adadelta, {"v": "square_avg", "u": "acc_delta"}, lambda rule: {"rho": rule["rho"]}
    ),""",
    ),
    (
        "adapters/jax_optimizers.py",
        "OPTIMIZERS = {",
        """    "adadelta": OptaxOptimizer(
        optax.adadelta,
        {"v": "e_g", "u": "e_x"},
        lambda rule: {"rho": rule["rho"], "eps": rule["eps"]},
    ),""",
    ),
    (
        "reference/optimizers/adadelta.py",
        "",
        '''"""Adadelta: Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012), algorithm 1."""

from reference.arithmetic import cast, sqrt
from reference.line import Formula


def direction(u, v, g, eps):
    """√(u + ε) / √(v + ε) g."""
    return sqrt(u + cast(eps)) / sqrt(v + cast(eps)) * g


FORMULAS = {"adadelta direction": Formula(direction, "√({0} + {3}) / √({1} + {3}) {2}")}
''',
    ),
]

CASE = """\
about: What was added.
layers:
  - {W: [[0.4, 0.1], [0.2, -0.3]], b: [0.1, 0.2], activation: celu}
  - {W: [[0.6, -0.2]], b: [0.2], activation: sigmoid}
x: [[0.5, -1.0], [0.25, 0.75]]
y: [[0.8], [0.1]]
loss: {name: squared_error}
optimizer: {name: adadelta, learning_rate: 0.5, rho: 0.9, eps: 1e-3}
steps: 5
"""
JUDGE = """
from adapters import find_adapters
from cases import load_case
from cases.write_schema import schema_text
from reference import judge

assert all(name in schema_text() for name in ("celu", "squared_error", "adadelta", "rho"))
case = load_case("added.yaml")
for dtype in case.dtypes:
    for adapter in find_adapters():
        program = adapter.programs[-1]
        steps = list(judge(case.problem(dtype), program.run, program.promises(2)))
        assert len(steps) == 5
        assert {"a1", "loss", "u_W1_new", "v_b2_new"} <= steps[-1].claim.keys()
        print(adapter.name, dtype, [str(finding) for step in steps for finding in step.failures])
"""


@pytest.fixture(name="copy")
def _copy(tmp_path):
    leave_out = shutil.ignore_patterns("__pycache__", "*.yaml")
    for package in ("cases", "reference", "adapters"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=leave_out)
    for path, anchor, text in (*CELU, *SQUARED_ERROR, *ADADELTA):
        add(tmp_path / path, anchor, text)
    return tmp_path


def add(file, anchor, text):
    if not anchor:
        file.write_text(text, encoding="utf-8")
        return
    before, line, after = file.read_text(encoding="utf-8").partition(f"\n{anchor}\n")
    assert line, f"{file} has no line {anchor}"
    file.write_text(f"{before}{line}{text}\n{after}", encoding="utf-8")


@pytest.mark.needs("torch", "jax")
def test_an_activation_a_loss_and_an_optimizer_are_added_in_four_files_each(copy):
    additions = (CELU, SQUARED_ERROR, ADADELTA)
    assert [len({path for path, _, _ in addition}) for addition in additions] == [4, 4, 4]
    (copy / "added.yaml").write_text(CASE, encoding="utf-8")
    command = [sys.executable, "-c", JUDGE]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    every = [f"{name} {dtype} []" for dtype in ("float64", "float32") for name in ("numpy", "torch", "jax")]
    assert done.stdout.splitlines() == every
