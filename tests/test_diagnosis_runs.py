"""A run is diagnosed from its start on, by one function: what is hidden is as the mistake has it."""

from dataclasses import replace

import numpy as np
import pytest
from networks import DRAWN, damaged, hiding, network, showing
from rules import STEP, every_rule, ruled

from cases.names import outcome
from reference import Subject, judge, parts, tape, training_steps
from reference.diagnosis import diagnose, explain_step
from reference.findings import MAX_SEARCHED_STEPS
from reference.mistakes import MISTAKES, STRUCTURAL, Inexpressible, mistaken_steps
from reports.runs.runner import explained, rows_of

FORMATS = ("float64", "float32")
EACH_FORMAT = pytest.mark.parametrize("dtype", FORMATS)


def unit(optimizer, dtype, schedule=None, **others):
    """One linear unit, half its squared error, and a rule: little enough to be trained by hand below."""
    net = network((2, 1), 3, activations="identity", dtype=dtype, **others)
    return ruled(optimizer, dtype, net=net, schedule=schedule, steps=3)


def by_hand(update, states=(), shown=()):
    """A program written out: `update` takes the problem, the step, the rate, ∂L/∂w and the states, by kind.

    It returns what is taken off w, and changes the states. `shown` are the kinds that the program states.
    """

    def implementation(problem):
        w = dict(problem.parameters)
        kept = {name: {kind: np.zeros_like(array) for kind in states} for name, array in w.items()}
        for t in range(1, problem.steps + 1):
            error = problem.x @ w["W1"].T + w["b1"] - problem.y
            gradients = {"W1": error.T @ problem.x, "b1": error.sum(axis=0)}
            rate = problem.learning_rate * (problem.schedule["factor"] ** (t - 1) if problem.schedule else 1)
            w = {name: w[name] - update(problem, t, rate, gradients[name], kept[name]) for name in w}
            yield {
                "loss": np.square(error).sum() / 2,
                **{f"dL/d{name}": gradient for name, gradient in gradients.items()},
                **{f"{name}_new": array for name, array in w.items()},
                **{f"{kind}_{name}_new": kept[name][kind] for kind in shown for name in w},
            }

    return implementation


def plain(problem, t, rate, g, kept):
    return problem.learning_rate * g


def averaged(problem, t, rate, g, kept):
    mu = problem.optimizer["momentum"]
    kept["m"] = mu * kept["m"] + (1 - mu) * g
    return rate * kept["m"]


def with_the_rate_inside(problem, t, rate, g, kept):
    kept["m"] = problem.optimizer["momentum"] * kept["m"] + rate * g
    return kept["m"]


def swapped(problem, t, rate, g, kept):
    beta1, beta2 = problem.optimizer["beta2"], problem.optimizer["beta1"]
    kept["m"] = beta1 * kept["m"] + (1 - beta1) * g
    kept["v"] = beta2 * kept["v"] + (1 - beta2) * g * g
    root = np.sqrt(kept["v"] / (1 - beta2**t)) + problem.optimizer["eps"]
    return rate * (kept["m"] / (1 - beta1**t)) / root


def first(problem, implementation):
    """The first failure of a run, as a report tells it and as `diagnose` does, which must be the same."""
    for step in judge(problem, implementation, frozenset()):
        if step.failures:
            diagnosed = explain_step(problem, step)[0]
            assert next(diagnose(problem, [step])) == diagnosed
            rows = rows_of(problem, Subject(problem.case, "mine", "", problem.dtype), step)
            with parts.collected() as failed:
                row, *_ = (one for one in explained(problem, step, list(rows)) if one.explanation)
            assert failed == []
            assert row.explanation.startswith(str(diagnosed))
            return diagnosed
    raise AssertionError("nothing failed")


