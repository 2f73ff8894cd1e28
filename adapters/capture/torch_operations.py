"""What each ATen operation computes, by the vocabulary of `cases.captured`: one rule for each.

A rule takes the lines so far, the operation's arguments as they are, and the result's shape.
"""

# ruff: noqa: ANN401, ARG001, ARG005, PLR2004 - arguments of any kind, by their places; rules that leave some alone

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

from adapters.capture.torch_lines import Line, Lines, Rule
from adapters.capture.torch_reductions import RULES as REDUCTIONS
from adapters.capture.torch_windows import RULES as WINDOWS
from adapters.capture.torch_writes import RULES as WRITES
from cases.captured import Builder, NotCapturedError

SAME: Final = {
    "neg": "negative", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "tanh": "tanh",
    "sigmoid": "logistic", "erf": "erf", "erfc": "erfc", "sqrt": "sqrt", "rsqrt": "rsqrt", "abs": "abs",
    "sign": "sign", "sin": "sin", "cos": "cos", "detach": "stop", "maximum": "maximum",
    "minimum": "minimum", "gt": "greater", "ge": "greater_equal", "logical_not": "not",
    "bitwise_not": "not", "logical_and": "and", "logical_or": "or", "bmm": "matmul", "mm": "matmul",
    "bitwise_and": "and", "bitwise_or": "or", "exp2": "exp2", "log2": "log2", "log10": "log10",
    "asin": "asin", "acos": "acos", "atan": "atan", "sinh": "sinh", "cosh": "cosh", "asinh": "asinh",
    "acosh": "acosh", "atanh": "atanh", "erfinv": "erfinv", "floor": "floor", "fmod": "fmod", "sgn": "sign",
}  # fmt: skip


def _same(kind: str) -> Rule:
    return lambda r, args, kwargs, shape: r.b.add(kind, *map(r.number, args[:2]))


def _swapped(kind: str) -> Rule:
    return lambda r, args, kwargs, shape: r.b.add(kind, r.number(args[1]), r.number(args[0]))


