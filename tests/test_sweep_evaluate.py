"""A fault or a crash in one case of a stack is that case's alone; expected differences are known."""

from dataclasses import replace

import numpy as np
import pytest
from networks import network

from adapters import Adapter, Program, find_adapters
from cases import SHIPPED, load_cases, names
from cases.problem import stacked
from cases.protocol import NoEquivalent, Stacked
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
    return {i: text for i, text in enumerate(rows["sentence"]) if text}


def changing(cases, *quantities, by):
    """A program that states a multiple of the right numbers in some cases."""

    def damage(_, claim):
        for name in quantities:
            claim[name][cases] *= by

    return damaging(damage)


def test_a_fault_is_reported_of_its_case_and_of_many_a_few_have_a_sentence():
    rows = evaluate_stack(implementation(changing(3, "dL/dW1", by=1 + 1e-9)), stack_of())
    assert rows["verdict"].tolist() == ["agrees"] * 3 + ["differs"] + ["agrees"] * (COUNT - 4)
    assert (rows["first"][3], rows["step"][3]) == ("dL/dW1", 1)
    assert list(sentences(rows)) == [3]
    assert rows["sentence"][3].startswith("dL/dW1[")
    assert "(mine, float64, sweep of seed 7, case 103)" in rows["sentence"][3]
    assert set(rows["known"]) == {""}
    mistake = changing(2, "dL/da2", "dL/dz2", by=-1)
    rows = evaluate_stack(implementation(mistake, promises=names.observable), stack_of())
    assert rows["first"][2] == "dL/da2"
    assert "Explained by: " in rows["sentence"][2]
    rows = evaluate_stack(implementation(changing(slice(None), "loss", by=1 + 1e-9)), stack_of())
    assert set(rows["verdict"]) == {"differs"}
    assert len(sentences(rows)) == MAX_SENTENCES


def crashing(problem):
    if (problem.x == 7.0).any():
        raise FloatingPointError("no such number")
    yield from training_steps(problem)


def declining(problem):
    raise NoEquivalent("it has no such form")
    yield


def forgetful(problem):
    for claim in training_steps(problem):
        yield {name: array for name, array in claim.items() if name != "dL/db1" or problem.x.ndim == 2}


@pytest.mark.parametrize(
    ("run", "alone", "verdicts"),
    [
        (crashing, crashing, ["agrees", "error", "agrees", "agrees", "agrees"]),
        (forgetful, training_steps, ["agrees"] * 5),
        (forgetful, lambda _: iter([{}]), ["error"] * 5),
        (declining, declining, ["no equivalent"] * 5),
    ],
)
def test_where_a_stack_fails_as_a_whole_each_case_has_its_own_verdict(run, alone, verdicts):
    marked = stack_of(5)
    marked.x[1, 0, 0] = 7.0
    one = implementation(run, alone)
    over_stack, by_itself = evaluate_stack(one, marked), evaluate_alone(one, marked)
    assert over_stack["verdict"].tolist() == by_itself["verdict"].tolist() == verdicts
    assert (over_stack.dtypes == by_itself.dtypes).all()
    assert list(over_stack) == list(by_itself)
    assert ("FloatingPointError: no such number" in over_stack["sentence"][1]) == (run is crashing)


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
