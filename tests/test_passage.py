"""What is passed over of a run in which nothing is stated: to the last bit what deriving every line gives."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from networks import network

from cases import load_case, names
from cases.published_values import Published, PublishedArray, PublishedStep
from reference import judge_published, tape, training_steps
from reference.diagnosis.context import derive
from reference.formats import PRINTED
from reference.known import exact_inputs
from reference.line import leading_to
from reference.mistakes import MISTAKES
from reference.passage import passed
from reference.tape import advanced

MOMENTUM = load_case("optimizers/sgd-dampening").problem("float64")
ADAM = load_case("optimizers/adam").problem("float64")
PLAIN = network((3, 4, 2), 3, activations=("tanh", "sigmoid"), not_trained=frozenset({"b1"}))


def bits(known):
    """Everything of each bounded number that later lines may depend on."""
    return {
        name: (one.value.tobytes(), one.is_exact, np.asarray(one.error).tobytes(), one.terms, one.parts)
        for name, one in known.items()
    }


def of_the_state(problem, known):
    return bits({name: known[name] for name in (*problem.state, names.STEP)})


def test_a_step_needs_neither_its_loss_nor_the_gradient_of_what_is_not_trained():
    needed = [line.name for line in leading_to(map(names.updated, PLAIN.state), tape(PLAIN))]
    left_out = [line.name for line in tape(PLAIN) if line.name not in needed]
    assert left_out == ["loss", "dL/db1"]
    assert needed == [line.name for line in tape(PLAIN) if line.name in needed]


@pytest.mark.parametrize("problem", [PLAIN, MOMENTUM, ADAM], ids=["sgd", "momentum", "adam"])
@pytest.mark.parametrize("mistake", [None, "already-updated-weights", "rate-applied-twice"])
def test_what_is_passed_over_is_what_deriving_every_line_gives(problem, mistake):
    lines = MISTAKES[mistake].tape(problem) if mistake else tape(problem)
    known = exact_inputs(problem, PRINTED)
    followed = known
    for _ in range(5):
        followed = advanced(followed, derive(lines, followed, {}), problem)
    assert bits(passed(problem, lines, known, 5)) == bits(followed)
    assert bits(passed(problem, lines, known, 0)) == bits(known)


def printed(array):
    array = np.asarray(array)
    texts = np.array([f"{number:.3f}" for number in array.flat], object).reshape(array.shape)
    return PublishedArray(array, np.full(array.shape, 5e-4), texts)


def test_from_step_to_step_crosses_the_state_as_printed_just_before_or_else_the_exact_one():
    weights = printed(np.round(PLAIN.parameters["W2"], 3))
    entries = tuple(
        PublishedStep(step, MappingProxyType({"loss": printed(0.5), "W2_new": weights})) for step in (2, 3, 9)
    )
    judged = {one.step: one.state for one in judge_published(PLAIN, Published("nobody", entries))}
    exact = enumerate(training_steps(replace(PLAIN, steps=8)), start=2)
    state = {step: {name: values[names.updated(name)] for name in PLAIN.state} for step, values in exact}
    for step, name in ((2, "W1"), (2, "W2"), (3, "W1"), (9, "W1"), (9, "W2")):
        np.testing.assert_allclose(judged[step][name].value, state[step][name], rtol=1e-13, atol=1e-15)
        assert np.max(judged[step][name].error) < 1e-15
    np.testing.assert_array_equal(judged[3]["W2"].value, weights.value)
    np.testing.assert_array_equal(judged[3]["W2"].error, weights.half_unit)
