"""Correct implementations that are as different as the contract allows: orders of summation, fused
multiply-add, wide accumulators, forms of derivatives, and places where the mean's 1/N is applied.

Written out by hand, in loops, and without the reference's arithmetic.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from forms import SLOPES, VALUES

from cases import Problem
from cases.numbers import rounded_once
from cases.protocol import SIXTEEN_BITS


def in_turn(terms):
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def pairwise(terms):
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return pairwise(terms[:middle]) + pairwise(terms[middle:])


def blocked(terms):
    return in_turn([in_turn(terms[i : i + 3]) for i in range(0, len(terms), 3)])


SUMS = {
    "in turn": in_turn,
    "reversed": lambda terms: in_turn(terms[::-1]),
    "smallest first": lambda terms: in_turn(sorted(terms, key=abs)),
    "largest first": lambda terms: in_turn(sorted(terms, key=abs, reverse=True)),
    "all positive first": lambda terms: in_turn(sorted(terms, reverse=True)),
    "pairwise": pairwise,
    "blocked": blocked,
}


def rounded(exact: Fraction, dtype):
    """Round an exact number to float64 or, without double rounding, to a shorter format (to odd first)."""
    near = float(exact)
    if dtype == np.float64 or Fraction(near) == exact or not np.isfinite(near):
        return dtype.type(near)
    toward_zero = near if abs(Fraction(near)) < abs(exact) else float(np.nextafter(near, 0.0))
    return rounded_once((np.float64(toward_zero).view(np.int64) | 1).view(np.float64), dtype.name)[()]


def fused(start, a, b):
    """Multiply and add with one rounding for both, as FMA does."""
    if not (np.isfinite(start) and np.isfinite(a).all() and np.isfinite(b).all()):
        return start + (a * b).sum()
    total = start
    for left, right in zip(a, b, strict=True):
        exact = Fraction(float(total)) + Fraction(float(left)) * Fraction(float(right))
        total = rounded(exact, a.dtype)
        if not np.isfinite(total):
            return total
    return total


# The forms of a derivative, as far as an activation has so many.
SLOPE = ("from a", "from z", "multiplied out", "fused")


@dataclass(frozen=True)
class Variant:
    """How a correct implementation goes about it."""

    summation: str = "in turn"  # or "fused", or "wide": a long double accumulator, rounded once
    bias_first: bool = False
    slope: str = "from a"  # or another of SLOPE
    mean: str = "in the error"  # and in each term of the loss; or "in the gradient", and once in the loss
    accumulator: str = "own"  # in 16 bits; or "float32", rounded once
    product: str = "kept"  # when the bias is added; or "rounded" to 16 bits before
    functions: str = "own"  # in 16 bits; or "float32", rounded once

    def dot(self, a, b, start=None):
        if a.dtype.name not in SIXTEEN_BITS or self.accumulator == "own":
            return self.accumulated(a, b, start)
        here, wide = a.dtype.type, np.float32
        if start is not None and self.product == "rounded":
            return here(self.accumulated(a.astype(wide), b.astype(wide))) + start
        return here(self.accumulated(a.astype(wide), b.astype(wide), None if start is None else wide(start)))

    def accumulated(self, a, b, start=None):
        zero = a.dtype.type(0)
        if self.summation == "fused":
            total = fused(start if self.bias_first and start is not None else zero, a, b)
            return total if self.bias_first or start is None else total + start
        if self.summation == "wide":
            wide = np.sum(a.astype(np.longdouble) * b) + (0 if start is None else start)
            return a.dtype.type(wide)
        terms = list(a * b)
        if start is None:
            return SUMS[self.summation](terms)
        if self.bias_first:
            return SUMS[self.summation]([start, *terms])
        return SUMS[self.summation](terms) + start

    def matmul(self, A, B, bias=None):
        starts = [None] * B.shape[1] if bias is None else bias
        rows = [[self.dot(row, B[:, j], starts[j]) for j in range(B.shape[1])] for row in A]
        return np.array(rows, A.dtype)

    def in_functions(self, function, name, *arguments):
        """Evaluate in 16 bits after every step, or in float32 and rounded once."""
        dtype = arguments[0].dtype
        with np.errstate(over="ignore", under="ignore"):
            if dtype.name not in SIXTEEN_BITS or self.functions == "own":
                return function(name, *arguments)
            return function(name, *(one.astype(np.float32) for one in arguments)).astype(dtype)

    def derivative(self, activation, z, a):
        forms = SLOPES[activation]
        return forms[min(SLOPE.index(self.slope), len(forms) - 1)](z, a)

    def activation(self, name, z):
        return VALUES[name][self.slope != "from a"](z)

    def outcome(self, problem: Problem):
        """The loss, the gradients and the updated parameters of one step."""
        p, depth = problem.parameters, problem.depth
        a, z = {0: problem.x}, {}
        for k in range(1, depth + 1):
            z[k] = self.matmul(a[k - 1], p[f"W{k}"].T, p[f"b{k}"])
            a[k] = self.in_functions(self.activation, problem.activations[k - 1], z[k])
        error = a[depth] - problem.y
        claim = {"loss": self.loss(problem, error)}
        scale = self.scale(problem)
        da = error * scale if self.mean == "in the error" else error
        for k in range(depth, 0, -1):
            dz = da * self.in_functions(self.derivative, problem.activations[k - 1], z[k], a[k])
            after = scale if self.mean == "in the gradient" else error.dtype.type(1)
            dW = self.matmul(dz.T, a[k - 1]) * after
            db = np.array([self.dot(column, np.ones_like(column)) for column in dz.T]) * after
            claim |= {f"dL/dW{k}": dW, f"dL/db{k}": db}
            da = self.matmul(dz, p[f"W{k}"])
        rate = error.dtype.type(problem.learning_rate)
        claim |= {f"{name}_new": array - rate * claim[f"dL/d{name}"] for name, array in p.items()}
        return claim

    def loss(self, problem, error):
        squares, scale = (error * error).ravel(), self.scale(problem)
        half = error.dtype.type(0.5)
        if problem.loss == "mean_squared_error":
            scale, half = scale / 2, error.dtype.type(1)
        if self.mean == "in the error":
            terms = squares * scale * half
            pairwise = replace(self, summation="pairwise")
            return np.asarray(pairwise.dot(terms, np.ones_like(terms)))
        return np.asarray(self.dot(squares, np.ones_like(squares)) * half * scale)

    def scale(self, problem):
        """The factor that the mean puts on the gradient: 1, 1/N, or 2/(N·n)."""
        one = problem.y.dtype.type(1)
        if problem.loss == "mean_squared_error":
            return 2 * one / problem.y.size
        return one if problem.reduction == "sum" else one / len(problem.y)
