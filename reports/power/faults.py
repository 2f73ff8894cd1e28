"""Faults planted in single elements: the smallest relative fault that each tool catches in each quantity.

A fault is one element's value × (1 + 10⁻ᵏ) in a correct claim of everything. Ours is asked about that
quantity's line alone, so what the lines that follow would also show is not counted.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reference import Verdict, tape
from reference.agreement import compare
from reference.arithmetic import Bounded, format_of
from reference.certified import MAX_CERTIFIED_PARAMETERS, CertifiedValues
from reference.training import exact_inputs
from reports.power.results import Fault
from reports.power.setting import Setting
from reports.power.tools import NotRun, Toolbox
from reports.power.words import ALLCLOSE, ASSERT_CLOSE, SHOWN

# Takes a quantity as it is claimed.
Objects: TypeAlias = Callable[[NDArray[Any]], bool]

# 1 + 10⁻ᵏ is 1 from this k on.
FINEST = {"float64": 17, "float32": 9, "float16": 5, "bfloat16": 4}

# The finest fault put to a check of gradients: none of them sees one of 10⁻⁷.
COARSE = 7

# Elements of each gradient put to a check of gradients, which differentiates anew for each.
FEW = 3


def plant(setting: Setting, toolbox: Toolbox, trials: int, seed: int) -> Iterator[Fault]:
    """Plant faults in every quantity of the first step, and put each to every tool."""
    parameters = {f"dL/d{name}": name for name in setting.problem.parameters}
    for name, derived in _derived(setting):
        array = setting.right[0][name]
        elements = _elements(array, trials, np.random.default_rng([seed, *_key(setting, name)]))
        about = (setting.case, setting.dtype, name)
        for tool, objects in _on_values(name, array, derived, toolbox).items():
            yield _measured(about, tool, objects, array, elements, FINEST[setting.dtype])
        if name in parameters:
            for tool, objects in _on_gradients(setting, parameters[name], toolbox).items():
                yield _measured(about, tool, objects, array, elements[:FEW], COARSE)


def _key(setting: Setting, quantity: str) -> tuple[int, int]:
    """Make the elements drawn for a quantity independent of what else is measured."""
    return zlib.crc32(f"{setting.case} {setting.dtype}".encode()), zlib.crc32(quantity.encode())


def _derived(setting: Setting) -> Iterator[tuple[str, Bounded]]:
    """Give each quantity as it follows from the implementation's own values, certified as in the report."""
    problem, claim = setting.problem, setting.right[0]
    truth = CertifiedValues(problem) if problem.size <= MAX_CERTIFIED_PARAMETERS else None
    form = format_of(problem.dtype)
    form = form.certified if truth else form
    known = exact_inputs(problem, form)
    with np.errstate(all="ignore"):  # an overflow makes a bound infinite, which decides nothing
        for line in tape(problem):
            derived = line.formula(*(known[name] for name in line.inputs))
            yield line.name, truth.certify(line, derived) if truth else derived
            known[line.name] = Bounded.exact(claim[line.name], form)
            if truth:
                truth.take(line.name, known[line.name].value)


def _elements(array: NDArray[Any], trials: int, draw: np.random.Generator) -> list[tuple[int, ...]]:
    """Draw different elements that a relative fault changes."""
    fitting = np.argwhere(np.isfinite(array) & (array != 0))
    drawn = draw.permutation(len(fitting))[:trials]
    return [tuple(int(i) for i in fitting[place]) for place in drawn]


def _on_values(
    name: str, array: NDArray[Any], derived: Bounded, toolbox: Toolbox
) -> dict[str, Objects | NotRun]:
    asked: dict[str, Objects | NotRun] = {
        SHOWN: lambda claimed: compare(1, name, claimed, derived).verdict is Verdict.DIFFERS
    }
    for tool in (ASSERT_CLOSE, ALLCLOSE):
        objects = toolbox.comparisons[tool]
        asked[tool] = objects if isinstance(objects, NotRun) else _against(objects, array)
    return asked


def _against(objects: Callable[[NDArray[Any], NDArray[Any]], bool], expected: NDArray[Any]) -> Objects:
    return lambda claimed: objects(claimed, expected)


def _on_gradients(setting: Setting, parameter: str, toolbox: Toolbox) -> dict[str, Objects | NotRun]:
    right = setting.gradients(setting.right[0])
    return {
        tool: objects if isinstance(objects, NotRun) else _among(objects, right, parameter)
        for tool, objects in toolbox.gradient_checks.items()
    }


def _among(
    objects: Callable[[Mapping[str, NDArray[Any]]], bool], right: dict[str, NDArray[Any]], parameter: str
) -> Objects:
    return lambda claimed: objects({**right, parameter: claimed})


def _measured(
    about: tuple[str, str, str],
    tool: str,
    objects: Objects | NotRun,
    array: NDArray[Any],
    elements: list[tuple[int, ...]],
    finest: int,
) -> Fault:
    if isinstance(objects, NotRun):
        return Fault(*about, tool, reason=objects.reason)
    if not elements:
        return Fault(*about, tool, reason="every element is 0, which no relative fault changes")
    if objects(np.array(array)):
        return Fault(*about, tool, reason="objects to the right value already")
    return Fault(*about, tool, tuple(smallest(objects, array, element, finest) for element in elements))


def smallest(objects: Objects, array: NDArray[Any], element: tuple[int, ...], finest: int) -> float:
    """Return the smallest 10⁻ᵏ that is caught, by bisection: if a fault is caught, so is a larger one.

    Infinite where even a doubled value is not.
    """
    faulty, value = np.array(array), float(array[element])
    caught, missed = -1, finest
    while missed - caught > 1:
        k = (caught + missed) // 2
        with np.errstate(over="ignore"):  # twice the largest number is infinite, and a fault
            faulty[element] = value * (1 + 10.0**-k)
        caught, missed = (k, missed) if objects(faulty) else (caught, k)
    return 10.0**-caught if caught >= 0 else math.inf
