"""A fault or a crash in one case of a stack is that case's alone; expected differences are known."""

from dataclasses import replace

import numpy as np
import pytest
from networks import network

from adapters import Adapter, Program, find_adapters
from cases import SHIPPED, load_cases, names
from cases.problem import stacked
from cases.protocol import Stacked
from cases.verdict import NoEquivalent
from reference import training_steps
from reports.sweep.evaluate import MAX_SENTENCES, evaluate_alone, evaluate_stack
from reports.sweep.implementations import RECOMPUTED, REGIONS, Implementation, implementations

COUNT = 12


def stack_of(count=COUNT, **given):
    problems = [network((2, 3, 2), 3, seed=i, **given) for i in range(count)]
    return replace(stacked(problems), case="sweep of seed 7, case 100")


def implementation(run, alone=training_steps, promises=names.outcome, **given):
    program = Program("", alone, promises, stacked=Stacked("so", run), **given)
    return Implementation(Adapter("mine", "mine", "1", (program,)), program)


def damaging(damage):
    def run(problem):
        for claim in training_steps(problem):
            changed = {name: np.array(array) for name, array in claim.items()}
            damage(problem, changed)
            yield changed

    return run


def sentences(rows):
    return {i: text for i, text in enumerate(rows["told"]) if text}


def test_a_fault_in_one_case_is_reported_of_that_case_and_a_mistake_is_named():
    def third(problem, claim):
        claim["dL/dW1"][3] *= 1 + 1e-9

    def negative(_, claim):
        for name in ("dL/da2", "dL/dz2"):
            claim[name][2] = -claim[name][2]

    rows = evaluate_stack(implementation(damaging(third)), stack_of())
    assert rows["verdict"].tolist() == ["agrees"] * 3 + ["differs"] + ["agrees"] * (COUNT - 4)
    assert (rows["first"][3], rows["step"][3]) == ("dL/dW1", 1)
    assert list(sentences(rows)) == [3]
    assert rows["told"][3].startswith("dL/dW1[")
    assert "(mine, float64, sweep of seed 7, case 103)" in rows["told"][3]
    assert set(rows["known"]) == {""}
    rows = evaluate_stack(implementation(damaging(negative), promises=names.observable), stack_of())
    assert rows["first"][2] == "dL/da2"
    assert "Explained by: " in rows["told"][2]


def test_a_crash_on_one_case_is_the_error_of_that_case():
    marked = stack_of()
    marked.x[5, 0, 0] = 7.0

    def crashing(problem):
        if (problem.x == 7.0).any():
            raise FloatingPointError("no such number")
        yield from training_steps(problem)

    rows = evaluate_stack(implementation(crashing, crashing), marked)
    assert rows["verdict"].tolist() == ["agrees"] * 5 + ["error"] + ["agrees"] * (COUNT - 6)
    assert "FloatingPointError: no such number" in rows["told"][5]
    assert len(rows) == COUNT


def test_a_malformed_claim_of_a_stack_is_run_case_by_case():
    def forgetful(problem):
        for claim in training_steps(problem):
            yield {name: array for name, array in claim.items() if name != "dL/db1" or problem.x.ndim == 2}

    assert set(evaluate_stack(implementation(forgetful), stack_of())["verdict"]) == {"agrees"}
    rows = evaluate_stack(implementation(forgetful, lambda p: ({} for _ in range(1))), stack_of(3))
    assert set(rows["verdict"]) == {"error"}


def test_an_implementation_may_have_no_equivalent():
    def declining(problem):
        raise NoEquivalent("it has no such form")
        yield

    one = implementation(declining, declining)
    over_stack, alone = evaluate_stack(one, stack_of(2)), evaluate_alone(one, stack_of(2))
    assert set(over_stack["verdict"]) == set(alone["verdict"]) == {"no equivalent"}
    assert (over_stack.dtypes == alone.dtypes).all()
    assert list(over_stack) == list(alone)


def test_all_findings_are_counted_and_a_few_have_a_sentence():
    def everywhere(problem, claim):
        claim["loss"] *= 1 + 1e-9

    rows = evaluate_stack(implementation(damaging(everywhere)), stack_of())
    assert set(rows["verdict"]) == {"differs"}
    assert len(sentences(rows)) == MAX_SENTENCES


@pytest.mark.needs("torch")
def test_softplus_of_pytorch_is_expected_above_its_threshold_and_a_finding_below():
    (torch,) = find_adapters(["torch"])
    (one,) = implementations([torch], 0)
    stack = stack_of(activations="softplus")
    stack.parameters["b1"][4] = 30.0
    rows = evaluate_stack(one, stack)
    expected = [""] * 4 + ["divergences/softplus-threshold"] + [""] * (COUNT - 5)
    assert rows["known"].tolist() == expected
    assert rows["first"][4] == "a1"
    assert not sentences(rows)

    def wrong(problem):
        for claim in one.program.stacked.run(problem):
            claim["a1"][2] *= 1 + 1e-9
            yield claim

    broken = replace(one, program=replace(one.program, stacked=Stacked("so", wrong)))
    rows = evaluate_stack(broken, stack)
    assert rows["known"][2] == ""
    assert list(sentences(rows)) == [2]


@pytest.mark.needs("jax")
def test_where_z_is_hidden_the_reference_decides_whether_a_case_is_at_the_kink():
    (jax,) = find_adapters(["jax"])
    stack = stack_of(activations="leaky_relu")
    for name, case in (("W1", 3), ("b1", 3), ("W2", 5), ("b2", 5)):  # each in a layer of its own
        stack.parameters[name][case] = 0.0
    plain, observed = (next(iter(implementations([jax], block))) for block in (0, 1))
    assert (plain.program.name, observed.program.name) == ("plain", "observed")
    for one in (plain, observed):
        rows, alone = evaluate_stack(one, stack), evaluate_alone(one, stack)
        assert rows["known"][[3, 5]].tolist() == ["divergences/leaky-relu-at-zero"] * 2
        assert set(np.delete(rows["verdict"], [3, 5])) == {"agrees"}
        for name in ("verdict", "known"):
            assert alone[name].tolist() == rows[name].tolist()


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.case)
def test_each_expected_region_is_that_of_a_case(region):
    (case,) = (case for case in load_cases(SHIPPED) if case.name == region.case)
    expectation = case.expectation(region.framework, case.dtypes[0])
    problem = case.problem(case.dtypes[0])
    lines = region.lines_of(problem)
    assert expectation.quantity in lines
    values = next(training_steps(problem))
    assert np.any(region.contains(values[lines[expectation.quantity]], 0.0, problem.y))


@pytest.mark.parametrize(("moved", "known"), [(2, RECOMPUTED), (1000, "")])
def test_a_value_that_a_compiler_computes_twice_is_distinguished_from_a_fault(moved, known):
    """The update goes on with a gradient that is a few roundings away from the one that is stated."""
    tiny = np.finfo("float32").eps

    def elsewhere(problem, claim):
        products = np.abs(claim["dL/dz1"]).mT @ np.abs(problem.x)
        used = claim["dL/dW1"] + (moved * tiny * products).astype("float32")
        claim["W1_new"] = problem.parameters["W1"] - np.float32(problem.learning_rate) * used

    stack, run = stack_of(dtype="float32", learning_rate=64.0), damaging(elsewhere)
    rows = evaluate_stack(implementation(run, is_compiled=True), stack)
    differing = rows[rows["verdict"] == "differs"]
    assert len(differing)
    assert set(differing["first"]) == {"W1_new"}
    assert set(differing["known"]) == {known}
    assert set(evaluate_stack(implementation(run), stack)["known"]) == {""}
