"""Which layers a mistake can be made in, and the reasons that several mistakes share."""

from cases import Problem, names
from reference.mistakes.mistake import Inexpressible

NO_HIDDEN_LAYER = Inexpressible("there is no hidden layer")
ONE_EXAMPLE = Inexpressible("there is only one example")


def layers(problem: Problem, first: int = 1) -> range:
    """Return the layers from `first` to the last, as they are counted in the document."""
    return range(first, problem.depth + 1)


def width(problem: Problem, k: int) -> int:
    """Return the number of units in layer k."""
    return int(problem.parameters[names.b(k)].size)


def square_layers(problem: Problem, first: int = 1) -> list[int]:
    """Return the layers from `first` on whose weights are square, and more than one number."""
    shapes = {k: problem.parameters[names.W(k)].shape for k in layers(problem, first)}
    return [k for k, (rows, columns) in shapes.items() if rows == columns > 1]
