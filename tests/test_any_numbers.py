"""Whatever is claimed, shown or left out, the report of it is made: no part of it raises.

In these tests nobody collects the parts that fail (`conftest.failing_parts_raise`), so one that fails raises.
"""

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TWO_LAYERS
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from networks import showing
from rich.console import Console

from adapters import Adapter, find_adapters
from cases import load_case
from cases.load import case_of
from cases.protocol import Program
from reference import Finding, Subject, Verdict, tape, training_steps
from reports import environment, parity, results_file
from reports.environment import Selection
from reports.report import put_together
from reports.runs.accuracy import UNKNOWN, Accuracy
from reports.runs.activation_errors import ActivationError, measure_selected
from reports.runs.comparison import Pair
from reports.runs.parameter_drift import TRUTH, Drift
from reports.runs.recorded import Loss
from reports.runs.rows import PUBLISHED, Printed, Results, Row
from reports.runs.runner import run
from reports.writers import report_files, terminal

few = settings(settings.get_profile("reports"), suppress_health_check=list(HealthCheck))

CASE = case_of("mine/two-layers", Path("mine/two-layers.yaml"), TWO_LAYERS.replace("steps: 3", "steps: 20"))


def written(report):
    """Write a report in every format, and print it; return the files."""
    texts = {name: write(report) for name, write in report_files.WRITERS.items()}
    terminal.show(report, Path("out"), Console(file=io.StringIO(), width=160))
    assert not report.failed
    return texts


QUANTITIES = [line.name for line in tape(CASE.problem("float64"))]


@few
@example(shown=frozenset())
@example(shown=frozenset({"dL/dz1", "loss"}))
@given(shown=st.frozensets(st.sampled_from(QUANTITIES)))
def test_any_subset_of_the_quantities_may_be_shown(shown):
    program = Program("", showing(training_steps, shown), lambda _: frozenset())
    selection = Selection((CASE,), (Adapter("mine", "Mine", "1", (program,)),), ("float64",))
    results = replace(run(selection), activations=measure_selected(selection))
    report = put_together(results, selection, environment.describe("a command"), ("mine",))
    assert report.conclusion.passed == bool(shown)
    assert {row.finding.quantity for row in results.rows} - {""} == shown
    written(report)


SPECIAL = "0 -0 5e-324 -5e-324 2.2250738585072014e-308 1e-300 1e300 1e308 -1e308 inf -inf nan".split()
NUMBERS = st.sampled_from([float(number) for number in SPECIAL]) | st.floats()

DOCUMENT = load_case("worked/document")
LINES = [line.name for line in tape(DOCUMENT.problem("float64"))]


def results_of(numbers, verdict):
    """Return results that hold these numbers, each wherever a number may stand."""
    count = len(numbers)

    def number(place):
        return numbers[place % count]

    def row(adapter, dtype, place, name):
        given = (number(place + k) for k in range(7))
        claimed, derived, error, tolerance, used, ulps, digits = given
        shape = () if name == "loss" else (0, 0)
        finding = Finding(1, name, verdict, "", shape, claimed, derived, error, tolerance, used, ulps, digits)
        finding = replace(finding, truth="certified")
        return Row(Subject(DOCUMENT.name, adapter, "", dtype), finding, place, claimed, derived)

    rows = [
        row(adapter, dtype, place, name)
        for adapter in ("numpy", "mine")
        for dtype in ("float64", "float32", "bfloat16")
        for place, name in enumerate(LINES)
    ]
    printed = [
        Printed(row(PUBLISHED, "printed", place, name), 1, repr(number(place)), number(place + 1))
        for place, name in enumerate(LINES)
    ]
    steps = [*range(1, 25), 50]
    about = "a/b", "float64", "mine"
    return Results(
        (*rows, *(one.row for one in printed)),
        tuple(Pair(*about, "jax", name, 2, 1, number(k), number(k + 1)) for k, name in enumerate(LINES)),
        tuple(printed),
        tuple(Drift(*about, TRUTH, step, number(k), number(k + 1)) for k, step in enumerate(steps)),
        tuple(Accuracy("float64", "mine", "dL/dW", k, 1) for k in (-3, 0, UNKNOWN)),
        tuple(Loss(*about, step, number(k)) for k, step in enumerate(steps)),
        tuple(
            ActivationError("tanh", "float32", "mine", what, z, number(k))
            for what in ("value", "derivative")
            for k, z in enumerate(np.linspace(-24, 24, count).tolist())
        ),
    )


@few
@example(numbers=[0.0], verdict=Verdict.AGREES)
@example(numbers=[math.nan], verdict=Verdict.AGREES)
@example(numbers=[1e308, -1e308, 5e-324], verdict=Verdict.DIFFERS)
@example(numbers=[math.inf, -math.inf, -0.0], verdict=Verdict.UNDECIDED)
@given(
    numbers=st.lists(NUMBERS, min_size=1, max_size=9),
    verdict=st.sampled_from((Verdict.AGREES, Verdict.DIFFERS, Verdict.UNDECIDED)),
)
def test_any_numbers_go_through_every_picture_table_and_writer(numbers, verdict):
    results = results_of(numbers, verdict)
    selection = Selection((DOCUMENT,), find_adapters(["numpy"]))
    report = put_together(results, selection, environment.describe("a command"))
    text = written(report)["results.json"]
    parity.properties([row for row in results.rows if row.subject.adapter == "mine"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda _: text.encode())
        read = results_file.read(Path("results.json")).results
    assert repr(read) == repr(results)  # where NaN is NaN, and −0 is not 0
