"""The skeleton of a training step: the tape line for line, its shapes and states, and any kind of layer."""

import re

import numpy as np
import pytest
from networks import ACTIVATIONS, LOSSES, network
from rules import OPTIMIZERS as RULES
from rules import every_rule, ruled

from cases import catalog, names
from cases.catalog import DENSE, OPTIMIZERS, LayerKind
from cases.names import Quantity
from cases.skeleton import FROM_NUMBERS, PATTERN, quantity_shapes, training_step
from reference.arithmetic import FLOAT64, Bounded, as_row
from reference.line import Formula, evaluate, line_of
from reference.optimizers import FORMULAS
from reference.training import formulas_of, tape, training_steps

PROBLEMS = every_rule("float64") | {
    **{name: network((2, 3, 2), 3, activations=name) for name in ACTIVATIONS},
    **{" ".join(loss): network((2, 3, 2), 3, loss=loss) for loss in LOSSES},
    "deep": network((1, 2, 3, 4, 1), 5),
    "nothing trained": ruled("adam", clip=(1.0, 0.0), not_trained=frozenset({"W1", "b1", "W2", "b2"})),
}
EACH = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


@EACH
def test_the_tape_is_the_skeleton_with_formulas(problem):
    lines = tape(problem)
    skeleton = training_step(problem.activations, problem.update_rules)
    stated = [(line.name, line.inputs) for line in skeleton]
    assert [(line.name, line.inputs) for line in lines] == stated
    assert [line.name for line in lines if not re.fullmatch(PATTERN, line.name)] == []
    known = {"x", "y", names.STEP, *problem.constants, *problem.state}
    numbers = {names.STEP, *problem.constants}
    for line in skeleton:
        assert known.issuperset(line.inputs), line  # it is computed from what stands above it
        known.add(line.name)
        numbers |= {line.name} if numbers.issuperset(line.inputs) else set()
    assert numbers - {names.STEP, *problem.constants} == FROM_NUMBERS & {line.name for line in lines}


@EACH
def test_each_line_has_the_shape_that_is_computed(problem):
    widths = [problem.x.shape[1], *(len(problem.parameters[f"b{k}"]) for k in range(1, problem.depth + 1))]
    shapes = quantity_shapes(len(problem.x), widths, problem.update_rules)
    computed = next(training_steps(problem))
    assert shapes == {name: np.shape(array) for name, array in computed.items()}


def test_the_pattern_refuses_other_names():
    others = ["z0", "z", "dL/dx1", "W1", "b1_newer", "correction3", "m_z1_new", "z1 ", "w_W1_new"]
    assert [name for name in others if re.fullmatch(PATTERN, name)] == []


STATES = {"sgd": "", "momentum": "m", "dampening": "m", "nesterov-decay": "m", "adam": "mv"}
STATES |= {"adamw-inside": "mv", "adamax": "mu", "rmsprop": "v", "centered-inside": "vm", "adagrad": "v"}


@pytest.mark.parametrize("name", STATES)
def test_the_states_of_an_optimizer_are_those_of_the_papers(name):
    problem = ruled(name, not_trained=frozenset({"b2"}))
    assert "".join(problem.optimizer.states) == STATES[name]
    assert problem.updated_states == {
        f"{kind}_{parameter}_new" for kind in STATES[name] for parameter in ("W1", "b1", "W2")
    }
    start = 0.1 if name == "adagrad" else 0.0
    assert all((array == start).all() for array in problem.optimizer_state.values())


def test_every_rule_is_tested_and_every_formula_is_used():
    stated = {(rule["name"], key) for rule in RULES.values() for key in rule.keys() - {"name"}}
    assert {(name, key) for name, kind in OPTIMIZERS.items() for key in kind.keys} == stated
    assert len(RULES) == 21
    every = (training_step(problem.activations, problem.update_rules) for problem in PROBLEMS.values())
    assert FORMULAS.keys() - {line.operation for lines in every for line in lines} == set()
    assert list(catalog.REDUCED_LOSSES) == LOSSES


