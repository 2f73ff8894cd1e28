"""The derivative of each operation, as lines of the same vocabulary, and reverse mode over a program.

Each rule takes the builder, the operation and the gradient g of its result, and returns that of each operand.
The rules are those of any textbook; written as in HIPS autograd's numpy_vjps.py.
"""

# ruff: noqa: ARG005 - rules that leave some of their arguments alone

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from cases.captured import TRUTHS, UNKNOWN, Builder, CapturedProgram, Operation, kept
from reference.programs.functions import FUNCTIONS

SQUARE: Final = 2
# Operations whose derivatives others write as other products of the same.
PRODUCTS: Final = frozenset({*FUNCTIONS, "divide", "power", "real_power", "prod", "fmod"})

Rule: TypeAlias = Callable[[Builder, Operation, int], tuple[int | None, ...]]


def gradient_program(program: CapturedProgram, wanted: Mapping[str, int] | None = None) -> CapturedProgram:
    """Return the program with the lines behind it that compute ∂output/∂input of each input, in their order.

    `wanted`: the inputs, by name, of which derivatives are taken; by default all. The output is a single
    number, or NotCapturedError is raised. What goes through a line that is not known is not known either.
    """
    program.is_scalar()
    b, output = Builder(program), program.output
    inputs = program.inputs if wanted is None else wanted
    calls = {operation.number: operation.call for operation in program.operations}
    results: dict[str, int] = {}  # of each call the last line that has a gradient
    depends = _depending_on(program, set(inputs.values()))
    gradients: dict[int, int] = {output: b.constant(np.ones(program.shapes[output]))}
    for operation in reversed(program.operations):
        g = gradients.get(operation.number)
        if g is None or operation.number not in depends or operation.kind in TRUTHS:
            continue
        results.setdefault(operation.call, operation.number)
        b.place, b.source = operation.place, f"derivative of {operation.name}"
        b.dtype = operation.dtype
        for number, whole in zip(operation.inputs, RULES[operation.kind](b, operation, g), strict=True):
            if whole is not None and number in depends:
                part = _summed_to(b, _in_other_forms(b, operation, whole, g), program.shapes[number])
                if operation.call and calls.get(number) != operation.call:
                    part = b.add(
                        "rounded", part, gradients[results[operation.call]], number, results[operation.call]
                    )
                part = b.convert(part, b.formats[number] or operation.dtype)
                gradients[number] = b.add("add", gradients[number], part) if number in gradients else part
                b.dtype = operation.dtype
    outputs = [
        gradients[number] if number in gradients else b.constant(np.zeros(program.shapes[number]))
        for number in inputs.values()
    ]
    return b.program(output, *outputs)


def _in_other_forms(b: Builder, operation: Operation, part: int, g: int) -> int:
    """Widen a derivative by what others lose in their form of it, as JAX in (g + g·t)(1 − t) for tanh."""
    if operation.kind not in PRODUCTS:
        return part
    part = b.add("rounded", part, g) if operation.kind == "tanh" else b.add("rounded", part)
    if operation.kind != "divide":
        return part
    return b.add("rounded", part, operation.inputs[1], square=True)  # JAX has (−g·x)·y⁻²


def _depending_on(program: CapturedProgram, inputs: set[int]) -> set[int]:
    depends = set(inputs)
    for operation in program.operations:
        if depends.intersection(operation.inputs) and operation.kind != "stop":
            depends.add(operation.number)
    return depends


def _summed_to(b: Builder, g: int, shape: tuple[int, ...]) -> int:
    """Undo broadcasting: sum over the axes that were added or had length 1."""
    given = b.shapes[g]
    if given == shape:
        return g
    added = len(given) - len(shape)
    axes = [
        *range(added),
        *(added + i for i, size in enumerate(shape) if size == 1 and given[added + i] != 1),
    ]
    return b.reshape(b.reduce("sum", g, axes), shape)


def _unary(slope: Callable[[Builder, int, int], int]) -> Rule:
    """Make a rule of the slope, which may follow from the operand or from the result."""
    return lambda b, op, g: (b.add("multiply", g, slope(b, op.inputs[0], op.number)),)


def _times(b: Builder, factor: float, x: int) -> int:
    return b.add("multiply", b.constant(factor), x)


def _one_minus_square(b: Builder, _: int, a: int) -> int:
    return b.add("subtract", b.constant(1.0), b.add("multiply", a, a))


def _logistic(b: Builder, _: int, a: int) -> int:
    return b.add("multiply", a, b.add("subtract", b.constant(1.0), a))


def _power(b: Builder, op: Operation, g: int) -> tuple[int]:
    n, x = op.parameters["exponent"], op.inputs[0]
    if n in {0, 1}:
        return (_times(b, float(n), g),)
    slope = x if n == SQUARE else b.add("power", x, exponent=n - 1)
    return (b.add("multiply", g, _times(b, float(n), slope)),)


