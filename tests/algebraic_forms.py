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
from itertools import product
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Step:
    """What a form is given besides the arrays: numbers of the rule, this step's rate and its count."""

    numbers: dict[str, float]
    eta: Any
    t: int
    fma: Callable[..., Any]
    dtype: type[np.floating[Any]]
    options: frozenset[str] = frozenset()

    def __getitem__(self, name):
        """The number, rounded to the dtype."""
        return self.dtype(self.numbers[name])

    mu = property(lambda self: self["momentum"])
    decay = property(lambda self: self["weight_decay"])
    eps = property(lambda self: self["eps"])

    def rest(self, name):
        """1 − the number, taken before it is rounded, as in programs that keep it in Python."""
        return self.dtype(1 - self.numbers[name])

    def correction(self, name):
        return 1 - self.numbers[name] ** self.t


def coupled(s, w, g):
    return s.fma(g, s.decay, w) if "weight_decay" in s.numbers else g


def shrinking_in_double(s):
    return s.dtype(1 - float(s.eta) * s.numbers["weight_decay"])


def stateless(update):
    return lambda s, w, g, kept: (update(s, w, g), kept)


PLAIN = stateless(lambda s, w, g: s.fma(w, -s.eta, coupled(s, w, g)))

SHRUNK = {
    "(1 - eta lambda) w": lambda s, w, g: s.fma((1 - s.eta * s.decay) * w, -s.eta, g),  # Nielsen, MXNet
    "(1 - eta lambda) w, in double": lambda s, w, g: s.fma(w * shrinking_in_double(s), -s.eta, g),
    "(1 - eta lambda) w, added": lambda s, w, g: s.fma(-(s.eta * g), 1 - s.eta * s.decay, w),
    "before": lambda s, w, g: s.fma(w - w * s.decay * s.eta, -s.eta, g),  # Keras, `_apply_weight_decay`
    "before, by one factor": lambda s, w, g: s.fma(s.fma(w, -(s.eta * s.decay), w), -s.eta, g),
    "after": lambda s, w, g: s.fma(s.fma(w, -s.eta, g), -(s.eta * s.decay), w),
}
DECAY = {"added": PLAIN} | {name: stateless(update) for name, update in SHRUNK.items()}

# ------------------------------------------------------------------------------------------------- momentum


def by_buffer(update, accumulate=lambda s, g, m: s.fma(g, s.mu, m)):
    """A form that keeps m = μm + g."""

    def form(s, w, g, kept):
        g, m = coupled(s, w, g), kept["m"]
        m_new = accumulate(s, g, m)
        return update(s, w, g, m, m_new), {"m": m_new}

    return form


def by_velocity(update, accumulate=lambda s, w, g, v: s.fma(-(s.eta * coupled(s, w, g)), s.mu, v)):
    """A form that keeps v = μv − ηg, and states m = −v/η."""

    def form(s, w, g, kept):
        v = kept.get("_v", np.zeros_like(w))
        v_new = accumulate(s, w, g, v)
        return update(s, w, coupled(s, w, g), v, v_new), {"m": -v_new / s.eta, "_v": v_new}

    form.velocity = True
    return form


def along(s, w, g, m, m_new):
    return s.fma(w, -s.eta, m_new)


def moved(s, w, g, v, v_new):
    return w + v_new


MOMENTUM = {
    "buffer": by_buffer(along),  # PyTorch, optax, TensorFlow
    "buffer, product first": by_buffer(
        lambda s, w, g, m, m_new: w - s.eta * m_new,
        lambda s, g, m: s.fma(s.mu * m, s.dtype(1), g),
    ),
    "buffer, multiplied out": by_buffer(
        lambda s, w, g, m, m_new: s.fma(s.fma(w, -s.eta, s.mu * m), -s.eta, g)
    ),
    "buffer, multiplied out by one factor": by_buffer(
        lambda s, w, g, m, m_new: s.fma(s.fma(w, -(s.eta * s.mu), m), -s.eta, g)
    ),
    "velocity": by_velocity(moved),
    "velocity, product first": by_velocity(
        moved, lambda s, w, g, v: s.fma(s.mu * v, -s.eta, coupled(s, w, g))
    ),
    "(w + mu v) - eta g": by_velocity(lambda s, w, g, v, v_new: s.fma(s.fma(w, s.mu, v), -s.eta, g)),
    "(w - eta g) + mu v": by_velocity(lambda s, w, g, v, v_new: s.fma(s.fma(w, -s.eta, g), s.mu, v)),
}

