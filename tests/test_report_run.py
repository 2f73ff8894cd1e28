"""Running a selection: every kind of failure is told as what it is, and costs nobody else anything."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adapters import Adapter, Program, Unavailable, find_adapters
from cases import Problem, load_case, load_cases
from reference import Verdict, training_steps
from reports.environment import Selection
from reports.runs.comparison import bitwise_equal, largest_differences, ulp_distance
from reports.runs.rows import Row, first_failure
from reports.runs.runner import lockstep, run, run_case

pytestmark = pytest.mark.usefixtures("implementations")

# name of the implementation: verdict, first failing quantity, step, a part of the reason
DAMAGES = {
    "nan": (Verdict.DIFFERS, "loss", 1, ""),
    "drops": (Verdict.ERROR, "dL/db1", 1, "was promised, but is not claimed"),
    "wrong_shape": (Verdict.ERROR, "dL/db1", 1, "has shape (1, 3), expected (3,)"),
    "wrong_dtype": (Verdict.ERROR, "dL/dW1", 1, "expected float64"),
    "changes_its_inputs": (Verdict.ERROR, "x", 3, "changed in place"),
    "raises": (Verdict.ERROR, "", 1, "raised ValueError: no such luck"),
    "raises_in_step_2": (Verdict.ERROR, "", 2, "raised ValueError: no such luck"),
    "ends_the_program": (Verdict.ERROR, "", 1, "SystemExit"),
    "stops_early": (Verdict.ERROR, "", 2, "stopped after 1 of 3 steps"),
    "forgets_the_factor": (Verdict.DIFFERS, "dL/da1", 2, ""),
    "not_a_function": (Verdict.ERROR, "", 0, "expected an Adapter or a function"),
}


def rows_by_adapter(folder: Path, *names: str) -> dict[str, list[Row]]:
    selection = Selection(
        load_cases(folder), find_adapters([f"programs:{name}" for name in names]), ("float64",)
    )
    rows: dict[str, list[Row]] = {name: [] for name in names}
    for row in run(selection).rows:
        rows[row.subject.adapter.removeprefix("implementations:")].append(row)
    return rows


def test_each_damage_has_its_own_verdict_and_the_others_are_unaffected(folder: Path) -> None:
    together = rows_by_adapter(folder, "honest", *DAMAGES)
    for name, (verdict, quantity, step, reason) in DAMAGES.items():
        first = first_failure(together[name])
        assert first is not None, name
        found = first.finding
        assert (found.verdict, found.quantity, found.step) == (verdict, quantity, step), name
        assert reason in found.reason
    assert all(row.passes for row in together["honest"])
    assert repr(together["honest"]) == repr(rows_by_adapter(folder, "honest")["honest"])


def test_a_single_wrong_quantity_costs_no_other_quantity(folder: Path) -> None:
    rows = rows_by_adapter(folder, "nan")["nan"]
    assert {row.finding.quantity for row in rows if not row.passes} == {"loss"}
    assert {row.finding.step for row in rows} == {1, 2, 3}


def test_all_programs_advance_in_lockstep() -> None:
    order: list[tuple[str, int]] = []

    def program(name: str) -> Program:
        def train(problem: Problem) -> Iterator[dict[str, np.ndarray]]:
            for number, step in enumerate(training_steps(problem), start=1):
                order.append((name, number))
                yield step

        return Program(name, train)

    problem = replace(load_case("worked/document").problem("float64"), steps=3)
    adapters = [
        Adapter("one", "", "", (program("a"), program("b"))),
        Adapter("other", "", "", (program("c"),)),
    ]
    taken = list(lockstep(problem, adapters))
    assert order == [(name, step) for step in (1, 2, 3) for name in "abc"]
    assert [len(judged) for judged in taken] == [3, 3, 3]


def test_an_adapter_that_cannot_run_has_one_row_with_its_reason() -> None:
    absent = Unavailable("jax", Verdict.NOT_RUN, "jax is not installed")
    rows, _ = run_case(load_case("worked/document"), "float32", [absent])
    (row,) = rows
    assert row.finding.verdict == "not run"
    assert row.finding.reason == "jax is not installed"
    assert not row.passes
    assert not row.fails


def test_the_plain_difference_is_from_the_numpy_reference_whether_it_is_selected_or_not(folder: Path) -> None:
    (case,) = load_cases(folder)
    (fake, numpy) = find_adapters(["programs:forgets_the_factor", "numpy"])
    alone, _ = run_case(case, "float32", [fake])
    beside, _ = run_case(case, "float32", [numpy, fake])
    assert repr(alone) == repr([row for row in beside if row.subject.adapter != "numpy"])
    assert max(row.max_abs_diff for row in alone) > 0
    assert {row.max_abs_diff for row in beside if row.subject.adapter == "numpy"} == {0.0}


def test_two_implementations_are_counted_against_each_other_over_all_steps(folder: Path) -> None:
    selection = Selection(
        load_cases(folder), find_adapters(["programs:honest", "programs:nan"]), ("float64",)
    )
    pairs = {pair.quantity: pair for pair in run(selection).pairs}
    assert (pairs["dL/dW1"].elements, pairs["dL/dW1"].equal, pairs["dL/dW1"].ulps) == (3 * 6, 3 * 6, 0)
    assert (pairs["loss"].elements, pairs["loss"].equal, pairs["loss"].ulps) == (3, 0, math.inf)
    assert (pairs["loss"].left, pairs["loss"].right) == ("programs:honest", "programs:nan")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ulp_distance_counts_the_numbers_of_the_format(dtype: str) -> None:
    one = np.ones(1, dtype)
    tiny = np.finfo(dtype).smallest_subnormal
    assert ulp_distance(one, np.nextafter(one, 2)).tolist() == [1]
    assert ulp_distance(one, one + 8 * np.finfo(dtype).eps).tolist() == [8]
    assert ulp_distance(one * 0, -one * 0).tolist() == [0]
    assert ulp_distance(one * tiny, -one * tiny).tolist() == [2]
    assert ulp_distance(one * np.nan, one * np.nan).tolist() == [0]
    assert ulp_distance(one * np.nan, one).tolist() == [math.inf]
    assert ulp_distance(one * np.finfo(dtype).max, one * np.inf).tolist() == [1]


def test_plain_differences() -> None:
    reference = np.array([2.0, 0.0, np.inf, -1.0])
    assert largest_differences(reference, reference) == (0.0, 0.0)
    assert largest_differences(np.array([2.5, 0.0, np.inf, -1.0]), reference) == (0.5, 0.25)
    assert largest_differences(np.array([2.0, 1e-9, np.inf, -1.0]), reference) == (1e-9, math.inf)
    assert math.isnan(largest_differences(np.array([np.nan, 0.0, np.inf, -1.0]), reference)[0])


def test_plus_and_minus_zero_are_not_the_same_bits() -> None:
    assert bitwise_equal(np.array([0.0, 1.0]), np.array([-0.0, 1.0])).tolist() == [False, True]
