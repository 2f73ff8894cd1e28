"""`torch.optim` by the names that a case gives its optimizers, with every number stated.

With `forms: defaults` the optimizer is given the learning rate and nothing else.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, StepLR

from cases import Problem, Rule, names
from cases.protocol import NoEquivalent

# What `clip_grad_norm_` adds to the norm; it takes no other.
CLIP_EPS = 1e-6


@dataclass(frozen=True)
class TorchOptimizer:
    """One of PyTorch's optimizers.

    Attributes
    ----------
    states
        What it calls the states that the tape calls m, v and u.
    arguments
        Every number of its own under its name; the rate, the weight decay and ε have the same names in all.
    """

    make: type[Optimizer]
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
    """Make the optimizer that the problem states.

    Raises
    ------
    NoEquivalent
        If `torch.optim` has no form equal to it.
    """
    rule, rate = problem.optimizer, problem.learning_rate
    make: Any = OPTIMIZERS[rule.name].make
    return (
        make(trained, lr=rate) if problem.forms == "defaults" else make(trained, lr=rate, **_arguments(rule))
    )


def _arguments(rule: Rule) -> dict[str, Any]:
    optimizer = OPTIMIZERS[rule.name]
    if "eps_in_sqrt" in rule.options and rule["eps"] != 0:
        raise NoEquivalent(f"torch.optim.{optimizer.make.__name__} adds ε to the root, not inside it")
    eps = {"eps": rule["eps"]} if rule.has("eps") else {}
    return {"weight_decay": rule.get("weight_decay"), **eps, **optimizer.arguments(rule)}


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
    called = OPTIMIZERS[problem.optimizer.name].states
    return {
        names.updated(names.state(kind, name)): optimizer.state[parameters[name]][called[kind]]
        for name in problem.trained
        for kind in problem.optimizer.states
    }
