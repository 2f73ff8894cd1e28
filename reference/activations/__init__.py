"""The activations, one file each: the function and its derivative, both with their accuracy contract."""

from importlib import import_module

from cases import catalog
from reference.activations.contract import Activation


def _activation(name: str) -> Activation:
    """Return what the file of this name defines under the same name in capitals."""
    activation: Activation = getattr(import_module(f"reference.activations.{name}"), name.upper())
    return activation


# Every activation by the name a case gives it.
ACTIVATIONS = {name: _activation(name) for name in catalog.ACTIVATIONS}
