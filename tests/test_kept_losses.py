"""The losses that are kept of a training: of a short one all, of a long one a part and always the last."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import network

from reference import JudgedStep, Subject
from reports.runs.recorded import EVENLY_KEPT_LOSSES, LossKeeper
from reports.runs.step_batches import is_recorded

WHO = Subject("case", "torch", "", "float64")


def kept(steps, ended=None, loss=float):
    """What is kept of a training of so many steps that has ended after `ended` of them."""
    keeper = LossKeeper(network(steps=steps))
    for step in range(1, (ended or steps) + 1):
        keeper.add({WHO: JudgedStep(step, {"loss": np.array(loss(step))})})
    return keeper.finished()


@given(steps=st.integers(2, 2000), data=st.data())
def test_the_first_the_told_and_the_last_step_are_kept_once_and_not_too_many(steps, data):
    ended = data.draw(st.integers(1, steps))
    numbers = [one.step for one in kept(steps, ended)]
    assert numbers == sorted(set(numbers))
    assert set(numbers) >= {1, ended} | {step for step in range(1, ended + 1) if is_recorded(step)}
    assert len(numbers) <= EVENLY_KEPT_LOSSES + 3 * len(str(steps)) + 1


def test_a_short_training_is_kept_whole_with_what_was_stated():
    found = kept(EVENLY_KEPT_LOSSES, loss=lambda step: 1 / step)
    assert [(one.step, one.loss) for one in found] == [
        (step, 1 / step) for step in range(1, EVENLY_KEPT_LOSSES + 1)
    ]
    assert {(one.case, one.dtype, one.implementation) for one in found} == {("case", "float64", "torch")}


def test_a_single_step_is_no_training():
    assert kept(1) == ()


def test_nan_and_infinity_are_kept_as_they_are():
    found = kept(3, loss=lambda step: [1.0, math.inf, math.nan][step - 1])
    assert found[1].loss == math.inf
    assert math.isnan(found[2].loss)


@pytest.mark.parametrize("loss", [np.array([1.0]), np.array(1.0, np.float32), 1.0, None])
def test_a_malformed_loss_is_left_out(loss):
    keeper = LossKeeper(network(steps=2))
    keeper.add({WHO: JudgedStep(1, {} if loss is None else {"loss": loss})})
    assert keeper.finished() == ()


def test_who_ends_first_has_a_last_step_of_its_own():
    keeper, other = LossKeeper(network(steps=1000)), Subject("case", "jax", "plain", "float64")
    for step in range(1, 900):
        taken = {WHO: JudgedStep(step, {"loss": np.array(1.0)})}
        keeper.add(taken | ({other: taken[WHO]} if step <= 334 else {}))
    last = {}
    for one in keeper.finished():
        last[one.implementation] = max(one.step, last.get(one.implementation, 0))
    assert last == {"torch": 899, "jax plain": 334}