ADAM = {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
RUNS = [  # the rule, its schedule, the program, what it keeps and shows; the step and the quantity, the name
    ("sgd", STEP, by_hand(plain), (2, "W1_new"), "schedule-ignored"),
    ("momentum", None, by_hand(averaged, "m"), (1, "W1_new"), "momentum-as-an-average"),
    ("momentum", STEP, by_hand(averaged, "m"), (1, "W1_new"), "momentum-as-an-average"),
    ("momentum", STEP, by_hand(averaged, "m", "m"), (1, "m_W1_new"), "momentum-as-an-average"),
    # corrected for its start, the first step is the same
    (ADAM, None, by_hand(swapped, "mv"), (2, "W1_new"), "betas-swapped"),
    (ADAM, None, by_hand(swapped, "mv", "mv"), (1, "m_W1_new"), "betas-swapped"),
    ("momentum", STEP, by_hand(with_the_rate_inside, "m"), (2, "W1_new"), "rate-inside-the-momentum"),
    ("momentum", STEP, by_hand(with_the_rate_inside, "m", "m"), (1, "m_W1_new"), "rate-inside-the-momentum"),
]


@EACH_FORMAT
@pytest.mark.parametrize(("rule", "schedule", "program", "place", "name"), RUNS)
def test_a_program_written_out_by_hand_is_explained(dtype, rule, schedule, program, place, name):
    diagnosed = first(unit(rule, dtype, schedule, learning_rate=0.3), program)
    assert (diagnosed.finding.step, diagnosed.finding.quantity) == place
    assert name in diagnosed.names
    assert str(diagnosed).startswith("Explained by: ")


@EACH_FORMAT
def test_where_1_less_the_momentum_is_the_rate_a_hidden_average_has_two_names(dtype):
    """With μ = 0.9 and η = 0.1 every update is that of a rate applied twice, unless the average is shown."""
    problem = unit("momentum", dtype, learning_rate=0.1)
    both = ("momentum-as-an-average", "rate-applied-twice")
    for step in judge(problem, by_hand(averaged, "m"), frozenset()):
        assert all(set(both) <= set(diagnosed.names) for diagnosed in explain_step(problem, step)[:1])
    shown = first(problem, by_hand(averaged, "m", "m")).names
    assert (both[0] in shown, both[1] in shown) == (True, False)


def of_outcomes(mistake):
    """An implementation with this mistake that states its losses, gradients and parameters, and no more."""
    return hiding(lambda problem: mistaken_steps(problem, mistake))


def first_decided(problem, mistake):
    """The diagnosis of the first failure that is not undecided, if there is one; no part of it may fail."""
    with parts.collected() as failed:
        steps = judge(problem, of_outcomes(mistake), frozenset())
        diagnosed = next(diagnose(problem, steps), None)
    assert failed == []
    return diagnosed


@pytest.mark.skipif(
    "not config.getoption('--slow')", reason="test_diagnosis has two networks of each: --slow"
)
@pytest.mark.parametrize("mistake", STRUCTURAL, ids=lambda mistake: mistake.name)
def test_each_mistake_is_named_where_outcomes_alone_are_shown(mistake):
    problems = (*every_rule("float64").values(), *(replace(problem, steps=3) for problem in DRAWN))
    expressible = (one for one in problems if not isinstance(mistake.tape(one), Inexpressible))
    diagnosed = next(filter(None, (first_decided(problem, mistake) for problem in expressible)))
    assert mistake.name in diagnosed.names


@pytest.mark.skipif(
    "not config.getoption('--slow')", reason="every mistake on every rule, in every format: --slow"
)
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("rule", every_rule("float64"))
def test_on_every_rule_no_mistake_raises_and_none_is_called_by_another_name_alone(rule, dtype):
    """With 16 bits a bound often certifies one digit or none, and says little of the name."""
    problem = every_rule(dtype)[rule]
    for mistake in MISTAKES.values():
        if not isinstance(mistake.tape(problem), Inexpressible):
            diagnosed = first_decided(problem, mistake)
            if dtype in FORMATS and diagnosed and diagnosed.names:
                assert mistake.name in diagnosed.names


# what the earlier steps refute


def from_the_second_step_on(mistake):
    """An implementation that computes its first step rightly."""

    def implementation(problem):
        right = next(training_steps(problem))
        yield right
        after = {name: right[f"{name}_new"] for name in problem.parameters}
        yield from mistaken_steps(replace(problem, parameters=after, steps=problem.steps - 1), mistake)

    return implementation


@pytest.mark.parametrize("name", ["bias-not-updated", "update-with-the-wrong-sign", "sum-for-mean"])
def test_a_mistake_that_the_step_before_would_have_shown_is_not_offered(name):
    """Everything that the step follows from is shown; only a relation to other numbers may be true of it."""
    problem, mistake = network((2, 3, 2), 3, loss=("half_squared_error", "mean"), steps=2), MISTAKES[name]
    always = first(problem, of_outcomes(mistake))
    late = first(problem, from_the_second_step_on(mistake))
    assert str(always).startswith(f"Explained by: {mistake.sentence}.")
    assert (late.finding.step, late.names) == (2, late.names)
    assert not MISTAKES.keys() & set(late.names)


@EACH_FORMAT
def test_of_two_mistakes_with_the_same_numbers_the_step_before_refutes_one(dtype):
    """In the second step η is 2, and 2 · 2 is the 4 of the first; squared, that would have been 16."""
    diagnosed = first(unit("sgd", dtype, STEP, learning_rate=4.0), by_hand(plain))
    assert (diagnosed.finding.step, "schedule-ignored" in diagnosed.names) == (2, True)
    assert "rate-applied-twice" not in diagnosed.names


def test_where_a_state_is_hidden_the_first_of_the_steps_refutes_as_well():
    """The velocity is hidden, so the third step follows from the first, in which the sign was right."""

    def implementation(problem):
        *right, last = training_steps(problem)
        moved = {f"{w}_new": 2 * right[-1][f"{w}_new"] - last[f"{w}_new"] for w in problem.parameters}
        for values in (*right, {**last, **moved}):
            yield {name: values[name] for name in outcome(problem.depth)}

    diagnosed = first(ruled("momentum"), implementation)
    assert (diagnosed.finding.step, diagnosed.names) == (3, ("constant-ratio",))
    assert "from step 3 on every update is −1 times what follows" in str(diagnosed)


@EACH_FORMAT
def test_a_rate_that_goes_wrong_later_is_named_from_its_step_on(dtype):
    problem = network((2, 3, 2), 4, steps=3, dtype=dtype)

    def implementation(given):
        *right, last = training_steps(given)
        yield from right
        before = right[-1]
        step = {w: last[f"{w}_new"] - before[f"{w}_new"] for w in given.parameters}
        yield {**last, **{f"{w}_new": before[f"{w}_new"] + step[w] / 4 for w in step}}

    diagnosed = first(problem, implementation)
    assert (diagnosed.finding.step, diagnosed.names) == (3, ("constant-ratio",))
    assert "from step 3 on every update is" in str(diagnosed)


def test_dropout_that_was_left_on_is_named():
    problem = network((2, 8, 2), 6)
    kept = np.random.default_rng(0).random((6, 8)) >= 0.25

    def implementation(given):
        claim = dict(next(training_steps(given)))
        claim["a1"] = np.where(kept, claim["a1"] / 0.75, 0.0)
        yield claim

    diagnosed = first(problem, implementation)
    assert (diagnosed.finding.quantity, diagnosed.names) == ("a1", ("dropout-left-on",))
    assert "with p = 0.25" in str(diagnosed)


def kept(problem, names):
    """How many steps before it each judged step of a right run has with it."""
    steps = judge(problem, showing(training_steps, names), frozenset(), certify=False)
    return [len(list(before(step))) for step in steps]


def before(step):
    while step.previous is not None:
        yield (step := step.previous)


def test_a_step_has_those_before_it_only_while_a_state_is_hidden():
    problem = ruled("momentum", steps=4)
    assert kept(problem, outcome(2)) == [0, 1, 2, 3]
    assert kept(problem, {line.name for line in tape(problem)}) == [0, 1, 1, 1]


def test_of_a_long_run_only_the_first_steps_are_kept_and_a_later_mistake_of_one_step_is_named():
    problem = ruled("momentum", net=network((1, 1), 1), steps=MAX_SEARCHED_STEPS + 3)
    assert kept(problem, outcome(1))[-4:] == [MAX_SEARCHED_STEPS - 1, MAX_SEARCHED_STEPS, 1, 1]

    def damage(claim):
        del claim["m_W1_new"], claim["m_b1_new"]
        if claim["loss"] == last["loss"]:
            claim["loss"] = 2 * claim["loss"]

    *_, last = training_steps(problem)
    diagnosed = first(problem, damaged(training_steps, damage))
    assert (diagnosed.finding.step, "half-missing-in-the-loss" in diagnosed.names) == (problem.steps, True)