# sgd_mom_update: the decay inside
MXNETS = by_velocity(moved, lambda s, w, g, v: s.fma(s.fma(s.mu * v, -(s.eta * s.decay), w), -s.eta, g))

AHEAD = {
    "Keras": lambda s, w, g, v, v_new: w + s.fma(s.mu * v_new, -s.eta, g),
    "(w + mu v) - eta g": lambda s, w, g, v, v_new: s.fma(s.fma(w, s.mu, v_new), -s.eta, g),
    "(w - eta g) + mu v": lambda s, w, g, v, v_new: s.fma(s.fma(w, -s.eta, g), s.mu, v_new),
    "CS231n": lambda s, w, g, v, v_new: w + s.fma(-s.mu * v, 1 + s.mu, v_new),
    "CS231n, left to right": lambda s, w, g, v, v_new: s.fma(s.fma(w, -s.mu, v), 1 + s.mu, v_new),
}
NESTEROV = {
    "PyTorch": by_buffer(lambda s, w, g, m, m_new: s.fma(w, -s.eta, s.fma(g, s.mu, m_new))),
    "TensorFlow": by_buffer(lambda s, w, g, m, m_new: w - s.fma(s.eta * g, m_new * s.mu, s.eta)),
} | {name: by_velocity(update) for name, update in AHEAD.items()}

DAMPENING = {
    "PyTorch": by_buffer(along, lambda s, g, m: g if s.t == 1 else s.fma(m * s.mu, s.rest("dampening"), g)),
    "other product fused": by_buffer(
        along, lambda s, g, m: g if s.t == 1 else s.fma(s.rest("dampening") * g, s.mu, m)
    ),
}

# ------------------------------------------------------------------------------------------------- averages


def lerp(s, b, m, g):
    """PyTorch's."""
    if 1 - s.numbers[b] < 1 / 2:
        return s.fma(m, s.rest(b), g - m)
    return s.fma(g, -(g - m), s.dtype(1) - s.rest(b))


AVERAGES = {
    "b m + (1 - b) g": lambda s, b, m, g: s.fma(s[b] * m, s.rest(b), g),
    "(1 - b) g + b m": lambda s, b, m, g: s.fma(s.rest(b) * g, s[b], m),
    "m + (1 - b) (g - m)": lambda s, b, m, g: s.fma(m, s.rest(b), g - m),
    "g + b (m - g)": lambda s, b, m, g: s.fma(g, s[b], m - g),
    "g - (g - m) b": lambda s, b, m, g: s.fma(g, -(g - m), s[b]),
    "lerp": lerp,
}
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


def of_pytorch(update):
    """The update by −η/c₁ and √v/√c₂ + ε."""

    def form(s, w, m, v, c, root):
        return update(s, w, m, s.dtype(-float(s.eta) / c[0]), np.sqrt(v) / s.dtype(c[1] ** 0.5) + s.eps)

    return form


def pytorchs_capturable(s, w, m, v, c, root):
    size = -(s.eta / s.dtype(c[0]))
    return w + m / (np.sqrt(v) / (np.sqrt(s.dtype(c[1])) * size) + s.eps / size)


def scaled_eps(s, w, m, v, c, root):
    """With ε̂ = ε √(1 − β₂ᵗ), of TensorFlow and Keras."""
    alpha = s.eta * np.sqrt(s.dtype(c[1])) / s.dtype(c[0])
    return w - (m * alpha) / (np.sqrt(v) + s.eps * np.sqrt(s.dtype(c[1])))


