"""What judging costs, next to the step it judges and the usual gradient checks. Not part of `pytest`; run by

    .venv/bin/pytest tests/benchmark_judging.py

PyTorch's gradcheck runs in its fast mode on the wide network, where the full one would take minutes.
"""

from functools import partial

import jax
import pytest
import torch
from jax.test_util import check_grads
from networks import network, showing

from cases.names import observable
from reference import judge, training_steps
from reference.checker import judge_steps
from reference.training import initial_state

NETWORKS = {"2-3-1, batch 4": network((2, 3, 1), 4), "784-100-10, batch 64": network((784, 100, 10), 64)}
MEDIANS: dict[tuple[str, str], float] = {}

networks = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture
def timed(benchmark, name, request):
    """Time a function and keep its median for the ratios."""
    benchmark.group = name

    def run(function):
        benchmark(function)
        MEDIANS[request.node.originalname, name] = benchmark.stats.stats.median

    return run


@networks
def test_reference_step(timed, name):
    problem = NETWORKS[name]
    timed(lambda: next(training_steps(problem)))


@networks
def test_judge_observed_step(timed, name):
    problem = NETWORKS[name]
    shown = observable(problem.depth)
    claim = next(showing(training_steps, shown)(problem))
    state = initial_state(problem)
    timed(lambda: judge_steps(problem, 1, [claim], state, shown))


@networks
def test_step_and_judge_with_certified_truth(timed, name):
    problem = NETWORKS[name]
    timed(lambda: list(judge(problem, training_steps, frozenset(), certify=True)))


@networks
def test_torch_gradcheck(timed, name):
    problem = NETWORKS[name]
    x, y = torch.tensor(problem.x), torch.tensor(problem.y)
    parameters = [torch.tensor(array, requires_grad=True) for array in problem.parameters.values()]

    def loss(W1, b1, W2, b2):
        a = torch.sigmoid(torch.nn.functional.linear(x, W1, b1))
        return (torch.sigmoid(torch.nn.functional.linear(a, W2, b2)) - y).square().sum() / 2

    timed(lambda: torch.autograd.gradcheck(loss, parameters, fast_mode=name.startswith("784")))


@networks
def test_jax_check_grads(timed, name):
    problem = NETWORKS[name]

    def loss(W1, b1, W2, b2):
        a = jax.nn.sigmoid(problem.x @ W1.T + b1)
        return ((jax.nn.sigmoid(a @ W2.T + b2) - problem.y) ** 2).sum() / 2

    with jax.enable_x64(True):
        timed(partial(check_grads, loss, tuple(problem.parameters.values()), order=1))


def test_print_the_ratios(capsys):
    with capsys.disabled():
        for name in NETWORKS:
            step = MEDIANS["test_reference_step", name]
            print(f"\n\n{name}: the NumPy reference's own step takes {step * 1e3:.3f} ms")
            for (test, network_name), median in MEDIANS.items():
                if network_name == name and test != "test_reference_step":
                    print(f"  {test[5:].replace('_', ' '):36} {median * 1e3:9.3f} ms  {median / step:8.1f} ×")
