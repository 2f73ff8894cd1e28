"""Rules of an update for the tests: every optimizer with every option, rounded to a number format."""

from dataclasses import replace
from typing import Any

import numpy as np
from networks import network

from cases import Problem
from cases.update_rules import Rule

ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-3}

# Every optimizer with every option, by name.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd"},
    "sgd-decay": {"name": "sgd", "weight_decay": 0.05},
    "momentum": {"name": "sgd", "momentum": 0.9},
    "nesterov": {"name": "sgd", "momentum": 0.9, "nesterov": True},
    "nesterov-decay": {"name": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
    "dampening": {"name": "sgd", "momentum": 0.9, "dampening": 0.3},
    "adam": {"name": "adam", **ADAM},
    "adam-inside": {"name": "adam", **ADAM, "eps_in_sqrt": True},
    "adam-decay": {"name": "adam", **ADAM, "weight_decay": 0.05},
    "adamw": {"name": "adamw", **ADAM, "weight_decay": 0.05},
    "adamw-inside": {"name": "adamw", **ADAM, "weight_decay": 0.05, "eps_in_sqrt": True},
    "adamax": {"name": "adamax", **ADAM},
    "adamax-decay": {"name": "adamax", **ADAM, "weight_decay": 0.05},
    "rmsprop": {"name": "rmsprop", "alpha": 0.9, "eps": 1e-3},
    "rmsprop-inside": {"name": "rmsprop", "alpha": 0.9, "eps": 1e-3, "eps_in_sqrt": True},
    "rmsprop-decay": {"name": "rmsprop", "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.05},
    "centered": {"name": "rmsprop", "alpha": 0.9, "eps": 1e-3, "centered": True},
    "centered-inside": {
        "name": "rmsprop", "alpha": 0.9, "eps": 1e-3, "centered": True, "eps_in_sqrt": True,
    },
    "adagrad": {"name": "adagrad", "initial_accumulator": 0.1, "eps": 1e-3},
    "adagrad-inside": {"name": "adagrad", "initial_accumulator": 0.1, "eps": 1e-3, "eps_in_sqrt": True},
    "adagrad-decay": {"name": "adagrad", "initial_accumulator": 0.0, "eps": 1e-3, "weight_decay": 0.05},
}  # fmt: skip

STEP = {"name": "step", "every": 1, "factor": 0.5}
COSINE = {"name": "cosine", "over": 5, "final": 0.1}


def rule(dtype: str, name: str, **stated: Any) -> Rule:
    """Make a rule; each number is rounded to `dtype`, and what is True is an option."""
    options = frozenset(key for key, value in stated.items() if value is True)
    numbers = {key: value for key, value in stated.items() if key not in options}
    rounded = {
        key: rounded_to(dtype, value) if key not in {"every", "over"} else value
        for key, value in numbers.items()
    }
    return Rule(name, tuple(rounded.items()), options)


def rounded_to(dtype: str, number: float) -> float:
    """Round a number to the format."""
    return float(np.dtype(dtype).type(number))


def clipping(dtype: str, max_norm: float, eps: float) -> Rule:
    """Make a clipping by the global norm."""
    return rule(dtype, "global_norm", max_norm=max_norm, clip_eps=eps)


def ruled(
    optimizer: str | dict[str, Any] = "sgd",
    dtype: str = "float64",
    *,
    net: Problem | None = None,
    schedule: dict[str, Any] | None = None,
    clip: tuple[float, float] | None = None,
    steps: int = 3,
    **others: Any,
) -> Problem:
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


def every_rule(dtype: str) -> dict[str, Problem]:
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
    }