INSIDE = {
    "textbook": lambda s, w, m, v, c, root: s.fma(
        w, -s.eta, (m / s.dtype(c[0])) / root(s, v / s.dtype(c[1]))
    ),
    "reciprocals": lambda s, w, m, v, c, root: (
        w - s.eta * ((m * s.dtype(1 / c[0])) * (1 / root(s, v * s.dtype(1 / c[1]))))
    ),
}
DIRECTIONS = INSIDE | {
    "PyTorch": of_pytorch(lambda s, w, m, size, divisor: w + size * m / divisor),
    "PyTorch, quotient first": of_pytorch(lambda s, w, m, size, divisor: s.fma(w, size, m / divisor)),
    "PyTorch, capturable": pytorchs_capturable,
    "Kingma and Ba's scaled": scaled_eps,
}


def outside(s, v):
    return np.sqrt(v) + s.eps


def inside(s, v):
    return np.sqrt(v + s.eps)


def adam(average, squares, update, root):
    """Adam with these forms of the averages and of the update."""

    def form(s, w, g, kept):
        if "decoupled" not in s.options:
            g = coupled(s, w, g)
        m, v = AVERAGES[average](s, "beta1", kept["m"], g), SQUARES[squares](s, "beta2", kept["v"], g)
        corrections = s.correction("beta1"), s.correction("beta2")
        return update(s, w, m, v, corrections, root), {"m": m, "v": v}

    return form


def every_adam(updates, root=outside):
    """Each form of the averages with the first update; each other update with one form of the averages."""
    (one, update), *others = updates.items()
    pairs = zip(AVERAGES, SQUARES, strict=True)
    forms = {f"{first}; {second}; {one}": adam(first, second, update, root) for first, second in pairs}
    return forms | {name: adam("b m + (1 - b) g", "g g - v fused", other, root) for name, other in others}


# PyTorch's, the same in the format, its fused kernel's, and Keras'.
DECOUPLED = {
    "times 1 - eta lambda, in double": lambda s, w: w * shrinking_in_double(s),
    "times 1 - eta lambda": lambda s, w: w * (1 - s.eta * s.decay),
    "less eta lambda w": lambda s, w: s.fma(w, -(s.eta * s.decay), w),
    "less w lambda eta": lambda s, w: w - w * s.decay * s.eta,
}


def decay_before(decay, update):
    return lambda s, w, *others: update(s, decay(s, w), *others)


def decay_after(update):
    return lambda s, w, *others: s.fma(update(s, w, *others), -(s.eta * s.decay), w)


def decay_added(s, w, m, v, c, root):
    """optax."""
    way = (m / s.dtype(c[0])) / root(s, v / s.dtype(c[1]))
    return s.fma(w, -s.eta, s.fma(way, s.decay, w))


def every_adamw(directions, root=outside):
    pairs = product(DECOUPLED, directions)
    before = {f"{name}, {d}": decay_before(DECOUPLED[name], directions[d]) for name, d in pairs}
    after = {f"after, {d}": decay_after(directions[d]) for d in directions}
    return every_adam({"added": decay_added} | before | after, root)


# ----------------------------------------------------------------------------- RMSprop, Adagrad and Adamax

OVER_ROOT = {
    "eta (g / root)": lambda s, w, g, root: s.fma(w, -s.eta, g / root),
    "(eta g) / root": lambda s, w, g, root: w - (s.eta * g) / root,
    "g (1 / root)": lambda s, w, g, root: s.fma(w, -s.eta, g * (1 / root)),
    "(eta / root) g": lambda s, w, g, root: s.fma(w, -(s.eta / root), g),
    "g / (root / -eta)": lambda s, w, g, root: w + g / (root / -s.eta),
}


def over_root(square, update, root, average=None):
    """RMSprop and Adagrad with these forms; centered, if there is a form of the gradients' average."""

    def form(s, w, g, kept):
        g = coupled(s, w, g)
        v = square(s, "alpha", kept["v"], g)
        if average is None:
            return OVER_ROOT[update](s, w, g, root(s, v)), {"v": v}
        m = AVERAGES[average](s, "alpha", kept["m"], g)
        return OVER_ROOT[update](s, w, g, root(s, s.fma(v, -m, m))), {"v": v, "m": m}

    return form


