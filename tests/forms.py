"""Correct ways of computing each activation and its derivative, written out by hand in the array's dtype.

The first takes the derivative from a where one can; all are in use, in frameworks or in textbooks. And a
product and a sum with one rounding, as processors have it.
"""

import math

import numpy as np

from cases.protocol import SIXTEEN_BITS

SPLIT = {"float64": 2.0**27 + 1, "float32": 2.0**12 + 1}


def unfused(start, a, b):
    """start + a b, with two roundings."""
    return start + a * b


def fused(start, a, b):
    """start + a b, rounded once, but for 2⁻²⁰ of a rounding: a b is two numbers, added up from the smallest.

    Source: Dekker's product and Knuth's sum (Handbook of Floating-Point Arithmetic, section 4.4).
    """
    start, a, b = np.broadcast_arrays(start, a, b)
    if a.dtype.name in SIXTEEN_BITS:  # their products are exact in float32
        return unfused(*(one.astype(np.float32) for one in (start, a, b))).astype(a.dtype)
    high = a * b
    low = _low_part_of_product(a, b, high)
    total = start + high
    back = total - start
    lost = (start - (total - back)) + (high - back)
    return total + (lost + low)


def _low_part_of_product(a, b, product):
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)


def _halves(a):
    scaled = a.dtype.type(SPLIT[a.dtype.name]) * a
    high = scaled - (scaled - a)
    return high, a - high


CUBIC = 0.044715
LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772


def each(function):
    """A function of one float64 as a function of arrays, rounded once to their dtype."""
    return lambda z: np.array([function(float(t)) for t in z.flat]).reshape(z.shape).astype(z.dtype)


ERF, ERFC = each(math.erf), each(math.erfc)


