"""Drift: measured as it is, against certified trajectories and between programs, and never a verdict."""

import csv
import itertools
import math
import re
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest
from networks import network

from adapters import Adapter, Program, find_adapters
from cases import load_case
from reference import Subject, judge, training_steps
from reference.arithmetic import FORMATS
from reference.certified import certified_trajectory
from reports.build import main
from reports.runs import parameter_drift
from reports.runs.parameter_drift import TRUTH, DriftMeter, TruthOfRun
from reports.runs.runner import lockstep
from reports.runs.step_batches import StepBatch, is_recorded


def linear(dtype="float64", **others):
    """A linear net of one input, one hidden unit, one output, in numbers that are exact in binary."""
    numbers = {"W1": [[0.5]], "b1": [0.25], "W2": [[-0.75]], "b2": [0.125]}
    problem = network((1, 1, 1), 1, activations="identity", dtype=dtype, learning_rate=0.125, **others)
    parameters = {name: np.array(value, dtype) for name, value in numbers.items()}
    x, y = np.array([[0.5]], dtype), np.array([[1.0]], dtype)
    return replace(problem, parameters=MappingProxyType(parameters), x=x, y=y)


def exactly(problem, steps):
    """The same training in fractions, by the document's equations written out for one of each."""
    w1, b1, w2, b2 = (Fraction(float(array.item())) for array in problem.parameters.values())
    x, y, rate = map(Fraction, (problem.x.item(), problem.y.item(), problem.learning_rate))
    for _ in range(steps):
        a1 = w1 * x + b1
        error = w2 * a1 + b2 - y
        hidden = error * w2
        w1, b1 = w1 - rate * hidden * x, b1 - rate * hidden
        w2, b2 = w2 - rate * error * a1, b2 - rate * error
    return w1, b1, w2, b2


def measured(problem, *runs):
    adapters = [Adapter(f"c{i}", "", "", (Program("", run),)) for i, run in enumerate(runs)]
    meter = DriftMeter(problem)
    for judged in lockstep(problem, adapters):
        meter.add(StepBatch([judged]))
    return meter.finished()


def test_the_certified_trajectory_of_a_linear_net_is_what_fractions_give():
    problem = linear(steps=6)
    for step, balls in enumerate(itertools.islice(certified_trajectory(problem), 6), start=1):
        for ball, fraction in zip(balls.values(), exactly(problem, step), strict=True):
            high, low, radius = (float(part.item()) for part in ball.split())
            assert abs(Fraction(high) + Fraction(low) - fraction) <= Fraction(radius)
            assert radius < 1e-30


def growing(given):
    """Each update is 2⁻²⁰ too large, from where the last one led."""
    parameters = given.parameters
    for _ in range(given.steps):
        values = next(training_steps(replace(given, parameters=MappingProxyType(parameters), steps=1)))
        parameters = {name: values[f"{name}_new"] * (1 + 2.0**-20) for name in parameters}
        yield values | {f"{name}_new": array for name, array in parameters.items()}


@pytest.mark.parametrize(
    ("dtype", "program"), [("float64", training_steps), ("float32", training_steps), ("float64", growing)]
)
def test_a_program_drifts_by_what_fractions_say(dtype, program):
    problem = linear(dtype, steps=6)  # a fraction has three times the digits after each step
    drifts = {one.step: one for one in measured(problem, program) if one.against == TRUTH}
    assert list(drifts) == [1, 2, 5, 6]
    for step, claim in enumerate(program(problem), start=1):
        if step in drifts:
            claimed = [Fraction(float(claim[f"{name}_new"].item())) for name in problem.parameters]
            truth = exactly(problem, step)
            largest = max(abs(one - other) for one, other in zip(claimed, truth, strict=True))
            ulp = FORMATS[dtype].ulp(float(max(map(abs, truth))))
            assert math.isclose(drifts[step].difference, largest, rel_tol=1e-12, abs_tol=1e-40)
            assert math.isclose(drifts[step].ulps, float(largest) / ulp, rel_tol=1e-12, abs_tol=1e-20)


def test_implementations_are_compared_at_the_last_step_that_both_took():
    problem = linear(steps=20)

    def short(given):
        yield from training_steps(replace(given, steps=7))

    pairs = [one for one in measured(problem, training_steps, short) if one.against == "c1"]
    assert [one.step for one in pairs] == [1, 2, 5, 7]
    assert {one.difference for one in pairs} == {0.0}
    to_truth = [one for one in measured(problem, training_steps, short) if one.against == TRUTH]
    assert {one.implementation: one.step for one in to_truth} == {"c0": 20, "c1": 7}


