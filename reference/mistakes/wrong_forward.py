"""Mistakes in the forward pass; each also differentiated as it is, as automatic differentiation does."""

from cases import Problem, names
from reference.line import linear
from reference.mistakes.mistake import (
    Lines,
    lines_named,
    lines_with,
    mistake,
    rewritten,
    square_layers,
)


@mistake("the weights were not transposed")
def weights_not_transposed(problem: Problem) -> Lines:
    """z = x W + b, which a square W allows."""
    lines = lines_named(problem, map(names.z, square_layers(problem)))
    wrong = rewritten(lines, lambda x, W, b: x @ W + b, "{0} {1} + {2}")
    return wrong or "no weight matrix is square and larger than 1 by 1"


@mistake("the bias was not added")
def bias_not_added(problem: Problem) -> Lines:
    return rewritten(lines_with(problem, linear), lambda x, W: x @ W.mT, "{0} {1}ᵀ", kept=2)
