"""Every algebraic form of an update in use, written out by hand in the array's dtype.

A form takes the numbers of the rule, a parameter, its gradient and what it keeps from step to step, and
returns the updated parameter and what it keeps then. What it keeps under a name without "_" is what it can
state of the optimizer's state. Products that are added go through `fma`, which is fused or not.

Sources: PyTorch 2.13 (torch/optim/*.py, ATen/native/cpu/Fused*Kernel.cpp, ATen/native/Lerp.h,
ATen/native/cuda/fused_adam_utils.cuh), optax 0.2 (transforms, _src/transform.py, tree_utils), Keras 3
(src/optimizers/*.py), TensorFlow (core/kernels/training_ops.cc, python/ops/clip_ops.py), MXNet
(src/operator/optimizer_op-inl.h), Caffe's SGDSolver, Nielsen's network2.py, CS231n's notes, Sutskever et al.
2013, Danihelka 2012, Rumelhart et al. 1986.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Step:
    """What a form is given beside the arrays: numbers of the rule, this step's rate and its count."""

    numbers: dict[str, float]
    eta: Any
    t: int
    fma: Callable[..., Any]
    dtype: type[np.floating[Any]]
    options: frozenset[str] = frozenset()

    def __getitem__(self, name):
        """The number, rounded to the dtype."""
        return self.dtype(self.numbers[name])

    def rest(self, name):
        """1 − the number, taken before it is rounded, as in programs that keep it in Python."""
        return self.dtype(1 - self.numbers[name])

    def correction(self, name):
        return 1 - self.numbers[name] ** self.t


# ---------------------------------------------------------------------------------------------------- decay


def coupled(s, w, g):
    return s.fma(g, s["weight_decay"], w) if "weight_decay" in s.numbers else g


def plain(s, w, g, kept):
    return s.fma(w, -s.eta, coupled(s, w, g)), kept


def shrunk(s, w, g, kept):
    """Nielsen, and MXNet's sgd_update."""
    return s.fma((1 - s.eta * s["weight_decay"]) * w, -s.eta, g), kept


def shrunk_in_double(s, w, g, kept):
    factor = s.dtype(1 - float(s.eta) * s.numbers["weight_decay"])
    return s.fma(w * factor, -s.eta, g), kept


def shrunk_by_fma(s, w, g, kept):
    return s.fma(-(s.eta * g), 1 - s.eta * s["weight_decay"], w), kept


def before(s, w, g, kept):
    """Keras, `_apply_weight_decay`."""
    return s.fma(w - w * s["weight_decay"] * s.eta, -s.eta, g), kept


def before_by_fma(s, w, g, kept):
    return s.fma(s.fma(w, -(s.eta * s["weight_decay"]), w), -s.eta, g), kept


def after(s, w, g, kept):
    return s.fma(s.fma(w, -s.eta, g), -(s.eta * s["weight_decay"]), w), kept


DECAY = {
    "added": plain,
    "(1 - eta lambda) w": shrunk,
    "(1 - eta lambda) w, in double": shrunk_in_double,
    "(1 - eta lambda) w, added": shrunk_by_fma,
    "before": before,
    "before, by one factor": before_by_fma,
    "after": after,
}

# ------------------------------------------------------------------------------------------------- momentum


def buffer(s, w, g, kept):
    """PyTorch, optax, TensorFlow."""
    m = s.fma(coupled(s, w, g), s["momentum"], kept["m"])
    return s.fma(w, -s.eta, m), {"m": m}


def buffer_from_product(s, w, g, kept):
    m = s.fma(s["momentum"] * kept["m"], s.dtype(1), coupled(s, w, g))
    return w - s.eta * m, {"m": m}


def multiplied_out(s, w, g, kept):
    g = coupled(s, w, g)
    m = s.fma(g, s["momentum"], kept["m"])
    return s.fma(s.fma(w, -s.eta, s["momentum"] * kept["m"]), -s.eta, g), {"m": m}


