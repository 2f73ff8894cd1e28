"""The diagnosis names the mistake that was planted, names both where two fit, and nothing where none does."""

import pytest

pytest.importorskip("torch")

from dataclasses import replace
from functools import cache

import numpy as np
from networks import ACTIVATIONS, DRAWN, SQUARES, damaged, hiding, in_format, network, showing
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses

from adapters import torch_autograd
from cases.names import outcome, parameters
from reference import Verdict, judge, tape, training_steps
from reference.diagnosis import Explanation, diagnose, explain_step, inherited
from reference.mistakes import MISTAKES, Inexpressible, mistaken_steps
from reference.training import initial_state

NONE = "No known mistake explains it."


def diagnoses(problem, implementation):
    return list(diagnose(problem, judge(problem, implementation, frozenset())))


def with_damage(damage, problem=None):
    return diagnoses(problem or network(), damaged(training_steps, damage))


def planted(name):
    return lambda given: mistaken_steps(given, MISTAKES[name])


def names_of(diagnosed):
    """The names that a diagnosis gives to each quantity."""
    return [(one.finding.quantity, one.names) for one in diagnosed]


def names_by_step(diagnosed):
    return [(one.finding.step, one.names) for one in diagnosed]


# what was planted is named


@cache
def drawn(dtype):
    """Give the same objects to all tests: what each mistake makes of them is made once."""
    return [in_format(problem, dtype) for problem in DRAWN]


SLOW = pytest.mark.skipif("not config.getoption('--slow')", reason="a part of them shows it: --slow")
PLANTED = [(mistake, "float64", ()) for mistake in MISTAKES.values()]
PLANTED += [(mistake, "float32", SLOW if i % 4 else ()) for i, mistake in enumerate(MISTAKES.values())]


@pytest.mark.parametrize(
    ("mistake", "dtype"),
    [
        pytest.param(mistake, dtype, marks=mark, id=f"{mistake.name}-{dtype}")
        for mistake, dtype, mark in PLANTED
    ],
)
def test_the_mistake_that_was_planted_is_named_whether_lines_are_shown_or_hidden(mistake, dtype, request):
    """Every line in float64, in float32 the outcome alone; with --slow the next network the other way.

    By default every fourth mistake in float32.
    """
    possible = (one for one in drawn(dtype) if not isinstance(mistake.lines(one), Inexpressible))
    tried = seen = 0
    for tried, problem in enumerate(possible, start=1):
        is_hidden = tried % 2 == (dtype == "float32")
        names = outcome(problem.depth) if is_hidden else {line.name for line in tape(problem)}
        judged = list(judge(problem, showing(planted(mistake.name), names), frozenset()))
        if any(one.verdict is not Verdict.UNDECIDED for step in judged for one in step.failures):
            assert mistake.name in next(diagnose(problem, judged)).names
            seen += 1
        if seen and not request.config.getoption("--slow"):
            break
    assert seen or not tried


def test_a_diagnosis_is_one_sentence_and_of_two_that_explain_as_much_both_are_named():
    """With two outputs the mean over all elements is half the mean over the batch."""
    first, second = diagnoses(DRAWN[0], planted("sum-for-mean"))
    assert (first.finding.quantity, second.finding.quantity) == ("loss", "dL/da3")
    sentence = "the mean over the batch was taken as a sum"
    assert str(first) == f"Explained by: {sentence}."
    assert first.explanations == (Explanation("sum-for-mean", sentence, ("loss", "dL/da3")),)
    two_outputs = network((2, 3, 2), 3, loss=("half_squared_error", "mean"))
    (both,) = diagnoses(two_outputs, planted("half-applied-to-the-gradient"))
    assert {"mean-over-all-elements", "half-applied-to-the-gradient"} < set(both.names)
    assert "; or: the ½ of the loss was applied to its gradient; or: " in str(both)
    more = diagnoses(two_outputs, planted("mean-over-all-elements"))
    assert all("mean-over-all-elements" in one.names for one in more)


