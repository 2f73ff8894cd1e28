"""Case i of a seed is the same case on any machine and in any partition, and the space is covered evenly."""

import hashlib
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.catalog import ACTIVATIONS, REDUCED_LOSSES
from cases.protocol import DTYPES
from reports.sweep.plan import MAX_CASES_PER_STACK, Plan, block_of, blocks, draw, tasks
from reports.sweep.structure import UPDATES, round_robin, structure


@given(st.integers(0, 200), st.data())
@settings(max_examples=20)
def test_a_case_does_not_depend_on_the_others_of_its_stack(block, data):
    shared = structure(5, block)
    start = data.draw(st.integers(0, 20))
    end = data.draw(st.integers(start + 1, 24))
    whole, part = (draw(5, block, cases, shared) for cases in (range(24), range(start, end)))
    for name, array in part.inputs.items():
        assert array.tobytes() == whole.inputs[name][start:end].tobytes()
        assert array.dtype == shared.problem.dtype
        assert np.isfinite(array.astype("float64")).all()


def test_the_cases_of_a_seed_stay_the_same():
    """To the last bit, on any machine; a change of this digest makes all kept sweeps another sweep's."""
    digest = hashlib.sha256()
    for block in range(100):
        for name, array in draw(7, block, range(2), structure(7, block)).inputs.items():
            digest.update(name.encode() + array.tobytes())
    assert digest.hexdigest() == "e08c062a6346facb4db6f8708765b04ea66b88df06f818998dcd30f2990b93f5"


def test_round_robin_gives_each_option_once_before_any_again():
    count = len(REDUCED_LOSSES)
    turns = [[round_robin(seed, "loss", REDUCED_LOSSES, i) for i in range(3 * count)] for seed in range(5)]
    for cycle in range(3):
        assert sorted(turns[0][count * cycle : count * (cycle + 1)]) == sorted(REDUCED_LOSSES)
    assert len({tuple(order[:count]) for order in turns}) == 5


def test_the_first_thousand_cases_have_every_loss_activation_update_and_format():
    shared = [structure(0, block.number) for block in blocks(0, 1000)]
    problems = [one.problem for one in shared]
    assert {(one.loss, one.reduction) for one in problems} == set(REDUCED_LOSSES)
    assert {name for one in problems for name in one.activations} == set(ACTIVATIONS)
    assert {one.dtype for one in problems} == set(DTYPES)
    assert {one.steps for one in problems} == {1, 2, 3}
    assert {one.update for one in shared} == set(UPDATES)
    assert len({one.regime.name for one in shared}) == 9


def test_numbers_are_zero_at_a_kink_saturated_and_at_both_ends_of_the_range():
    met = Counter()
    for block in blocks(0, 2000):
        problem = draw(0, block.number, range(8), structure(0, block.number))
        if problem.dtype == "float32":
            x, W, b = (problem.inputs[name].astype("float64") for name in ("x", "W1", "b1"))
            weights, z = np.abs(W), x @ W.mT + b[:, None, :]
            met["zero"] += (weights == 0).sum()
            met["kink"] += (z == 0).sum() + (np.abs(z) == 1).sum()
            met["saturated"] += (np.abs(z) > 20).sum()
            met["tiny"] += ((weights > 0) & (weights < 2.0**-40)).sum()
            met["huge"] += (weights > 2.0**40).sum()
    assert len(met) == 5
    assert min(met.values()) > 10, met


@pytest.mark.parametrize(("loss", "reduction"), REDUCED_LOSSES)
def test_targets_are_what_their_loss_asks_for(loss, reduction):
    shared = next(one for one in (structure(1, block) for block in range(60)) if one.problem.loss == loss)
    y = draw(1, 0, range(6), shared).y.astype("float64")
    if loss.startswith(("softmax", "binary")):
        assert ((y >= 0) & (y <= 1)).all()
    if loss.startswith("softmax"):
        assert (y.sum(axis=-1) == 1).all()
    if loss.endswith("labels"):
        assert np.isin(y, [0, 1]).all()


@given(st.integers(1, 30_000), st.sampled_from([None, (1, 1), (8, 8, 8), (784, 100, 10)]))
@settings(max_examples=20)
def test_tasks_hold_every_case_once(count, widths):
    plan, seen = Plan(3, count, widths=widths), 0
    for task in tasks(plan):
        assert task.block.start + task.cases.start == seen
        assert task.stacks[0].start == task.cases.start
        assert all(len(stack) <= MAX_CASES_PER_STACK for stack in task.stacks)
        assert task.stack * plan.structure(task.block).numbers_per_case < 2**22
        cases = {i + task.block.start for stack in task.stacks for i in stack}
        assert cases >= {*range(seen, seen + task.count)}
        seen += task.count
    assert seen == count
    names = [task.name for task in tasks(plan)]
    assert names == sorted(set(names))


def test_blocks_follow_each_other_and_each_case_is_in_one():
    whole = list(blocks(0, 20_000))
    assert [block.number for block in whole] == list(range(len(whole)))
    assert whole[0].start == 0
    assert all(block.end == after.start for block, after in pairwise(whole))
    for case in (0, 7, 8, 127, 128, 999, 3_231, 3_232, 19_999):
        block = block_of(case)
        assert block.start <= case < block.end
        assert block == whole[block.number]


@pytest.mark.parametrize("dtypes", [("float32",), ("float16", "bfloat16")])
def test_only_the_formats_asked_for_are_drawn(dtypes):
    assert {structure(0, block, dtypes).problem.dtype for block in range(30)} == set(dtypes)
