"""The mistakes that people make in backpropagation, each as the tape of a training step with other lines.

A mistaken tape is written in the operators of the right one: a mistake trains in plain NumPy
(`mistaken_steps`), so that a test can see whether it is caught, and it is evaluated on `Bounded` numbers, so
that a diagnosis can tell whether it explains a claim. Mistakes of precision are NumPy's alone.

>>> from reference import worked_example
>>> from reference.mistakes import MISTAKES
>>> MISTAKES["weights-not-transposed"].tape(worked_example())
Inexpressible(reason='no weight matrix is square and larger than 1 by 1')
>>> [line.equation for line in MISTAKES["already-updated-weights"].lines(worked_example())]
['dL/dz2 W2_new']
"""

from collections.abc import Iterator
from itertools import chain
from types import MappingProxyType, ModuleType
from typing import Any

from numpy.typing import NDArray

from cases import Problem
from reference.mistakes import (
    half_precision,
    low_precision,
    wrong_averages,
    wrong_batches,
    wrong_biases,
    wrong_buffers,
    wrong_clipping,
    wrong_corrections,
    wrong_cross_entropy,
    wrong_decay,
    wrong_directions,
    wrong_errors,
    wrong_forward,
    wrong_gradients,
    wrong_hidden,
    wrong_history,
    wrong_inputs,
    wrong_labels,
    wrong_logarithms,
    wrong_loops,
    wrong_losses,
    wrong_momentum,
    wrong_optimizers,
    wrong_reductions,
    wrong_roots,
    wrong_schedules,
    wrong_slopes,
    wrong_states,
    wrong_updates,
)
from reference.mistakes.mistake import Inexpressible, Mistake
from reference.training import training_steps

__all__ = ["MISTAKES", "PRECISION", "STRUCTURAL", "Inexpressible", "Mistake", "mistaken_steps"]

# In the order of the training step.
_MODULES = (
    wrong_forward,
    wrong_biases,
    wrong_inputs,
    wrong_reductions,
    wrong_losses,
    wrong_errors,
    wrong_cross_entropy,
    wrong_logarithms,
    wrong_labels,
    wrong_slopes,
    wrong_buffers,
    wrong_hidden,
    wrong_gradients,
    wrong_batches,
    low_precision,
    half_precision,
    wrong_schedules,
    wrong_clipping,
    wrong_decay,
    wrong_states,
    wrong_momentum,
    wrong_averages,
    wrong_corrections,
    wrong_roots,
    wrong_updates,
    wrong_directions,
    wrong_optimizers,
    wrong_loops,
    wrong_history,
)


def _defined_in(module: ModuleType) -> tuple[list[Mistake], list[Mistake]]:
    """Return the mistakes that a module defines by themselves, and the members of its families, in tuples."""
    values = vars(module).values()
    families = (value for value in values if isinstance(value, tuple))
    members = [member for family in families for member in family if isinstance(member, Mistake)]
    return [value for value in values if isinstance(value, Mistake)], members


# The families come last: where one of their members is the same as a mistake with a name of its own, that
# name is given first.
_DEFINED = [*chain.from_iterable(chain.from_iterable(zip(*map(_defined_in, _MODULES), strict=True)))]

# Wrong formulas, and right formulas in a lower precision than promised.
STRUCTURAL = tuple(known for known in _DEFINED if not known.numpy_only)
PRECISION = tuple(known for known in _DEFINED if known.numpy_only)

# Every mistake by name.
MISTAKES = MappingProxyType({known.name: known for known in STRUCTURAL + PRECISION})


def mistaken_steps(problem: Problem, mistake: Mistake) -> Iterator[dict[str, NDArray[Any]]]:
    """Train as `training_steps` does, with a mistake: an implementation that is wrong.

    Raises ValueError, with the reason, if the mistake cannot be made on this problem.
    """
    lines = mistake.tape(problem)
    if isinstance(lines, Inexpressible):
        raise ValueError(f"{mistake.name} cannot be made here: {lines.reason}")  # noqa: TRY004 - a value of the problem
    return training_steps(problem, lines)
