"""The usual tools, each with its defaults: functions of a claim, which say whether the tool objects.

One that does not run raises `NotRunError` with the reason, as where its framework is missing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cases import Problem
from reports.detection import ALLCLOSE, ASSERT_CLOSE, CHECK_GRADS, GRADCHECK, Answer

Comparison: TypeAlias = Callable[[NDArray[Any], NDArray[Any]], bool]  # of what is claimed and expected
GradientCheck: TypeAlias = Callable[[Mapping[str, NDArray[Any]]], bool]  # of those claimed, by parameter

# Whose derivative each check of gradients checks, and where it is; the modules load their frameworks.
OWNERS = {GRADCHECK: "torch", CHECK_GRADS: "jax"}
GRADIENT_CHECKS = {
    GRADCHECK: "reports.detection.torch_gradcheck",
    CHECK_GRADS: "reports.detection.jax_check_grads",
}


class NotRunError(Exception):
    """A tool does not run; the message begins with "not run"."""


@dataclass(frozen=True)
class Baselines:
    comparisons: Mapping[str, Comparison]
    gradient_checks: Mapping[str, GradientCheck]
    own_gradients: Mapping[str, Callable[[], bool]]  # each on its framework's own derivative of the loss


def baselines(problem: Problem, excluded: Collection[str] = ()) -> Baselines:
    """Return the tools that compare two arrays, and those that check gradients of this problem.

    A check of gradients does not run where its framework is `excluded`: its case expects a difference.
    """
    claimed, own = dict[str, GradientCheck](), dict[str, Callable[[], bool]]()
    for tool, owner in OWNERS.items():
        try:
            module = _load(GRADIENT_CHECKS[tool])
            reason = module.not_run(problem)
        except NotRunError as absent:
            reason = str(absent)
        if owner in excluded:
            reason = f"not run: the case expects {owner} not to agree"
        if reason:
            claimed[tool] = own[tool] = partial(_decline, reason)
        else:
            claimed[tool], own[tool] = _remembering(module.claimed(problem)), partial(module.right, problem)
    return Baselines({ASSERT_CLOSE: differs_by_assert_close, ALLCLOSE: _allclose}, claimed, own)


def ask(tool: str, check: Callable[..., bool], *claimed: object) -> Answer:
    """Return what a tool says of a claim, or why it does not run."""
    try:
        return Answer(tool, objects=check(*claimed))
    except NotRunError as reason:
        return Answer(tool, objects=None, reason=str(reason))


def missing_frameworks() -> Iterator[str]:
    """Give a sentence for each tool whose framework is missing."""
    for tool, module in {ASSERT_CLOSE: "torch", **GRADIENT_CHECKS}.items():
        try:
            _load(module)
        except NotRunError as reason:
            yield f"{tool}: {reason}"


def _decline(reason: str, *_: object) -> bool:
    raise NotRunError(reason)


def differs_by_assert_close(claimed: NDArray[Any], expected: NDArray[Any]) -> bool:
    torch, bridge = _load("torch"), _load("adapters.torch_autograd")
    try:
        torch.testing.assert_close(bridge.to_torch(claimed), bridge.to_torch(expected))
    except AssertionError:
        return True
    return False


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


def _load(module: str) -> Any:  # noqa: ANN401 - a module, of which mypy knows no more
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        name = (missing.name or module).partition(".")[0]
        raise NotRunError(f"not run: {name} is not installed") from None
