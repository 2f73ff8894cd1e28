"""Training: the document's numbers, when a run ends, which of thousands of steps are certified."""

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from itertools import islice

import numpy as np
import pytest
from networks import damaged, network, showing

from adapters import find_adapters
from cases import load_case, names
from reference import evaluate, judge, tape, training_steps, worked_example
from reference.arithmetic import PRINTED
from reference.certified import MAX_CERTIFIED_STEPS, is_certified
from reference.line import leading_to
from reference.mistakes import MISTAKES
from reference.training import advance, exact_inputs, propagate
from reports.runs.expectations import judge_case
from reports.runs.runner import lockstep

# From a separate evaluation in 60-digit decimals; the gradients by difference quotients, no chain rule.
DOCUMENT = {
    "a1": "0.574442516811659",
    "z2": "0.544665510086995",
    "a2": "0.632897065294487",
    "loss": "0.013961695393597",
    "dL/dz2": "-0.038824423477730",
    "dL/dW2": "-0.022302399536309",
    "dL/dz1": "-0.005694571809439",
    "dL/dW1": "-0.002847285904720",
    "W2_new": "0.602230239953631",
    "b2_new": "0.203882442347773",
    "W1_new": "0.400284728590472",
    "b1_new": "0.100569457180944",
}


def test_the_worked_example_to_fifteen_digits():
    values = next(training_steps(worked_example()))
    rounded = {name: round(Decimal(float(np.squeeze(values[name]))), 15) for name in DOCUMENT}
    assert rounded == {name: Decimal(printed) for name, printed in DOCUMENT.items()}


def test_the_tape_is_in_the_documents_order():
    assert [line.name for line in tape(worked_example())] == (
        "z1 a1 z2 a2 loss dL/da2 da2/dz2 dL/dz2 dL/dW2 dL/db2 dL/da1 da1/dz1 dL/dz1 dL/dW1 dL/db1 "
        "W2_new b2_new W1_new b1_new".split()
    )


def test_the_reference_needs_neither_torch_nor_jax_nor_pandas():
    code = "import sys, reference; print([m for m in ('torch', 'jax', 'pandas') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


def losses(problem):
    return np.array([float(step["loss"]) for step in training_steps(problem)])


def halfway(problem):
    """A threshold that the sixth loss meets exactly."""
    return float(losses(replace(problem, steps=6, until=None))[-1])


def endless(problem):
    yield from training_steps(replace(problem, steps=10**6, until=None))


# until


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_ends_at_the_first_loss_of_at_most_the_threshold(dtype):
    problem = network(steps=20, dtype=dtype)
    until = halfway(problem)
    assert len(losses(replace(problem, until=until))) == 6
    assert len(losses(replace(problem, until=float(np.nextafter(until, 0))))) == 7
    assert len(losses(replace(problem, until=until, steps=4))) == 4


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_each_adapter_is_ended_by_its_own_loss(name):
    (adapter,) = find_adapters([name])
    problem = network(steps=20)
    problem = replace(problem, until=halfway(problem) * (1 + 1e-9))
    for program in adapter.programs:
        steps = list(judge(problem, program.run, program.promises(2)))
        assert len(steps) == 6
        assert all(finding.passes for step in steps for finding in step.findings)


def ending(problem):
    """The problem with a threshold that its sixth loss meets."""
    return replace(problem, until=halfway(problem))


def test_an_implementation_near_the_threshold_may_end_a_step_later():
    problem, (numpy,) = ending(network(steps=20)), find_adapters(["numpy"])
    higher = damaged(endless, lambda claim: claim.update(loss=np.nextafter(claim["loss"], np.inf)))
    other = replace(numpy, name="other", programs=(replace(numpy.programs[0], run=higher),))
    taken = list(lockstep(problem, [numpy, other]))
    assert [len(judged) for judged in taken] == [2] * 6 + [1]
    assert all(f.passes for judged in taken for step in judged.values() for f in step.findings)


def test_nan_and_a_malformed_loss_end_nothing():
    problem = replace(network(steps=5), until=1e9)
    assert len(list(judge(problem, endless, frozenset()))) == 1
    for wrong in (np.float64("nan"), np.float32(0), np.zeros((1, 2)), "0"):
        run = ({**claim, "loss": wrong} for claim in endless(problem))
        assert len(list(judge(problem, lambda _, run=run: run, frozenset()))) == 5


def test_ending_before_the_threshold_is_an_error():
    problem = replace(network(steps=20), until=1e-9)
    *_, last = judge(problem, lambda given: training_steps(replace(given, steps=3)), frozenset())
    (error,) = last.failures
    assert error.reason == "stopped after 3 of 20 steps, with no loss of at most 1e-09"


