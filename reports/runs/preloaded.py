"""Imported once by the process that the workers of a run are forked from: the frameworks, and the runner.

What cannot be imported is left to the workers, which say why. PyTorch imports `torch._dynamo` when the first
optimizer is made, which takes as long as all the rest of it.
"""

from contextlib import suppress
from importlib import import_module

for name in ("reports.runs.runner", "adapters.torch_programs", "adapters.jax_programs", "torch._dynamo"):
    with suppress(Exception):
        import_module(name)
