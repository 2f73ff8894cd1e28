"""Long runs: memory stays flat, every count stays true, and the first failing step is kept whole."""

import gc
import math
from dataclasses import replace

import pytest
from networks import network

from adapters import Adapter, Program
from cases import load_cases
from reference import Finding, Subject, Verdict, tape, training_steps
from reports.environment import Selection
from reports.outcome import conclude
from reports.runs.rows import KEPT_STEPS, Results, Row, RowKeeper, first_failure
from reports.runs.runner import run_case

SUBJECT = Subject("nets/long", "theirs", "", "float64")


def row(step, used=0.5, quantity="loss", **others):
    numbers = {"claimed": 1.0, "derived": 1.0, "digits": 10.0, "truth": "float64", **others}
    verdict = Verdict.AGREES if used <= 1 else Verdict.DIFFERS
    return Row(SUBJECT, Finding(step, quantity, verdict, index=(), used=used, **numbers))


def kept(*steps):
    keeper = RowKeeper()
    for rows in steps:
        keeper.add(rows)
    return keeper.rows


def test_the_first_hundred_steps_are_kept_and_later_rows_are_merged_into_the_worst():
    first = [[row(step)] for step in range(1, KEPT_STEPS + 1)]
    assert kept(*first) == [one for (one,) in first]
    useds = {101: 0.25, 102: 0.75, 103: 0.75, 104: 0.5}
    steps = [[replace(row(step, used, digits=step / 10), max_abs_diff=used)] for step, used in useds.items()]
    (merged,) = kept(*steps)
    assert (merged.finding.step, merged.finding.used, merged.steps) == (102, 0.75, 4)
    assert (merged.finding.digits, merged.max_abs_diff) == (10.1, 0.75)
    assert math.isnan(merged.max_rel_diff)
    one, other = kept([row(98, 2)], [row(101, 3)], [row(102, math.nan)])  # NaN is worse than any number
    assert (one.steps, other.steps) == (1, 2)
    assert math.isnan(other.finding.used)


def test_the_first_failing_step_is_kept_whole():
    failing = [[row(number, quantity="z1"), row(number, used=2.0 + number)] for number in (151, 152, 153)]
    rows = kept([row(150, quantity="z1"), row(150)], *failing)
    first, *others = [one for one in rows if one.fails]
    assert (first.finding.step, first.steps) == (151, 1)
    assert [(one.finding.step, one.steps) for one in others] == [(153, 2)]
    assert first_failure(rows) is first
    assert sum(one.steps for one in rows) == 8


def test_what_differs_outranks_what_is_undecided():
    def undecided(step):
        return replace(row(step), finding=replace(row(step).finding, verdict=Verdict.UNDECIDED))

    rows = kept([undecided(2)], [row(150)], [undecided(160)], [row(170, 3)], [row(180, 4)])
    failing = [(one.finding.step, one.steps) for one in rows if one.fails]
    assert failing == [(2, 1), (170, 1), (160, 1), (180, 1)]
    assert first_failure(rows).finding.step == 170
    assert first_failure(rows[:1]).finding.step == 2


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
LINES = len(tape(network((1, 1), 1, activations="identity")))


@pytest.fixture
def run_long(tmp_path, monkeypatch):
    """Run a case of so many steps, of which the first hundred are certified and then every hundredth."""
    monkeypatch.setattr("reference.certified.MAX_CERTIFIED_STEPS", 150)

    def run(steps, train, text=LONG):
        (tmp_path / "long.yaml").write_text(text.replace("STEPS", str(steps)), encoding="utf-8")
        (case,) = load_cases(tmp_path)
        adapter = Adapter("fake", "", "1", (Program("", train),))
        rows, _ = run_case(case, "float64", [adapter])
        return rows, Selection((case,), (adapter,))

    return run


def living():
    """Count the rows and findings that are alive, and the claims: dictionaries that hold a gradient."""
    gc.collect()
    kinds = (Row, Finding)
    return sum(type(one) in kinds or (type(one) is dict and "dL/dW1" in one) for one in gc.get_objects())


def test_memory_does_not_grow_with_the_number_of_steps_and_the_first_failure_is_explained(run_long):
    highest, kept_rows = {}, {}
    for steps in (630, 1030):
        peaks = []

        def train(problem, steps=steps, peaks=peaks):
            for number, values in enumerate(training_steps(problem), start=1):
                if number in (steps - 30, steps - 1):
                    peaks.append(living())
                yield {**values, "loss": values["loss"] * (1 + 1e-6 * (number >= 220))}

        rows, _ = run_long(steps, train)
        first = first_failure(rows)
        assert (first.finding.step, first.finding.quantity, first.steps) == (220, "loss", 1)
        assert first.explanation
        assert sum(one.steps for one in rows if one.fails) == steps - 219
        assert sum(one.steps for one in rows) == LINES * steps
        highest[steps], kept_rows[steps] = max(peaks), len(rows)
        del rows, first  # so that the second run is counted alone
    assert kept_rows[630] <= kept_rows[1030] <= kept_rows[630] + 2 * LINES  # certified and not, each once
    assert highest[1030] <= highest[630] + 100


def test_certified_and_other_steps_are_counted_apart(run_long):
    rows, selection = run_long(300, training_steps)
    scope = conclude(Results(tuple(rows)), selection).scope
    assert "3,000 quantities compared, 1,020 with certified truth" in scope


def test_steps_of_a_batch_are_merged_at_once_as_one_by_one(run_long, monkeypatch):
    """In the second run one step differs, so all steps of its batch are looked at."""

    def differs_once(problem):
        for number, step in enumerate(training_steps(problem), start=1):
            yield {**step, "loss": step["loss"] * (1 + 1e-6 * (number == 333))}

    curved = LONG.replace("identity", "tanh").replace("0.001", "0.3")
    for train in (training_steps, differs_once):
        rows, _ = run_long(450, train, curved)
        with monkeypatch.context() as patch:
            patch.setattr("reports.runs.runner._all_agree", lambda _: None)
            expected, _ = run_long(450, train, curved)
        assert repr(rows) == repr(expected)
        assert any(one.finding.used > 0 for one in rows if one.steps > 300)
