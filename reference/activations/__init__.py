"""The activations, one file for each family: functions and derivatives, both with their accuracy contract."""

from importlib import import_module
from pkgutil import iter_modules

from cases import catalog
from reference.activations.contract import Activation

_DEFINED: dict[str, Activation] = {}
for module in iter_modules(__path__):
    _DEFINED |= vars(import_module(f"{__name__}.{module.name}"))

# Every activation by the name a case gives it: what a file here defines under that name in capitals.
ACTIVATIONS = {name: _DEFINED[name.upper()] for name in catalog.ACTIVATIONS}