def stable_sigmoid(z):
    """e^z / (1 + e^z) for negative z, so that nothing overflows."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def plain_sigmoid(z):
    return 1 / (1 + np.exp(-z))


def logsumexp(z):
    return np.logaddexp(z, z.dtype.type(0))


def two_terms(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def z_density(z):
    return z * (np.exp(-(z * z) / 2) * z.dtype.type(1 / math.sqrt(2 * math.pi)))


def half(z):
    return z * z.dtype.type(math.sqrt(0.5))


def inner(z):
    return z.dtype.type(math.sqrt(2 / math.pi)) * (z + z.dtype.type(CUBIC) * z * z * z)


def inner_slope(z):
    return z.dtype.type(math.sqrt(2 / math.pi)) * (1 + z.dtype.type(3 * CUBIC) * (z * z))


def gelu_tanh_slope(z, a):
    t = np.tanh(inner(z))
    return z * 0.5 * (1 - t * t) * inner_slope(z) + 0.5 * (1 + t)


def gelu_sigmoid_slope(z, a):
    s = stable_sigmoid(2 * inner(z))
    return s + z * (s * (1 - s)) * (2 * inner_slope(z))


def of_sigmoid(sigmoid, function):
    """A derivative as a function of z, of a and of σ(z)."""
    return lambda z, a: function(z, a, sigmoid(z))


def below(z):
    return np.minimum(z, 0)


def step(low, high, inside=1, outside=0, of_a=False):
    def slope(z, a):
        t = a if of_a else z
        return np.where((t > low) & (t < high), z.dtype.type(inside), z.dtype.type(outside))

    return slope


VALUES = {
    "sigmoid": (plain_sigmoid, stable_sigmoid),
    "tanh": (np.tanh, np.tanh),
    "relu": (lambda z: np.where(z > 0, z, z.dtype.type(0)), lambda z: np.maximum(z, 0)),
    "identity": (lambda z: z, lambda z: z),
    "softplus": (logsumexp, two_terms),
    "gelu_erf": (lambda z: 0.5 * z * (1 + ERF(half(z))), lambda z: z * (0.5 * ERFC(-half(z)))),
    "gelu_tanh": (
        lambda z: 0.5 * z * (1 + np.tanh(inner(z))),
        lambda z: z * stable_sigmoid(2 * inner(z)),
    ),
    "silu": (lambda z: z / (1 + np.exp(-z)), lambda z: z * stable_sigmoid(z)),
    "leaky_relu": (
        lambda z: np.where(z > 0, z, z.dtype.type(0.01) * z),
        lambda z: np.maximum(z, 0) + z.dtype.type(0.01) * below(z),
    ),
    "elu": (
        lambda z: np.where(z > 0, z, np.expm1(below(z))),
        lambda z: np.maximum(z, 0) + np.expm1(below(z)),
    ),
    "selu": (
        lambda z: z.dtype.type(LAMBDA) * np.where(z > 0, z, z.dtype.type(ALPHA) * np.expm1(below(z))),
        lambda z: np.where(
            z > 0, z.dtype.type(LAMBDA) * z, z.dtype.type(LAMBDA * ALPHA) * np.expm1(below(z))
        ),
    ),
    "hardtanh": (lambda z: np.clip(z, -1, 1), lambda z: np.where(np.abs(z) < 1, z, np.sign(z))),
    "relu6": (lambda z: np.clip(z, 0, 6), lambda z: np.minimum(np.maximum(z, 0), 6)),
    "softsign": (lambda z: z / (1 + np.abs(z)), lambda z: z * (1 / (1 + np.abs(z)))),
    "log_sigmoid": (lambda z: -logsumexp(-z), lambda z: -two_terms(-z)),
}

SLOPES = {
    "sigmoid": (
        lambda z, a: a * (1 - a),
        lambda z, a: plain_sigmoid(z) * plain_sigmoid(-z),
        lambda z, a: a - a * a,
        lambda z, a: fused(a, -a, a),
    ),
    "tanh": (
        lambda z, a: 1 - a * a,
        lambda z, a: (1 - a) * (1 + a),
        lambda z, a: (1 / np.cosh(z)) * (1 / np.cosh(z)),
        lambda z, a: fused(np.ones_like(a), -a, a),
    ),
    "relu": (step(0, np.inf), step(0, np.inf, of_a=True)),
    "identity": (lambda z, a: np.ones_like(z), lambda z, a: np.ones_like(z)),
    "softplus": (lambda z, a: np.exp(z - a), lambda z, a: stable_sigmoid(z)),
    "gelu_erf": (
        lambda z, a: 0.5 * (1 + ERF(half(z))) + z_density(z),
        lambda z, a: 0.5 * ERFC(-half(z)) + z_density(z),
    ),
    "gelu_tanh": (gelu_tanh_slope, gelu_sigmoid_slope),
    "silu": (
        of_sigmoid(stable_sigmoid, lambda z, a, s: s + a * (1 - s)),
        of_sigmoid(plain_sigmoid, lambda z, a, s: s * (1 + z * (1 - s))),
        of_sigmoid(plain_sigmoid, lambda z, a, s: s + z * (s - s * s)),
    ),
    "leaky_relu": (step(0, np.inf, 1, 0.01), step(0, np.inf, 1, 0.01, of_a=True)),
    "elu": (lambda z, a: np.where(z > 0, z.dtype.type(1), a + 1), lambda z, a: np.exp(below(z))),
    "selu": (
        lambda z, a: np.where(z > 0, z.dtype.type(LAMBDA), a + z.dtype.type(LAMBDA * ALPHA)),
        lambda z, a: (
            z.dtype.type(LAMBDA) * np.where(z > 0, z.dtype.type(1), z.dtype.type(ALPHA) * np.exp(below(z)))
        ),
    ),
    "hardtanh": (step(-1, 1, of_a=True), step(-1, 1)),
    "relu6": (step(0, 6, of_a=True), step(0, 6)),
    "softsign": (
        lambda z, a: (1 - np.abs(a)) * (1 - np.abs(a)),
        lambda z, a: 1 / (1 + np.abs(z)) - np.abs(z) / ((1 + np.abs(z)) * (1 + np.abs(z))),
    ),
    "log_sigmoid": (
        lambda z, a: 1 - np.exp(a),
        lambda z, a: np.where(z < 0, 1 - stable_sigmoid(z), stable_sigmoid(-z)),
    ),
}
