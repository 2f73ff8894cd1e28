"""The suite bites: every known mistake is caught, at its own line, in both formats, on the shipped cases."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from networks import LOSSES, network
from rules import OPTIMIZERS, STEP, every_rule, ruled

from cases import SHIPPED, load_case, load_cases
from reference import Verdict, judge, tape, training_steps, worked_example
from reference.arithmetic import FORMATS
from reference.diagnosis.situation import derive
from reference.mistakes import MISTAKES, PRECISION, STRUCTURAL, Inexpressible, mistaken_steps
from reference.mistakes.precision import tf32
from reference.training import exact_inputs

SLOW = {"nets/digits", "nets/hundred-steps"}
CASES = [case for case in load_cases(SHIPPED) if case.name not in SLOW]

FIRST_LINE = {
    "weights-not-transposed": r"z\d",
    "bias-not-added": "z[12]",  # a layer at its kink has no bias
    "sum-for-mean": "loss",
    "mean-for-sum": "loss",
    "mean-over-all-elements": "loss",
    "mean-over-examples": "loss",
    "half-missing-in-the-loss": "loss",
    "half-applied-to-the-gradient": r"dL/da\d",
    "two-missing-in-the-gradient": r"dL/da\d",
    "sign-of-the-error": r"dL/da\d",
    "label-smoothing-missing": "loss",
    "softmax-applied-twice": "loss",
    "sigmoid-before-the-logits-loss": "loss",
    "derivative-missing-in-the-output": r"dL/dz\d",
    "derivative-missing-in-hidden-layers": r"dL/dz\d",
    "derivative-of-the-wrong-layer": r"dL/dz\d",
    "derivative-of-the-layer-before": r"dL/dz\d",
    "derivative-at-a": r"da(\d)/dz\1",
    "weight-factor-missing": r"dL/da\d",
    "weights-transposed-backward": r"dL/da\d",
    "magnitude-of-the-weights": r"dL/da\d",
    "already-updated-weights": r"dL/da\d",
    "weight-gradient-from-z": r"dL/dW\d",
    "weight-gradient-of-the-first-example": r"dL/dW\d",
    "bias-gradient-not-summed": r"dL/db\d",
    "bias-gradient-averaged": r"dL/db\d",
    "bias-gradient-of-the-first-example": r"dL/db\d",
    "schedule-off-by-one": "rate",
    "schedule-ignored": "rate",
    "clipping-missing": r"dL/d[Wb]\d_clipped",
    "clipped-by-value": r"dL/d[Wb]\d_clipped",
    "norm-of-each-parameter": r"dL/d[Wb]\d_clipped",
    "clipping-after-the-decay": "norm",
    "clip-eps-missing": "clip",
    "clip-eps-added": "clip",
    "scaled-up-to-the-maximum": "clip",
    "decay-missing": r"dL/d[Wb]\d_decayed|[Wb]\d_new",
    "decay-missing-in-the-biases": r"dL/db\d_decayed|b\d_new",
    "decay-coupled": r"m_[Wb]\d_new",
    "decay-decoupled": r"dL/d[Wb]\d_decayed",
    "decay-of-a-fixed-parameter": r"[Wb]\d_new",
    "momentum-not-carried-over": r"m_[Wb]\d_new",
    "squares-not-carried-over": r"[vu]_[Wb]\d_new",
    "dampening-in-the-first-step": r"m_[Wb]\d_new",
    "dampening-missing": r"m_[Wb]\d_new",
    "momentum-as-an-average": r"m_[Wb]\d_new",
    "look-ahead-missing": r"[Wb]\d_new",
    "rate-inside-the-momentum": r"m_[Wb]\d_new",
    "betas-swapped": "correction1",
    "squares-of-the-average": r"[vu]_[Wb]\d_new",
    "bias-correction-missing": r"direction_[Wb]\d|[Wb]\d_new",
    "bias-correction-off-by-one": "correction1",
    "eps-inside-the-root": r"direction_[Wb]\d|[Wb]\d_new",
    "eps-outside-the-root": r"direction_[Wb]\d|[Wb]\d_new",
    "root-missing": r"direction_[Wb]\d|[Wb]\d_new",
    "mean-not-subtracted": r"[Wb]\d_new",
    "rate-applied-twice": r"[Wb]\d_new",
    "update-with-the-wrong-sign": r"[Wb]\d_new",
    "bias-not-updated": r"b\d_new",
    "fixed-parameter-updated": r"[Wb]\d_new",
    "float32-forward": "z[12]",
    "float32-activation": r"a\d",
    "float32-weight-gradient": r"dL/dW\d",
    "float32-bias-gradient": r"dL/db\d",
    "float32-learning-rate": r"[Wb]\d_new",
    "tf32-products": "z[12]",
}
"""The kind of line that is wrong, and so differs first in a claim that shows everything; by hand."""


def test_every_mistake_has_its_line_here():
    assert set(FIRST_LINE) == set(MISTAKES)


def test_names_can_be_typed_and_sentences_are_clauses():
    for name, mistake in MISTAKES.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name)
        assert mistake.sentence[0].islower()
        assert not mistake.sentence.endswith(".")
    assert len({mistake.sentence for mistake in MISTAKES.values()}) == len(MISTAKES)


@cache
def shipped(dtype):
    """One step of each shipped case; three, where optimizers are told apart."""
    return [
        replace(case.problem(dtype), steps=3 if case.name.startswith("optimizers/") else 1)
        for case in CASES
        if dtype in case.dtypes
    ]


@cache
def drawn(dtype):
    """The networks that are drawn for these tests, and every rule."""
    return [*(in_format(problem, dtype) for problem in DRAWN), *every_rule(dtype).values()]


def expressible(mistake, problems):
    return [problem for problem in problems if not isinstance(mistake.lines(problem), Inexpressible)]


def first_failure(problem, mistake):
    """The first quantity that differs; what is undecided, such as a saturated derivative, decides nothing."""
    steps = judge(problem, lambda given: mistaken_steps(given, mistake), frozenset())
    failures = (one for step in steps for one in step.failures)
    return next((one for one in failures if one.verdict is not Verdict.UNDECIDED), None)


slow = pytest.mark.skipif("not config.getoption('--slow')", reason="the same in another format: --slow")


def formats_of(mistake):
    """The formats in which a mistake can be made: the one in which it is made by default comes first."""
    if mistake in PRECISION:
        return ("float32",) if mistake.name == "tf32-products" else ("float64",)
    return "float64", "float32"


FORMATS_OF = [
    pytest.param(mistake, dtype, id=f"{mistake.name}-{dtype}", marks=slow if number else ())
    for mistake in MISTAKES.values()
    for number, dtype in enumerate(formats_of(mistake))
]


@pytest.mark.parametrize(("mistake", "dtype"), FORMATS_OF)
def test_a_shipped_case_catches_it_and_none_finds_fault_with_an_earlier_line(mistake, dtype):
    found = [first_failure(problem, mistake) for problem in expressible(mistake, shipped(dtype))]
    caught = [finding.quantity for finding in found if finding]
    assert caught
    assert {quantity for quantity in caught if not re.fullmatch(FIRST_LINE[mistake.name], quantity)} == set()


DRAWN = [
    network((3, 4, 4, 2), 5, activations=("tanh", "sigmoid", "sigmoid"), loss=("half_squared_error", "mean")),
    network((4, 4, 4, 4), 3, activations="tanh", not_trained=frozenset({"b2"})),
    network((2, 3, 3, 3), 4, activations="sigmoid", loss=("mean_squared_error", "mean")),
    network((3, 4, 3), 4, loss=("softmax_cross_entropy", "mean")),
    network((3, 4, 3), 4, loss=("binary_cross_entropy_with_logits", "sum")),
]


@pytest.mark.parametrize(("mistake", "dtype"), FORMATS_OF)
def test_a_drawn_network_catches_it_at_its_first_line(mistake, dtype):
    problems = expressible(mistake, drawn(dtype))
    assert problems
    found = [(first_failure(problem, mistake), mistake.lines(problem)[0].name) for problem in problems]
    assert {finding.quantity == line for finding, line in found if finding} == {True}
    unseen = {
        problem.clipping["max_norm"] for problem, (one, _) in zip(problems, found, strict=True) if not one
    }
    assert len(unseen) <= 1  # above the norm nothing is clipped, and below it nothing could be scaled up


def in_format(problem, dtype):
    parameters = {name: array.astype(dtype) for name, array in problem.parameters.items()}
    rate = float(np.dtype(dtype).type(problem.learning_rate))
    x, y = problem.x.astype(dtype), problem.y.astype(dtype)
    return replace(problem, dtype=dtype, parameters=parameters, x=x, y=y, learning_rate=rate)


@pytest.mark.parametrize("mistake", STRUCTURAL, ids=lambda mistake: mistake.name)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_on_bounded_numbers_the_mistaken_tape_bounds_what_it_gives_in_numpy(mistake, dtype):
    assert not mistake.numpy_only
    for problem in drawn(dtype):
        lines = mistake.tape(problem)
        if not isinstance(lines, Inexpressible):
            bounded = derive(lines, exact_inputs(problem, FORMATS[dtype]), {})
            for name, value in next(mistaken_steps(problem, mistake)).items():
                assert value.dtype == dtype
                assert value.shape == bounded[name].shape
                assert (np.abs(value - bounded[name].value) <= bounded[name].error).all(), (problem, name)


@pytest.mark.parametrize(("name", "reduction"), LOSSES)
def test_every_loss_with_two_reductions_can_be_taken_with_the_other(name, reduction):
    mistake = MISTAKES["sum-for-mean" if reduction == "mean" else "mean-for-sum"]
    problem = network((3, 4, 3), 5, loss=(name, reduction))
    assert first_failure(problem, mistake).quantity == "loss"


def test_a_mistake_leaves_every_other_line_of_the_tape_as_it_is():
    for problem in drawn("float64"):
        right = {line.name: line for line in tape(problem)}
        for mistake in MISTAKES.values():
            lines = mistake.tape(problem)
            if not isinstance(lines, Inexpressible):
                wrong = {line.name: line for line in lines}
                assert set(wrong) == set(right)
                changed = {name for name, line in wrong.items() if line != right[name]}
                assert changed == {line.name for line in mistake.lines(problem)}


def test_a_mistake_can_be_made_in_one_layer_alone():
    (line,) = (
        line
        for line, right in zip(
            MISTAKES["bias-not-added"].tape(DRAWN[0], only={"z2"}), tape(DRAWN[0]), strict=True
        )
        if line != right
    )
    assert (line.name, line.equation) == ("z2", "a1 W2ᵀ")


def test_made_in_one_line_alone_it_needs_nothing_that_comes_later_or_it_says_why():
    circular = set()
    for problem in every_rule("float64").values():
        for mistake in MISTAKES.values():
            lines = mistake.lines(problem)
            for name in () if isinstance(lines, Inexpressible) else (line.name for line in lines):
                alone = mistake.tape(problem, only={name})
                if isinstance(alone, Inexpressible):
                    circular.add(mistake.name)
                    assert "computed from each other" in alone.reason
                else:
                    next(training_steps(problem, alone))
    assert circular == {"clipping-after-the-decay"}  # the norm after the decay, which is of what is clipped


def test_already_updated_weights_are_computed_before_the_gradient_that_passes_them():
    order = [line.name for line in MISTAKES["already-updated-weights"].tape(worked_example())]
    assert order.index("W2_new") < order.index("dL/da1") < order.index("W1_new")


BLIND_ON_THE_WORKED_EXAMPLE = {
    "weights-not-transposed": "no weight matrix is square and larger than 1 by 1",
    "weights-transposed-backward": "no weight matrix above the first is square and larger than 1 by 1",
    "sum-for-mean": "this loss is a sum",
    "mean-for-sum": "the sum over one example is its mean",
    "mean-over-all-elements": "with one output there are as many elements as examples",
    "mean-over-examples": "this loss is no mean over all elements",
    "two-missing-in-the-gradient": "this gradient has no 2",
    "label-smoothing-missing": "this loss smooths no labels",
    "softmax-applied-twice": "this loss has no softmax",
    "sigmoid-before-the-logits-loss": "this loss has no sigmoid",
    "weight-gradient-of-the-first-example": "there is only one example",
    "bias-gradient-not-summed": "there is only one example",
    "bias-gradient-averaged": "there is only one example",
    "bias-gradient-of-the-first-example": "there is only one example",
    "fixed-parameter-updated": "every parameter is trained",
    "tf32-products": "TF32 takes the place of float32 only",
    "schedule-off-by-one": "there is no schedule",
    "schedule-ignored": "there is no schedule",
    "clipping-missing": "no gradient is clipped",
    "clipped-by-value": "no gradient is clipped",
    "norm-of-each-parameter": "no gradient is clipped",
    "clipping-after-the-decay": "no gradient is clipped",
    "clip-eps-missing": "no gradient is clipped",
    "clip-eps-added": "no gradient is clipped",
    "scaled-up-to-the-maximum": "no gradient is clipped",
    "decay-missing": "there is no weight decay",
    "decay-missing-in-the-biases": "there is no weight decay",
    "decay-coupled": "there is no decoupled weight decay",
    "decay-decoupled": "there is no coupled weight decay",
    "decay-of-a-fixed-parameter": "there is no weight decay",
    "momentum-not-carried-over": "there is only one step",
    "squares-not-carried-over": "there is only one step",
    "dampening-in-the-first-step": "there is no dampening",
    "dampening-missing": "there is no dampening",
    "momentum-as-an-average": "there is no momentum",
    "look-ahead-missing": "the momentum is not Nesterov's",
    "rate-inside-the-momentum": "there is no momentum",
    "betas-swapped": "this optimizer has no two betas",
    "squares-of-the-average": "this optimizer does not average both the gradients and their squares",
    "bias-correction-missing": "this optimizer corrects no averages",
    "bias-correction-off-by-one": "this optimizer corrects no averages",
    "eps-inside-the-root": "this optimizer adds no ε there",
    "eps-outside-the-root": "this optimizer adds no ε there",
    "root-missing": "this optimizer divides by no root",
    "mean-not-subtracted": "this optimizer is not the centered RMSprop",
}


def test_what_one_unit_and_one_example_cannot_show_is_said_in_words():
    lines = {name: mistake.lines(worked_example()) for name, mistake in MISTAKES.items()}
    reasons = {name: why.reason for name, why in lines.items() if isinstance(why, Inexpressible)}
    assert reasons == BLIND_ON_THE_WORKED_EXAMPLE


@pytest.mark.parametrize(
    ("problem", "name", "reason"),
    [
        (network((3, 2)), "already-updated-weights", "there is no hidden layer"),
        (network((3, 2)), "magnitude-of-the-weights", "there is no hidden layer"),
        (
            network((3, 4, 2)),
            "weight-factor-missing",
            "no layer is as wide as the one before, so the shapes do not fit",
        ),
        (
            network((3, 4, 2)),
            "derivative-of-the-wrong-layer",
            "no two neighbouring layers are equally wide and not both the identity",
        ),
        (network(learning_rate=1.0), "rate-applied-twice", "the learning rate is 1"),
        (network(learning_rate=0.5), "float32-learning-rate", "float32 holds this learning rate exactly"),
        (network(dtype="float32"), "float32-forward", "everything is float32 already"),
        (
            network(activations="relu"),
            "derivative-at-a",
            "every activation here has the same derivative at a as at z",
        ),
        (
            network((3, 1), loss=("softmax_cross_entropy", "sum")),
            "softmax-applied-twice",
            "with one output the softmax is 1, once or twice",
        ),
        (
            network((3, 1), loss=("softmax_cross_entropy", "sum")),
            "label-smoothing-missing",
            "with one output the softmax is 1, whatever the label",
        ),
        (
            network(loss=("huber", "mean")),
            "mean-over-all-elements",
            "this loss is the mean over all elements",
        ),
        (network(loss=("l1", "sum")), "mean-over-examples", "this loss is no mean over all elements"),
        (network(not_trained=frozenset({"b1", "b2"})), "bias-not-updated", "no bias is trained"),
        (
            ruled("adam", not_trained=frozenset({"b1"})),
            "fixed-parameter-updated",
            "the optimizer keeps no state of a parameter that is not trained",
        ),
        (
            ruled("adam-decay", not_trained=frozenset({"b1"})),
            "decay-of-a-fixed-parameter",
            "the optimizer keeps no state of a parameter that is not trained",
        ),
        (
            ruled(clip=(1.0, 0.0)),
            "already-updated-weights",
            "no gradient is clipped before all are known, so nothing is updated before",
        ),
        (ruled(clip=(1.0, 0.0)), "clip-eps-missing", "ε is 0"),
        (ruled(clip=(1.0, 1e-6)), "clip-eps-added", "an ε is stated"),
        (
            ruled(clip=(1.0, 0.0)),
            "clipping-after-the-decay",
            "no weight decay is added to the gradients",
        ),
        (
            ruled(clip=(1.0, 0.0), not_trained=frozenset({"W1", "b1", "b2"})),
            "norm-of-each-parameter",
            "only one parameter is trained",
        ),
        (ruled("sgd-decay"), "decay-decoupled", "without a state both are the same update"),
        (
            ruled("adamw", not_trained=frozenset({"W1", "W2"})),
            "decay-missing-in-the-biases",
            "no weights are trained",
        ),
        (
            ruled("momentum"),
            "rate-inside-the-momentum",
            "as long as the rate stays the same, so does the update",
        ),
        (ruled("momentum", steps=1), "momentum-not-carried-over", "there is only one step"),
        (ruled("momentum", steps=1, schedule=STEP), "rate-inside-the-momentum", "there is only one step"),
        (ruled(steps=1, schedule=STEP), "schedule-ignored", "there is only one step"),
        (
            ruled("dampening", steps=1),
            "dampening-missing",
            "there is only one step, and the first has no dampening",
        ),
        (
            ruled({**OPTIMIZERS["dampening"], "dampening": 0.9}),
            "momentum-as-an-average",
            "the dampening is μ, so that it is an average from the second step on",
        ),
        (ruled({**OPTIMIZERS["adam"], "eps": 0.0}), "eps-inside-the-root", "ε is 0"),
        (ruled("adam-inside"), "eps-inside-the-root", "this optimizer adds no ε there"),
        (ruled({**OPTIMIZERS["adam"], "beta2": 0.9}), "betas-swapped", "β₁ is β₂"),
        (
            network(not_trained=frozenset({"W2"})),
            "already-updated-weights",
            "no weights above the first layer are trained",
        ),
    ],
)
def test_a_mistake_that_a_problem_does_not_allow_says_why(problem, name, reason):
    assert MISTAKES[name].tape(problem) == Inexpressible(reason)
    with pytest.raises(ValueError, match=f"^{name} cannot be made here: {re.escape(reason)}$"):
        next(mistaken_steps(problem, MISTAKES[name]))


def test_the_documents_step_3_as_written_is_caught_on_its_own_worked_example():
    """There dL/da1 would be dL/dz2, −0.038824423477730, in place of 0.6 times that."""
    finding = first_failure(worked_example(), MISTAKES["weight-factor-missing"])
    assert finding.quantity == "dL/da1"
    assert finding.claimed == pytest.approx(-0.038824423477730, rel=1e-13)
    assert finding.derived == pytest.approx(-0.038824423477730 * 0.6, rel=1e-13)


def test_mazurs_program_sent_the_hidden_gradient_through_the_already_updated_weights():
    """He printed 0.291027924 for the loss after one update; without the mistake it is 0.29102777369."""
    problem = replace(load_case("worked/mazur").problem("float64"), steps=2)
    _, second = mistaken_steps(problem, MISTAKES["already-updated-weights"])
    assert f"{second['loss']:.9f}" == "0.291027924"


def test_tf32_keeps_ten_bits_after_the_point_and_whatever_is_not_finite():
    rounded = tf32(np.array([1 + 2**-10, 1 + 2**-11, 1 + 2**-12, -1 - 2**-11, np.inf, np.nan], np.float32))
    expected = [1 + 2**-10, 1 + 2**-10, 1, -1 - 2**-10, np.inf, np.nan]  # ties go away from zero
    assert np.array_equal(rounded, np.array(expected, np.float32), equal_nan=True)
