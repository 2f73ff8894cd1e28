"""Trials: a fault in one case of a stack is found there, a crash costs one case, what is known is told."""

from dataclasses import replace

import numpy as np
import pytest
from networks import network

from adapters import Adapter, Program, find_adapters
from cases import names
from cases.protocol import Stacked
from cases.stacks import stacked
from cases.verdict import NoEquivalent
from reference import training_steps
from reference.arithmetic import FORMATS
from reports.sweep.implementations import Implementation, implementations
from reports.sweep.known import KNOWN
from reports.sweep.trial import MOST_TOLD, RECOMPUTED, try_alone, try_stack

COUNT = 12


def stack_of(count=COUNT, **given):
    problems = [network((2, 3, 2), 3, seed=i, **given) for i in range(count)]
    return replace(stacked(problems), case="sweep of seed 7, case 100")


def implementation(run, alone=training_steps, name="mine", promises=names.outcome):
    return Implementation(
        Adapter(name, name, "1", (one := Program("", alone, promises, stacked=Stacked("so", run)),)), one
    )


def damaging(damage):
    def run(problem):
        for claim in training_steps(problem):
            changed = {name: np.array(array) for name, array in claim.items()}
            damage(problem, changed)
            yield changed

    return run


def test_a_fault_in_one_case_is_found_in_that_case_and_told():
    def third(problem, claim):
        claim["dL/dW1"][3] *= 1 + 1e-9

    trial = try_stack(implementation(damaging(third)), stack_of())
    assert trial.judged.verdict.tolist() == ["agrees"] * 3 + ["differs"] + ["agrees"] * (COUNT - 4)
    assert trial.judged.first[3] == "dL/dW1"
    assert trial.judged.step[3] == 1
    assert list(trial.told) == [3]
    assert trial.told[3].startswith("dL/dW1[")
    assert "(mine, float64, sweep of seed 7, case 103)" in trial.told[3]
    assert set(trial.known) == {""}


def test_a_known_mistake_is_named():
    def negative(_, claim):
        for name in ("dL/da2", "dL/dz2"):
            claim[name][2] = -claim[name][2]

    trial = try_stack(implementation(damaging(negative), promises=names.observable), stack_of())
    assert trial.judged.first[2] == "dL/da2"
    assert "Explained by: " in trial.told[2]


def test_what_crashes_on_one_case_is_that_cases_error():
    marked = stack_of()
    marked.x[5, 0, 0] = 7.0

    def crashing(problem):
        if (problem.x == 7.0).any():
            raise FloatingPointError("no such number")
        yield from training_steps(problem)

    trial = try_stack(implementation(crashing, crashing), marked)
    assert trial.judged.verdict.tolist() == ["agrees"] * 5 + ["error"] + ["agrees"] * (COUNT - 6)
    assert "FloatingPointError: no such number" in trial.told[5]
    assert len(trial.known) == COUNT


def test_a_malformed_claim_of_a_stack_is_tried_case_by_case():
    def forgetful(problem):
        for claim in training_steps(problem):
            yield {name: array for name, array in claim.items() if name != "dL/db1" or problem.x.ndim == 2}

    assert set(try_stack(implementation(forgetful), stack_of()).judged.verdict) == {"agrees"}
    trial = try_stack(implementation(forgetful, lambda p: ({} for _ in range(1))), stack_of(3))
    assert set(trial.judged.verdict) == {"error"}


def test_what_declines_has_no_equivalent():
    def declining(problem):
        raise NoEquivalent("it has no such form")
        yield

    trial = try_stack(implementation(declining, declining), stack_of())
    assert set(trial.judged.verdict) == {"no equivalent"}
    assert set(try_alone(implementation(declining, declining), stack_of(2)).judged.verdict) == {
        "no equivalent"
    }