def multiplied_out_by_one_factor(s, w, g, kept):
    g = coupled(s, w, g)
    m = s.fma(g, s["momentum"], kept["m"])
    return s.fma(s.fma(w, -(s.eta * s["momentum"]), kept["m"]), -s.eta, g), {"m": m}


def velocity_of(s, g, v):
    return s.fma(-(s.eta * g), s["momentum"], v)


def velocity_by_rate(s, g, v):
    return s.fma(s["momentum"] * v, -s.eta, g)


def by_velocity(update, of=velocity_of):
    """A form that keeps v = μv − ηg, and states m = −v/η."""

    def form(s, w, g, kept):
        g, v = coupled(s, w, g), kept.get("_v", np.zeros_like(w))
        v_new = of(s, g, v)
        return update(s, w, g, v, v_new), {"m": -v_new / s.eta, "_v": v_new}

    form.velocity = True
    return form


def mxnets_velocity(s, w, g, kept):
    """MXNet, sgd_mom_update: the decay inside."""
    v = kept.get("_v", np.zeros_like(w))
    v = s.fma(s.fma(s["momentum"] * v, -(s.eta * s["weight_decay"]), w), -s.eta, g)
    return w + v, {"m": -v / s.eta, "_v": v}


MOMENTUM = {
    "buffer": buffer,
    "buffer, product first": buffer_from_product,
    "buffer, multiplied out": multiplied_out,
    "buffer, multiplied out by one factor": multiplied_out_by_one_factor,
    "velocity": by_velocity(lambda s, w, g, v, v_new: w + v_new),
    "velocity, product first": by_velocity(lambda s, w, g, v, v_new: w + v_new, velocity_by_rate),
    "(w + mu v) - eta g": by_velocity(lambda s, w, g, v, v_new: s.fma(s.fma(w, s["momentum"], v), -s.eta, g)),
    "(w - eta g) + mu v": by_velocity(lambda s, w, g, v, v_new: s.fma(s.fma(w, -s.eta, g), s["momentum"], v)),
}

NESTEROV = {
    "PyTorch": lambda s, w, g, kept: _buffer_ahead(
        s, w, g, kept, lambda g, m: s.fma(w, -s.eta, s.fma(g, s["momentum"], m))
    ),
    "TensorFlow": lambda s, w, g, kept: _buffer_ahead(
        s, w, g, kept, lambda g, m: w - s.fma(s.eta * g, m * s["momentum"], s.eta)
    ),
    "Keras": by_velocity(lambda s, w, g, v, v_new: w + s.fma(s["momentum"] * v_new, -s.eta, g)),
    "(w + mu v) - eta g": by_velocity(
        lambda s, w, g, v, v_new: s.fma(s.fma(w, s["momentum"], v_new), -s.eta, g)
    ),
    "(w - eta g) + mu v": by_velocity(
        lambda s, w, g, v, v_new: s.fma(s.fma(w, -s.eta, g), s["momentum"], v_new)
    ),
    "CS231n": by_velocity(lambda s, w, g, v, v_new: w + s.fma(-s["momentum"] * v, 1 + s["momentum"], v_new)),
    "CS231n, left to right": by_velocity(
        lambda s, w, g, v, v_new: s.fma(s.fma(w, -s["momentum"], v), 1 + s["momentum"], v_new)
    ),
}


def _buffer_ahead(s, w, g, kept, update):
    g = coupled(s, w, g)
    m = s.fma(g, s["momentum"], kept["m"])
    return update(g, m), {"m": m}


def dampened(s, w, g, kept):
    g = coupled(s, w, g)
    m = g if s.t == 1 else s.fma(kept["m"] * s["momentum"], s.rest("dampening"), g)
    return s.fma(w, -s.eta, m), {"m": m}


def dampened_other_product_fused(s, w, g, kept):
    g = coupled(s, w, g)
    m = g if s.t == 1 else s.fma(s.rest("dampening") * g, s["momentum"], kept["m"])
    return s.fma(w, -s.eta, m), {"m": m}


DAMPENING = {"PyTorch": dampened, "other product fused": dampened_other_product_fused}

