"""What the operations of an update compute; its lines are in `cases.catalog`.

Every optimizer begins with the same ones, where the case asks for them: the rate of this step (`schedules`),
the gradients clipped, and the weight decay that is added to them (`gradients`).
"""

from importlib import import_module
from pkgutil import iter_modules

from reference.line import Formula, unchanged

# The formula of each operation of an update, from every file here.
FORMULAS: dict[str, Formula] = {"unchanged": Formula(unchanged, "{0} (not trained)")}
for module in iter_modules(__path__):
    FORMULAS |= import_module(f"{__name__}.{module.name}").FORMULAS
