"""JAX on the first CUDA device. Products of float32 are in full precision: TF32 is seen to be off."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax

from adapters import jax_grad
from adapters.jax_devices import first_device
from adapters.within import each_step_within
from cases import Problem, names
from cases.protocol import Adapter, Claim, Program, Unavailable
from cases.verdict import Verdict

PRECISION = "float32 products in full precision, TF32 off"


def run(problem: Problem, *, observe: bool, platform: str = "cuda") -> Iterator[Claim]:
    """Train on the first device of a platform."""
    return each_step_within(full_precision, jax_grad.train(problem, observe=observe, platform=platform))


@contextmanager
def full_precision() -> Iterator[None]:
    """Ask for the highest precision of products; JAX's own default on such a device is TF32.

    Raises
    ------
    RuntimeError
        If another is in force all the same.
    """
    config: Any = jax.config  # JAX leaves it without annotations
    with jax.default_matmul_precision("highest"):
        if config.jax_default_matmul_precision != "highest":
            raise RuntimeError("TF32 cannot be switched off")
        yield


def find() -> Adapter | Unavailable:
    """Return the adapter, or that there is no device."""
    device = first_device("cuda")
    if device is None:
        return Unavailable("jax-cuda", Verdict.NOT_RUN, "no CUDA device")
    version = f"{jax.__version__} on {device.device_kind} ({PRECISION})"
    programs = (
        Program("plain", partial(run, observe=False), names.outcome),
        Program("observed", partial(run, observe=True), names.observable),
    )
    return Adapter("jax-cuda", "JAX on CUDA", version, programs, framework="jax")


adapter = find()