# ------------------------------------------------------------------------------------------------- averages

AVERAGES = {
    "b m + (1 - b) g": lambda s, b, m, g: s.fma(s[b] * m, s.rest(b), g),
    "(1 - b) g + b m": lambda s, b, m, g: s.fma(s.rest(b) * g, s[b], m),
    "m + (1 - b) (g - m)": lambda s, b, m, g: s.fma(m, s.rest(b), g - m),
    "g + b (m - g)": lambda s, b, m, g: s.fma(g, s[b], m - g),
    "g - (g - m) b": lambda s, b, m, g: s.fma(g, -(g - m), s[b]),
}


def lerp(s, b, m, g):
    """PyTorch's."""
    if 1 - s.numbers[b] < 1 / 2:
        return s.fma(m, s.rest(b), g - m)
    return s.fma(g, -(g - m), s.dtype(1) - s.rest(b))


AVERAGES["lerp"] = lerp
SQUARES = {
    **{
        name: lambda s, b, v, g, of=of: of(s, b, v, g * g)
        for name, of in AVERAGES.items()
        if name not in {"g + b (m - g)", "g - (g - m) b"}  # they lose digits where b is near 1
    },
    "b v + ((1 - b) g) g": lambda s, b, v, g: s.fma(v * s[b], s.rest(b) * g, g),
    "g g - v fused": lambda s, b, v, g: s.fma(v, s.rest(b), s.fma(-v, g, g)),
}

# ----------------------------------------------------------------------------------------------------- Adam


def textbook(s, w, m, v, c, root):
    return s.fma(w, -s.eta, (m / s.dtype(c[0])) / root(v / s.dtype(c[1])))


def by_reciprocal(s, w, m, v, c, root):
    return w - s.eta * ((m * s.dtype(1 / c[0])) * (1 / root(v * s.dtype(1 / c[1]))))


def pytorchs(s, w, m, v, c, root):
    size, denominator = s.dtype(-float(s.eta) / c[0]), np.sqrt(v) / s.dtype(c[1] ** 0.5) + s["eps"]
    return w + size * m / denominator


def pytorchs_other_order(s, w, m, v, c, root):
    size, denominator = s.dtype(-float(s.eta) / c[0]), np.sqrt(v) / s.dtype(c[1] ** 0.5) + s["eps"]
    return s.fma(w, size, m / denominator)


def pytorchs_capturable(s, w, m, v, c, root):
    size = -(s.eta / s.dtype(c[0]))
    return w + m / (np.sqrt(v) / (np.sqrt(s.dtype(c[1])) * size) + s["eps"] / size)


def scaled_eps(s, w, m, v, c, root):
    """Kingma and Ba's, of TensorFlow and Keras, with ε̂ = ε √(1 − β₂ᵗ)."""
    alpha = s.eta * np.sqrt(s.dtype(c[1])) / s.dtype(c[0])
    return w - (m * alpha) / (np.sqrt(v) + s["eps"] * np.sqrt(s.dtype(c[1])))


DIRECTIONS = {
    "textbook": textbook,
    "reciprocals": by_reciprocal,
    "PyTorch": pytorchs,
    "PyTorch, quotient first": pytorchs_other_order,
    "PyTorch, capturable": pytorchs_capturable,
    "Kingma and Ba's scaled": scaled_eps,
}


def outside(s, v):
    return np.sqrt(v) + s["eps"]


def inside(s, v):
    return np.sqrt(v + s["eps"])


def adam(average, squares, update, *, root=outside):
    """Adam with these forms of the averages and of the update."""

    def form(s, w, g, kept):
        if "decoupled" not in s.options:
            g = coupled(s, w, g)
        m, v = AVERAGES[average](s, "beta1", kept["m"], g), SQUARES[squares](s, "beta2", kept["v"], g)
        corrections = s.correction("beta1"), s.correction("beta2")
        return update(s, w, m, v, corrections, lambda v: root(s, v)), {"m": m, "v": v}

    return form


