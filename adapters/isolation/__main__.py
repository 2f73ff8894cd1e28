"""The start of an adapter process: `python adapters/isolation SETTINGS`, perhaps of another Python.

That Python needs to be 3.11 or later, with NumPy and the framework; an older one must still be able to read
this file, and then says so.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

OLDEST = (3, 11)
# Taken before anything else is imported, so that nothing else can read or write there by chance.
REQUESTS, REPLIES = os.dup(0), os.dup(1)

FOLDER = Path(__file__).parent
PACKAGES = FOLDER.parent.parent  # where this suite's packages lie


def make_packages_importable(path: list[str], folder: str, package: str) -> None:
    """Find modules by the parent's `path` or, under another interpreter, by its own and in `folder`.

    The `__init__` of this suite's packages need more than NumPy, and are left out where that is missing; of
    what they offer only a problem is needed. This one is the parent's `package`: where they are installed,
    they lie in one that is above them, and needs nothing.
    """
    # Running a folder as a program puts that folder into the path.
    sys.path[:] = path or [*(entry for entry in sys.path if Path(entry) != FOLDER), folder]
    above = package.partition("adapters")[0]
    if above:
        load_package(above.rstrip("."))
    for name in ("cases", "reference", "adapters"):
        full_name = above + name
        try:
            import_module(full_name)
        except ImportError:
            for loaded in [module for module in sys.modules if f"{module}.".startswith(f"{full_name}.")]:
                del sys.modules[loaded]
            bare = ModuleType(full_name)
            bare.__path__ = [str(PACKAGES / name)]
            sys.modules[full_name] = bare
    problem = import_module(f"{above}cases.problem")
    vars(sys.modules[f"{above}cases"]).update(Problem=problem.Problem, Rule=problem.Rule)


def load_package(name: str) -> None:
    """Load the package that has this suite's by its file: another interpreter's path does not have it."""
    spec = spec_from_file_location(name, PACKAGES / "__init__.py", submodule_search_locations=[str(PACKAGES)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} cannot be loaded from {PACKAGES}")
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


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
    make_packages_importable(settings["path"], settings["folder"], settings["package"])
    import_module(f"{settings['package']}.worker").serve(REQUESTS, REPLIES, settings)


if __name__ == "__main__":
    main()
