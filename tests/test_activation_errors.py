"""The activations over a range: measured is the framework's own function, and nobody else's rounding."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adapters import Adapter, Program, Unavailable, find_adapters
from cases import load_case, names
from cases.protocol import Fault
from reference import Verdict, training_steps
from reference.activations import ACTIVATIONS
from reference.arithmetic import FORMATS
from reports.build import main
from reports.environment import Selection
from reports.runs.activation_errors import (
    KINKS,
    POINTS,
    REACH,
    STRIPS,
    grid,
    measure,
    measure_selected,
    problem,
    truths,
    worst_of_strips,
)  # fmt: skip
from reports.writers import report_files


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_z_is_the_point_and_the_gradient_of_the_loss_is_one(name, dtype):
    (adapter,) = find_adapters([name])
    if isinstance(adapter, Unavailable):
        pytest.skip(adapter.reason)
    program = adapter.programs[-1]
    claim = next(iter(program.run(problem("softsign", dtype))))
    assert np.array_equal(claim["z1"].ravel(), grid(dtype))
    assert np.all(claim["dL/da1"] == 1)
    points = grid(dtype)
    assert np.array_equal(points.astype(dtype).astype(np.float64), points)
    assert set(KINKS) <= set(points)
    assert len(points) >= STRIPS * POINTS
    assert (points[0], points[-1]) == (-REACH, REACH)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_errors_are_those_of_a_count_by_hand(name):
    found = measure([name], find_adapters(["numpy"]), "float32")
    claim = next(training_steps(problem(name, "float32")))
    points = grid("float32").tolist()
    for quantity, stated in (("value", "a1"), ("derivative", "dL/dz1")):
        high, low = truths(name, "float32")[quantity]
        off = {}
        for place, z in enumerate(points):
            error = abs(float(claim[stated][place, 0]) - high[place] - low[place])
            off[z] = error / FORMATS["float32"].ulp(float(high[place]))
        mine = [one for one in found if one.quantity == quantity]
        assert len(mine) == STRIPS
        assert all(one.ulps == pytest.approx(off[one.z], rel=1e-12) for one in mine)
        assert max(one.ulps for one in mine) == pytest.approx(max(off.values()), rel=1e-12)


@given(arrays(np.float64, grid("float32").size, elements=st.floats(0, 1e9) | st.just(math.nan)))
def test_of_each_strip_the_worst_point_is_given_and_nan_is_worse_than_all(off):
    points = grid("float32")
    width = 2 * REACH / STRIPS
    places = worst_of_strips(points, off)
    assert len(places) == STRIPS
    for strip, place in enumerate(places):
        left = -REACH + strip * width
        right = math.inf if strip == STRIPS - 1 else left + width
        others = off[(points >= left) & (points < right)]
        assert left <= points[place] < right
        assert math.isnan(off[place]) if np.isnan(others).any() else off[place] == others.max()


def adapter_of(run, promises=names.observable):
    return Adapter("mine", "Mine", "", (Program("", run, promises),))


def test_a_wrong_value_shows_where_it_is_wrong_and_nan_and_infinity_as_they_are():
    def wrong(given):
        for claim in training_steps(given):
            a = claim["a1"].copy()
            a[given.x > 20] *= 1.5
            yield {**claim, "a1": a}

    found = measure(["softplus"], [adapter_of(wrong)], "float64")
    far = [one.z for one in found if one.quantity == "value" and one.ulps > 1e6]
    assert min(far) > 20
    assert len(far) >= STRIPS * 4 / 48 - 1
    assert max(one.ulps for one in found if one.quantity == "derivative") < 10

    def broken(given):
        for claim in training_steps(given):
            yield {**claim, "a1": np.full_like(claim["a1"], np.nan), "dL/dz1": claim["a1"] * np.inf}

    found = measure(["sigmoid"], [adapter_of(broken)], "float32")
    assert all(math.isnan(one.ulps) for one in found if one.quantity == "value")
    assert {one.ulps for one in found if one.quantity == "derivative"} == {math.inf}


def raises(given):
    raise ValueError("only two layers")


def ends_the_program(given):
    raise SystemExit(0)


@pytest.mark.parametrize(
    "adapter",
    [
        adapter_of(raises),
        adapter_of(ends_the_program),
        adapter_of(lambda given: iter(())),
        adapter_of(lambda given: iter([{"a1": np.zeros(3, np.float32)}])),
        Unavailable("torch", Verdict.NOT_RUN, "torch is not installed"),
    ],
)
def test_who_cannot_show_it_is_left_out(adapter):
    assert measure(["sigmoid"], [adapter], "float32") == ()


def test_after_a_failure_the_next_activation_is_asked_for_but_not_after_a_hang():
    asked = []

    def some(given, failing, fault):
        asked.append(given.activations[0])
        if asked[-1] == failing:
            raise fault
        yield from training_steps(given)

    def drawn(fault):
        asked.clear()
        adapter = adapter_of(lambda given: some(given, "tanh", fault))
        return {one.activation for one in measure(["sigmoid", "tanh", "relu"], [adapter], "float32")}

    assert drawn(KeyError("tanh")) == {"sigmoid", "relu"}
    assert drawn(Fault("took more than 60 s and was ended")) == {"sigmoid"}
    assert asked == ["sigmoid", "tanh"]


def test_what_shows_only_the_outcome_is_asked_once_and_what_promises_less_than_it_shows_is_drawn():
    asked = []

    def outcome(given):
        asked.append(given.activations)
        for claim in training_steps(given):
            yield {name: claim[name] for name in names.outcome(1)}

    assert measure(["sigmoid", "tanh"], [adapter_of(outcome)], "float32") == ()
    assert len(asked) == 1
    assert measure(["sigmoid"], [adapter_of(training_steps, names.outcome)], "float32") != ()


def test_measured_are_the_activations_of_the_selected_cases_in_one_format():
    case, numpy = load_case("nets/mixed-activations"), find_adapters(["numpy"])
    selection = Selection((case,), numpy)
    found = measure_selected(selection)
    assert {one.activation for one in found} == {layer.activation for layer in case.file.layers}
    assert {one.dtype for one in found} == {"float32"}
    assert {one.dtype for one in measure_selected(replace(selection, dtypes=("float64",)))} == {"float64"}
    short = Selection((load_case("formats/small"),), numpy, ("bfloat16",))
    assert measure_selected(short) == ()


def test_a_build_collects_them_with_the_verdicts(folder, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(report_files, "write", lambda report, *_, **__: made.append(report))
    chosen = ["--cases", str(folder), "--select", "mine/", "--adapter", "numpy"]
    assert main([*chosen, "--out", str(tmp_path / "out")]) == 0
    results = made[0].results
    assert {one.activation for one in results.activations} == {"sigmoid", "tanh"}
    assert {one.case for one in results.losses} == {"mine/two-layers"}
    counted = {(one.implementation, one.dtype) for one in results.accuracy}
    assert counted == {("numpy", "float64"), ("numpy", "float32")}
