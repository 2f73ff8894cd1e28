"""Reductions and running reductions of PyTorch: extremes, norms, products, variances."""

# ruff: noqa: ANN401 - arguments of any kind, by their places

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from adapters.capture.running import running_extreme, running_logsumexp, running_product, running_sum
from adapters.capture.torch_lines import Lines, Rule, axes_of, given
from cases.captured import Builder


def _reduced(kind: str) -> Rule:
    def rule(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
        axes, keep = axes_of(given(args, kwargs, 1, "dim", None)), given(args, kwargs, 2, "keepdim", False)
        reduce: dict[str, Callable[..., int]] = {
            "mean": r.b.mean,
            "min": r.b.smallest,
            "any": r.b.any,
            "all": r.b.all,
        }
        x = r.number(args[0])
        return reduce[kind](x, axes, keep=keep) if kind in reduce else r.b.reduce(kind, x, axes, keep=keep)

    return rule


def _extreme(kind: str, of_two: str) -> Rule:
    """Make the rule of `max` or `min`: of two tensors, of all elements, or along an axis with indices."""
    reduced = _reduced(kind)

    def rule(r: Lines, args: Any, kwargs: Any, shape: Any) -> Any:
        if len(args) > 1 and not isinstance(args[1], int):
            return r.b.add(of_two, *map(r.number, args[:2]))
        result = reduced(r, args, kwargs, shape)
        return result if given(args, kwargs, 1, "dim", None) is None else (result, None)

    return rule


def _both_extremes(r: Lines, args: Any, kwargs: Any, _: Any) -> tuple[int, int]:
    x, axes = r.number(args[0]), axes_of(given(args, kwargs, 1, "dim", None))
    keep = given(args, kwargs, 2, "keepdim", False)
    return r.b.smallest(x, axes, keep=keep), r.b.reduce("max", x, axes, keep=keep)


def _norm(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    """(Σ|x|ᵖ)^(1/p), the largest or the smallest |x|, or how many are not 0."""
    b, x, order = r.b, r.number(args[0]), given(args, kwargs, 1, "ord", 2)
    axes, keep = axes_of(given(args, kwargs, 2, "dim", None)), given(args, kwargs, 3, "keepdim", False)
    if order == 0:
        other = b.add("not", b.add("equal", x, b.constant(0.0)))
        return b.reduce("sum", other, axes, keep=keep)
    size = b.add("abs", x)
    if math.isinf(order):
        return b.reduce("max", size, axes, keep=keep) if order > 0 else b.smallest(size, axes, keep=keep)
    powers = b.add("power", x, exponent=2) if order == 2 else b.raised(size, order)  # noqa: PLR2004
    return b.raised(b.reduce("sum", powers, axes, keep=keep), 1 / order)


def _product(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    axes, keep = axes_of(given(args, kwargs, 1, "dim", None)), given(args, kwargs, 2, "keepdim", False)
    return r.b.reduce("prod", r.number(args[0]), axes, keep=keep)


def _running(r: Lines, args: Any, _: Any, __: Any) -> int:
    x = r.number(args[0])
    rank = len(r.b.shapes[x])
    return running_sum(r.b, x, args[1] % rank) if rank else x


def _along(running: Callable[[Builder, int, int], int]) -> Rule:
    return lambda r, args, _, __: running(r.b, r.number(args[0]), args[1])


def _with_places(running: Callable[[Builder, int, int], int]) -> Rule:
    return lambda r, args, _, __: (running(r.b, r.number(args[0]), args[1]), None)


def _variance_and_mean(r: Lines, args: Any, kwargs: Any, _: Any) -> tuple[int, int]:
    x, axes = r.number(args[0]), axes_of(given(args, kwargs, 1, "dim", None))
    return variance(r.b, x, axes, kwargs), r.b.mean(x, axes, keep=kwargs.get("keepdim", False))


def variance(b: Builder, x: int, axes: Any, kwargs: Any) -> int:
    correction, shape = kwargs.get("correction", 1), b.shapes[x]
    count = math.prod(shape[axis] for axis in (range(len(shape)) if axes is None else axes))
    centred = b.add("subtract", x, b.mean(x, axes, keep=True))
    squares = b.reduce("sum", b.add("power", centred, exponent=2), axes, keep=kwargs.get("keepdim", False))
    return b.add("divide", squares, b.constant(float(count - (1 if correction is None else correction))))


def _variance(r: Lines, args: Any, kwargs: Any, _: Any) -> int:
    return variance(r.b, r.number(args[0]), axes_of(given(args, kwargs, 1, "dim", None)), kwargs)


RULES: Final[dict[str, Rule]] = {
    "sum": _reduced("sum"), "mean": _reduced("mean"), "amax": _reduced("max"), "amin": _reduced("min"),
    "any": _reduced("any"), "all": _reduced("all"), "max": _extreme("max", "maximum"),
    "min": _extreme("min", "minimum"), "aminmax": _both_extremes, "linalg_vector_norm": _norm,
    "prod": _product, "cumsum": _running, "var": _variance, "var_mean": _variance_and_mean,
    "cumprod": _along(running_product), "logcumsumexp": _along(running_logsumexp),
    "cummax": _with_places(partial(running_extreme, is_max=True)),
    "cummin": _with_places(partial(running_extreme, is_max=False)),
}  # fmt: skip