def with_averages(forms, first, second, **options):
    """Each form of the averages with the first update; each other update with one form of the averages."""
    (one, update), *others = forms.items()
    found = {f"{a}; {b}; {one}": adam(a, b, update, **options) for a, b in zip(first, second, strict=True)}
    return found | {name: adam("b m + (1 - b) g", second[-1], other, **options) for name, other in others}


EVERY_AVERAGE, EVERY_SQUARE = [*AVERAGES], [*SQUARES]
ADAM = with_averages(DIRECTIONS, EVERY_AVERAGE, EVERY_SQUARE)
ADAM_INSIDE = with_averages(
    {name: DIRECTIONS[name] for name in ("textbook", "reciprocals")},
    EVERY_AVERAGE,
    EVERY_SQUARE,
    root=inside,
)

# PyTorch's, the same in the format, its fused kernel's, and Keras'.
DECOUPLED = {
    "times 1 - eta lambda, in double": lambda s, w: w * s.dtype(1 - float(s.eta) * s.numbers["weight_decay"]),
    "times 1 - eta lambda": lambda s, w: w * (1 - s.eta * s["weight_decay"]),
    "less eta lambda w": lambda s, w: s.fma(w, -(s.eta * s["weight_decay"]), w),
    "less w lambda eta": lambda s, w: w - w * s["weight_decay"] * s.eta,
}


def decay_before(decay, update):
    return lambda s, w, *others: update(s, decay(s, w), *others)


def decay_after(update):
    return lambda s, w, *others: s.fma(update(s, w, *others), -(s.eta * s["weight_decay"]), w)


def decay_added(s, w, m, v, c, root):
    """optax."""
    way = (m / s.dtype(c[0])) / root(v / s.dtype(c[1]))
    return s.fma(w, -s.eta, s.fma(way, s["weight_decay"], w))


def adamw(directions, root):
    updates = {"added": decay_added}
    updates |= {
        f"{name}, {d}": decay_before(DECOUPLED[name], directions[d]) for name in DECOUPLED for d in directions
    }
    updates |= {f"after, {d}": decay_after(directions[d]) for d in directions}
    return with_averages(updates, EVERY_AVERAGE, EVERY_SQUARE, root=root)


ADAMW = adamw(DIRECTIONS, outside)
ADAMW_INSIDE = adamw({"textbook": textbook}, inside)

# ----------------------------------------------------------------------------- RMSprop, Adagrad and Adamax

OVER_ROOT = {
    "eta (g / root)": lambda s, w, g, root: s.fma(w, -s.eta, g / root),
    "(eta g) / root": lambda s, w, g, root: w - (s.eta * g) / root,
    "g (1 / root)": lambda s, w, g, root: s.fma(w, -s.eta, g * (1 / root)),
    "(eta / root) g": lambda s, w, g, root: s.fma(w, -(s.eta / root), g),
    "g / (root / -eta)": lambda s, w, g, root: w + g / (root / -s.eta),
}


def rmsprop(squares, update, average=None, *, root=outside):
    def form(s, w, g, kept):
        g = coupled(s, w, g)
        v = SQUARES[squares](s, "alpha", kept["v"], g)
        if average is None:
            return OVER_ROOT[update](s, w, g, root(s, v)), {"v": v}
        m = AVERAGES[average](s, "alpha", kept["m"], g)
        return OVER_ROOT[update](s, w, g, root(s, s.fma(v, -m, m))), {"v": v, "m": m}

    return form


def every_rmsprop(averages, **options):
    first, second = [*OVER_ROOT], [*SQUARES]
    found = {f"{squares}; {first[0]}": rmsprop(squares, first[0], averages[i % len(averages)], **options)
             for i, squares in enumerate(second)}  # fmt: skip
    return found | {one: rmsprop(second[0], one, averages[0], **options) for one in first[1:]}


def adagrad(update, *, root=outside):
    def form(s, w, g, kept):
        g = coupled(s, w, g)
        v = s.fma(kept["v"], g, g)
        return OVER_ROOT[update](s, w, g, root(s, v)), {"v": v}

    return form


