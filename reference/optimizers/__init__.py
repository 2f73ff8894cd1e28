"""The optimizers, one file each: what the operations of an update compute.

Which lines an update has stands in `cases.update_rules`. Every optimizer begins with the same ones, where the
case asks for them: the rate of this step, the gradients clipped by their global norm, and the weight decay
that is added to the gradient.
"""

from reference.formulas import unchanged
from reference.line import Formula
from reference.optimizers import adagrad, adam, adamax, averages, clipping, decay, rmsprop, schedules, sgd

MODULES = (schedules, clipping, decay, averages, sgd, adam, adamax, rmsprop, adagrad)

# The formula of each operation of an update.
FORMULAS: dict[str, Formula] = {
    "unchanged": Formula(unchanged, "{0} (not trained)"),
    **{operation: formula for module in MODULES for operation, formula in module.FORMULAS.items()},
}