def _scaled(kind: str) -> Rule:
    """Make the rule of a sum or difference whose second operand is scaled by `alpha`."""

    def rule(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
        alpha, (left, right) = kwargs.get("alpha", args[2] if len(args) > 2 else 1), map(r.number, args[:2])
        return r.b.add(kind, left, right if alpha == 1 else r.b.add("multiply", r.number(alpha), right))

    return rule


def _remainder(r: Lines, args: Any, _: Any, __: Any) -> int:
    """x − y·⌊x/y⌋, which has the sign of y."""
    return remainder(r.b, *map(r.number, args[:2]))


def remainder(b: Builder, x: int, y: int) -> int:
    rest, zero = b.add("fmod", x, y), b.constant(0.0)
    has_other_sign = b.exclusive_or(b.add("greater", zero, y), b.add("greater", zero, rest))
    moves = b.add("and", has_other_sign, b.add("not", b.add("equal", rest, zero)))
    return b.add("select", moves, b.add("add", rest, y), rest)


def _divided(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    x, y = map(r.number, args[:2])
    mode = kwargs.get("rounding_mode")
    if not mode:
        return r.b.add("divide", x, y)
    rest = remainder(r.b, x, y) if mode == "floor" else r.b.add("fmod", x, y)
    return r.b.add("round", r.b.add("divide", r.b.add("subtract", x, rest), y))


def _truncated(r: Lines, args: Any, _: Any, __: Any) -> int:
    b, x = r.b, r.number(args[0])
    is_positive = b.add("greater_equal", x, b.constant(0.0))
    return b.add("select", is_positive, b.add("floor", x), b.ceil(x))


def _to_decimals(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    if kwargs.get("decimals", 0):
        raise NotCapturedError("a rounding to decimals is not known")
    return r.b.add("round", r.number(args[0]))


def _power(r: Lines, args: Any, _: Any, __: Any) -> int:
    x, exponent = args[:2]
    if isinstance(exponent, int | float):
        return r.b.raised(r.number(x), exponent)
    return r.b.add("real_power", r.number(x), r.number(exponent))


def _hypotenuse(r: Lines, args: Any, _: Any, __: Any) -> int:
    x, y = (r.b.add("power", r.number(one), exponent=2) for one in args[:2])
    return r.b.add("sqrt", r.b.add("add", x, y))


def _addmm(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    """β·bias + α·x·W; of a vector in place of W too."""
    b, (bias, x, weights) = r.b, map(r.number, args[:3])
    is_vector = len(b.shapes[weights]) == 1
    product = b.add("matmul", x, b.reshape(weights, (-1, 1)) if is_vector else weights)
    product = b.reshape(product, b.shapes[product][:-1]) if is_vector else product
    parts = [(bias, kwargs.get("beta", 1)), (product, kwargs.get("alpha", 1))]
    scaled = [y if factor == 1 else b.add("multiply", b.constant(factor), y) for y, factor in parts]
    return b.add("add", *scaled)


def _trilinear(r: Lines, args: Any, _: Any, __: Any) -> int:
    """The sum over some axes of a product of three, each with axes of length 1 put in."""
    factors = []
    for value, expanded in zip(args[:3], args[3:6], strict=True):
        shape = list(r.b.shapes[r.number(value)])
        for axis in sorted(expanded):
            shape.insert(axis, 1)
        factors.append(r.b.reshape(r.number(value), shape))
    product = r.b.add("multiply", r.b.add("multiply", factors[0], factors[2]), factors[1])
    return r.b.reduce("sum", product, args[6])


def _exponentials(b: Builder, x: int, axis: int) -> tuple[int, int]:
    """x less its largest, and the sum of its exponentials; the shift has no derivative."""
    shifted = b.add("subtract", x, b.add("stop", b.reduce("max", x, [axis], keep=True)))
    return shifted, b.reduce("sum", b.add("exp", shifted), [axis], keep=True)


def _softmax(r: Lines, args: Any, _: Any, __: Any) -> int:
    shifted, total = _exponentials(r.b, r.number(args[0]), args[1])
    return r.b.add("divide", r.b.add("exp", shifted), total)


def _safe_softmax(r: Lines, args: Any, _: Any, __: Any) -> int:
    """Softmax that is 0 where all is masked by −∞."""
    b, x = r.b, r.number(args[0])
    is_masked = b.add("equal", x, b.constant(-math.inf))
    is_empty = b.all(is_masked, [args[1]], keep=True)
    zero = b.constant(0.0)
    made = _softmax(r, (Line(b.add("select", is_empty, zero, x)), args[1]), None, None)
    return b.add("select", is_empty, zero, made)


def _log_softmax(r: Lines, args: Any, _: Any, __: Any) -> int:
    shifted, total = _exponentials(r.b, r.number(args[0]), args[1])
    return r.b.add("subtract", shifted, r.b.add("log", total))


def _gelu(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    b, x = r.b, r.number(args[0])
    half, whole = b.constant(0.5), b.constant(1.0)
    if kwargs.get("approximate", "none") == "tanh":
        cube = b.add("multiply", b.constant(0.044715), b.add("power", x, exponent=3))
        inner = b.add("tanh", b.add("multiply", b.constant(math.sqrt(2 / math.pi)), b.add("add", x, cube)))
    else:
        inner = b.add("erf", b.add("multiply", x, b.constant(math.sqrt(0.5))))
    return b.add("multiply", b.add("multiply", half, x), b.add("add", whole, inner))


def _normalized(b: Builder, x: int, axes: Sequence[int], eps: float) -> int:
    centred = b.add("subtract", x, b.mean(x, axes, keep=True))
    variance = b.mean(b.add("power", centred, exponent=2), axes, keep=True)
    return b.add("multiply", centred, b.add("rsqrt", b.add("add", variance, b.constant(eps))))


def _affine(r: Lines, x: int, weight: Any, bias: Any, shape: Sequence[int]) -> int:
    if weight is not None:
        x = r.b.add("multiply", x, r.b.reshape(r.number(weight), shape))
    return x if bias is None else r.b.add("add", x, r.b.reshape(r.number(bias), shape))


def _layer_norm(r: Lines, args: Any, _: Any, __: Any) -> tuple[int | None, ...]:
    x, shape, weight, bias, eps = args
    number = r.number(x)
    rank = len(r.b.shapes[number])
    made = _normalized(r.b, number, range(rank - len(shape), rank), eps)
    return _affine(r, made, weight, bias, shape), None, None


def _group_norm(r: Lines, args: Any, _: Any, __: Any) -> tuple[int | None, ...]:
    x, weight, bias, count, channels, _size, groups, eps = args
    b, number = r.b, r.number(x)
    shape = b.shapes[number]
    made = _normalized(b, b.reshape(number, (count, groups, -1)), [2], eps)
    by_channel = (1, channels, *(1,) * (len(shape) - 2))
    return _affine(r, b.reshape(made, shape), weight, bias, by_channel), None, None


def _batch_norm(r: Lines, args: Any, _: Any, __: Any) -> tuple[int | None, ...]:
    x, weight, bias, mean, variance, training, _, eps = args[:8]
    b, number = r.b, r.number(x)
    rank = len(b.shapes[number])
    shape = (1, -1, *(1,) * (rank - 2))
    if training:
        made = _normalized(b, number, [axis for axis in range(rank) if axis != 1], eps)
    else:
        centred = b.add("subtract", number, b.reshape(r.number(mean), shape))
        root = b.add("rsqrt", b.add("add", r.number(variance), b.constant(eps)))
        made = b.add("multiply", centred, b.reshape(root, shape))
    return _affine(r, made, weight, bias, shape), None, None, None, None


def _joined(r: Lines, args: Any, _: Any, __: Any) -> int:
    axis, begin, parts = (args[1] if len(args) > 1 else 0), 0, []
    numbers = list(map(r.number, args[0]))
    for number in numbers:
        positions = r.b.positions(number)
        parts.append(positions + begin)
        begin += positions.size
    return r.b.gather(np.concatenate(parts, axis=axis), *numbers)


def _stacked(r: Lines, args: Any, _: Any, shape: Any) -> int:
    axis, numbers = (args[1] if len(args) > 1 else 0), list(map(r.number, args[0]))
    size = r.b.positions(numbers[0])
    return r.b.gather(np.stack([size + i * size.size for i in range(len(numbers))], axis=axis), *numbers)


def _split(r: Lines, args: Any, _: Any, __: Any) -> tuple[int, ...]:
    x, sizes, axis = r.number(args[0]), args[1], args[2] if len(args) > 2 else 0
    positions = torch.from_numpy(r.b.positions(x))
    return tuple(r.b.gather(part.numpy(), x) for part in torch.split(positions, sizes, axis))


def _unbound(r: Lines, args: Any, _: Any, __: Any) -> tuple[int, ...]:
    x, axis = r.number(args[0]), args[1] if len(args) > 1 else 0
    return tuple(r.b.gather(part.numpy(), x) for part in torch.from_numpy(r.b.positions(x)).unbind(axis))


def _where(r: Lines, args: Any, _: Any, __: Any) -> int:
    return r.b.add("select", *map(r.number, args))


def _between(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    """Clamp: the derivative at a bound is 1 in PyTorch, and what is left open here."""
    low = args[1] if len(args) > 1 else kwargs.get("min")
    high = args[2] if len(args) > 2 else kwargs.get("max")
    x = r.number(args[0])
    x = x if low is None else r.b.add("maximum", x, r.number(low))
    return x if high is None else r.b.add("minimum", x, r.number(high))


def _relu(r: Lines, args: Any, _: Any, __: Any) -> int:
    return r.b.add("maximum", r.number(args[0]), r.b.constant(0.0))


def _leaky(r: Lines, args: Any, _: Any, __: Any) -> int:
    b, x = r.b, r.number(args[0])
    slope = b.add("multiply", b.constant(args[1] if len(args) > 1 else 0.01), x)
    return b.add("select", b.add("greater", x, b.constant(0.0), ties=True), x, slope)


def _elu(r: Lines, args: Any, _: Any, __: Any) -> int:
    b, x = r.b, r.number(args[0])
    alpha, scale, inner = list(args[1:4]) + [1, 1, 1][len(args) - 1 :]
    used = b.add("minimum", x, b.constant(0.0))  # so that eᶻ does not overflow where it is not used
    below = b.add("multiply", b.constant(alpha), b.add("expm1", b.add("multiply", b.constant(inner), used)))
    chosen = b.add("select", b.add("greater", x, b.constant(0.0), ties=True), x, below)
    return b.add("multiply", b.constant(scale), chosen)


def _softplus(r: Lines, args: Any, _: Any, __: Any) -> int:
    """log(1 + e^βz)/β, and z itself above the threshold."""
    b, x = r.b, r.number(args[0])
    beta, threshold = list(args[1:3]) + [1, 20][len(args) - 1 :]
    whole = b.add("multiply", b.constant(beta), x)
    above = b.add("greater", whole, b.constant(threshold))
    inner = b.add(
        "select", above, b.constant(0.0), whole
    )  # so that e^βz does not overflow where it is not used
    smooth = b.add("divide", b.add("log1p", b.add("exp", inner)), b.constant(beta))
    return b.add("select", above, x, smooth)


def _silu(r: Lines, args: Any, _: Any, __: Any) -> int:
    x = r.number(args[0])
    return r.b.add("multiply", x, r.b.add("logistic", x))


def _nothing(r: Lines, args: Any, _: Any, shape: Any) -> Any:
    """Whether a number is NaN: no right program meets it here."""
    return torch.zeros(shape, dtype=torch.bool)


def _multiplied(r: Lines, args: Any, _: Any, __: Any) -> int:
    x, y = map(r.number, args[:2])
    return r.b.add("and" if r.b.is_truth(x) and r.b.is_truth(y) else "multiply", x, y)


def _equal(r: Lines, args: Any, _: Any, shape: Any) -> Any:
    """x = x asks for NaN, which no right program meets here."""
    x, y = map(r.number, args[:2])
    return torch.ones(shape, dtype=torch.bool) if x == y else r.b.equal(x, y)


def _unequal(r: Lines, args: Any, kwargs: Any, shape: Any) -> Any:
    equal = _equal(r, args, kwargs, shape)
    return r.b.add("not", equal) if isinstance(equal, int) else ~equal


def _squared_error(r: Lines, args: Any, _: Any, __: Any) -> int:
    square = r.b.add("power", r.b.add("subtract", *map(r.number, args[:2])), exponent=2)
    return _by(r, square, args[2] if len(args) > 2 else 1)


def _by(r: Lines, x: int, reduction: int) -> int:
    """Reduce a loss: 0 is none, 1 the mean, 2 the sum."""
    return x if reduction == 0 else r.b.mean(x) if reduction == 1 else r.b.reduce("sum", x)


def _nll(r: Lines, args: Any, _: Any, __: Any) -> tuple[int | None, ...]:
    """Minus the logarithm of the probability of the class, where that is not ignored; weighted by class."""
    x, classes, weight, reduction, ignored = args[:5]
    b, number, chosen = r.b, r.number(x), classes.numpy()
    kept = chosen != ignored
    positions = np.take_along_axis(b.positions(number), np.where(kept, chosen, 0)[:, None], 1)[:, 0]
    factors = kept.astype(np.float64) if weight is None else kept * weight.numpy()[np.where(kept, chosen, 0)]
    losses = b.add("multiply", b.add("negative", b.gather(positions, number)), b.constant(factors))
    if reduction != 1:
        return _by(r, losses, reduction), None
    return b.add("divide", b.reduce("sum", losses), b.constant(factors.sum())), None


RULES: Final[dict[str, Rule]] = {
    **{name: _same(kind) for name, kind in SAME.items()},
    **REDUCTIONS,
    **WINDOWS,
    **WRITES,
    "add": _scaled("add"), "sub": _scaled("subtract"), "div": _divided,
    "floor_divide": lambda r, args, kwargs, shape: _divided(r, args, {"rounding_mode": "floor"}, shape),
    "lt": _swapped("greater"),
    "rsub": lambda r, args, kwargs, shape: r.b.add("subtract", r.number(args[1]), r.number(args[0])),
    "le": _swapped("greater_equal"), "ne": _unequal, "pow": _power, "addmm": _addmm,
    "addmv": _addmm, "_trilinear": _trilinear, "hypot": _hypotenuse, "native_group_norm": _group_norm,
    "_safe_softmax": _safe_softmax, "remainder": _remainder, "trunc": _truncated, "fix": _truncated,
    "round": _to_decimals, "isnan": _nothing,
    "ceil": lambda r, args, kwargs, shape: r.b.ceil(r.number(args[0])),
    "tan": lambda r, args, kwargs, shape: r.b.tan(r.number(args[0])),
    "isinf": lambda r, args, kwargs, shape: r.b.is_infinite(r.number(args[0])),
    "logical_xor": lambda r, args, kwargs, shape: r.b.exclusive_or(*map(r.number, args)),
    "bitwise_xor": lambda r, args, kwargs, shape: r.b.exclusive_or(*map(r.number, args)),
    "_softmax": _softmax, "_log_softmax": _log_softmax, "gelu": _gelu, "silu": _silu, "relu": _relu,
    "leaky_relu": _leaky, "elu": _elu, "softplus": _softplus, "clamp": _between, "hardtanh": _between,
    "clamp_min": _between, "native_layer_norm": _layer_norm, "native_batch_norm": _batch_norm,
    "reciprocal": lambda r, args, kwargs, shape: r.b.add("power", r.number(args[0]), exponent=-1),
    "_native_batch_norm_legit": _batch_norm,
    "_native_batch_norm_legit_functional": _batch_norm,
    "cat": _joined, "stack": _stacked, "split": _split, "split_with_sizes": _split, "unbind": _unbound,
    "mul": _multiplied, "eq": _equal, "full_like": lambda r, args, kwargs, shape: torch.full(shape, args[1]),
    "where": _where, "mse_loss": _squared_error, "nll_loss_forward": _nll,
    "view": lambda r, args, kwargs, shape: r.b.reshape(r.number(args[0]), shape),
    "_unsafe_view": lambda r, args, kwargs, shape: r.b.reshape(r.number(args[0]), shape),
    "reshape": lambda r, args, kwargs, shape: r.b.reshape(r.number(args[0]), shape),
    "unsqueeze": lambda r, args, kwargs, shape: r.b.reshape(r.number(args[0]), shape),
    "squeeze": lambda r, args, kwargs, shape: r.b.reshape(r.number(args[0]), shape),
    "expand": lambda r, args, kwargs, shape: r.b.broadcast(r.number(args[0]), shape),
    "permute": lambda r, args, kwargs, shape: r.b.transpose(r.number(args[0]), args[1]),
    "t": lambda r, args, kwargs, shape: r.b.swap(r.number(args[0])),
    "transpose": lambda r, args, kwargs, shape: _exchanged(r.b, r.number(args[0]), *args[1:3]),
}  # fmt: skip


def _exchanged(b: Builder, x: int, one: int, other: int) -> int:
    axes = list(range(len(b.shapes[x])))
    axes[one], axes[other] = axes[other], axes[one]
    return b.transpose(x, axes)