def test_a_difference_is_in_ulps_of_the_largest_parameter():
    problem = linear("float32", steps=2)

    def off(given):
        for values in training_steps(given):
            yield {**values, "b2_new": values["b2_new"] + np.float32(2.0**-20)}

    first, *_ = [one for one in measured(problem, off, training_steps) if one.against == "c1"]
    assert (first.difference, first.ulps) == (2.0**-20, 16.0)  # the largest is W2, between ½ and 1


def test_what_is_not_known_says_why(monkeypatch):
    monkeypatch.setattr(parameter_drift, "MAX_WORK", 10)
    drifts = [one for one in measured(linear(steps=5), training_steps) if one.against == TRUTH]
    assert {one.not_known for one in drifts} == {"the run is too large for balls from the inputs alone"}
    assert all(math.isnan(one.difference) for one in drifts)


def test_balls_that_become_too_wide_are_followed_again_with_more_bits():
    problem = load_case("training/rate-too-large").problem("float64")
    truth = TruthOfRun(problem)
    high, low, radius = truth.after(50)
    assert radius.max() < 1e-19
    more = next(itertools.islice(certified_trajectory(problem, 2_000), 49, None))
    wanted = np.concatenate([ball.split()[0].ravel() for ball in more.values()])
    np.testing.assert_allclose(high + low, wanted, rtol=1e-15)
    assert "have become too wide after step 2000" in TruthOfRun(replace(problem, steps=2_000)).after(2_000)


def test_an_overflow_and_a_malformed_claim_drift_without_a_number():
    def infinite(given):
        for values in training_steps(given):
            yield {**values, "W1_new": values["W1_new"] * np.inf}

    def malformed(given):
        for values in training_steps(given):
            yield {**values, "W1_new": values["W1_new"].ravel()}

    drifts = measured(linear(steps=2), infinite, malformed)
    assert {(one.implementation, one.against) for one in drifts} == {("c0", TRUTH)}
    assert not any(math.isfinite(one.difference) for one in drifts)
    assert measured(linear(steps=1), training_steps, training_steps) == ()  # one step is no drift


def test_recorded_steps_and_no_step_but_the_latest_is_held():
    recorded = [step for step in range(1, 1001) if is_recorded(step)]
    assert recorded == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    problem = linear(steps=40)
    meter = DriftMeter(problem)
    who = Subject("", "numpy", "", "float64")
    sizes = []
    for judged in judge(problem, training_steps, frozenset()):
        meter.add(StepBatch([{who: judged}]))
        sizes.append(sum(array.size for array in meter._latest.values()))  # noqa: SLF001 - what it holds is the point
    assert set(sizes) == {problem.size}


@pytest.mark.usefixtures("implementations")
def test_drift_is_in_every_file_and_changes_no_conclusion(folder, tmp_path, capsys, monkeypatch):
    adapters = ["--adapter", "numpy", "--adapter", "programs:honest"]
    options = ["--cases", str(folder), "--select", "mine/", "--dtype", "float64", *adapters]
    assert main([*options, "--out", str(tmp_path / "out")]) == 0
    with_it = capsys.readouterr().out
    lines = list(csv.DictReader((tmp_path / "out" / "drift.csv").read_text(encoding="utf-8").splitlines()))
    assert {line["step"] for line in lines} == {"1", "2", "3"}
    pairs = {("numpy", "certified"), ("programs:honest", "certified"), ("numpy", "programs:honest")}
    assert {(line["implementation"], line["against"]) for line in lines} == pairs
    for name in ("summary.md", "index.html"):
        text = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert "For information: how far the trainings have come apart" in text
        assert "No verdict rests on this" in text
    enormous = (math.inf, math.inf)
    monkeypatch.setattr(parameter_drift, "_distance", lambda *_: enormous)
    assert main([*options, "--out", str(tmp_path / "other")]) == 0
    timeless = [re.sub(r" \(\d+ s\)$", "", text) for text in (with_it, capsys.readouterr().out)]
    assert timeless[1].replace("other/", "out/") == timeless[0]
    assert "inf" in (tmp_path / "other" / "drift.csv").read_text(encoding="utf-8")


@pytest.mark.needs("torch", "jax")
def test_frameworks_drift_little_where_training_goes_well():
    problem = replace(load_case("training/rate-right").problem("float64"), steps=120)
    meter = DriftMeter(problem)
    for judged in lockstep(problem, find_adapters(["numpy", "torch"])):
        meter.add(StepBatch([judged]))
    last = {one.against: one for one in meter.finished() if one.step > 100}
    assert last[TRUTH].ulps < 1000
    assert last["torch"].ulps < 1000
