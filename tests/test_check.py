"""The checker bites: each way of being wrong has its own clear verdict, at its own line."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import damaged, hiding, network, showing

from cases.names import observable, outcome
from reference import Subject, Verdict, judge, sentence, tape, training_steps
from reference.agreement import VERDICTS, compare, compare_cases, compare_steps
from reference.arithmetic import FLOAT32, FLOAT64, Bounded

NONE = "is not a quantity of this training step"
SUBJECT = Subject("nets/example", "theirs", "", "float64")


def failures(problem, implementation, promises=frozenset()):
    steps = list(judge(problem, implementation, promises))
    return [finding for step in steps for finding in step.failures]


def failures_after(damage, problem=None, promises=None):
    problem = problem or network()
    shown = observable(problem.depth) if promises is None else promises
    return failures(problem, damaged(showing(training_steps, shown), damage), shown)


@pytest.mark.parametrize("line", [line.name for line in tape(network()) if not line.name.startswith("da")])
def test_a_fault_of_1e_12_is_caught_at_its_own_line(line):
    def damage(claim):
        worst = np.unravel_index(np.argmax(np.abs(claim[line])), claim[line].shape)
        claim[line][worst] *= 1 + 1e-12

    assert failures_after(damage)[0].quantity == line


@pytest.mark.parametrize(("name", "index"), [("dL/dW1", (1, 0)), ("loss", ())])
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_nan_never_agrees_and_infinity_not_with_a_finite_number(name, index, number):
    first = failures_after(lambda claim: claim[name].__setitem__(index, number))[0]
    assert (first.quantity, first.verdict, first.index) == (name, Verdict.DIFFERS, index)
    assert not math.isfinite(first.used)


@pytest.mark.parametrize(
    ("damage", "quantity", "reason"),
    [
        (lambda c: c.pop("dL/dW2"), "dL/dW2", "was promised, but is not claimed"),
        (lambda c: c.update({"b1_new": c["b1_new"][None]}), "b1_new", "has shape (1, 3), expected (3,)"),
        (lambda c: c.update(z1=c["z1"].astype("float32")), "z1", "has dtype float32, expected float64"),
        (lambda c: c.update(loss=None), "loss", "is a NoneType, expected a NumPy array"),
        (lambda c: c.update(more=c["z1"]), "more", "is not a quantity of this training step"),
        (lambda c: c.update(W1=c["W1_new"]), "W1", f"{NONE}; did you mean 'W1_new'?"),
    ],
    ids=["dropped", "shape", "dtype", "type", "name", "input"],
)
def test_a_claim_of_the_wrong_kind_is_an_error_with_its_reason(damage, quantity, reason):
    (error,) = failures_after(damage)
    assert (error.quantity, error.verdict, error.reason) == (quantity, Verdict.ERROR, reason)


class Hostile(dict):
    def __iter__(self):
        raise MemoryError("no room")

    keys = __iter__


def raises(error):
    raise error


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (lambda _: {}, "claimed nothing, so nothing was compared"),
        (lambda _: [1, 2], "raised TypeError: yielded list, expected a mapping from names to arrays"),
        (lambda problem: Hostile(next(training_steps(problem))), "raised MemoryError: no room"),
        (lambda _: raises(SystemExit(3)), "raised SystemExit: 3"),
        (
            lambda _: raises(ZeroDivisionError("rate\nis zero")),
            "raised ZeroDivisionError: rate is zero at test_check.py:",
        ),
    ],
    ids=["nothing", "list", "hostile", "exit", "exception"],
)
def test_whatever_an_implementation_does_is_an_error_of_its_own(first, reason):
    def implementation(problem):
        yield first(problem)

    (error,) = failures(network(), implementation)
    assert (error.verdict, error.quantity) == (Verdict.ERROR, "")
    assert error.reason.startswith(reason)


@pytest.mark.parametrize("certify", [True, False])
def test_claims_may_be_written_over_by_the_next_step(certify):
    def in_place(problem):
        shown = {}
        for values in training_steps(problem):
            for name, value in values.items():
                shown.setdefault(name, np.array(value))[...] = value
            yield shown

    steps = judge(network(steps=3), in_place, frozenset(), certify=certify)
    assert [step.failures for step in steps] == [(), (), ()]


def test_stopping_early_is_an_error_and_what_comes_after_the_last_step_is_not_asked_for():
    def crashing(problem):
        yield from training_steps(replace(problem, steps=1))
        if problem.steps == 1:
            raise ZeroDivisionError

    assert failures(network(steps=1), crashing) == []
    first, second = judge(network(steps=3), crashing, frozenset())
    assert [one.reason for one in first.failures + second.failures] == ["stopped after 1 of 3 steps"]


def test_writing_to_the_inputs_is_an_error_and_changes_no_others():
    def writing(problem):
        values = next(training_steps(problem))
        problem.x[0, 0] = 7.0
        yield values

    problem = network()
    before = problem.x.copy()
    (error,) = failures(problem, writing)
    assert (error.quantity, error.reason) == ("x", "was given as an input and was changed in place")
    assert np.array_equal(problem.x, before)


def test_each_step_is_judged_from_the_implementations_own_state():
    """A wrong first update is a finding once; the second step is right, from where the implementation is."""

    def own_steps(problem):
        state = problem
        for number in range(problem.steps):
            values = {k: v for k, v in next(training_steps(state)).items() if k in observable(2)}
            values["W1_new"] += 0.25 * (number == 0)
            state = replace(state, parameters={name: values[f"{name}_new"] for name in state.parameters})
            yield values

    found = failures(network(steps=2), own_steps, observable(2))
    assert [(finding.step, finding.quantity) for finding in found] == [(1, "W1_new")]


def test_a_hidden_quantity_widens_the_bound_of_what_follows():
    problem = network((20, 30, 5), 8)
    (shown,) = judge(problem, training_steps, frozenset())
    (plain,) = judge(problem, hiding(training_steps), outcome(2))
    tolerance = {finding.quantity: finding.tolerance for finding in shown.findings}
    wider = {finding.quantity: finding.tolerance / tolerance[finding.quantity] for finding in plain.findings}
    assert min(wider["dL/dW1"], wider["loss"]) > 2


def test_a_bound_that_certifies_nothing_is_undecided_and_does_not_pass():
    """A saturated unit's derivative is rounded away, a(1 − a) = 0: no digit of dL/dz is certain."""
    problem = network((1, 1), 1)
    problem.parameters["W1"][:] = 0
    problem.parameters["b1"][:] = 40

    found = {finding.quantity: finding for finding in failures_after(lambda claim: None, problem)}
    assert found["dL/dz1"].verdict is Verdict.UNDECIDED
    assert found["dL/dz1"].reason == "the bound certifies less than one digit"
    assert not found["dL/dz1"].passes