def _divide(b: Builder, op: Operation, g: int) -> tuple[int, int]:
    over = b.add("divide", g, op.inputs[1])
    return over, b.add("negative", b.add("multiply", over, op.number))


def _real_power(b: Builder, op: Operation, g: int) -> tuple[int, int]:
    """∂xʸ/∂x = y·xʸ⁻¹, and ∂xʸ/∂y = xʸ log x, taken as 0 where x is 0."""
    x, y = op.inputs
    one_less = b.constant(b.constants[y] - 1) if y in b.constants else b.add("subtract", y, b.constant(1.0))
    below = b.add("real_power", x, one_less)
    is_zero = b.add("equal", x, b.constant(0.0))
    logarithm = b.add("log", b.add("select", is_zero, b.constant(1.0), x))
    of_x, of_y = b.add("multiply", y, below), b.add("multiply", op.number, logarithm)
    return b.add("multiply", g, of_x), b.add("multiply", g, of_y)


def _fmod(b: Builder, op: Operation, g: int) -> tuple[int, int]:
    """x − q·y for a whole number q, which is (x − result)/y."""
    x, y = op.inputs
    count = b.add("divide", b.add("subtract", x, op.number), y)
    return g, b.add("negative", b.add("multiply", g, count))


def _prod(b: Builder, op: Operation, g: int) -> tuple[int]:
    """The gradient of each factor: that of the product times all other factors, 0 among them or not.

    Others divide the product by the factor, which is open where the product overflows.
    """
    x, axes = op.inputs[0], op.parameters["axes"]
    shape = b.shapes[x]
    rest = [axis for axis in range(len(shape)) if axis not in axes]
    rows = np.transpose(b.positions(x), (*rest, *axes)).reshape(*b.shapes[op.number], -1)
    count = rows.shape[-1]
    others = np.broadcast_to(rows[..., None, :], (*rows.shape, count)).copy()
    others[..., np.arange(count), np.arange(count)] = b.positions(x).size  # which is 1
    product = b.add("prod", b.gather(others, x, b.constant(1.0)), axes=(rows.ndim,))
    back = np.argsort(rows.reshape(-1)).reshape(shape)
    fits = b.add("greater_equal", b.add("abs", _spread(b, op, op.number)), b.constant(0.0))
    slope = b.add("select", fits, b.gather(back, product), b.constant(np.inf))
    return (b.add("multiply", _spread(b, op, g), slope),)


def _cumsum(b: Builder, op: Operation, g: int) -> tuple[int]:
    """The sum of the gradients from each place on."""
    (axis,) = op.parameters["axes"]
    backwards = np.flip(b.positions(g), axis)
    return (b.gather(backwards, b.add("cumsum", b.gather(backwards, g), axes=(axis,))),)


def _one_and_square(b: Builder, kind: str, x: int) -> int:
    """Return 1 + x² or 1 − x²."""
    return b.add(kind, b.constant(1.0), b.add("power", x, exponent=SQUARE))


def _acosh(b: Builder, x: int, _: int) -> int:
    """1/√(x² − 1), of its factors, as x² loses what is left near 1."""
    one = b.constant(1.0)
    return b.add("rsqrt", b.add("multiply", b.add("subtract", x, one), b.add("add", x, one)))


def _log_of(b: Builder, base: float) -> int:
    """The logarithm of a number of ours, as a line: in balls it has all digits."""
    return b.add("log", b.constant(base))


def _larger(b: Builder, op: Operation, g: int) -> tuple[int, int]:
    """The gradient goes to the larger, or smaller; at a tie to either, or in parts to both."""
    larger, smaller = op.inputs if op.kind == "maximum" else op.inputs[::-1]
    to_first, zero = b.add("greater", larger, smaller, ties=True), b.constant(0.0)
    return b.add("select", to_first, g, zero), b.add("select", to_first, zero, g)


def _abs(b: Builder, op: Operation, g: int) -> tuple[int]:
    above = b.add("greater", op.inputs[0], b.constant(0.0), ties=True)
    return (b.add("select", above, g, b.add("negative", g)),)


def _select(b: Builder, op: Operation, g: int) -> tuple[None, int, int]:
    condition, zero = op.inputs[0], b.constant(0.0)
    return None, b.add("select", condition, g, zero), b.add("select", condition, zero, g)


def _spread(b: Builder, op: Operation, g: int) -> int:
    """The gradient of a reduction at each of the elements that were reduced."""
    shape = b.shapes[op.inputs[0]]
    return b.broadcast(b.reshape(g, kept(shape, op.parameters["axes"])), shape)


