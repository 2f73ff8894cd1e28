"""Why a mistake cannot be made on a problem, or would make no difference there: each reason once."""

import re
from dataclasses import replace

import numpy as np
import pytest
from networks import SQUARES, network
from rules import COSINE, OPTIMIZERS, STEP, ruled

from reference.mistakes import MISTAKES, Inexpressible, mistaken_steps

CLIPPED, ADAMW = ruled(clip=(1.0, 0.0)), ruled("adamw")
ONE_OUTPUT = network((3, 1), loss=("softmax_cross_entropy", "sum"))
NO_STATE = "the optimizer keeps no state of a parameter that is not trained"
SCHEDULED_MOMENTUM = ruled("momentum", steps=1, schedule=STEP)
DAMPENED_BY_MU = ruled({**OPTIMIZERS["dampening"], "dampening": 0.9})
SLOW = {**STEP, "every": 2}
L1, CLASSES = network(loss=("l1", "mean")), ("softmax_cross_entropy_with_integer_labels", "sum")
BINARY = network(loss=("binary_cross_entropy", "sum"))
HALVES = replace(L1, x=np.round(2 * L1.x) / 2, y=np.round(2 * L1.y) / 2)

REASONS = [
    ("already-updated-weights", "there is no hidden layer", network((3, 2))),
    (
        "already-updated-weights",
        "no gradient is clipped before all are known, so nothing is updated before",
        CLIPPED,
    ),
    (
        "already-updated-weights",
        "no weights above the first layer are trained",
        network(not_trained=frozenset({"W2"})),
    ),
    ("magnitude-of-the-weights", "there is no hidden layer", network((3, 2))),
    (
        "weight-factor-missing",
        "no layer is as wide as the one before, so the shapes do not fit",
        network((3, 4, 2)),
    ),
    (
        "derivative-of-the-wrong-layer",
        "no two neighbouring layers are equally wide and not both the identity",
        network((3, 4, 2)),
    ),
    (
        "derivative-at-a",
        "every activation here has the same derivative at a as at z",
        network(activations="relu"),
    ),
    ("softmax-applied-twice", "with one output the softmax is 1, once or twice", ONE_OUTPUT),
    ("label-smoothing-missing", "with one output the softmax is 1, whatever the label", ONE_OUTPUT),
    ("mean-over-all-elements", "this loss is the mean over all elements", network(loss=("huber", "mean"))),
    ("mean-over-examples", "this loss is no mean over all elements", network(loss=("l1", "sum"))),
    ("rate-applied-twice", "the learning rate is 1", network(learning_rate=1.0)),
    ("float32-learning-rate", "float32 holds this learning rate exactly", network(learning_rate=0.5)),
    ("float32-forward", "everything is float32 already", network(dtype="float32")),
    ("bias-not-updated", "no bias is trained", network(not_trained=frozenset({"b1", "b2"}))),
    ("fixed-parameter-updated", NO_STATE, ruled("adam", not_trained=frozenset({"b1"}))),
    ("decay-of-a-fixed-parameter", NO_STATE, ruled("adam-decay", not_trained=frozenset({"b1"}))),
    ("clip-eps-missing", "ε is 0", CLIPPED),
    ("clip-eps-added", "an ε is stated", ruled(clip=(1.0, 1e-06))),
    ("clipping-after-the-decay", "no weight decay is added to the gradients", CLIPPED),
    (
        "norm-of-each-parameter",
        "only one parameter is trained",
        replace(CLIPPED, not_trained=frozenset({"W1", "b1", "b2"})),
    ),
    ("decay-decoupled", "without a state both are the same update", ruled("sgd-decay")),
    (
        "decay-missing-in-the-biases",
        "no weights are trained",
        ruled("adamw", not_trained=frozenset({"W1", "W2"})),
    ),
    ("rate-inside-the-momentum", "as long as the rate stays the same, so does the update", ruled("momentum")),
    ("rate-inside-the-momentum", "there is only one step", SCHEDULED_MOMENTUM),
    ("momentum-not-carried-over", "there is only one step", ruled("momentum", steps=1)),
    ("schedule-ignored", "there is only one step", SCHEDULED_MOMENTUM),
    (
        "dampening-missing",
        "there is only one step, and the first has no dampening",
        ruled("dampening", steps=1),
    ),
    (
        "momentum-as-an-average",
        "the dampening is μ, so that it is an average from the second step on",
        DAMPENED_BY_MU,
    ),
    ("eps-inside-the-root", "ε is 0", ruled({**OPTIMIZERS["adam"], "eps": 0.0})),
    ("eps-inside-the-root", "this optimizer adds no ε there", ruled("adam-inside")),
    ("betas-swapped", "β₁ is β₂", ruled({**OPTIMIZERS["adam"], "beta2": 0.9})),
    (
        "derivative-applied-twice",
        "every derivative here is 0 or 1, which is its own square",
        network((3, 4, 2), activations="relu"),
    ),
    (
        "derivative-formula-given-z",
        "there is neither a sigmoid nor a tanh",
        network((3, 4, 2), activations="relu"),
    ),
    ("derivative-of-relu", "every activation here is relu", network((3, 4, 2), activations="relu")),
    (
        "error-sent-past-the-activation",
        "every activation above the first layer is the identity, with derivative 1",
        network((3, 4, 2), activations="identity"),
    ),
    ("error-sent-past-the-activation", "there is no hidden layer", network((3, 2))),
    (
        "input-factor-twice",
        "every input is 0 or 1, which is its own square",
        replace(network((3, 2), 2), x=np.eye(3)[:2]),
    ),
    ("float32-inputs", "float32 holds every input exactly", HALVES),
    ("float32-inputs-and-targets", "float32 holds every target exactly", HALVES),
    ("float32-momentum", "there is only one step", ruled("momentum", steps=1)),
    ("float32-beta1", "float32 holds this beta1 exactly", ruled({**OPTIMIZERS["adam"], "beta1": 0.5})),
    ("float16-parameters", "float16 takes the place of float32 only", network()),
    ("schedule-one-step-behind", "in these steps the rate is the same", ruled(schedule=SLOW, steps=2)),
    ("schedule-compounded", "the rate does not fall by steps", ruled(schedule=COSINE)),
    ("norm-of-each-layer", "only one layer is trained", ruled(clip=(1.0, 0.0), net=network((2, 2)))),
    ("decay-after-the-update", "no weight decay is taken off with the update", ruled("adam-decay")),
    ("decay-multiplied", "there is no coupled weight decay", ADAMW),
    ("decay-at-the-first-rate", "there is no schedule", ADAMW),
    ("state-begun-anew-at-step-3", "there are fewer than 3 steps", ruled("adam", steps=2)),
    ("sum-started-at-a-tenth", "it starts at 0.1", ruled("adagrad")),
    ("weights-of-the-averages-swapped", "β is ½", ruled({**OPTIMIZERS["rmsprop"], "alpha": 0.5})),
    ("default-rate-of-1e-2", "the learning rate is 1e-2", network(learning_rate=0.01)),
    ("gradient-of-another-layer", "no two layers have parameters of the same shape", network((2, 3, 4))),
    ("loss-mean-squared-error", "the two are the same number", network((3, 2), loss=SQUARES[1])),
    ("loss-half-squared-error", "the two are the same number", network((3, 2), loss=SQUARES[2])),
    (
        "loss-smooth-l1",
        "the two are the same, as δ or β is 1",
        network(loss=("huber", "sum"), loss_numbers={"delta": 1}),
    ),
    ("where-the-square-ends", "it is 1", network(loss=("smooth_l1", "sum"), loss_numbers={"beta": 1})),
    ("loss-softmax-cross-entropy", "this loss is asked for", network((3, 2), loss=CLASSES)),
    ("mean-of-means-of-2", "all micro-batches of 2 examples are equally large", L1),
    ("mean-of-means-of-4", "there are no more than 4 examples", L1),
    ("targets-broadcast", "every target is the same", replace(L1, y=np.ones_like(L1.y))),
    ("loss-l1", "this loss is asked for", L1),
    ("outputs-negated", "every target is 0", replace(L1, y=np.zeros_like(L1.y))),
    ("second-term-missing", "every target is 1", replace(BINARY, y=np.ones_like(BINARY.y))),
    (
        "activation-applied-twice",
        "applied twice, every activation here is the same as once",
        network(activations="relu6"),
    ),
]


@pytest.mark.parametrize(("name", "reason", "problem"), REASONS, ids=[name for name, *_ in REASONS])
def test_a_mistake_that_a_problem_does_not_allow_says_why(name, reason, problem):
    assert MISTAKES[name].tape(problem) == MISTAKES[name].lines(problem) == Inexpressible(reason)
    with pytest.raises(ValueError, match=f"^{name} cannot be made here: {re.escape(reason)}$"):
        next(mistaken_steps(problem, MISTAKES[name]))
