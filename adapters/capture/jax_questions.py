"""A JAX program that asks what its numbers are, as `if x.sum() > 0`, and so cannot be read."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr

from adapters.capture.jax_shown import OURS
from adapters.tracing.jax_equations import LIBRARIES
from cases.captured import ASKED, NotCapturedError


def traced(function: Callable[..., Any], leaves: Sequence[Any]) -> ClosedJaxpr:
    """Return the equations of a function of arrays. Raises NotCapturedError where it asks for a number."""
    try:
        return jax.make_jaxpr(function)(*leaves)
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
        raise NotCapturedError(f"{ASKED}{_where(error)}") from error


def _where(error: Exception) -> str:
    """Return the innermost line of a user's own file that an error passed."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.parent not in OURS and not {*path.parts} & LIBRARIES:
            return f" ({path.name}:{frame.lineno})"
    return ""
