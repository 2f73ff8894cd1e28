"""Minimizing: every edit gives a sound problem, only simpler ones are asked about, and the end is known."""

from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import LOSSES, network

from cases import Rule
from reference import tape, training_steps
from reports.sweep.minimize import PASSES, input_size, is_simpler, minimize, sound
from reports.sweep.minimize.case_text import document, widths_of
from reports.sweep.minimize.edits import shorter
from reports.sweep.minimize.short_numbers import rounder
from reports.sweep.plan import Plan

PLAN = Plan(0, 10_000)


def holds_together(problem):
    """Every line of its step can be computed, in the problem's own format, and its file can be written."""
    step = next(training_steps(problem))
    assert set(step) == {line.name for line in tape(problem)}
    for name, array in problem.parameters.items():
        assert step[f"{name}_new"].shape == array.shape
        assert step[f"{name}_new"].dtype == array.dtype == problem.dtype
    assert problem.x.dtype == problem.y.dtype == problem.dtype
    assert problem.y.shape == (len(problem.x), widths_of(problem)[-1])
    assert problem.not_trained <= set(problem.parameters)
    document(problem, "It is drawn.")


@given(st.integers(0, 3000), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_an_edit_gives_a_problem_and_of_the_two_one_is_simpler(case, random):
    problem = PLAN.problem(case)
    assert not is_simpler(problem, problem)
    edits = [edit for edits in PASSES for edit in edits(problem)]
    for edit in random.sample(edits, 10):
        edited = edit(problem)
        made = None if edited is None else sound(edited)
        if made is not None:
            holds_together(made)
        if made is edited is not None:
            assert not (is_simpler(made, problem) and is_simpler(problem, made))


def test_it_asks_only_about_simpler_sound_problems_and_returns_the_last_that_fails():
    asked, problem = [], PLAN.problem(0)

    def fails(candidate):
        assert sound(candidate) is candidate
        assert is_simpler(candidate, ([problem] + [one for one, failed in asked if failed])[-1])
        failed = len(candidate.x) > 2 and "W2" in candidate.parameters
        asked.append((candidate, failed))
        return failed

    minimal = minimize(problem, fails)
    assert minimal is next(one for one, failed in reversed(asked) if failed)
    assert (len(minimal.x), minimal.depth) == (3, 2)


SIMPLEST = [
    "layers:",
    "  - {W: [[0]], b: [0], activation: identity}",
    "x: [[0]]",
    "y: [[0]]",
    "loss: {name: half_squared_error, reduction: sum}",
    "optimizer: {name: sgd, learning_rate: 1}",
    "dtypes: [float64]",
]


def test_a_problem_that_always_fails_becomes_the_simplest_there_is():
    clipped = Rule("global_norm", (("max_norm", 0.3), ("clip_eps", 1e-6)))
    decayed = Rule("adamw", (("beta1", 0.9), ("beta2", 0.99), ("eps", 1e-8), ("weight_decay", 0.1)))
    problem = network(
        (3, 4, 4, 2), 5, activations="gelu_erf", loss=("smooth_l1", "mean"), steps=3, optimizer=decayed,
        clipping=clipped, schedule=Rule("cosine", (("over", 2), ("final", 0.1))),
        not_trained=frozenset({"b2"}),
    )  # fmt: skip
    assert document(minimize(problem, lambda _: True), "Nothing.").splitlines()[4:] == SIMPLEST


def largest_weight(problem):
    return max(np.abs(problem.parameters[f"W{k}"]).max() for k in range(1, problem.depth + 1))


@pytest.mark.parametrize(
    ("fails", "lines"),
    [
        (lambda p: len(p.x) > 1, ["x: [[0], [0]]", "y: [[0], [0]]"]),
        (lambda p: p.steps > 1, ["steps: 2"]),
        (lambda p: "tanh" in p.activations, ["  - {W: [[0]], b: [0], activation: tanh}"]),
        (lambda p: largest_weight(p) > 1.25, ["  - {W: [[2]], b: [0], activation: identity}"]),
        (
            lambda p: p.parameters["W1"].shape == (2, 2),
            ["  - {W: [[0, 0], [0, 0]], b: [0, 0], activation: identity}", "x: [[0, 0]]", "y: [[0, 0]]"],
        ),
        (
            lambda p: p.optimizer.has("weight_decay"),
            ["optimizer: {name: sgd, learning_rate: 1, weight_decay: 1}"],
        ),
        (lambda p: p.schedule is not None, ["schedule: {name: step, every: 1, factor: 0.5}"]),
        (lambda p: p.clipping is not None, ["clipping: {max_norm: 1, eps: 0}"]),
        (lambda p: p.loss == "huber", ["loss: {name: huber, reduction: sum, delta: 1}"]),
        (lambda p: p.depth > 1 and p.not_trained, ["not_trained: [b1]"]),
    ],
)
def test_only_what_it_takes_to_fail_is_left(fails, lines):
    problem = network(
        (3, 5, 4, 2), 4, activations=["silu", "tanh", "elu"], loss=("huber", "mean"), steps=3, scale=2.0,
        optimizer=Rule("sgd", (("momentum", 0.9), ("weight_decay", 0.01)), frozenset({"nesterov"})),
        schedule=Rule("step", (("every", 1), ("factor", 0.123))),
        clipping=Rule("global_norm", (("max_norm", 0.3), ("clip_eps", 1e-6))),
        not_trained=frozenset({"b1"}),
    )  # fmt: skip
    found = document(minimize(problem, fails), "Nothing.").splitlines()[4:]
    assert [line for line in found if line not in SIMPLEST] == lines


def test_hidden_layers_are_cut_off_with_what_they_make_of_the_input():
    problem = network((3, 4, 4, 2), 2, activations=["tanh", "sigmoid", "relu"])
    own = next(training_steps(problem))
    last = next(made for edit in shorter(problem) if (made := edit(problem)).activations == ("relu",))
    assert np.array_equal(last.x, own["a2"])
    assert np.array_equal(next(training_steps(last))["dL/dW1"], own["dL/dW3"])


def test_a_later_step_becomes_the_first():
    problem = network(steps=3)
    *_, third = training_steps(problem)
    made = [made for edit in shorter(problem) if (made := edit(problem)) and made.steps == 1]
    assert any(np.array_equal(next(training_steps(one))["dL/dW1"], third["dL/dW1"]) for one in made)


@pytest.mark.parametrize(("loss", "reduction"), LOSSES)
def test_targets_stay_what_the_loss_allows(loss, reduction):
    """Also where an output is taken away: two of three are left."""

    def fails(problem):
        y = problem.y.astype(float)
        if loss.startswith("softmax"):
            assert (y.sum(axis=1) == 1).all()
        if loss.endswith("labels"):
            assert set(y.flat) <= {0, 1}
        if loss.startswith("binary"):
            assert ((y >= 0) & (y <= 1)).all()
        return problem.loss == loss and y.shape[1] > 1

    minimal = minimize(network((3, 2, 3), 4, loss=(loss, reduction)), fails)
    assert (len(minimal.x), minimal.depth, input_size(minimal)) == (1, 1, 7)


def test_after_its_time_it_returns_the_best_so_far():
    ticks, asked = count(), []

    def fails(problem):
        asked.append(problem)
        return True

    problem = network((3, 4, 2), 5)
    minimal = minimize(problem, fails, seconds=4, clock=lambda: next(ticks))
    assert 0 < len(asked) <= 4
    assert minimal is asked[-1]
    assert minimize(problem, fails, seconds=-1) is problem


def test_a_number_that_has_to_be_large_is_a_round_one():
    minimal = minimize(network((2, 2), 1, scale=3e30), lambda one: largest_weight(one) > 1e30)
    assert minimal.parameters["W1"].tolist() == [[2e30]]


def test_an_edit_of_a_single_number_leaves_the_others_alone():
    problem = network((2, 2), 1)
    for made in (edit(problem) for edit in rounder(problem)):
        if made is not None:
            changed = [name for name, array in made.inputs.items() if array is not problem.inputs[name]]
            assert len(changed) <= 1