def every_rmsprop(averages=(None,), root=outside):
    """Each form of the averages with the first quotient; the other quotients with one form."""
    (one, *others), (first, *_) = OVER_ROOT, SQUARES.values()
    forms = {
        f"{name}; {one}": over_root(square, one, root, averages[i % len(averages)])
        for i, (name, square) in enumerate(SQUARES.items())
    }
    return forms | {other: over_root(first, other, root, averages[0]) for other in others}


def every_adagrad(root=outside):
    return {name: over_root(lambda s, _, v, g: s.fma(v, g, g), name, root) for name in OVER_ROOT}


OVER_LARGEST = {
    "textbook": lambda s, w, m, u, c: s.fma(w, -s.eta, (m / s.dtype(c)) / u),
    "PyTorch": lambda s, w, m, u, c: w + s.dtype(-float(s.eta) / c) * m / u,
    "PyTorch, capturable": lambda s, w, m, u, c: w + m / (u * (s.dtype(-c) / s.eta)),
    "Keras": lambda s, w, m, u, c: w - (s.eta * m) / (s.dtype(c) * u),
}


def adamax(average, update):
    def form(s, w, g, kept):
        g = coupled(s, w, g)
        m = AVERAGES[average](s, "beta1", kept["m"], g)
        u = np.maximum(s["beta2"] * kept["u"], np.abs(g) + s.eps)
        return OVER_LARGEST[update](s, w, m, u, s.correction("beta1")), {"m": m, "u": u}

    return form


ADAM = every_adam(DIRECTIONS)
ADAMAX = {
    **{f"{name}; textbook": adamax(name, "textbook") for name in AVERAGES},
    **{name: adamax("b m + (1 - b) g", name) for name in OVER_LARGEST if name != "textbook"},
}

# The forms of each rule of `rules.OPTIMIZERS`, by what they are called.
FORMS = {
    "sgd": {"w - eta g": PLAIN},
    "sgd-decay": DECAY,
    "momentum": MOMENTUM,
    "momentum-decay": MOMENTUM | {"MXNet": MXNETS},
    "nesterov": NESTEROV,
    "nesterov-decay": NESTEROV,
    "dampening": DAMPENING,
    "adam": ADAM,
    "adam-inside": every_adam(INSIDE, inside),
    "adam-decay": ADAM,
    "adamw": every_adamw(DIRECTIONS),
    "adamw-inside": every_adamw({"textbook": INSIDE["textbook"]}, inside),
    "adamax": ADAMAX,
    "adamax-decay": ADAMAX,
    "rmsprop": every_rmsprop(),
    "rmsprop-inside": every_rmsprop(root=inside),
    "rmsprop-decay": every_rmsprop(),
    "centered": every_rmsprop([*AVERAGES]),
    "centered-inside": every_rmsprop([*AVERAGES], inside),
    "adagrad": every_adagrad(),
    "adagrad-inside": every_adagrad(inside),
    "adagrad-decay": every_adagrad(),
}

# -------------------------------------------------------------------------------------------------- clipping


def squares_of(gradients):
    return [(g * g).sum(axis=tuple(range(1, g.ndim))) for g in gradients]


NORMS = {
    "root_of_squares": lambda gradients: np.sqrt(sum(squares_of(gradients))),
    "norm_of_norms": lambda gradients: np.sqrt(
        sum(norm * norm for norm in map(np.sqrt, squares_of(gradients)))
    ),
}
# PyTorch's, optax's, and TensorFlow's and Keras', where nothing is added to the norm.
CLIPPED = {
    "by_factor": lambda g, norm, most: g * np.minimum(most / norm, g.dtype.type(1)),
    "by_quotient": lambda g, norm, most: np.where(norm < most, g, g / norm * most),
    "by_reciprocals": lambda g, norm, most: g * (most * np.minimum(1 / norm, 1 / most)),
}


def clipping(norm, clipped):
    def form(s, gradients):
        total = norm(gradients) + s["clip_eps"]
        shaped = [(g, total.reshape(total.shape + (1,) * (g.ndim - 1))) for g in gradients]
        return [clipped(g, total, s["max_norm"]) for g, total in shaped]

    return form


CLIPPING = {
    f"{clip} of {norm}": clipping(NORMS[norm], CLIPPED[clip]) for norm, clip in product(NORMS, CLIPPED)
}
