"""Where an expected difference is discussed: the address of the thread that a case names."""

import re
from typing import Final

PROJECTS: Final = {"pytorch": "pytorch/pytorch", "jax": "jax-ml/jax", "optax": "google-deepmind/optax"}
_THREAD: Final = re.compile(r"(\w+) #(\d+)")


def thread(see: str) -> str:
    """Return the address of "pytorch #31110"; of anything else none, as it is told in words."""
    named = _THREAD.fullmatch(see)
    if named is None or named[1] not in PROJECTS:
        return ""
    return f"https://github.com/{PROJECTS[named[1]]}/issues/{named[2]}"
