"""Mistakes of updates, schedules and loops: wrong programs by hand give what their records predict."""

import numpy as np
import pytest
from networks import network
from rules import NUMBERS, STEP, ruled

from reference.arithmetic import FORMATS
from reference.mistakes import MISTAKES, mistaken_steps
from reference.training import exact_inputs, propagate, tape

ETA, MU, B1, B2, EPS, LAMBDA = 0.1, *map(NUMBERS.get, "momentum beta1 beta2 eps weight_decay".split())
CLIPPED, ADAMW = ruled(clip=(0.05, 0.0)), ruled("adamw")


def forward_and_back(p, x, y):
    """The loss and its gradients, of the network that `ruled` draws: two layers of tanh, ½ Σ (a − y)²."""
    a1 = np.tanh(x @ p["W1"].T + p["b1"])
    a2 = np.tanh(a1 @ p["W2"].T + p["b2"])
    d2 = (a2 - y) * (1 - a2**2)
    d1 = d2 @ p["W2"] * (1 - a1**2)
    return ((a2 - y) ** 2).sum() / 2, {"W1": d1.T @ x, "b1": d1.sum(0), "W2": d2.T @ a1, "b2": d2.sum(0)}


def momentum(s, g, mu=MU):
    s["m"] = mu * s.get("m", 0) + g
    return s["m"]


def averages(s, g):
    s["m"] = B1 * s.get("m", 0) + (1 - B1) * g
    s["v"] = B2 * s.get("v", 0) + (1 - B2) * g**2
    return s["m"], s["v"]


def adam(s, g, t, decay=0.0):
    m, v = averages(s, g)
    return (m / (1 - B1**t) + decay) / (np.sqrt(v / (1 - B2**t)) + EPS)


def factor(t):
    return np.sqrt(1 - B2**t) / (1 - B1**t)


def eps_before(w, g, s, t, _):
    m, v = averages(s, g)
    return w - ETA * factor(t) * m / (np.sqrt(v) + EPS)


def stored(w, g, s, t, _):
    m, v = averages(s, g)
    s |= {"m": m / (1 - B1**t), "v": v / (1 - B2**t)}
    return w - ETA * s["m"] / (np.sqrt(s["v"]) + EPS)


def anew(w, g, s, t, _):
    if t > 1:
        s.clear() if t == 2 else None
        t -= 1
    return w - ETA * adam(s, g, t)


# One parameter's update in a wrong program: of w, its gradient, its state, the step, its number from 1 to 4.
BY_HAND = {
    "momentum": {
        "momentum-with-the-wrong-sign": lambda w, g, s, *_: w - ETA * momentum(s, g, -MU),
        "dampening-added": lambda w, g, s, t, _: w - ETA * momentum(s, g if t == 1 else (1 - MU) * g),
    },
    "nesterov": {
        "look-ahead-twice": lambda w, g, s, *_: w - ETA * (g + MU * (g + MU * momentum(s, g))),
        "look-ahead-with-the-wrong-sign": lambda w, g, s, *_: w - ETA * g + MU * momentum(s, g) * ETA,
    },
    "adam": {
        "correction-without-the-power": lambda w, g, s, *_: w - ETA * adam(s, g, 1),
        "steps-counted-for-each-parameter": lambda w, g, s, t, i: w - ETA * adam(s, g, 4 * (t - 1) + i),
        "update-made-twice": lambda w, g, s, t, _: w - ETA * adam(s, g, 2 * t - 1) - ETA * adam(s, g, 2 * t),
        "eps-before-the-correction": eps_before,
        "corrected-averages-stored": stored,
        "state-begun-anew-at-step-2": anew,
    },
    "adamw": {
        "decay-after-the-update": lambda w, g, s, t, _: (w - ETA * adam(s, g, t)) * (1 - ETA * LAMBDA),
        "decay-not-scaled-by-the-rate": lambda w, g, s, t, _: w - ETA * adam(s, g, t) - LAMBDA * w,
        "decay-divided-by-the-root": lambda w, g, s, t, _: w - ETA * adam(s, g, t, LAMBDA * w),
        "decay-scaled-by-the-corrected-rate": (
            lambda w, g, s, t, _: w - ETA * (adam(s, g, t) + factor(t) * LAMBDA * w)
        ),
    },
}


def after(problem, lines):
    return propagate(problem, lines, exact_inputs(problem, FORMATS["float64"]), problem.steps)