def test_an_overflow_is_undecided():
    problem = network((2, 2), 3, activations="identity", dtype="float32", scale=1e25)
    found = {finding.quantity: finding.verdict for finding in failures(problem, training_steps)}
    assert found["loss"] is Verdict.UNDECIDED


def test_a_kink_that_cancellation_comes_near_is_undecided():
    cancelling = network((1, 1), 1, activations="relu")
    cancelling.parameters["W1"][:], cancelling.parameters["b1"][:], cancelling.x[:] = 0.2, -0.1, 0.5
    found = failures_after(lambda claim: None, cancelling, outcome(1))
    assert {finding.verdict for finding in found} == {Verdict.UNDECIDED}


def test_an_element_outside_its_bound_differs_whatever_others_are():
    derived = Bounded(np.array([1.0, 1.0]), np.array([np.inf, 1e-16]), FLOAT64)
    finding = compare(1, "z1", np.array([1.0, 2.0]), derived)
    assert (finding.verdict, finding.index) == (Verdict.DIFFERS, (1,))
    assert compare(1, "z1", np.array([1.0, 1.0]), derived).verdict is Verdict.UNDECIDED


# --- the edges of agreement, by the short cut for one array that plainly agrees, and by the general rule


def by_itself(claimed, derived):
    return compare(1, "z1", claimed, derived).verdict


def in_a_stack(claimed, derived):
    stack = Bounded(derived.value[None], derived.error[None], replace(derived.format, stacked=True))
    with np.errstate(all="ignore"):
        return VERDICTS[compare_cases(claimed[None], stack).verdicts[0]]


WAYS = pytest.mark.parametrize("judged", [by_itself, in_a_stack])

ODD_NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 1 + 2**-50, 3.5, 1e-320, 1e300, math.inf, -math.inf, math.nan])
ODD_BOUNDS = st.sampled_from([0.0, 2**-52, 2**-51, 0.09, 0.11, 1e-310, 1e-292, 5.0, math.inf, math.nan])


@given(st.lists(st.tuples(ODD_NUMBERS, ODD_NUMBERS, ODD_BOUNDS), min_size=6, max_size=6))
@settings(max_examples=250)
def test_each_of_many_arrays_is_compared_as_one_alone(elements):
    claimed, value, error = (np.array(part).reshape(3, 2) for part in zip(*elements, strict=True))
    with np.errstate(all="ignore"):
        found = compare_steps(1, "z1", claimed, Bounded(value, error, replace(FLOAT64, stacked=True)))
    for i, finding in enumerate(found):
        alone = compare(1 + i, "z1", claimed[i], Bounded(value[i], error[i], FLOAT64))
        assert repr(finding) == repr(alone)


