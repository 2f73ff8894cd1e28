"""The process of one implementation: it loads an adapter, and trains when it is asked to.

Started by `adapters.isolation.process` as a script, perhaps under another interpreter, which needs Python
3.11, NumPy and the framework; an older Python must still be able to read this file, and then says so.
Requests arrive by what was standard input, and replies leave by what was standard output. An implementation
that reads finds nothing there; what it writes goes to a file, and is told.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

OLDEST = (3, 11)
# Taken before anything else is imported, so that nothing else can read or write there by chance.
REQUESTS, REPLIES = os.dup(0), os.dup(1)

ROOT = Path(__file__).parent.parent.parent


def make_packages_importable(path: list[str]) -> None:
    """Find modules as the parent does or, under another interpreter, this suite's three inner packages alone.

    Their `__init__` need more than NumPy, and are left out where that is missing.
    """
    sys.path[:] = [entry for entry in sys.path if Path(entry) != Path(__file__).parent]  # a script's own
    sys.path += [entry for entry in path if entry not in sys.path]
    for name in ("cases", "reference", "adapters"):
        try:
            import_module(name)
        except ImportError:
            for loaded in [one for one in sys.modules if one.partition(".")[0] == name]:
                del sys.modules[loaded]
            bare = ModuleType(name)
            bare.__path__ = [str(ROOT / name)]
            sys.modules[name] = bare


def divert_the_standard_streams() -> None:
    """Put an empty file in the place of standard input, and one that is read back in that of output."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.memfd_create("stdout") if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDWR), 1)


def main() -> None:
    """Serve until there are no more requests."""
    if sys.version_info < OLDEST:
        sys.exit("it is Python {}.{}.{}, expected {}.{} or later".format(*sys.version_info[:3], *OLDEST))
    started = json.loads(sys.argv[1])
    divert_the_standard_streams()
    make_packages_importable(started["path"])
    import_module("adapters.isolation.service").serve(REQUESTS, REPLIES, started)


if __name__ == "__main__":
    main()