OVER_LARGEST = {
    "eta ((m / c) / u)": lambda s, w, m, u, c: s.fma(w, -s.eta, (m / s.dtype(c)) / u),
    "PyTorch": lambda s, w, m, u, c: w + s.dtype(-float(s.eta) / c) * m / u,
    "PyTorch, capturable": lambda s, w, m, u, c: w + m / (u * (s.dtype(-c) / s.eta)),
    "Keras": lambda s, w, m, u, c: w - (s.eta * m) / (s.dtype(c) * u),
}


def adamax(average, update):
    def form(s, w, g, kept):
        g = coupled(s, w, g)
        m = AVERAGES[average](s, "beta1", kept["m"], g)
        u = np.maximum(s["beta2"] * kept["u"], np.abs(g) + s["eps"])
        return OVER_LARGEST[update](s, w, m, u, s.correction("beta1")), {"m": m, "u": u}

    return form


ADAMAX = {
    **{f"{name}; textbook": adamax(name, "eta ((m / c) / u)") for name in AVERAGES},
    **{name: adamax("b m + (1 - b) g", name) for name in [*OVER_LARGEST][1:]},
}

# The forms of each rule of `rules.OPTIMIZERS`, by what they are called.
FORMS = {
    "sgd": {"w - eta g": plain},
    "sgd-decay": DECAY,
    "momentum": MOMENTUM,
    "momentum-decay": MOMENTUM | {"MXNet": mxnets_velocity},
    "nesterov": NESTEROV,
    "nesterov-decay": NESTEROV,
    "dampening": DAMPENING,
    "adam": ADAM,
    "adam-inside": ADAM_INSIDE,
    "adam-decay": ADAM,
    "adamw": ADAMW,
    "adamw-inside": ADAMW_INSIDE,
    "adamax": ADAMAX,
    "adamax-decay": ADAMAX,
    "rmsprop": every_rmsprop([None]),
    "rmsprop-inside": every_rmsprop([None], root=inside),
    "rmsprop-decay": every_rmsprop([None]),
    "centered": every_rmsprop([*AVERAGES]),
    "centered-inside": every_rmsprop([*AVERAGES], root=inside),
    "adagrad": {name: adagrad(name) for name in OVER_ROOT},
    "adagrad-inside": {name: adagrad(name, root=inside) for name in OVER_ROOT},
    "adagrad-decay": {name: adagrad(name) for name in OVER_ROOT},
}

# -------------------------------------------------------------------------------------------------- clipping


def root_of_squares(s, gradients):
    total = sum((g * g).sum(axis=tuple(range(1, g.ndim))) for g in gradients)
    return np.sqrt(total)


def norm_of_norms(s, gradients):
    norms = [np.sqrt((g * g).sum(axis=tuple(range(1, g.ndim)))) for g in gradients]
    return np.sqrt(sum(norm * norm for norm in norms))


def by_factor(s, norm, gradients):
    """PyTorch."""
    factor = np.minimum(s["max_norm"] / (norm + s["clip_eps"]), s.dtype(1))
    return [g * _for_each(factor, g) for g in gradients]


def by_quotient(s, norm, gradients):
    """optax."""
    total, most = norm + s["clip_eps"], s["max_norm"]
    return [np.where(_for_each(total < most, g), g, g / _for_each(total, g) * most) for g in gradients]


def by_reciprocals(s, norm, gradients):
    """TensorFlow and Keras, where nothing is added to the norm."""
    factor = s["max_norm"] * np.minimum(1 / (norm + s["clip_eps"]), 1 / s["max_norm"])
    return [g * _for_each(factor, g) for g in gradients]


def _for_each(factor, g):
    return factor.reshape(factor.shape + (1,) * (g.ndim - 1))


CLIPPING = {
    f"{clip.__name__} of {norm.__name__}": (norm, clip)
    for norm in (root_of_squares, norm_of_norms)
    for clip in (by_factor, by_quotient, by_reciprocals)
}