def test_findings_are_counted_all_and_told_a_few():
    def everywhere(problem, claim):
        claim["loss"] *= 1 + 1e-9

    trial = try_stack(implementation(damaging(everywhere)), stack_of())
    assert set(trial.judged.verdict) == {"differs"}
    assert len(trial.told) == MOST_TOLD


@pytest.mark.needs("torch")
def test_pytorchs_softplus_is_known_above_its_threshold_and_a_finding_below():
    (torch,) = find_adapters(["torch"])
    (one,) = implementations([torch], 0)
    stack = stack_of(activations="softplus")
    stack.parameters["b1"][4] = 30.0
    trial = try_stack(one, stack)
    assert trial.known.tolist() == [""] * 4 + ["divergences/softplus-threshold"] + [""] * (COUNT - 5)
    assert trial.judged.first[4] == "a1"
    assert not trial.told

    def wrong(problem):
        for claim in one.program.stacked.run(problem):
            claim["a1"][2] *= 1 + 1e-9
            yield claim

    broken = replace(one, program=replace(one.program, stacked=Stacked("so", wrong)))
    trial = try_stack(broken, stack)
    assert trial.known[2] == ""
    assert list(trial.told) == [2]


@pytest.mark.needs("jax")
def test_a_program_that_hides_z_is_known_where_the_reference_meets_the_kink():
    (jax,) = find_adapters(["jax"])
    stack = stack_of(activations="leaky_relu")
    for name, case in (("W1", 3), ("b1", 3), ("W2", 5), ("b2", 5)):  # each in a layer of its own
        stack.parameters[name][case] = 0.0
    plain, observed = (next(iter(implementations([jax], block))) for block in (0, 1))
    assert (plain.program.name, observed.program.name) == ("plain", "observed")
    for one in (plain, observed):
        trial = try_stack(one, stack)
        assert trial.known[[3, 5]].tolist() == ["divergences/leaky-relu-at-zero"] * 2
        assert set(np.delete(trial.judged.verdict, [3, 5])) == {"agrees"}
        alone = try_alone(one, stack)
        assert alone.judged.verdict.tolist() == trial.judged.verdict.tolist()
        assert alone.known.tolist() == trial.known.tolist()


@pytest.mark.parametrize("one", KNOWN, ids=lambda one: one.case)
def test_each_known_difference_is_that_of_a_case(one):
    from cases import SHIPPED, load_cases

    (case,) = (case for case in load_cases(SHIPPED) if case.name == one.case)
    expectation = case.expectation(one.adapter, case.dtypes[0])
    problem = case.problem(case.dtypes[0])
    lines = one.lines_of(problem)
    assert expectation.quantity in lines
    values = next(training_steps(problem))
    assert np.any(one.region(values[lines[expectation.quantity]], 0.0, problem.y, FORMATS[problem.dtype]))


@pytest.mark.parametrize(("moved", "known"), [(2, RECOMPUTED), (1000, "")])
def test_what_a_compiler_computes_twice_is_told_from_a_fault(moved, known):
    """The update goes on with a gradient that is a few roundings away from the one that is stated."""
    tiny = np.finfo("float32").eps

    def elsewhere(problem, claim):
        products = np.abs(claim["dL/dz1"]).mT @ np.abs(problem.x)
        used = claim["dL/dW1"] + (moved * tiny * products).astype("float32")
        claim["W1_new"] = problem.parameters["W1"] - np.float32(problem.learning_rate) * used

    stack = stack_of(dtype="float32", learning_rate=64.0)
    run, promises = damaging(elsewhere), names.outcome
    program = Program("", training_steps, promises, stacked=Stacked("so", run), is_compiled=True)
    trial = try_stack(Implementation(Adapter("mine", "mine", "1", (program,)), program), stack)
    differs = trial.judged.verdict == "differs"
    assert differs.any()
    assert set(trial.judged.first[differs]) == {"W1_new"}
    assert set(trial.known[differs]) == {known}
    uncompiled = try_stack(implementation(run), stack)
    assert set(uncompiled.known) == {""}
