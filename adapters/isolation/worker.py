"""The process of one claimant: it loads an adapter, and trains when it is asked to.

Started by `adapters.isolation.process` as a script, perhaps under another interpreter, which needs Python
3.11, NumPy and the framework. Requests arrive on standard input, and replies leave by what was standard
output; whatever a claimant itself writes there goes to a file, and is told.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

REPLIES = os.dup(1)
"""Taken before anything else is imported, so that nothing else can write there by chance."""

ROOT = Path(__file__).parent.parent.parent


def make_packages_importable(path: list[str]) -> None:
    """Find modules as the parent does or, under another interpreter, this suite's three inner packages alone.

    Their `__init__` need more than NumPy, and are left out where that is missing.
    """
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


def main() -> None:
    """Serve until standard input ends."""
    started = json.loads(sys.argv[1])
    os.dup2(os.memfd_create("stdout") if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDWR), 1)
    make_packages_importable(started["path"])
    import_module("adapters.isolation.service").serve(REPLIES, started)


if __name__ == "__main__":
    main()
