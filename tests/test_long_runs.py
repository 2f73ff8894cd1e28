"""Long runs: memory stays flat, every count stays true, and the first failing step is kept whole."""

import gc
import math
from dataclasses import replace

import pytest
from networks import network

from adapters import Adapter, Program
from cases import load_cases
from reference import Finding, Subject, Verdict, training_steps
from reports.outcome import conclude
from reports.runs.rows import KEPT_STEPS, Row, RowKeeper, first_failure
from reports.runs.runner import run_case

WHO = Subject("nets/long", "theirs", "", "float64")


def row(step, used=0.5, quantity="loss", **others):
    numbers = {"claimed": 1.0, "derived": 1.0, "digits": 10.0, "truth": "float64", **others}
    verdict = Verdict.AGREES if used <= 1 else Verdict.DIFFERS
    return Row(WHO, Finding(step, quantity, verdict, index=(), used=used, **numbers))


def kept(*steps):
    keeper = RowKeeper()
    for rows in steps:
        keeper.add(rows)
    return keeper.rows


def test_the_first_hundred_steps_are_kept_as_they_are():
    rows = [[row(step)] for step in range(1, KEPT_STEPS + 1)]
    assert kept(*rows) == [one for (one,) in rows]


def test_later_rows_are_merged_into_the_worst():
    useds = {101: 0.25, 102: 0.75, 103: 0.75, 104: 0.5}
    steps = [[replace(row(step, used, digits=step / 10), max_abs_diff=used)] for step, used in useds.items()]
    (merged,) = kept(*steps)
    assert (merged.finding.step, merged.finding.used, merged.steps) == (102, 0.75, 4)
    assert (merged.finding.digits, merged.max_abs_diff) == (10.1, 0.75)
    assert math.isnan(merged.max_rel_diff)


def test_verdicts_and_truths_are_counted_apart():
    rows = kept(
        *([row(step, truth="certified" if step % 100 == 0 else "float64")] for step in range(101, 301))
    )
    assert {one.finding.truth: one.steps for one in rows} == {"float64": 198, "certified": 2}


def test_the_first_failing_step_is_kept_whole():
    def step(number):
        return [row(number, quantity="z1"), row(number, used=2.0 + number)]

    passing = [[row(150, quantity="z1"), row(150)]]
    keeper = RowKeeper()
    for rows in (*passing, *map(step, (151, 152, 153))):
        keeper.add(rows)
    first, *others = [one for one in keeper.rows if one.fails]
    assert (first.finding.step, first.steps) == (151, 1)
    assert [(one.finding.step, one.steps) for one in others] == [(153, 2)]
    assert first_failure(keeper.rows) is first
    assert sum(one.steps for one in keeper.rows) == 8


def undecided(step):
    return replace(row(step), finding=replace(row(step).finding, verdict=Verdict.UNDECIDED))


def test_what_differs_outranks_what_is_undecided():
    rows = kept([undecided(2)], [row(150)], [undecided(160)], [row(170, 3)], [row(180, 4)])
    assert [(one.finding.step, one.steps) for one in rows if one.fails] == [
        (2, 1),
        (170, 1),
        (160, 1),
        (180, 1),
    ]
    assert first_failure(rows).finding.step == 170
    assert first_failure(rows[:1]).finding.step == 2


def test_nan_is_worse_than_any_number():
    first, merged = kept([row(98, 2)], [row(101, 3)], [row(102, math.nan)])
    assert (first.steps, merged.steps) == (1, 2)
    assert math.isnan(merged.finding.used)


LONG = """
about: A long run of a tiny net.
layers:
  - {W: [[0.5]], b: [0.25], activation: identity}
x: [[0.5]]
y: [[0.75]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.001}
steps: STEPS
dtypes: [float64]
"""


@pytest.fixture
def long_case(tmp_path):
    def make(steps):
        folder = tmp_path / str(steps)
        folder.mkdir()
        (folder / "long.yaml").write_text(LONG.replace("STEPS", str(steps)), encoding="utf-8")
        (case,) = load_cases(folder)
        return case

    return make


def living():
    """Count the rows and findings that are alive, and the claims: dictionaries that hold a loss."""
    gc.collect()
    kinds = (Row, Finding)
    return sum(type(one) in kinds or (type(one) is dict and "dL/dW1" in one) for one in gc.get_objects())


def adapter_that_counts(peaks):
    """An adapter whose claims of the loss are wrong from step 300 on; it counts what is alive as it runs."""

    def train(problem):
        for number, values in enumerate(training_steps(problem), start=1):
            if number % 500 == 0:
                peaks.append(living())
            yield {**values, "loss": values["loss"] * (1 + 1e-6 * (number >= 300))}

    return Adapter("fake", "", "", (Program("", train),))


def test_memory_does_not_grow_with_the_number_of_steps(long_case):
    highest = {}
    for steps in (1_100, 2_600):
        peaks = []
        rows, _ = run_case(long_case(steps), "float64", [adapter_that_counts(peaks)])
        highest[steps] = max(peaks), len(rows)
        lines = 10
        assert sum(one.steps for one in rows) == lines * steps
        del rows  # so that the second run is counted alone
    assert len(peaks) == 5
    assert (
        highest[1_100][1] <= highest[2_600][1] <= highest[1_100][1] + 2 * 10
    )  # certified and not, each once
    assert highest[2_600][0] <= highest[1_100][0] + 100


def test_the_first_failure_of_a_long_run_is_explained(long_case):
    rows, _ = run_case(long_case(1_100), "float64", [adapter_that_counts([])])
    first = first_failure(rows)
    assert first is not None
    assert (first.finding.step, first.finding.quantity, first.steps) == (300, "loss", 1)
    assert first.explanation
    assert sum(one.steps for one in rows if one.fails) == 801


def test_certified_and_other_steps_are_counted_apart(long_case):
    from reports.environment import Selection
    from reports.runs.rows import Results

    case = long_case(2_000)
    honest = Adapter("fake", "", "1", (Program("", training_steps),))
    rows, _ = run_case(case, "float64", [honest])
    told = conclude(Results(tuple(rows)), Selection((case,), (honest,))).headline
    assert "20,000 quantities compared, 1,190 with certified truth" in told


def test_the_network_of_this_test_has_ten_lines():
    from reference import tape

    assert len(tape(network((1, 1), 1, activations="identity"))) == 10
