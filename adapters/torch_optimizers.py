"""`torch.optim` by the names that a case gives its optimizers, with every number stated.

With `forms: defaults` the optimizer is given the learning rate and nothing else.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, StepLR

from cases import Problem, Rule, names
from cases.verdict import NoEquivalent

# What `clip_grad_norm_` adds to the norm; it takes no other.
CLIP_EPS = 1e-6

CLASSES: dict[str, type[Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adamax": torch.optim.Adamax,
}

# What PyTorch calls the states that the tape calls m, v and u.
STATES = {
    "sgd": {"m": "momentum_buffer"},
    "adam": {"m": "exp_avg", "v": "exp_avg_sq"},
    "adamw": {"m": "exp_avg", "v": "exp_avg_sq"},
    "rmsprop": {"v": "square_avg", "m": "grad_avg"},
    "adagrad": {"v": "sum"},
    "adamax": {"m": "exp_avg", "u": "exp_inf"},
}


def optimizer_of(problem: Problem, trained: Iterable[Tensor]) -> Optimizer:
    """Make the optimizer that the problem states.

    Raises
    ------
    NoEquivalent
        If `torch.optim` has no form equal to it.
    """
    rule = problem.optimizer
    make: Any = CLASSES[rule.name]
    if problem.forms == "defaults":
        return make(trained, lr=problem.learning_rate)  # as typed above
    return make(trained, lr=problem.learning_rate, **_arguments(rule))  # the same


def _arguments(rule: Rule) -> dict[str, Any]:
    """Return every hyper-parameter under PyTorch's name."""
    if "eps_in_sqrt" in rule.options and rule["eps"] != 0:
        raise NoEquivalent(f"torch.optim.{CLASSES[rule.name].__name__} adds ε to the root, not inside it")
    given: dict[str, Any] = {"weight_decay": rule["weight_decay"] if rule.has("weight_decay") else 0.0}
    if rule.name == "sgd":
        return given | _momentum(rule)
    given["eps"] = rule["eps"]
    match rule.name:
        case "adam" | "adamw" | "adamax":
            return given | {"betas": (rule["beta1"], rule["beta2"])}
        case "rmsprop":
            return given | {"alpha": rule["alpha"], "centered": "centered" in rule.options, "momentum": 0.0}
    return given | {"initial_accumulator_value": rule["initial_accumulator"], "lr_decay": 0.0}


def _momentum(rule: Rule) -> dict[str, Any]:
    return {
        "momentum": rule["momentum"] if rule.has("momentum") else 0.0,
        "dampening": rule["dampening"] if rule.has("dampening") else 0.0,
        "nesterov": "nesterov" in rule.options,
    }


def scheduler_of(problem: Problem, optimizer: Optimizer) -> LRScheduler | None:
    """Make the schedule that the problem states, if it states one.

    Raises
    ------
    NoEquivalent
        If it runs longer than PyTorch's, whose cosine climbs again.
    """
    schedule = problem.schedule
    if schedule is None:
        return None
    if schedule.name == "step":
        return StepLR(optimizer, step_size=int(schedule["every"]), gamma=schedule["factor"])
    if problem.forms == "stated" and problem.steps > schedule["over"] + 1:
        raise NoEquivalent("CosineAnnealingLR climbs again after its last step, and does not stay there")
    lowest = problem.learning_rate * schedule["final"]
    return CosineAnnealingLR(optimizer, T_max=int(schedule["over"]), eta_min=lowest)


def clip_all(problem: Problem, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Clip the trained parameters' gradients in place, if the problem says so; return what can be seen of it.

    Raises
    ------
    NoEquivalent
        If another ε than PyTorch's is stated.
    """
    if problem.clipping is None or not problem.trained:
        return {}
    trained = {name: parameters[name] for name in problem.trained}
    norm = clip_by_norm(problem, trained.values())
    seen = {names.clipped(name): tensor.grad for name, tensor in trained.items() if tensor.grad is not None}
    return {"norm": norm, **{name: grad.clone() for name, grad in seen.items()}}


def clip_by_norm(problem: Problem, tensors: Iterable[Tensor]) -> Tensor:
    """Clip gradients in place by their norm, as the problem says; return it.

    Raises
    ------
    NoEquivalent
        If another ε than PyTorch's is stated.
    """
    clipping = problem.clipping
    if clipping is None:
        raise ValueError("the problem clips nothing")
    if problem.forms == "stated" and clipping["clip_eps"] != CLIP_EPS:
        raise NoEquivalent(f"clip_grad_norm_ adds {CLIP_EPS} to the norm, and takes no other ε")
    return torch.nn.utils.clip_grad_norm_(tensors, clipping["max_norm"])


def states(problem: Problem, optimizer: Optimizer, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the optimizer's state of every trained parameter, as it is after the update."""
    called = STATES[problem.optimizer.name]
    return {
        names.updated(names.state(kind, name)): optimizer.state[parameters[name]][called[kind]]
        for name in problem.trained
        for kind in problem.optimizer.states
    }