def test_a_mistake_in_one_of_many_layers_is_found_behind_hidden_lines():
    problem = network((3, 3, 3, 3, 3), 4)
    lines = MISTAKES["weights-transposed-backward"].tape(problem, only={"dL/da2"})
    diagnosed = diagnoses(problem, hiding(lambda given: training_steps(given, lines)))
    assert [one.finding.quantity for one in diagnosed] == ["dL/dW2", "dL/db2", "dL/dW1", "dL/db1"]
    assert {one.explanations[0].lines for one in diagnosed} == {("dL/da2",)}
    assert {one.names for one in diagnosed} == {("weights-transposed-backward",)}


def test_two_mistakes_in_one_step_are_each_named_at_their_own_line():
    def damage(claim):
        claim["b1_new"] = problem.parameters["b1"]
        claim["dL/dW2"] = claim["dL/dz2"].T @ claim["z1"]
        claim["W2_new"] = problem.parameters["W2"] - problem.learning_rate * claim["dL/dW2"]

    problem = network()
    diagnosed = with_damage(damage, problem)
    assert names_of(diagnosed) == [("dL/dW2", ("weight-gradient-from-z",)), ("b1_new", ("bias-not-updated",))]


def test_a_right_number_behind_a_wrong_one_is_not_called_a_mistake():
    """The update used the right gradient, and not the one that is stated."""
    diagnosed = with_damage(lambda claim: claim["dL/dW1"].__imul__(1.5))
    assert [(one.finding.quantity, str(one)) for one in diagnosed] == [
        ("dL/dW1", "Explained by: dL/dW1 is 3/2 times what follows."),
        ("W1_new", "Explained by: the number itself is right, but one that was stated before it is not."),
    ]


# what no mistake explains is not explained


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=() if seed < 18 else SLOW) for seed in range(36)])
def test_one_damaged_line_of_a_random_network_is_not_explained_nor_is_what_follows_from_it(seed):
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 4))
    problem = network(
        [int(width) for width in rng.integers(1, 5, depth + 1)],
        int(rng.integers(1, 6)),
        activations=[str(rng.choice(ACTIVATIONS)) for _ in range(depth)],
        loss=SQUARES[seed % 3],
        dtype=["float64", "float32"][seed % 2],
        seed=seed,
    )
    every = [line.name for line in tape(problem)]
    line, size = str(rng.choice(every)), 10.0 ** rng.uniform(-4 if seed % 2 else -10, 0)

    def damage(claim):
        noise = size * rng.standard_normal(claim[line].shape)
        claim[line] = np.asarray(claim[line] * (1 + noise) + noise, problem.dtype)

    names = outcome(depth) | {line} if seed % 4 < 2 else set(every)
    first, *others = diagnoses(problem, showing(damaged(training_steps, damage), names))
    assert (first.finding.quantity, str(first)) == (line, NONE)
    for one in others:
        assert set(one.names) <= {"right-itself"}


def test_elements_that_agree_do_not_veto_a_mistake_in_the_others_and_it_says_how_many():
    """One row is that of the transposed product, the others are right; of symmetric weights it is right."""
    problem = DRAWN[1]

    def damage(claim):
        claim["z1"][0] = problem.x[0] @ problem.parameters["W1"] + problem.parameters["b1"]

    sentence = "Explained by: the weights were not transposed, in 4 of the 12 elements."
    assert str(with_damage(damage, problem)[0]) == sentence
    symmetric = network((2, 2), 3)
    symmetric.parameters["W1"][:] = [[1.0, 2.0], [2.0, 3.0]]
    assert str(with_damage(lambda claim: claim["z1"].__iadd__(1e-12), symmetric)[0]) == NONE


def test_what_is_undecided_or_agrees_is_not_explained():
    problem = network((1, 1), 1)
    problem.parameters["W1"][:], problem.parameters["b1"][:] = 0, 40
    (step,) = judge(problem, training_steps, frozenset())
    assert Verdict.UNDECIDED in {finding.verdict for finding in step.failures}
    assert list(diagnose(problem, [step])) == []
    assert explain_step(problem, step) == ()


def test_claims_that_hold_no_numbers_are_passed_over():
    def damage(claim):
        claim["loss"] = None
        claim["dL/dW1"] = np.array(["words"])
        claim["unknown"] = np.zeros(3)

    assert with_damage(damage) == []


LINES = [line.name for line in tape(network())]


