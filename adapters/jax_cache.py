"""JAX's persistent compilation cache, in the user's cache folder: a program compiled once stays compiled."""

from functools import cache
from typing import Any

import jax

try:
    from platformdirs import user_cache_path
except ModuleNotFoundError:  # under another interpreter, which has the framework and little else
    user_cache_path = None  # type: ignore[assignment]


@cache
def use_compilation_cache() -> None:
    """Point JAX's cache at a folder of our own, once, unless the user has chosen one."""
    config: Any = jax.config  # JAX leaves it without annotations
    if config.jax_compilation_cache_dir is not None or user_cache_path is None:
        return
    folder = user_cache_path("backprop-parity") / "jax"
    folder.mkdir(parents=True, exist_ok=True)
    config.update("jax_compilation_cache_dir", str(folder))
    config.update("jax_persistent_cache_min_compile_time_secs", 0)
    config.update("jax_persistent_cache_min_entry_size_bytes", -1)
