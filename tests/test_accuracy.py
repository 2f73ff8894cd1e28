"""Every number's distance from the truth is counted once, in the class that a count by hand puts it in."""

import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import network

from adapters import Adapter, Program, find_adapters
from reference import Subject, judge, training_steps
from reference.arithmetic import FORMATS
from reports.runs.accuracy import BEYOND, EDGES, UNKNOWN, AccuracyCounter, bins_of, kind
from reports.runs.runner import lockstep
from reports.runs.step_batches import StepBatch


def by_hand(claimed, truth, ulp):
    """The class of one number, in exact arithmetic."""
    off = (Fraction(claimed) - truth) / Fraction(ulp)
    place = next((k for k, edge in enumerate(EDGES) if abs(off) <= edge), BEYOND)
    return place if off >= 0 else -place


finite = st.floats(-(2.0**100), 2.0**100, allow_subnormal=False, width=32)


@given(truth=finite, steps=st.integers(-(2**22), 2**22), quarter=st.integers(-4, 4))
def test_a_number_is_counted_where_exact_arithmetic_puts_it(truth, steps, quarter):
    ulp = FORMATS["float32"].ulp(truth)
    low = quarter * ulp / 4
    claimed = float(np.float64(truth + steps * ulp))
    counted = bins_of(*(np.array([x]) for x in (claimed, truth, low, ulp)), "float32").item()
    assert counted == by_hand(claimed, Fraction(truth) + Fraction(low), ulp)


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_all_numbers_of_a_training_are_counted_once_and_in_their_class(dtype):
    problem = network((2, 3, 2), steps=3, dtype=dtype)
    counter, expected = AccuracyCounter(), Counter()
    for judged in lockstep(problem, find_adapters(["numpy"])):
        counter.add(StepBatch([judged]))
        (step,) = judged.values()
        for name, claimed in step.claim.items():
            true = step.derived[name]
            low = np.broadcast_to(true.low, true.shape)
            for place in np.ndindex(claimed.shape):
                truth = Fraction(true.value[place].item()) + Fraction(low[place].item())
                ulp = FORMATS[dtype].ulp(float(truth))
                expected[kind(name), by_hand(float(claimed[place]), truth, ulp)] += 1
    assert {(one.kind, one.bin): one.count for one in counter.finished()} == expected
    assert {(one.implementation, one.dtype) for one in counter.finished()} == {("numpy", dtype)}


def counted(problem, implementation, **how):
    """What is counted of one implementation: how many by kind and class."""
    counter, who = AccuracyCounter(), Subject("case", "mine", "", problem.dtype)
    for step in judge(problem, implementation, frozenset(), **how):
        counter.add(StepBatch([{who: step}]))
    return {(one.kind, one.bin): one.count for one in counter.finished()}


def with_loss(value):
    """The reference's own claims, with another loss."""

    def implementation(problem):
        for claim in training_steps(problem):
            yield {**claim, "loss": value}

    return implementation


@pytest.mark.parametrize(
    ("loss", "place"), [(math.nan, UNKNOWN), (math.inf, BEYOND), (-math.inf, -BEYOND), (1e300, BEYOND)]
)
def test_nan_has_no_distance_and_infinity_is_beyond_all(loss, place):
    found = counted(network(), with_loss(np.array(loss)))
    assert {key: count for key, count in found.items() if key[0] == "loss"} == {("loss", place): 1}


def test_where_the_truth_may_overflow_or_is_not_certified_no_distance_is_known():
    problem = network(dtype="float32", activations="identity")
    far = replace(problem, y=np.full_like(problem.y, 3e38))
    assert counted(far, training_steps)["loss", UNKNOWN] == 1
    assert counted(network(), training_steps, certify=True)
    assert counted(network(), training_steps, certify=False) == {}


@pytest.mark.parametrize("loss", [np.array([1.0, 2.0]), np.array(1.0, np.float32), "no array"])
def test_a_malformed_quantity_is_not_counted(loss):
    whole, found = counted(network(), training_steps), counted(network(), with_loss(loss))
    assert {key for key in found if key[0] == "loss"} == set()
    assert {key[0] for key in whole} - {key[0] for key in found} == {"loss"}


def test_implementations_are_counted_apart():
    honest = Adapter("one", "One", "", (Program("", training_steps),))
    other = Adapter("other", "Other", "", (Program("wrong", with_loss(np.array(9.0))),))
    counter = AccuracyCounter()
    for judged in lockstep(network(), [honest, other]):
        counter.add(StepBatch([judged]))
    far = {one.implementation for one in counter.finished() if one.bin in (BEYOND, -BEYOND)}
    assert far == {"other wrong"}
    totals = Counter()
    for one in counter.finished():
        totals[one.implementation] += one.count
    assert totals["one"] == totals["other wrong"] > 0
