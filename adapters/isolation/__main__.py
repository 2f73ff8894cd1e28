"""The start of an adapter process: `python adapters/isolation SETTINGS`, perhaps of another Python.

That Python needs to be 3.11 or later, with NumPy and the framework; an older one must still be able to read
this file, and then says so.
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

FOLDER = Path(__file__).parent


def make_packages_importable(path: list[str], folder: str) -> None:
    """Find modules by the parent's `path` or, under another interpreter, by its own and in `folder`.

    The `__init__` of this suite's packages need more than NumPy, and are left out where that is missing; of
    what they offer only a problem is needed.
    """
    # Running a folder as a program puts that folder into the path.
    sys.path[:] = path or [*(entry for entry in sys.path if Path(entry) != FOLDER), folder]
    for name in ("cases", "reference", "adapters"):
        try:
            import_module(name)
        except ImportError:
            for loaded in [module for module in sys.modules if module.partition(".")[0] == name]:
                del sys.modules[loaded]
            bare = ModuleType(name)
            bare.__path__ = [str(FOLDER.parent.parent / name)]
            sys.modules[name] = bare
    problem = import_module("cases.problem")
    vars(sys.modules["cases"]).update(Problem=problem.Problem, Rule=problem.Rule)


def main() -> None:
    """Serve until there are no more requests.

    They arrive by what was standard input, and replies leave by what was standard output. An adapter that
    reads finds nothing there; what it writes goes to a file that is read back.
    """
    if sys.version_info < OLDEST:
        sys.exit("it is Python {}.{}.{}, expected {}.{} or later".format(*sys.version_info[:3], *OLDEST))
    settings = json.loads(sys.argv[1])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.memfd_create("stdout") if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDWR), 1)
    make_packages_importable(settings["path"], settings["folder"])
    import_module("adapters.isolation.worker").serve(REQUESTS, REPLIES, settings)


if __name__ == "__main__":
    main()
