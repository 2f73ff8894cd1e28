"""What each ATen operation computes, by the vocabulary of `cases.captured`: one rule for each.

A rule takes the lines so far, the operation's arguments as they are, and the result's shape.
"""

# ruff: noqa: ANN401, ARG001, ARG005, PLR2004 - arguments of any kind, by their places; rules that leave some alone

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from cases.captured import Builder, NotCapturedError


class Line:
    """The number of a captured line among a graph's values; not a Python number, which a graph has too."""

    def __init__(self, number: int) -> None:
        self.number = number


class Lines:
    """The lines that are written so far; a value is one of them, or a tensor or a number known already."""

    def __init__(self) -> None:
        self.b = Builder()

    def number(self, value: Any) -> int:
        if isinstance(value, Line):
            return value.number
        if isinstance(value, Tensor):
            value = (value.double() if value.is_floating_point() else value).detach().cpu().numpy()
        return self.b.constant(value)


# Rules: each takes the reader, the arguments as they are, and the result's shape; it returns a line's number.
Rule: TypeAlias = Callable[[Lines, Any, Any, Any], Any]

SAME: Final = {
    "neg": "negative", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "tanh": "tanh",
    "sigmoid": "logistic", "erf": "erf", "erfc": "erfc", "sqrt": "sqrt", "rsqrt": "rsqrt", "abs": "abs",
    "sign": "sign", "sin": "sin", "cos": "cos", "detach": "stop", "mul": "multiply", "maximum": "maximum",
    "minimum": "minimum", "gt": "greater", "ge": "greater_equal", "logical_not": "not",
    "bitwise_not": "not", "logical_and": "and", "logical_or": "or", "bmm": "matmul", "mm": "matmul",
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


def _divided(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    if kwargs.get("rounding_mode"):
        raise NotCapturedError("a quotient that is rounded is not known")
    return r.b.add("divide", r.number(args[0]), r.number(args[1]))


def _power(r: Lines, args: Any, _: Any, __: Any) -> int:
    x, exponent = r.number(args[0]), args[1]
    if isinstance(exponent, Line | Tensor):
        raise NotCapturedError("a power with an exponent that is no number is not known")
    if exponent == int(exponent):
        return r.b.add("power", x, exponent=int(exponent))
    if abs(exponent) == 0.5:
        return r.b.add("sqrt" if exponent > 0 else "rsqrt", x)
    raise NotCapturedError(f"a power of {exponent} is not known")


def _addmm(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    if kwargs.get("beta", 1) != 1 or kwargs.get("alpha", 1) != 1:
        raise NotCapturedError("addmm with factors is not known")
    bias, x, weights = map(r.number, args[:3])
    return r.b.add("add", r.b.add("matmul", x, weights), bias)


def _reduced(kind: str) -> Rule:
    def rule(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
        axes = args[1] if len(args) > 1 else kwargs.get("dim")
        axes = None if axes in (None, []) else ([axes] if isinstance(axes, int) else axes)
        keep = args[2] if len(args) > 2 else kwargs.get("keepdim", False)
        x = r.number(args[0])
        return r.b.mean(x, axes, keep=keep) if kind == "mean" else r.b.reduce(kind, x, axes, keep=keep)

    return rule


def _variance(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    b, x, axes = r.b, r.number(args[0]), kwargs.get("dim", args[1] if len(args) > 1 else None)
    correction = kwargs.get("correction", 1)
    over = range(len(b.shapes[x])) if axes is None else axes
    count = math.prod(b.shapes[x][axis] for axis in over)
    centred = b.add("subtract", x, b.mean(x, axes, keep=True))
    squares = b.reduce("sum", b.add("power", centred, exponent=2), axes, keep=kwargs.get("keepdim", False))
    return b.add("divide", squares, b.constant(float(count - (1 if correction is None else correction))))


def _exponentials(b: Builder, x: int, axis: int) -> tuple[int, int]:
    """x less its largest, and the sum of its exponentials; the shift has no derivative."""
    shifted = b.add("subtract", x, b.add("stop", b.reduce("max", x, [axis], keep=True)))
    return shifted, b.reduce("sum", b.add("exp", shifted), [axis], keep=True)


def _softmax(r: Lines, args: Any, _: Any, __: Any) -> int:
    shifted, total = _exponentials(r.b, r.number(args[0]), args[1])
    return r.b.add("divide", r.b.add("exp", shifted), total)


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


def _convolution(r: Lines, args: Any, _: Any, shape: Any) -> int:
    """A convolution in one or two dimensions, as the product of every patch with the kernel."""
    x, kernel, bias, stride, padding, dilation, transposed, _, groups = args
    b, number, weights = r.b, r.number(x), r.number(kernel)
    size = b.shapes[weights][2:]
    if transposed or groups != 1 or len(size) > 2:
        raise NotCapturedError("a convolution that is transposed, in groups or in 3-D is not known")
    positions = torch.from_numpy(b.positions(number)).double() + 1
    one = len(size) == 1
    two = (lambda pair: [1, *pair]) if one else list
    images = positions.unsqueeze(2) if one else positions
    pads = [0, *padding] if one else list(padding)
    unfold: Any = nn.functional.unfold  # which takes lists, whatever its types say
    patches = unfold(images, two(size), two(dilation), pads, two(stride))
    indices = patches.round().long().numpy() - 1  # (N, C·k, places)
    rows = b.reshape(weights, (b.shapes[weights][0], -1))
    product = b.add("matmul", rows, b.gather(indices, number))
    result = b.reshape(product, shape)
    return (
        result if bias is None else b.add("add", result, b.reshape(r.number(bias), (-1, *(1,) * len(size))))
    )


FOUR_AXES: Final = 4  # examples, channels, height and width


def _pooled(kind: str) -> Rule:
    def rule(r: Lines, args: Any, _: Any, __: Any) -> Any:
        b, x, size = r.b, r.number(args[0]), args[1]
        size = list(size) * 2 if len(size) == 1 else list(size)
        stride = args[2] if len(args) > 2 and args[2] else size
        stride = list(stride) * 2 if len(stride) == 1 else list(stride)
        padding, more = [*args[3:4], 0][0], list(args[4:])
        plain = [0, [0, 0], 1, [1, 1], False, True, None] if kind == "mean" else [0, [0, 0], 1, [1, 1], False]
        has_ceiling = any(args[4:5] if kind == "mean" else args[5:6])
        padded = any(padding) if isinstance(padding, list | tuple) else padding
        if padded or has_ceiling or any(part not in plain for part in more) or len(b.shapes[x]) != FOUR_AXES:
            raise NotCapturedError("windows that are padded, dilated or cut off are not known")
        windows = torch.from_numpy(b.positions(x)).unfold(2, size[0], stride[0]).unfold(3, size[1], stride[1])
        gathered = b.gather(windows.flatten(4).numpy(), x)
        return (b.reduce("max", gathered, [4]), None) if kind == "max" else b.mean(gathered, [4])

    return rule


def _embedding(r: Lines, args: Any, _: Any, __: Any) -> int:
    table, indices = args[:2]
    if isinstance(indices, Line):
        raise NotCapturedError("indices that depend on the inputs are not known")
    if args[2:] and (args[2] != -1 or any(args[3:])):
        raise NotCapturedError("an embedding with padding_idx or scale_grad_by_freq is not known")
    return r.b.gather(r.b.positions(r.number(table))[indices.numpy()], r.number(table))


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


def _equal(r: Lines, args: Any, _: Any, shape: Any) -> Any:
    """No right program meets an infinite number here, for which attention asks."""
    if isinstance(args[1], float) and math.isinf(args[1]):
        return torch.zeros(shape, dtype=torch.bool)
    return r.b.add("equal", *map(r.number, args[:2]))


def _unequal(r: Lines, args: Any, _: Any, __: Any) -> int:
    return r.b.add("not", r.b.add("equal", *map(r.number, args[:2])))


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
    "add": _scaled("add"), "sub": _scaled("subtract"), "div": _divided, "lt": _swapped("greater"),
    "rsub": lambda r, args, kwargs, shape: r.b.add("subtract", r.number(args[1]), r.number(args[0])),
    "le": _swapped("greater_equal"), "ne": _unequal, "pow": _power, "addmm": _addmm,
    "sum": _reduced("sum"), "mean": _reduced("mean"), "amax": _reduced("max"), "var": _variance,
    "_softmax": _softmax, "_log_softmax": _log_softmax, "gelu": _gelu, "silu": _silu, "relu": _relu,
    "leaky_relu": _leaky, "elu": _elu, "softplus": _softplus, "clamp": _between, "hardtanh": _between,
    "clamp_min": _between, "native_layer_norm": _layer_norm, "native_batch_norm": _batch_norm,
    "reciprocal": lambda r, args, kwargs, shape: r.b.add("power", r.number(args[0]), exponent=-1),
    "_native_batch_norm_legit": _batch_norm,
    "_native_batch_norm_legit_functional": _batch_norm, "convolution": _convolution,
    "max_pool2d_with_indices": _pooled("max"), "avg_pool2d": _pooled("mean"), "embedding": _embedding,
    "cat": _joined, "stack": _stacked, "split": _split, "split_with_sizes": _split, "unbind": _unbound,
    "eq": _equal, "full_like": lambda r, args, kwargs, shape: torch.full(shape, args[1]),
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