def _max(b: Builder, op: Operation, g: int) -> tuple[int]:
    mask = b.add("is_max", op.inputs[0], axes=op.parameters["axes"])
    return (b.add("select", mask, _spread(b, op, g), b.constant(0.0)),)


def _matmul(b: Builder, op: Operation, g: int) -> tuple[int, int]:
    left, right = op.inputs
    return b.add("matmul", g, b.swap(right)), b.add("matmul", b.swap(left), g)


def _gather(b: Builder, op: Operation, g: int) -> tuple[int, ...]:
    parts, begin, indices = [], 0, op.parameters["indices"]
    for number in op.inputs:
        shape = b.shapes[number]
        size = int(np.prod(shape, dtype=int))
        own = np.where((indices >= begin) & (indices < begin + size), indices - begin, -1)
        parts.append(b.add("scatter", g, indices=own, shape=shape))
        begin += size
    return tuple(parts)


def _unknown(b: Builder, op: Operation, g: int) -> tuple[int, ...]:
    reason = b.unknown[op.number]
    return tuple(b.unreadable(b.shapes[number], reason, g) for number in op.inputs)


RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        UNKNOWN: _unknown,
        "add": lambda b, op, g: (g, g),
        "subtract": lambda b, op, g: (g, b.add("negative", g)),
        "multiply": lambda b, op, g: (b.add("multiply", g, op.inputs[1]), b.add("multiply", g, op.inputs[0])),
        "divide": _divide,
        "negative": lambda b, op, g: (b.add("negative", g),),
        "maximum": _larger,
        "minimum": _larger,
        "abs": _abs,
        "sign": lambda b, op, g: (None,),
        "stop": lambda b, op, g: (None,),
        "convert": lambda b, op, g: (b.convert(g, b.formats[op.inputs[0]]),),
        "power": _power,
        "exp": _unary(lambda b, x, a: a),
        "expm1": _unary(lambda b, x, a: b.add("add", b.constant(1.0), a)),  # a loses more than eˣ would
        "log": lambda b, op, g: (b.add("divide", g, op.inputs[0]),),
        "log1p": lambda b, op, g: (b.add("divide", g, b.add("add", b.constant(1.0), op.inputs[0])),),
        "tanh": _unary(_one_minus_square),
        "logistic": _unary(_logistic),
        "erf": _unary(lambda b, x, a: b.add("erf_slope", x)),
        "erfc": _unary(lambda b, x, a: b.add("negative", b.add("erf_slope", x))),
        "sqrt": lambda b, op, g: (b.add("divide", _times(b, 0.5, g), op.number),),
        "rsqrt": _unary(lambda b, x, a: _times(b, -0.5, b.add("divide", a, x))),
        "sin": _unary(lambda b, x, a: b.add("cos", x)),
        "cos": _unary(lambda b, x, a: b.add("negative", b.add("sin", x))),
        "exp2": _unary(lambda b, x, a: b.add("multiply", _log_of(b, 2.0), a)),
        "log2": lambda b, op, g: (b.add("divide", g, b.add("multiply", _log_of(b, 2.0), op.inputs[0])),),
        "log10": lambda b, op, g: (b.add("divide", g, b.add("multiply", _log_of(b, 10.0), op.inputs[0])),),
        "asin": _unary(lambda b, x, a: b.add("rsqrt", _one_and_square(b, "subtract", x))),
        "acos": _unary(lambda b, x, a: b.add("negative", b.add("rsqrt", _one_and_square(b, "subtract", x)))),
        "atan": lambda b, op, g: (b.add("divide", g, _one_and_square(b, "add", op.inputs[0])),),
        "sinh": _unary(lambda b, x, a: b.add("cosh", x)),
        "cosh": _unary(lambda b, x, a: b.add("sinh", x)),
        "asinh": _unary(lambda b, x, a: b.add("rsqrt", _one_and_square(b, "add", x))),
        "acosh": _unary(_acosh),
        "atanh": lambda b, op, g: (b.add("divide", g, _one_and_square(b, "subtract", op.inputs[0])),),
        "erfinv": lambda b, op, g: (b.add("divide", g, b.add("erf_slope", op.number)),),
        "floor": lambda b, op, g: (None,),
        "round": lambda b, op, g: (None,),
        "fmod": _fmod,
        "real_power": _real_power,
        "prod": _prod,
        "cumsum": _cumsum,
        "select": _select,
        "reshape": lambda b, op, g: (b.reshape(g, b.shapes[op.inputs[0]]),),
        "transpose": lambda b, op, g: (b.transpose(g, tuple(np.argsort(op.parameters["axes"]))),),
        "broadcast": lambda b, op, g: (g,),
        "sum": lambda b, op, g: (_spread(b, op, g),),
        "max": _max,
        "matmul": _matmul,
        "gather": _gather,
        "scatter": lambda b, op, g: (b.gather(op.parameters["indices"], g),),
    }
)