@pytest.mark.parametrize(
    "line", [pytest.param(line, marks=SLOW if i % 3 else ()) for i, line in enumerate(LINES)]
)
def test_another_shape_and_what_is_not_finite_are_not_explained(line):
    for wrong in (np.full((2, 7), 3.0), np.zeros((0,)), np.float64(1.5), np.zeros((1, 2, 3))):
        diagnosed = with_damage(lambda claim, wrong=wrong: claim.update({line: wrong}))
        assert [str(one) for one in diagnosed] == [NONE]
    for number in (np.nan, np.inf):
        diagnosed = with_damage(lambda claim, number=number: claim[line].fill(number))
        assert (diagnosed[0].finding.quantity, str(diagnosed[0])) == (line, NONE)


def test_where_a_number_has_no_bound_what_is_tried_on_it_gives_no_warning():
    """A sigmoid that is 1 in float32, before a loss of probabilities: found by a sweep, as a warning."""
    drawn = network((1, 2), 1, loss=("binary_cross_entropy", "sum"), dtype="float32")
    parameters = {"W1": np.array([[0], [4]], "float32"), "b1": np.zeros(2, "float32")}
    x, y = np.array([[4.5]], "float32"), np.zeros((1, 2), "float32")
    problem = replace(drawn, x=x, y=y, parameters=parameters)
    diagnosed = diagnoses(problem, planted("mean-for-sum"))
    assert [one.finding.quantity for one in diagnosed] == ["dL/da1"]


# what else a wrong number may be


SWAPPED = {"dL/db1": "dL/db2", "dL/db2": "dL/db1"}


@pytest.mark.parametrize(
    ("name", "verdict", "change"),
    [
        ("transposed", "error", lambda claim: {"dL/dz2": claim["dL/dz2"].T}),
        ("transposed", "error", lambda claim: {"dL/dW1": claim["dL/dW1"].T}),
        ("another-layer", "differs", lambda claim: {name: claim[other] for name, other in SWAPPED.items()}),
        ("times-batch", "differs", lambda claim: {"dL/dz2": claim["dL/dz2"] * 5}),  # the number of examples
        ("over-batch", "differs", lambda claim: {"dL/dz2": claim["dL/dz2"] / 5}),
        ("twice", "differs", lambda claim: {"dL/dW2": claim["dL/dW2"] * 2}),
        ("half", "differs", lambda claim: {"dL/dW2": claim["dL/dW2"] / 2}),
        ("float32", "error", lambda claim: {"z1": claim["z1"].astype("float32")}),
    ],
)
def test_another_number_in_its_place_is_named_even_where_its_shape_or_dtype_is_wrong(name, verdict, change):
    problem = network((3, 4, 4, 3), 5)
    diagnosed, *_ = with_damage(lambda claim: claim.update(change(claim)), problem)
    assert (diagnosed.names, diagnosed.finding.verdict) == ((name,), verdict)
    if name == "another-layer":
        assert str(diagnosed) == "Explained by: dL/db1, another layer's, stands in its place."


def test_the_previous_or_the_next_steps_value_is_named():
    problem = network(steps=3)
    right = list(training_steps(replace(problem, steps=4)))

    def with_losses_of(*steps):
        pairs = zip(right, steps, strict=False)
        return diagnoses(problem, lambda _: ({**claim, "loss": right[i]["loss"]} for claim, i in pairs))

    assert names_by_step(with_losses_of(0, 0, 1)) == [(step, ("previous-step",)) for step in (2, 3)]
    assert {one.names for one in with_losses_of(1, 2, 3)} == {("next-step",)}


def test_a_gradient_that_was_not_cleared_is_named():
    problem, total = network(steps=2), np.zeros((1, 3))

    def accumulating(given):
        for values in training_steps(given):
            total[:] += values["dL/dW2"]
            yield {**values, "dL/dW2": total.copy()}

    diagnosed = diagnoses(problem, accumulating)
    assert names_of(diagnosed)[0] == ("dL/dW2", ("gradient-not-cleared",))


def test_float32_where_float64_was_promised_is_named():
    def in_float32(problem):
        for values in training_steps(in_format(problem, "float32")):
            yield {name: value.astype("float64") for name, value in values.items()}

    shown = diagnoses(network(), in_float32)
    hidden = diagnoses(network(), showing(in_float32, outcome(2)))
    assert {one.names for one in shown + hidden} == {("float32",)}
    assert {one.follows for one in shown} == {"", "z1"}
    assert str(shown[0]) == "Explained by: float32 was used where float64 was promised."