def explains(mistake, problem, parameters):
    """Whether a run of the mistaken tape allows these parameters, and one of the right tape does not."""
    runs = after(problem, MISTAKES[mistake].tape(problem)), after(problem, tape(problem))
    allowed = [
        all((abs(w - run[name].value) <= run[name].error).all() for name, w in parameters.items())
        for run in runs
    ]
    return allowed == [True, False]


@pytest.mark.parametrize(
    ("optimizer", "mistake"), [(rule, name) for rule, updates in BY_HAND.items() for name in updates]
)
def test_a_wrong_update_by_hand_is_what_the_mistaken_tape_allows(optimizer, mistake):
    problem, update = ruled(optimizer), BY_HAND[optimizer][mistake]
    p, states = dict(problem.parameters), {name: {} for name in problem.parameters}
    for t in range(1, problem.steps + 1):
        _, g = forward_and_back(p, problem.x, problem.y)
        p = {name: update(w, g[name], states[name], t, i) for i, (name, w) in enumerate(p.items(), start=1)}
    assert explains(mistake, problem, p)


@pytest.mark.parametrize("mistake", ["root-missing-from-the-norm", "norm-of-each-layer"])
def test_gradients_clipped_wrongly_by_hand(mistake):
    p = dict(CLIPPED.parameters)
    for _ in range(CLIPPED.steps):
        _, g = forward_and_back(p, CLIPPED.x, CLIPPED.y)
        squares = {name: (array**2).sum() for name, array in g.items()}
        layer = {k: np.sqrt(squares[f"W{k}"] + squares[f"b{k}"]) for k in "12"}
        norm = {w: sum(squares.values()) if "root" in mistake else layer[w[1]] for w in p}
        p = {name: w - ETA * min(1, 0.05 / norm[name]) * g[name] for name, w in p.items()}
    assert explains(mistake, CLIPPED, p)


def test_a_program_that_updates_after_each_example_by_hand():
    problem, mistake = ruled(), "updates-after-each-example"
    p = dict(problem.parameters)
    for step in mistaken_steps(problem, MISTAKES[mistake]):
        total = 0.0
        for i in range(len(problem.x)):
            loss, g = forward_and_back(p, problem.x[i : i + 1], problem.y[i : i + 1])
            p, total = {name: w - ETA * g[name] for name, w in p.items()}, total + loss
        assert float(step["loss"]) == pytest.approx(total)
    assert explains(mistake, problem, p)


SLOW, SHORT = {**STEP, "every": 2}, {"name": "cosine", "over": 2, "final": 0.25}
RATES = {  # of five steps, 1 at first
    "schedule-one-step-behind": (SLOW, [1, 1, 1, 1 / 2, 1 / 2]),
    "schedule-counted-in-examples": (SLOW, [1, 1 / 2, 1 / 8, 1 / 16, 1 / 64]),
    "schedule-begun-anew-at-step-3": (STEP, [1, 1 / 2, 1, 1 / 2, 1 / 4]),
    "schedule-applied-twice": (SLOW, [1, 1, 1 / 4, 1 / 4, 1 / 16]),
    "schedule-compounded": (SLOW, [1, 1, 1 / 2, 1 / 4, 1 / 16]),
    "schedule-rising": (SLOW, [1, 1, 2, 2, 4]),
    "staircase-missing": (SLOW, [1, np.sqrt(1 / 2), 1 / 2, np.sqrt(1 / 8), 1 / 4]),
    "cosine-one-step-short": (SHORT, [1, 1 / 4, 1 / 4, 1 / 4, 1 / 4]),
}


@pytest.mark.parametrize("name", RATES)
def test_wrong_rates_by_hand(name):
    schedule, expected = RATES[name]
    net = network((2, 3, 2), 3, activations="tanh", learning_rate=1.0)
    steps = mistaken_steps(ruled(schedule=schedule, net=net, steps=5), MISTAKES[name])
    assert [float(step["rate"]) for step in steps] == pytest.approx(expected)


def test_a_layer_that_is_not_given_to_the_optimizer_keeps_its_state_too():
    problem, mistake = ruled("momentum"), MISTAKES["parameters-not-updated"]
    second = ("m_W2_new", "W2_new", "m_b2_new", "b2_new")
    assert second in mistake.sites(problem)
    kept = after(problem, mistake.tape(problem, only=second))
    assert (kept["W2"].value == problem.parameters["W2"]).all()
    assert not kept["m_b2"].value.any()
    assert kept["m_W1"].value.all()
