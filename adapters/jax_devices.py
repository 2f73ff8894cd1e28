"""JAX's devices. The processor is named where it is meant: a JAX built for CUDA prefers another."""

import logging
import os
from functools import cache

import jax


@cache
def first_device(platform: str) -> jax.Device | None:
    """Return the first device of a platform, "cpu" or "cuda", or None where there is none.

    What JAX logs while it looks, such as that there is a GPU and no CUDA in this jaxlib, is not printed: the
    report says it. Without preallocation it leaves memory on the device to PyTorch.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    log = logging.getLogger("jax._src.xla_bridge")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        return jax.devices(platform)[0]
    except RuntimeError:
        return None
    finally:
        log.setLevel(before)