def test_inputs_changed_in_place_are_found_at_the_true_last_step():
    problem = ending(network(steps=20))

    def writing(given):
        for claim in training_steps(given.copy()):
            given.x[0, 0] = 7
            yield claim

    steps = list(judge(problem, writing, frozenset()))
    assert [len(step.failures) for step in steps] == [0] * 5 + [1]
    assert steps[-1].failures[0].quantity == "x"


def test_printed_steps_may_lie_beyond_the_end(tmp_path):
    text = """
about: A printed step beyond the end is judged.
layers: [{W: [[1]], b: [0], activation: identity}]
x: [[1]]
y: [[3]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.25}
steps: 2
until: {loss: 10}
published: {source: nobody, steps: [{step: 4, values: {loss: 0.03125}}]}
"""
    (tmp_path / "beyond.yaml").write_text(text, encoding="utf-8")
    (printed,) = judge_case(load_case(tmp_path / "beyond.yaml"))
    assert printed.row.passes
    assert printed.exact == 0.03125


def test_long_runs_are_certified_at_every_hundredth_step():
    short, long = network(steps=MAX_CERTIFIED_STEPS), network(steps=MAX_CERTIFIED_STEPS + 1)
    assert all(is_certified(short, step) for step in range(1, MAX_CERTIFIED_STEPS + 1))
    assert [step for step in range(1, 500) if is_certified(long, step)] == [*range(1, 101), 200, 300, 400]


@pytest.mark.parametrize(("hides", "dtype"), [(False, "float64"), (True, "float32")])
def test_certification_sets_in_again_where_the_state_is_stated(hides, dtype):
    problem = network((2, 2, 1), 2, dtype=dtype, steps=1_001)
    shown = {line.name for line in tape(problem)} - ({"W1_new"} if hides else set())
    usual = islice(judge(problem, showing(endless, shown), frozenset()), 201)
    certified = {}
    for step, always in zip(usual, judge(problem, endless, frozenset(), certify=True), strict=False):
        assert hides or not step.failures
        (truth,) = {finding.truth for finding in step.findings}
        certified[step.step] = truth == "certified"
        if certified[step.step] and not hides:  # certified afresh as throughout
            assert step.findings == always.findings
    assert [step for step, is_so in certified.items() if is_so] == [*range(1, 101), *([] if hides else [200])]


RATES = ("too-small", "right", "too-large")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_three_rates_that_differ_in_nothing_else_have_their_losses(dtype):
    problems = [load_case(f"training/rate-{name}").problem(dtype) for name in RATES]
    first, right, _ = problems
    for problem in problems:
        assert all(np.array_equal(problem.inputs[name], array) for name, array in first.inputs.items())
        assert repr(replace(problem, case=first.case, learning_rate=first.learning_rate)) == repr(first)
    rates = [problem.learning_rate for problem in problems]
    assert rates == sorted(rates)
    falling, reaching, leaping = map(losses, problems)
    assert len(falling) == len(leaping) == first.steps
    assert (np.diff(falling) < 0).all()
    assert falling[-1] > 0.8 * falling[0]
    assert len(reaching) < 0.6 * first.steps
    assert reaching[-1] <= right.until < reaching[:-1].min()
    assert np.isfinite(leaping).all()
    assert (np.diff(leaping) > 0).sum() > first.steps / 3


MOMENTUM = load_case("optimizers/sgd-dampening").problem("float64")
ADAM = load_case("optimizers/adam").problem("float64")
PLAIN = network((3, 4, 2), 3, activations=("tanh", "sigmoid"), not_trained=frozenset({"b1"}))


def bits(known):
    """Everything of each bounded number that later lines depend on."""
    return {
        name: (one.value.tobytes(), one.is_exact, np.asarray(one.error).tobytes(), one.terms, one.parts)
        for name, one in known.items()
    }


def test_a_step_needs_no_loss_and_no_unused_gradient():
    needed = [line.name for line in leading_to(map(names.updated, PLAIN.state), tape(PLAIN))]
    left_out = [line.name for line in tape(PLAIN) if line.name not in needed]
    assert left_out == ["loss", "dL/db1"]
    assert needed == [line.name for line in tape(PLAIN) if line.name in needed]


@pytest.mark.parametrize("problem", [PLAIN, MOMENTUM, ADAM], ids=["sgd", "momentum", "adam"])
@pytest.mark.parametrize("mistake", [None, "already-updated-weights", "rate-applied-twice"])
def test_bounds_propagated_are_those_of_deriving_every_line(problem, mistake):
    lines = MISTAKES[mistake].tape(problem) if mistake else tape(problem)
    known = exact_inputs(problem, PRINTED)
    followed = known
    for _ in range(5):
        followed = advance(followed, evaluate(lines, followed), problem)
    assert bits(propagate(problem, lines, known, 5)) == bits(followed)
    assert bits(propagate(problem, lines, known, 0)) == bits(known)