@pytest.mark.needs("torch", "jax")
def test_the_adapters_have_a_row_for_each_record():
    from adapters import jax_functions, jax_optimizers, torch_functions, torch_optimizers

    for module in (torch_functions, jax_functions):
        assert set(catalog.ACTIVATIONS) == module.ACTIVATIONS.keys() - {"gelu"}
        assert catalog.LOSSES.keys() == module.LOSSES.keys()
    for module in (torch_optimizers, jax_optimizers):
        assert OPTIMIZERS.keys() == module.OPTIMIZERS.keys()


# A kind of layer with a scale γ, called g, and no bias: z = g ⊙ (a Wᵀ).


def forward(k):
    yield Quantity(f"u{k}", "product", (names.a(k - 1), f"W{k}"), ("N", k))
    yield Quantity(names.z(k), "scale", (f"u{k}", f"g{k}"), ("N", k))


def backward(k):
    dz, du, before = f"dL/dz{k}", f"dL/du{k}", names.a(k - 1)
    yield Quantity(f"dL/dg{k}", "scale gradient", (dz, f"u{k}"), (k,))
    yield Quantity(du, "scale", (dz, f"g{k}"), ("N", k))
    yield Quantity(f"dL/dW{k}", "weight gradient", (du, before), (k, k - 1))
    if k > 1:
        yield Quantity(f"dL/d{before}", "through weights", (du, f"W{k}"), ("N", k - 1))


SCALED = LayerKind(lambda k: {f"W{k}": (k, k - 1), f"g{k}": (k,)}, forward, backward)
SCALED_FORMULAS = {
    "product": Formula(lambda a, W: a @ W.mT, "{0} {1}ᵀ"),
    "scale": Formula(lambda u, g: u * as_row(g, u), "{0} ⊙ {1}"),
    "scale gradient": Formula(lambda dz, u: (dz * u).sum(axis=-2), "Σ {0} ⊙ {1}"),
}


def scaled_network():
    """Give a net of a scaled, a dense and again a scaled layer, its parameters, lines, and what is known."""
    problem, rng = ruled("adam", net=network((2, 3, 2, 2), 4, activations="tanh")), np.random.default_rng(3)
    parameters = {name: array for name, array in problem.parameters.items() if name not in {"b1", "b3"}}
    parameters |= {"g1": rng.standard_normal(3), "g3": rng.standard_normal(2)}
    loss = problem.loss, problem.reduction, problem.loss_numbers
    formulas = formulas_of(problem.activations, loss) | SCALED_FORMULAS
    skeleton = training_step(problem.activations, problem.update_rules, (SCALED, DENSE, SCALED))
    states = {f"{kind}_{name}": np.zeros_like(array) for kind in "mv" for name, array in parameters.items()}
    known = {"x": problem.x, "y": problem.y, names.STEP: np.float64(1)} | problem.constants
    return problem, parameters, [line_of(line, formulas) for line in skeleton], known | parameters | states


def loss_by_hand(problem, p):
    a1 = np.tanh((problem.x @ p["W1"].T) * p["g1"])
    a2 = np.tanh(a1 @ p["W2"].T + p["b2"])
    a3 = np.tanh((a2 @ p["W3"].T) * p["g3"])
    return ((a3 - problem.y) ** 2).sum() / 2


def test_a_kind_of_layer_is_one_record_and_one_table_of_formulas():
    problem, parameters, lines, known = scaled_network()
    values = evaluate(lines, known)
    assert float(values["loss"]) == pytest.approx(loss_by_hand(problem, parameters), rel=1e-14)
    for name, array in parameters.items():
        for i in np.ndindex(array.shape):
            step = np.zeros_like(array)
            step[i] = 1e-6
            above, below = (loss_by_hand(problem, parameters | {name: array + s}) for s in (step, -step))
            assert values[f"dL/d{name}"][i] == pytest.approx((above - below) / 2e-6, rel=1e-6, abs=1e-8)
        assert {f"m_{name}_new", f"v_{name}_new", f"{name}_new"} <= values.keys()
    assert "b1_new" not in values
    assert {line.name: line.equation for line in lines}["z3"] == "u3 ⊙ g3"
    bounded = {name: Bounded.exact(np.asarray(value), FLOAT64) for name, value in known.items()}
    within = evaluate(lines, bounded)
    for name in ("z1", "dL/dg1", "dL/dW1", "g3_new"):
        error = np.broadcast_to(within[name].error, values[name].shape)
        assert (np.abs(values[name] - within[name].value) <= error).all()
        assert 0 < error.max() < 1e-10
