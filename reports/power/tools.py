"""The usual tools, each with its defaults; a framework that is missing is told, never silently left out."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from reports.power.words import ALLCLOSE, ASSERT_CLOSE, CHECK_GRADS, GRADCHECK

# Takes what is claimed and what is expected.
Objects: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], bool]

# Takes the claimed gradients by parameter.
ObjectsToGradients: TypeAlias = Callable[[Mapping[str, NDArray[Any]]], bool]

# Where each check of gradients is; the modules load their frameworks.
GRADIENT_CHECKS = {GRADCHECK: "reports.power.torch_gradcheck", CHECK_GRADS: "reports.power.jax_check_grads"}

# Whose derivative each check of gradients checks.
OWNERS = {GRADCHECK: "torch", CHECK_GRADS: "jax"}


@dataclass(frozen=True)
class NotRun:
    """Why a tool does not run, in words that begin with "not run"."""

    reason: str


@dataclass(frozen=True)
class Toolbox:
    """The usual tools for one problem, by name."""

    comparisons: Mapping[str, Objects | NotRun]
    gradient_checks: Mapping[str, ObjectsToGradients | NotRun]


def toolbox(problem: Problem, unlike: Collection[str] = ()) -> Toolbox:
    """Return the tools that compare two arrays, and those that check gradients of this problem.

    A check of gradients does not run where its framework is among those `unlike` the problem, by its case.
    """
    checks = {
        tool: module if isinstance(module, NotRun) else _remembering(module.claimed(problem))
        for tool, module in _gradient_checks(problem, unlike)
    }
    return Toolbox({ASSERT_CLOSE: _assert_close(), ALLCLOSE: _allclose}, checks)


def on_the_right_program(problem: Problem, unlike: Collection[str] = ()) -> dict[str, bool | NotRun]:
    """Put each framework's own derivative of the loss to its check of gradients; True where that objects."""
    return {
        tool: module if isinstance(module, NotRun) else module.right(problem)
        for tool, module in _gradient_checks(problem, unlike)
        if OWNERS[tool] not in unlike
    }


def missing() -> tuple[str, ...]:
    """Tell in a sentence each tool whose framework is missing."""
    needs = {ASSERT_CLOSE: "torch", **GRADIENT_CHECKS}
    loaded = {tool: _load(module) for tool, module in needs.items()}
    return tuple(f"{tool}: {module.reason}" for tool, module in loaded.items() if isinstance(module, NotRun))


def _assert_close() -> Objects | NotRun:
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


def _gradient_checks(problem: Problem, unlike: Collection[str]) -> Iterator[tuple[str, ModuleType | NotRun]]:
    """Give each check's module, or why it does not run on this problem."""
    for tool, name in GRADIENT_CHECKS.items():
        module = _load(name)
        refusal = "" if isinstance(module, NotRun) else module.not_run(problem)
        if OWNERS[tool] in unlike:
            refusal = f"not run: the case expects {OWNERS[tool]} not to agree"
        yield tool, NotRun(refusal) if refusal else module


def _remembering(objects: ObjectsToGradients) -> ObjectsToGradients:
    """Ask once for the same gradients: many mistakes leave them as they are."""
    known: dict[tuple[object, ...], bool] = {}

    def remembering(gradients: Mapping[str, NDArray[Any]]) -> bool:
        key = tuple((name, array.shape, array.tobytes()) for name, array in gradients.items())
        if key not in known:
            known[key] = objects(gradients)
        return known[key]

    return remembering


def _load(module: str) -> ModuleType | NotRun:
    """Import a module, or tell what is missing."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        return NotRun(f"not run: {(missing.name or module).partition('.')[0]} is not installed")
