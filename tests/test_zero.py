"""Zero is a number: where loss and gradients vanish a right program agrees, and a wrong one differs."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from networks import damaged, hiding, network, parametrize_pairs
from rules import every_rule

from reference import Verdict, judge, training_steps
from reference.agreement import compare
from reference.arithmetic import FLOAT32, FLOAT64, Bounded

FROM_CLASSES = "softmax_cross_entropy_with_integer_labels"
AT_A_KINK = {"l1"}  # its derivative jumps where ŷ = y, so which it is there cannot be decided
EACH_RUN = pytest.mark.parametrize("run", [training_steps, hiding(training_steps)])


def pytest_generate_tests(metafunc):
    parametrize_pairs(metafunc)


def with_parameters(problem, parameters, **others):
    return replace(problem, parameters=MappingProxyType(parameters), **others)


def zeroed(problem):
    return with_parameters(problem, {name: 0 * array for name, array in problem.parameters.items()})


def converged(problem):
    """Make the targets what the network gives, so that the gradient is 0 but for rounding."""
    output = next(training_steps(problem))[f"a{problem.depth}"]
    if problem.loss.startswith("softmax"):
        powers = np.exp(output - output.max(axis=1, keepdims=True))
        output = powers / powers.sum(axis=1, keepdims=True)
    elif problem.loss == "binary_cross_entropy_with_logits":
        output = 1 / (1 + np.exp(-output))
    return replace(problem, y=output.astype(problem.dtype))


def solved(activation, dtype, seed):
    """Small whole numbers, in which every format computes exactly, and targets that are met."""
    rng = np.random.default_rng(seed)
    problem = network((2, 4, 2), 4, activations=(activation, "identity"), dtype=dtype, seed=seed)
    whole = {
        name: rng.integers(-2, 3, array.shape).astype(dtype) for name, array in problem.parameters.items()
    }
    return converged(with_parameters(problem, whole, x=rng.integers(-2, 3, problem.x.shape).astype(dtype)))


def failures_of(problem, run):
    with np.errstate(all="ignore"):
        steps = list(judge(problem, run, frozenset()))
    return [(one.quantity, str(one.verdict), one.tolerance) for step in steps for one in step.failures]


@EACH_RUN
def test_a_network_that_starts_at_zero_or_has_converged_agrees(activation, loss, dtype, run, request):
    for seed in range(12 if request.config.getoption("--slow") else 2):
        drawn = network((2, 3, 2), 3, activations=activation, loss=loss, dtype=dtype, seed=seed)
        assert failures_of(zeroed(drawn), run) == []
        if loss[0] not in {*AT_A_KINK, FROM_CLASSES, "binary_cross_entropy"}:
            assert failures_of(converged(drawn), run) == []


@EACH_RUN
@pytest.mark.parametrize("activation", ["relu", "identity", "hardtanh", "relu6", "leaky_relu"])
def test_a_network_that_is_solved_exactly_agrees(activation, run, request):
    for seed in range(200 if request.config.getoption("--slow") else 10):
        for dtype in ("float64", "float32"):
            assert failures_of(solved(activation, dtype, seed), run) == []


@EACH_RUN
@pytest.mark.parametrize("name", every_rule("float64"))
def test_every_rule_agrees_where_no_gradient_is_left(name, run):
    for dtype in ("float64", "float32"):
        problem = every_rule(dtype)[name]
        assert failures_of(converged(problem), run) == []
        assert failures_of(zeroed(problem), run) == []


@EACH_RUN
def test_a_wrong_number_where_zero_belongs_still_differs(run):
    def damage(claim):
        claim["dL/dW1"][0, 0] = 1e-12

    failures = failures_of(converged(network()), damaged(run, damage))
    assert failures[0][:2] == ("dL/dW1", "differs")


def test_what_cancels_is_decided_by_the_size_of_its_terms():
    """x − x with an x known to 1e-12: 0 ± 2e-12, of terms of 1.5. Times a weight it is as certain."""
    x = Bounded(np.array([[1.5]]), np.array([[1e-12]]), FLOAT64)
    left = (x - x) * Bounded.exact([[3.0]], FLOAT64)
    assert (left.value.item(), left.scale.item()) == (0.0, 9.0)
    assert compare(1, "a", np.array([[0.0]]), left).verdict is Verdict.AGREES
    assert compare(1, "a", np.array([[1e-11]]), left).verdict is Verdict.DIFFERS


@pytest.mark.parametrize(("error", "verdict"), [(0.2, Verdict.UNDECIDED), (0.0999, Verdict.AGREES)])
def test_a_bound_above_a_tenth_of_the_terms_is_undecided(error, verdict):
    x = Bounded(np.array([1.0]), np.array([error]), FLOAT32)
    assert compare(1, "a", np.array([0.0]), x - x).verdict is verdict


def test_the_digits_of_what_cancels_are_those_of_its_terms_which_are_kept_without_their_source():
    x = Bounded(np.array([1.0]), np.array([0.5e-9]), FLOAT64)
    assert compare(1, "a", np.array([0.0]), x - x).digits == pytest.approx(9 + np.log10(2), abs=1e-5)
    kept = (x - x).kept()
    assert kept.scale.item() == 2.0
    assert kept.sizes.__closure__[0].cell_contents is not x