def test_a_copy_of_an_infinity_agrees_and_what_follows_from_nan_is_undecided():
    infinite, unknown = (Bounded.exact(np.array([value, 1.0]), FLOAT32) for value in (math.inf, math.nan))
    for claimed, verdict in ((math.inf, "agrees"), (-math.inf, "differs"), (math.nan, "differs")):
        assert by_itself(np.array([claimed, 1.0], "float32"), infinite) == verdict
    overflowed = Bounded(infinite.value, np.array([math.inf, 2.0**-24]), FLOAT32)
    assert by_itself(np.array([math.inf, 1.0], "float32"), overflowed) == "undecided"
    assert by_itself(np.array([math.nan, 1.0], "float32"), unknown) == "undecided"
    assert by_itself(np.array([math.nan, 2.0], "float32"), unknown) == "differs"


def derived_as(value, error):
    """The middle one of three numbers; the others are 1, and exactly claimed."""
    return Bounded(np.array([1.0, value, 1.0]), np.array([2.0**-40, error, 2.0**-40]), FLOAT64)


@WAYS
@pytest.mark.parametrize("side", [-1, 1])
def test_a_number_at_the_edge_of_its_bound_agrees(judged, side):
    edge = 1 + side * 2.0**-20
    derived = derived_as(1.0, 2.0**-20)
    assert judged(np.array([1.0, edge, 1.0]), derived) is Verdict.AGREES
    assert judged(np.array([1.0, np.nextafter(edge, 1 + side), 1.0]), derived) is Verdict.DIFFERS
    assert judged(np.array([1.0, 1 + side * 1.5 * 2.0**-20, 1.0]), derived) is Verdict.DIFFERS


def test_used_is_the_error_over_the_bound_at_the_worst_element():
    derived = derived_as(1.0, 2.0**-20)
    for part in (0.25, 0.75, 1.0, 1.5, 4.0):
        finding = compare(1, "z1", np.array([1.0, 1 + part * 2.0**-20, 1.0]), derived)
        assert (finding.used, finding.error, finding.index) == (part, part * 2.0**-20, (1,))
        assert finding.digits == pytest.approx(20 * math.log10(2))


def test_the_low_part_of_a_certified_value_counts():
    for error, verdict in ((2.0**-55, Verdict.AGREES), (2.0**-56, Verdict.DIFFERS)):
        derived = Bounded(np.ones(1), np.array([error]), FLOAT64, low=np.array([2.0**-55]))
        finding = compare(1, "z1", np.ones(1), derived)
        assert (finding.verdict, finding.error, finding.used) == (verdict, 2.0**-55, 2.0**-55 / error)


@WAYS
def test_a_tenth_of_the_value_certifies_one_digit_and_mere_underflow_agrees(judged):
    """η/u = 2⁻¹⁰²² / 2⁻⁵³ in float64: a number of that size has no digit that underflow may not take."""
    for error, verdict in ((0.0999, "agrees"), (0.101, "undecided"), (0.9, "undecided")):
        assert judged(np.ones(1), Bounded(np.ones(1), np.array([error]), FLOAT64)) == verdict
    for error, verdict in ((2.0**-969, "agrees"), (2.0**-960, "undecided")):
        derived = Bounded(np.array([2.0**-1000]), np.array([error]), FLOAT64)
        assert judged(np.zeros(1), derived) == verdict


def test_a_conventional_tolerance_replaces_no_derived_verdict():
    generous = SimpleNamespace(rtol=1e-3, atol=0.0)
    strict = SimpleNamespace(rtol=1e-17, atol=0.0)
    derived = Bounded(np.array([1.0]), np.array([1e-15]), FLOAT64)
    differs = compare(1, "z1", np.array([1 + 1e-6]), derived, conventional=generous)
    assert (differs.verdict, differs.conventional, differs.passes) == (Verdict.DIFFERS, True, False)
    outside = compare(1, "z1", np.array([1 + 4e-16]), derived, conventional=strict)
    assert (outside.verdict, outside.conventional, outside.passes) == (Verdict.AGREES, False, False)


def test_the_sentence_names_the_element_both_numbers_and_the_bound_or_what_is_wrong():
    first = failures_after(lambda claim: claim["dL/dW1"].__setitem__((0, 1), 4))[0]
    text = sentence(first, SUBJECT)
    assert text.startswith(
        f"dL/dW1[0, 1] is {first.claimed!r}, but follows from its inputs as {first.derived!r} ± "
    )
    assert text.endswith(f": off by {first.error:.2g} (theirs, float64, nets/example)")
    (error,) = failures_after(lambda claim: claim.pop("loss"))
    assert sentence(error, SUBJECT) == "loss was promised, but is not claimed (theirs, float64, nets/example)"