def test_an_explanation_from_one_step_can_be_had_without_a_run():
    problem = network(steps=2)
    first, second = judge(problem, planted("bias-not-updated"), frozenset())
    after = {name: first.claim[f"{name}_new"] for name in parameters(2)}
    (step,) = judge(replace(problem, parameters=after, steps=1), lambda _: iter([second.claim]), frozenset())
    assert step.previous is None
    assert explain_step(problem, step)[0].names == ("bias-not-updated",)


def test_losses_alone_are_explained_by_the_run_up_to_them():
    diagnosed = diagnoses(network(steps=3), showing(planted("already-updated-weights"), {"loss"}))
    assert names_by_step(diagnosed) == [(step, ("already-updated-weights",)) for step in (2, 3)]


def test_later_quantities_that_are_off_only_because_of_the_first_are_named():
    problem = network((3, 3, 3), 4)
    (step,) = judge(problem, planted("weight-factor-missing"), frozenset())
    diagnosed = inherited(problem, step.claim, initial_state(problem), step.failures[0].quantity)
    assert diagnosed.quantity == "dL/da1"
    assert diagnosed.inherited == ("dL/dz1", "dL/dW1", "dL/db1", "W1_new", "b1_new")
    assert str(diagnosed) == (
        "dL/dz1, dL/dW1, dL/db1, W1_new and b1_new are off only because dL/da1 is: "
        "computed from it without another error."
    )


def test_a_later_line_that_is_wrong_itself_inherits_nothing():
    def damage(claim):
        claim["dL/dW1"] *= 2
        claim["b1_new"] += 1

    problem = network()
    (step,) = judge(problem, damaged(training_steps, damage), frozenset())
    nothing = inherited(problem, step.claim, initial_state(problem), "dL/dW1")
    assert (nothing.inherited, str(nothing)) == ((), "")


LINEAR = F.linear
SQUARE = network((3, 3, 3), 4, activations=("tanh", "sigmoid"), loss=("half_squared_error", "mean"))


@pytest.mark.parametrize(
    ("quantity", "name", "wrong"),
    [
        ("loss", "sum-for-mean", lambda _, *pair: F.mse_loss(*pair, reduction="sum") / 2),
        ("z1", "weights-not-transposed", lambda x, W, b: x @ W + b),
        ("z1", "float32-forward", lambda x, W, b: LINEAR(x.float(), W.float()).double() + b),
        ("z1", "bias-not-added", lambda x, W, b: LINEAR(x, W, 0 * b)),
    ],
)
def test_a_wrong_function_in_pytorch_is_named(monkeypatch, quantity, name, wrong):
    target, function = (torch_autograd, "loss_of") if quantity == "loss" else (F, "linear")
    monkeypatch.setattr(target, function, wrong)
    run = showing(torch_autograd.train, {quantity, quantity.replace("z", "a")})
    place, names = names_of(diagnoses(SQUARE, run))[0]
    assert (place, name in names) == (quantity, True)


def sigmoid_by_tanh(problem):
    """One layer in NumPy, right but for σ."""
    half = problem.x.dtype.type(0.5)
    z = problem.x @ problem.parameters["W1"].T + problem.parameters["b1"]
    yield {"z1": z, "a1": half * (1 + np.tanh(z * half))}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_sigmoid_by_tanh_loses_its_digits_far_out_and_agrees_near_0(dtype):
    (diagnosed,) = diagnoses(network((2, 8), 6, scale=8.0, dtype=dtype), sigmoid_by_tanh)
    assert diagnosed.finding.quantity == "a1"
    assert str(diagnosed).startswith(
        "Explained by: σ was computed as ½ (1 + tanh(z/2)), which loses its digits far out"
    )
    assert diagnoses(network((2, 8), 6, scale=0.3, dtype=dtype), sigmoid_by_tanh) == []


def test_another_error_of_the_same_size_is_not_called_that():
    other = damaged(sigmoid_by_tanh, lambda c: c.update(a1=1 / (1 + np.exp(-c["z1"])) + 3e-17))
    assert [str(one) for one in diagnoses(network((2, 8), 6, scale=8.0), other)] == [NONE]
