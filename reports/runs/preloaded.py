"""What the server of a pool loads where nothing else is asked for: to import this is to load it."""

from contextlib import suppress
from importlib import import_module

from adapters import Choice
from reports.runs.parallel import modules_of

for module in modules_of(Choice()):
    with suppress(ImportError):  # its adapter says so where it is loaded
        import_module(module)
