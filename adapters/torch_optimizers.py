"""`torch.optim` by the names that a case gives its optimizers, with every number stated.

With `forms: defaults` the optimizer is given the learning rate and nothing else. What PyTorch has no equal
form of raises NoEquivalent.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, StepLR

from cases import Problem, Rule, names
from cases.protocol import NoEquivalent

# What `clip_grad_norm_` adds to the norm; it takes no other.
CLIP_EPS = 1e-6


class TorchOptimizer(NamedTuple):
    """An optimizer, what it calls the states m, v and u, and the numbers that others do not have."""

    make: Any  # one of torch.optim's classes
    states: dict[str, str]
    arguments: Callable[[Rule], dict[str, Any]]


def _betas(rule: Rule) -> dict[str, Any]:
    return {"betas": (rule["beta1"], rule["beta2"])}


OPTIMIZERS = {
    "sgd": TorchOptimizer(
        torch.optim.SGD,
        {"m": "momentum_buffer"},
        lambda rule: {
            "momentum": rule.get("momentum"),
            "dampening": rule.get("dampening"),
            "nesterov": "nesterov" in rule.options,
        },
    ),
    "adam": TorchOptimizer(torch.optim.Adam, {"m": "exp_avg", "v": "exp_avg_sq"}, _betas),
    "adamw": TorchOptimizer(torch.optim.AdamW, {"m": "exp_avg", "v": "exp_avg_sq"}, _betas),
    "adamax": TorchOptimizer(torch.optim.Adamax, {"m": "exp_avg", "u": "exp_inf"}, _betas),
    "rmsprop": TorchOptimizer(
        torch.optim.RMSprop,
        {"v": "square_avg", "m": "grad_avg"},
        lambda rule: {"alpha": rule["alpha"], "centered": "centered" in rule.options, "momentum": 0.0},
    ),
    "adagrad": TorchOptimizer(
        torch.optim.Adagrad,
        {"v": "sum"},
        lambda rule: {"initial_accumulator_value": rule["initial_accumulator"], "lr_decay": 0.0},
    ),
}


def optimizer_of(problem: Problem, trained: Iterable[Tensor]) -> Optimizer:
    rule, optimizer = problem.optimizer, OPTIMIZERS[problem.optimizer.name]
    given = {"lr": problem.learning_rate}
    if problem.forms == "stated":
        if "eps_in_sqrt" in rule.options and rule["eps"] != 0:
            raise NoEquivalent(f"torch.optim.{optimizer.make.__name__} adds ε to the root, not inside it")
        eps = {"eps": rule["eps"]} if rule.has("eps") else {}
        given |= {"weight_decay": rule.get("weight_decay"), **eps, **optimizer.arguments(rule)}
    made: Optimizer = optimizer.make(trained, **given)
    return made


def scheduler_of(problem: Problem, optimizer: Optimizer) -> LRScheduler | None:
    """Make the schedule that the problem states, if any; PyTorch's cosine climbs again after its end."""
    schedule = problem.schedule
    if schedule is None:
        return None
    if schedule.name == "step":
        return StepLR(optimizer, step_size=int(schedule["every"]), gamma=schedule["factor"])
    if problem.forms == "stated" and problem.steps > schedule["over"] + 1:
        raise NoEquivalent("CosineAnnealingLR climbs again after its last step, and does not stay there")
    lowest = problem.learning_rate * schedule["final"]
    return CosineAnnealingLR(optimizer, T_max=int(schedule["over"]), eta_min=lowest)


def clip_by_norm(clipping: Rule, forms: str, tensors: Iterable[Tensor]) -> Tensor:
    """Clip gradients in place by their global norm, and return it."""
    if forms == "stated" and clipping["clip_eps"] != CLIP_EPS:
        raise NoEquivalent(f"clip_grad_norm_ adds {CLIP_EPS} to the norm, and takes no other ε")
    return torch.nn.utils.clip_grad_norm_(tensors, clipping["max_norm"])


def states(problem: Problem, optimizer: Optimizer, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the optimizer's state of every trained parameter, as it is after the update."""
    called = OPTIMIZERS[problem.optimizer.name].states
    return {
        names.updated(names.state(kind, name)): optimizer.state[parameters[name]][called[kind]]
        for name in problem.trained
        for kind in problem.optimizer.states
    }
