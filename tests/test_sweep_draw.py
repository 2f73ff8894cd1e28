"""Case i of a seed is the same case on any machine and in any partition, and the space is covered evenly."""

import zlib
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.dtypes import DTYPES
from reports.sweep.blocks import block_of, blocks
from reports.sweep.draw import Drawing
from reports.sweep.plan import MOST_IN_A_STACK, Plan, numbers_of, tasks
from reports.sweep.randomness import Rows, Stream, dealt
from reports.sweep.structure import ACTIVATIONS, LOSSES, structure
from reports.sweep.updates import KINDS

WORD = 2**64


def philox(key: tuple[int, int], counter: int) -> list[int]:
    """Philox4x64-10 in whole numbers, from the paper: Salmon et al., "Parallel Random Numbers" (2011)."""
    x, (k0, k1) = [counter % WORD, counter // WORD % WORD, 0, 0], key
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * x[0], 0xCA5A826395121157 * x[2]
        x = [b // WORD ^ x[1] ^ k0, b % WORD, a // WORD ^ x[3] ^ k1, a % WORD]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) % WORD, (k1 + 0xBB67AE8584CAA73B) % WORD
    return x


@given(st.integers(0, 2**64 - 1), st.integers(0, 50))
@settings(max_examples=25)
def test_the_bits_are_philox_from_any_case_on(seed, start):
    rows = Rows(seed, (3, "W1"), range(start, start + 2)).uniform(5)
    key = seed, zlib.crc32(b"3/W1")
    for i, row in enumerate(rows, start=start):  # five numbers take two counts, and the first count is 1
        bits = [*philox(key, 2 * i + 1), *philox(key, 2 * i + 2)][:5]
        assert row.tolist() == [(bit >> 11) * 2.0**-53 for bit in bits]


@given(st.integers(0, 200), st.data())
@settings(max_examples=30)
def test_a_case_does_not_depend_on_what_is_drawn_beside_it(block, data):
    one = structure(5, block)
    start = data.draw(st.integers(0, 20))
    end = data.draw(st.integers(start + 1, 24))
    whole, part = (Drawing(5, block, cases, one).problem() for cases in (range(24), range(start, end)))
    for name, array in part.inputs.items():
        assert array.tobytes() == whole.inputs[name][start:end].tobytes()
        assert array.dtype == one.dtype
        assert np.isfinite(array.astype("float64")).all()


def test_what_is_drawn_differs_with_the_seed_the_block_and_the_case():
    drawn = [
        Drawing(seed, block, range(3), structure(0, 40)).problem().x.tobytes()
        for seed in (0, 1, 2**63)
        for block in (40, 41)
    ]
    assert len(set(drawn)) == len(drawn)
    x = Drawing(0, 40, range(200), structure(0, 40)).problem().x
    assert len({one.tobytes() for one in x}) > 100


def test_every_option_is_dealt_once_before_any_is_dealt_again():
    for deck in range(3):
        dealt_out = [dealt(9, "loss", LOSSES, len(LOSSES) * deck + i) for i in range(len(LOSSES))]
        assert sorted(dealt_out) == sorted(LOSSES)
    orders = {tuple(dealt(seed, "loss", LOSSES, i) for i in range(len(LOSSES))) for seed in range(5)}
    assert len(orders) == 5


def test_the_first_thousand_cases_meet_every_loss_activation_update_and_format():
    met = [structure(0, block.number) for block in blocks(0, 1000)]
    assert {(one.loss, one.reduction) for one in met} == set(LOSSES)
    assert {name for one in met for name in one.activations} == set(ACTIVATIONS)
    assert {one.update.kind for one in met} == set(KINDS)
    assert {one.dtype for one in met} == set(DTYPES)
    assert {one.steps for one in met} == {1, 2, 3}
    assert len({one.regime.name for one in met}) == 9


def test_numbers_are_exactly_zero_at_a_kink_saturated_and_at_both_ends_of_the_range():
    met = Counter()
    for block in blocks(0, 2000):
        one = structure(0, block.number)
        if one.dtype != "float32":
            continue
        problem = Drawing(0, block.number, range(8), one).problem()
        weights = np.abs(problem.parameters["W1"].astype("float64"))
        z = problem.x.astype("float64") @ problem.parameters["W1"].astype("float64").mT
        z = z + problem.parameters["b1"].astype("float64")[:, None, :]
        met["zero"] += (weights == 0).sum()
        met["kink"] += (z == 0).sum() + (np.abs(z) == 1).sum()
        met["saturated"] += (np.abs(z) > 20).sum()
        met["tiny"] += ((weights > 0) & (weights < 2.0**-40)).sum()
        met["huge"] += (weights > 2.0**40).sum()
    assert all(met[kind] > 10 for kind in ("zero", "kink", "saturated", "tiny", "huge")), met


@given(st.integers(1, 30_000), st.sampled_from([None, (1, 1), (8, 8, 8), (784, 100, 10)]))
@settings(max_examples=40)
def test_tasks_hold_every_case_once(count, widths):
    plan = Plan(3, count, widths=widths)
    seen = 0
    for task in tasks(plan):
        assert task.block.start + task.cases.start == seen
        assert task.stacks[0].start == task.cases.start
        assert all(len(one) <= MOST_IN_A_STACK for one in task.stacks)
        in_stacks = {i + task.block.start for one in task.stacks for i in one}
        assert in_stacks >= set(range(seen, seen + task.told))
        seen += task.told
    assert seen == count
    names = [task.name for task in tasks(plan)]
    assert names == sorted(set(names))


def test_a_stack_of_large_networks_is_short():
    (first, *_) = tasks(Plan(0, 1, widths=(784, 100, 10)))
    assert first.stack * numbers_of(first.plan.structure(0)) < 2**22


def test_blocks_follow_each_other_and_each_case_is_in_one():
    found = list(blocks(0, 20_000))
    assert [block.number for block in found] == list(range(len(found)))
    assert found[0].start == 0
    assert all(one.end == other.start for one, other in pairwise(found))
    for case in (0, 7, 8, 127, 128, 999, 3_231, 3_232, 19_999):
        block = block_of(case)
        assert block.start <= case < block.end
        assert block == found[block.number]


def test_targets_are_what_their_loss_asks_for():
    seen = set()
    for block in range(60):
        one = structure(1, block)
        y = Drawing(1, block, range(6), one).problem().y.astype("float64")
        if one.loss.startswith("softmax"):
            assert (y.sum(axis=-1) == 1).all()
            assert ((y >= 0) & (y <= 1)).all()
        if one.loss.endswith("labels"):
            assert np.isin(y, [0, 1]).all()
        if one.loss.startswith("binary"):
            assert ((y >= 0) & (y <= 1)).all()
        seen.add(one.loss)
    assert seen == {name for name, _ in LOSSES}


def test_a_choice_is_one_of_the_options():
    stream = Stream(0, "anything")
    assert {stream.choice("abc") for _ in range(100)} == set("abc")
    assert all(0 <= stream.below(5) < 5 for _ in range(100))


@pytest.mark.parametrize("dtypes", [("float32",), ("float16", "bfloat16")])
def test_only_the_formats_asked_for_are_drawn(dtypes):
    assert {structure(0, block, dtypes).dtype for block in range(30)} == set(dtypes)
