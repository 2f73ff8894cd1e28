"""The tape of a training step: the document's equations as lines, each computed from the lines above it.

Such a straight-line list is called a tape, or a Wengert list, in automatic differentiation (Griewank and
Walther, *Evaluating Derivatives*, 2nd ed., section 2.2). The NumPy reference, the bounds and the reports all
follow from this one table.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from cases import Problem
from cases.catalog import UpdateRules
from cases.skeleton import training_step
from reference import optimizers
from reference.activations import ACTIVATIONS
from reference.formulas import bias_gradient, linear, through_activation, through_weights, weight_gradient
from reference.line import Formula, Line, line_of
from reference.losses import loss_rule

# A loss by its name, its reduction and its numbers.
StatedLoss: TypeAlias = tuple[str, str, tuple[tuple[str, float], ...]]

# The formulas of a dense layer.
DENSE = {
    "linear": Formula(linear, "{0} {1}ᵀ + {2}"),
    "through activation": Formula(through_activation, "{0} ⊙ {1}"),
    "weight gradient": Formula(weight_gradient, "({0})ᵀ {1}"),
    "bias gradient": Formula(bias_gradient, "Σ {0}"),
    "through weights": Formula(through_weights, "{0} {1}"),
}


def tape(problem: Problem) -> tuple[Line, ...]:
    """Return the lines of one training step of `problem`, in the order they are computed."""
    loss = problem.loss, problem.reduction, problem.loss_numbers
    return _tape(problem.activations, loss, problem.update_rules)


@lru_cache(maxsize=1024)
def _tape(activations: tuple[str, ...], loss: StatedLoss, rules: UpdateRules) -> tuple[Line, ...]:
    formulas = formulas_of(activations, loss)
    return tuple(line_of(quantity, formulas) for quantity in training_step(activations, rules))


def formulas_of(activations: Iterable[str], loss: StatedLoss) -> dict[str, Formula]:
    """Return the formula of each operation of a training step of dense layers."""
    rule = loss_rule(*loss)
    formulas = DENSE | optimizers.FORMULAS
    formulas["loss"] = Formula(rule.value, rule.equation)
    formulas["loss gradient"] = Formula(rule.gradient, rule.gradient_equation)
    for name in activations:
        formulas[name] = Formula(ACTIVATIONS[name].value, f"{name}({{0}})")
        formulas[f"{name}'"] = Formula(ACTIVATIONS[name].derivative, f"{name}'({{0}})")
    return formulas
