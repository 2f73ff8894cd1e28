"""Rules of an update for the tests: every optimizer with every option, rounded to a number format."""

from dataclasses import replace
from typing import Any

import numpy as np
from networks import network

from cases import Rule, catalog

# The number under each key of an optimizer.
NUMBERS = {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.05, "beta1": 0.9, "beta2": 0.999}
NUMBERS |= {"alpha": 0.9, "eps": 1e-3, "initial_accumulator": 0.1}


def stated(name, *optional):
    """Return an optimizer with what it must be given, and some of what it may be given; a flag is true."""
    keys = {
        key: kind
        for key, kind in catalog.OPTIMIZERS[name].keys.items()
        if kind.default is ... or key in optional
    }
    return {"name": name} | {key: kind.kind == "flag" or NUMBERS[key] for key, kind in keys.items()}


# Every optimizer with every option, by name.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": stated("sgd"),
    "sgd-decay": stated("sgd", "weight_decay"),
    "momentum": stated("sgd", "momentum"),
    "nesterov": stated("sgd", "momentum", "nesterov"),
    "nesterov-decay": stated("sgd", "momentum", "nesterov", "weight_decay"),
    "dampening": stated("sgd", "momentum", "dampening"),
    "adagrad-decay": stated("adagrad", "weight_decay") | {"initial_accumulator": 0.0},
    "centered": stated("rmsprop", "centered"),
    "centered-inside": stated("rmsprop", "centered", "eps_in_sqrt"),
    **{name: stated(name) for name in ("adam", "adamw", "adamax", "rmsprop", "adagrad")},
    **{f"{name}-inside": stated(name, "eps_in_sqrt") for name in ("adam", "adamw", "rmsprop", "adagrad")},
    **{f"{name}-decay": stated(name, "weight_decay") for name in ("adam", "adamax", "rmsprop")},
}

STEP = {"name": "step", "every": 1, "factor": 0.5}
COSINE = {"name": "cosine", "over": 5, "final": 0.1}


def rule(dtype, name, **stated):
    """Make a rule; each number is rounded to `dtype`, and what is True is an option."""
    options = frozenset(key for key, value in stated.items() if value is True)
    exact = options | {"every", "over"}
    rounded = {key: float(np.dtype(dtype).type(value)) for key, value in stated.items() if key not in exact}
    whole = {key: value for key, value in stated.items() if key in ("every", "over")}
    return Rule(name, tuple((whole | rounded).items()), options)


def clipping(dtype, max_norm, eps):
    """Make a clipping by the global norm."""
    return rule(dtype, "global_norm", max_norm=max_norm, clip_eps=eps)


def ruled(optimizer="sgd", dtype="float64", *, net=None, schedule=None, clip=None, steps=3, **others):
    """Draw a small network, or take one of the same format, with a rule that updates it."""
    net = net or network((2, 3, 2), 3, activations="tanh", dtype=dtype)
    return replace(
        net,
        optimizer=rule(dtype, **(OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer)),
        schedule=rule(dtype, **schedule) if schedule else None,
        clipping=clipping(dtype, *clip) if clip else None,
        steps=steps,
        **others,
    )


def every_rule(dtype):
    """Return a problem for every optimizer, schedule and clipping, and for mixtures of them."""
    problems = {name: ruled(name, dtype) for name in OPTIMIZERS}
    fixed = frozenset({"b1"})
    return problems | {
        "step": ruled("momentum", dtype, schedule=STEP),
        "step-nesterov": ruled("nesterov", dtype, schedule=STEP),
        "cosine": ruled("adam", dtype, schedule=COSINE),
        "clipped": ruled("sgd", dtype, clip=(0.05, 0.0)),
        "clipped-eps": ruled("momentum", dtype, clip=(0.05, 1e-3)),
        "clipped-decay": ruled("nesterov-decay", dtype, clip=(0.05, 0.0)),
        "below": ruled("sgd", dtype, clip=(50.0, 1e-3)),
        "fixed-decay": ruled("sgd-decay", dtype, not_trained=fixed),
        "fixed-adamw": ruled("adamw", dtype, not_trained=fixed),
        "steps-of-two": ruled("sgd-decay", dtype, schedule={**STEP, "every": 2}),
        "adamw-step": ruled("adamw", dtype, schedule=STEP),
        "short-cosine": ruled("sgd", dtype, schedule={**COSINE, "over": 1}),
    }
