"""The optimizers, one room each: the lines by which a gradient becomes an updated parameter.

Every optimizer begins with the same lines, where the case asks for them: the rate of this step, the gradients
clipped by their global norm, and the weight decay that is added to the gradient.
"""

from collections.abc import Callable

from cases import Rule, names
from reference.formulas import unchanged
from reference.line import Line
from reference.optimizers import adagrad, adam, adamax, clipping, rmsprop, schedules, sgd
from reference.optimizers.decay import decayed

# From a parameter, the name of its gradient, and the rule: the lines of its update.
UPDATES: dict[str, Callable[[str, str, Rule], list[Line]]] = {
    "sgd": sgd.lines,
    "adam": adam.lines,
    "adamw": adam.lines,
    "rmsprop": rmsprop.lines,
    "adagrad": adagrad.lines,
    "adamax": adamax.lines,
}

# The lines that an optimizer computes once a step, for all parameters.
SCALARS = {"adam": adam.scalars, "adamw": adam.scalars, "adamax": adamax.scalars}


def lines(
    depth: int, not_trained: frozenset[str], optimizer: Rule, schedule: Rule | None, clipped: Rule | None
) -> list[Line]:
    """Return the lines of the update, from the last layer to the first."""
    parameters = [name for k in range(depth, 0, -1) for name in (names.W(k), names.b(k))]
    trained = [name for name in parameters if name not in not_trained]
    found = schedules.lines(schedule) if schedule else []
    found += clipping.lines(trained) if clipped and trained else []
    found += SCALARS[optimizer.name]() if optimizer.name in SCALARS and trained else []
    rate = names.RATE if schedule else names.LEARNING_RATE
    for name in parameters:
        if name in not_trained:
            found.append(Line(names.updated(name), unchanged, (name,), "{0} (not trained)"))
        else:
            gradient = names.clipped(name) if clipped else names.gradient(name)
            found += decayed(name, gradient, optimizer)
            if names.decays(optimizer):
                gradient = names.decayed(name)
            found += [_at_rate(line, rate) for line in UPDATES[optimizer.name](name, gradient, optimizer)]
    return found


def _at_rate(line: Line, rate: str) -> Line:
    """Take this step's rate where the update takes the learning rate."""
    inputs = tuple(rate if name == names.LEARNING_RATE else name for name in line.inputs)
    return Line(line.name, line.formula, inputs, line.template)
