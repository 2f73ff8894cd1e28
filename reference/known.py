"""What a training step is computed from, as it is known: data, rules' numbers, the state before it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases import Problem, names
from cases.dtypes import IN_FLOAT32, Accumulators
from reference.arithmetic import Bounded, Format, format_of


def first_state(problem: Problem, accumulators: Accumulators = IN_FLOAT32) -> dict[str, Bounded]:
    """Return what a run starts from: the parameters, the optimizer's state, the step's number, by name."""
    return _exact(_start(problem), format_of(problem.dtype, accumulators))


def data(problem: Problem, form: Format) -> dict[str, Bounded]:
    """Return what is the same in every step: x, y, the rates and the rules' other numbers."""
    return _exact({"x": problem.x, "y": problem.y, **problem.constants}, form)


def exact_inputs(problem: Problem, form: Format) -> dict[str, Bounded]:
    """Return everything the first step is computed from: the data, the rates, the parameters."""
    return {**data(problem, form), **_exact(_start(problem), form)}


def _start(problem: Problem) -> dict[str, NDArray[Any]]:
    return {**problem.state, names.STEP: np.asarray(1.0)}


def _exact(arrays: Mapping[str, NDArray[Any]], form: Format) -> dict[str, Bounded]:
    return {name: Bounded.exact(array, form) for name, array in arrays.items()}
