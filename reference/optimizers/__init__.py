"""The optimizers, one file each: what the operations of an update compute.

The lines of an update are in `cases.catalog`. Every optimizer begins with the same ones, where the
case asks for them: the rate of this step, the gradients clipped by their global norm, and the weight decay
that is added to the gradient.
"""

from importlib import import_module
from pkgutil import iter_modules

from reference.line import Formula, unchanged

# The formula of each operation of an update, from every file here.
FORMULAS: dict[str, Formula] = {"unchanged": Formula(unchanged, "{0} (not trained)")}
for module in iter_modules(__path__):
    FORMULAS |= import_module(f"{__name__}.{module.name}").FORMULAS
