"""The usual tools, each with its defaults; where a framework is missing, the reason is kept."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from reports.detection.answers import ALLCLOSE, ASSERT_CLOSE, CHECK_GRADS, GRADCHECK, Answer

# From what is claimed and what is expected to whether a tool objects.
Comparison: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], bool]

# From the claimed gradients by parameter to whether a tool objects.
GradientCheck: TypeAlias = Callable[[Mapping[str, NDArray[Any]]], bool]

# Where each check of gradients is; the modules load their frameworks.
GRADIENT_CHECKS = {
    GRADCHECK: "reports.detection.torch_gradcheck",
    CHECK_GRADS: "reports.detection.jax_check_grads",
}

# Whose derivative each check of gradients checks.
OWNERS = {GRADCHECK: "torch", CHECK_GRADS: "jax"}


@dataclass(frozen=True)
class NotRun:
    """Why a tool does not run, in words that begin with "not run"."""

    reason: str


@dataclass(frozen=True)
class Baselines:
    """The usual tools for one problem, by name.

    Attributes
    ----------
    own_gradients
        Each check of gradients on its framework's own derivative of the loss.
    """

    comparisons: Mapping[str, Comparison | NotRun]
    gradient_checks: Mapping[str, GradientCheck | NotRun]
    own_gradients: Mapping[str, Callable[[], bool] | NotRun]


def baselines(problem: Problem, excluded: Collection[str] = ()) -> Baselines:
    """Return the tools that compare two arrays, and those that check gradients of this problem.

    A check of gradients does not run where its framework is `excluded`: its case expects a difference.
    """
    claimed: dict[str, GradientCheck | NotRun] = {}
    own: dict[str, Callable[[], bool] | NotRun] = {}
    for tool, name in GRADIENT_CHECKS.items():
        module = _load(name)
        reason = module.reason if isinstance(module, NotRun) else module.not_run(problem)
        if OWNERS[tool] in excluded:
            reason = f"not run: the case expects {OWNERS[tool]} not to agree"
        if isinstance(module, NotRun) or reason:
            claimed[tool] = own[tool] = NotRun(reason)
        else:
            claimed[tool], own[tool] = _remembering(module.claimed(problem)), partial(module.right, problem)
    return Baselines({ASSERT_CLOSE: _assert_close(), ALLCLOSE: _allclose}, claimed, own)


def ask(tool: str, check: Callable[..., bool] | NotRun, *claimed: object) -> Answer:
    """Return what a tool says of a claim, or why it does not run."""
    if isinstance(check, NotRun):
        return Answer(tool, objects=None, reason=check.reason)
    return Answer(tool, objects=check(*claimed))


def missing_frameworks() -> tuple[str, ...]:
    """Return a sentence for each tool whose framework is missing."""
    loaded = {tool: _load(module) for tool, module in {ASSERT_CLOSE: "torch", **GRADIENT_CHECKS}.items()}
    return tuple(f"{tool}: {module.reason}" for tool, module in loaded.items() if isinstance(module, NotRun))


def _assert_close() -> Comparison | NotRun:
    torch, bridge = _load("torch"), _load("adapters.torch_autograd")
    if isinstance(torch, NotRun) or isinstance(bridge, NotRun):
        return NotRun("not run: torch is not installed")

    def objects(claimed: NDArray[Any], expected: NDArray[Any]) -> bool:
        try:
            torch.testing.assert_close(bridge.to_torch(claimed), bridge.to_torch(expected))
        except AssertionError:
            return True
        return False

    return objects


def _allclose(claimed: NDArray[Any], expected: NDArray[Any]) -> bool:
    try:
        return not np.allclose(claimed, expected)
    except ValueError:  # the shapes do not even broadcast
        return True


def _remembering(objects: GradientCheck) -> GradientCheck:
    """Check the same gradients once: many mistakes leave them as they are."""
    known: dict[tuple[object, ...], bool] = {}

    def remembering(gradients: Mapping[str, NDArray[Any]]) -> bool:
        key = tuple((name, array.shape, array.tobytes()) for name, array in gradients.items())
        if key not in known:
            known[key] = objects(gradients)
        return known[key]

    return remembering


def _load(module: str) -> ModuleType | NotRun:
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        return NotRun(f"not run: {(missing.name or module).partition('.')[0]} is not installed")
