"""optax by the names that a case gives its optimizers, with every number stated.

With `forms: defaults` the optimizer is given the learning rate and nothing else, and the rate that falls by
steps is `exponential_decay`, which computes in float32 whatever is asked for: its count is a 32-bit integer.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import optax

from cases import Problem, Rule, names
from cases.protocol import NoEquivalent

Arrays: TypeAlias = dict[str, jax.Array]
State: TypeAlias = Any  # optax's trees of named tuples


class OptaxOptimizer(NamedTuple):
    """An optimizer, what it calls the states m, v and u, and its numbers but for the rate."""

    make: Any
    states: dict[str, str]
    arguments: Callable[[Rule], dict[str, Any]]


MOMENTS = {"m": "mu", "v": "nu"}


def _adam(rule: Rule) -> dict[str, Any]:
    eps, eps_root = (0.0, rule["eps"]) if "eps_in_sqrt" in rule.options else (rule["eps"], 0.0)
    return {"b1": rule["beta1"], "b2": rule["beta2"], "eps": eps, "eps_root": eps_root}


OPTIMIZERS = {
    "sgd": OptaxOptimizer(
        optax.sgd,
        {"m": "trace"},
        lambda rule: {"momentum": rule.get("momentum") or None, "nesterov": "nesterov" in rule.options},
    ),
    "adam": OptaxOptimizer(optax.adam, MOMENTS, _adam),
    "adamw": OptaxOptimizer(
        optax.adamw, MOMENTS, lambda rule: {**_adam(rule), "weight_decay": rule["weight_decay"]}
    ),
    "adamax": OptaxOptimizer(
        optax.adamax,
        {"m": "mu", "u": "nu"},
        lambda rule: {"b1": rule["beta1"], "b2": rule["beta2"], "eps": rule["eps"]},
    ),
    "rmsprop": OptaxOptimizer(
        optax.rmsprop,
        MOMENTS,
        lambda rule: {
            "decay": rule["alpha"],
            "eps": rule["eps"],
            "initial_scale": 0.0,
            "eps_in_sqrt": "eps_in_sqrt" in rule.options,
            "centered": "centered" in rule.options,
        },
    ),
    "adagrad": OptaxOptimizer(
        optax.adagrad,
        {"v": "sum_of_squares"},
        lambda rule: {"initial_accumulator_value": rule["initial_accumulator"], "eps": rule["eps"]},
    ),
}


class Update(NamedTuple):
    """How parameters are updated: all that a compiled step depends on.

    With a schedule the rate of the first step and the number of steps belong to it; without one the rate is
    given at every step.
    """

    optimizer: Rule
    schedule: Rule | None
    clipping: Rule | None
    forms: str
    first_rate: float
    steps: int


def update_of(problem: Problem) -> Update:
    """Return how the problem is updated, or raise NoEquivalent where optax has no equal form."""
    rule, clipping = problem.optimizer, problem.clipping
    if problem.forms == "stated":
        if rule.has("dampening"):
            raise NoEquivalent("optax.sgd has no dampening")
        if rule.name == "adagrad" and "eps_in_sqrt" not in rule.options and rule["eps"] != 0:
            raise NoEquivalent("optax.adagrad adds ε inside the root, not to it")
        if clipping is not None and clipping["clip_eps"] != 0:
            raise NoEquivalent("optax.clip_by_global_norm adds nothing to the norm")
    scheduled = (problem.learning_rate, problem.steps) if problem.schedule else (0.0, 0)
    return Update(rule, problem.schedule, clipping, problem.forms, *scheduled)


def rate_of(update: Update, learning_rate: jax.Array | float) -> Any:  # noqa: ANN401 - a number or a function of the step
    """Return what optax takes for a learning rate: the number, or a schedule of the count from 0."""
    schedule, first = update.schedule, update.first_rate
    if schedule is None:
        return learning_rate
    if schedule.name == "cosine":
        return optax.cosine_decay_schedule(first, decay_steps=int(schedule["over"]), alpha=schedule["final"])
    every, factor = int(schedule["every"]), schedule["factor"]
    if update.forms == "defaults":
        return optax.exponential_decay(first, transition_steps=every, decay_rate=factor, staircase=True)
    return optax.piecewise_constant_schedule(first, dict.fromkeys(range(every, update.steps, every), factor))


def optimizer_of(update: Update, learning_rate: jax.Array | float) -> optax.GradientTransformationExtraArgs:
    """Make the optimizer, without the clipping."""
    rule, rate = update.optimizer, rate_of(update, learning_rate)
    optimizer = OPTIMIZERS[rule.name]
    if update.forms == "defaults":
        return optimizer.make(rate)
    made = optimizer.make(rate, **optimizer.arguments(rule))
    decayed = optax.add_decayed_weights(rule["weight_decay"]) if rule.adds_decay_to_gradient else None
    return optax.chain(decayed, made) if decayed else made


def states(update: Update, state: State) -> Arrays:
    """Return the optimizer's state of every parameter, as it is after the update."""
    called = OPTIMIZERS[update.optimizer.name].states
    return {
        names.updated(names.state(kind, name)): array
        for kind in update.optimizer.states
        for name, array in optax.tree.get(state, called[kind]).items()
    }


def clip(update: Update, gradients: Arrays) -> tuple[Arrays, Arrays]:
    """Clip the gradients, if the case says so; return them, and what can be seen of it."""
    if update.clipping is None or not gradients:
        return gradients, {}
    clipping = optax.clip_by_global_norm(update.clipping["max_norm"])
    clipped: Any = clipping.update(gradients, clipping.init(gradients))[0]
    seen = {names.clipped(name): array for name, array in clipped.items()}
    return clipped, {"norm": optax.tree.norm(gradients), **seen}
