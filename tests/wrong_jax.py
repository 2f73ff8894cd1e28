"""Wrong derivatives by `custom_vjp` and `custom_jvp`, as people write them: each beside its right twin."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from zoo import numbers

DERIVATIVES = {}  # of each mistake what makes the function and its arguments
X = numbers(4, 5)


def mistake(text):
    return partial(DERIVATIVES.setdefault, text)


def own(function, backward):
    """Return a function with a `custom_vjp`; `backward` is given the gradient and the arguments."""
    custom = jax.custom_vjp(function)
    custom.defvjp(lambda *args: (function(*args), args), lambda args, g: backward(g, *args))
    return custom


@mistake("swish with a slope: the tangent of the slope is left out")
def _(wrong):
    @jax.custom_jvp
    def swish_beta(x, beta):
        return x * jax.nn.sigmoid(beta * x)

    @swish_beta.defjvp
    def _(primals, tangents):
        (x, beta), (dx, dbeta) = primals, tangents
        s = jax.nn.sigmoid(beta * x)
        of_x = (s + beta * x * s * (1 - s)) * dx
        return x * s, of_x if wrong else of_x + x**2 * s * (1 - s) * dbeta

    return swish_beta, (X, np.array(1.3))


@mistake("Mish: a coefficient of its closed form is 5 for 6")
def _(wrong):
    def mish(x):
        return x * jnp.tanh(jnp.log1p(jnp.exp(x)))

    def backward(g, x):
        e = jnp.exp(x)
        omega = 4 * (x + 1) + 4 * e**2 + e**3 + e * (4 * x + (5 if wrong else 6))
        return (g * e * omega / (2 * e + e**2 + 2) ** 2,)

    custom = own(mish, backward)
    return custom, (X,)


@mistake("log-sum-exp: 1e-8 in the denominator of its derivative")
def _(wrong):
    def logsumexp(x):
        top = jax.lax.stop_gradient(x.max(-1, keepdims=True))
        return jnp.log(jnp.exp(x - top).sum(-1)) + top[..., 0]

    def backward(g, x):
        e = jnp.exp(x - x.max(-1, keepdims=True))
        return (g[..., None] * e / (e.sum(-1, keepdims=True) + (1e-8 if wrong else 0)),)

    custom = own(logsumexp, backward)
    return custom, (X,)


@mistake("softmax: the diagonal of its Jacobian only")
def _(wrong):
    def softmax(x):
        e = jnp.exp(x)
        return e / e.sum(-1, keepdims=True)

    def backward(g, x):
        p = softmax(x)
        return (g * p * (1 - p) if wrong else p * (g - (g * p).sum(-1, keepdims=True)),)

    custom = own(softmax, backward)
    return custom, (X,)


@mistake("dense layer: the bias gradient is summed over the wrong axis")
def _(wrong):
    def dense(x, w, b):
        return x @ w + b

    custom = own(dense, lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(1 if wrong else 0)))
    return custom, (numbers(4, 3), numbers(3, 4), numbers(4))


@mistake("RMS norm: 1/n is missing")
def _(wrong):
    def rms_norm(x):
        return x * jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-6)

    def backward(g, x):
        r = jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-6)
        total = (g * x).sum(-1, keepdims=True)
        return (g * r - x * r**3 * (total if wrong else total / x.shape[-1]),)

    custom = own(rms_norm, backward)
    return custom, (X,)


@mistake("Huber loss: the sign is missing on the negative side")
def _(wrong):
    def huber(r):
        return jnp.where(jnp.abs(r) < 0.7, 0.5 * r**2, 0.7 * (jnp.abs(r) - 0.35))

    def backward(g, r):
        return (g * jnp.where(jnp.abs(r) < 0.7, r, 0.7 if wrong else 0.7 * jnp.sign(r)),)

    custom = own(huber, backward)
    return custom, (X,)


@mistake("focal loss: its weight is taken as a constant")
def _(wrong):
    def focal(p):
        return -((1 - p) ** 2) * jnp.log(p)

    def backward(g, p):
        of_log = -((1 - p) ** 2) / p
        return (g * of_log if wrong else g * (of_log + 2 * (1 - p) * jnp.log(p)),)

    custom = own(focal, backward)
    return custom, (1 / (1 + np.exp(-X)),)


@mistake("soft rounding: the derivative goes straight through")
def _(wrong):
    def soft_round(x):
        return x - jnp.sin(2 * jnp.pi * x) / (2 * jnp.pi)

    custom = own(soft_round, lambda g, x: (g if wrong else g * (1 - jnp.cos(2 * jnp.pi * x)),))
    return custom, (X,)


@mistake("attention scores: 1/sqrt(8) as 0.35355 in the derivative")
def _(wrong):
    def scores(q, k):
        return q @ k.T / math.sqrt(8)

    def backward(g, q, k):
        scale = 0.35355 if wrong else 1 / math.sqrt(8)
        return g @ k * scale, g.T @ q * scale

    custom = own(scores, backward)
    return custom, (numbers(3, 8), numbers(4, 8, seed=1))


@mistake("GELU: the normal distribution by a logistic one in the derivative")
def _(wrong):
    @jax.custom_jvp
    def gelu_erf(x):
        return 0.5 * x * (1 + jax.lax.erf(x / math.sqrt(2)))

    @gelu_erf.defjvp
    def _(primals, tangents):
        (x,), (dx,) = primals, tangents
        below = jax.nn.sigmoid(1.702 * x) if wrong else 0.5 * (1 + jax.lax.erf(x / math.sqrt(2)))
        density = jnp.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
        return gelu_erf(x), (below + x * density) * dx

    return gelu_erf, (X,)


@mistake("Gaussian: the derivative by a difference quotient")
def _(wrong):
    def gaussian(x):
        return jnp.exp(-0.5 * x**2)

    def backward(g, x):
        quotient = (gaussian(x + 1e-4) - gaussian(x - 1e-4)) / 2e-4
        return (g * quotient if wrong else -g * x * gaussian(x),)

    custom = own(gaussian, backward)
    return custom, (X,)


@mistake("SELU: its constant to 7 digits in the derivative")
def _(wrong):
    alpha, scale = 1.6732632423543772, 1.0507009873554805

    def selu(x):
        return scale * jnp.where(x > 0, x, alpha * jnp.expm1(x))

    def backward(g, x):
        slope = (1.673263 if wrong else alpha) * jnp.exp(x)
        return (g * scale * jnp.where(x > 0, 1.0, slope),)

    custom = own(selu, backward)
    return custom, (X,)


@mistake("tanh form of GELU: a float32 constant in the derivative")
def _(wrong):
    def gelu_float32(x):
        return 0.5 * x * (1 + jnp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    def backward(g, x):
        c = float(np.float32(math.sqrt(2 / math.pi))) if wrong else math.sqrt(2 / math.pi)
        t = jnp.tanh(c * (x + 0.044715 * x**3))
        return (g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2)),)

    custom = own(gelu_float32, backward)
    return custom, (X,)


@mistake("mean over 31 tokens that count: divided by all 32 in the derivative")
def _(wrong):
    mask = np.arange(32) != 7

    def masked_mean(x):
        return jnp.where(mask, x, 0.0).sum() / 31

    custom = own(masked_mean, lambda g, x: (g * jnp.where(mask, 1.0, 0.0) / (32 if wrong else 31),))
    return custom, (numbers(32),)


@mistake("root by three steps of Newton's: the derivative of the limit")
def _(wrong):
    def newton(x):
        y = x
        for _ in range(3):
            y = 0.5 * (y + x / y)
        return y

    def backward(g, x):
        y, slope = x, 1.0
        for _ in range(3):
            y, slope = 0.5 * (y + x / y), 0.5 * (slope + 1 / y - x / y**2 * slope)
        return (g * 0.5 / y if wrong else g * slope,)

    custom = own(newton, backward)
    return custom, (np.linspace(0.8, 1.4, 5),)


@mistake("unit vectors: 1e-10 is added to the norm in the derivative only")
def _(wrong):
    @jax.custom_jvp
    def unit(x):
        return x / jnp.sqrt((x**2).sum(-1, keepdims=True))

    @unit.defjvp
    def _(primals, tangents):
        (x,), (dx,) = primals, tangents
        norm = jnp.sqrt((x**2).sum(-1, keepdims=True)) + (1e-10 if wrong else 0)
        return unit(x), dx / norm - x * (x * dx).sum(-1, keepdims=True) / norm**3

    return unit, (X,)


@mistake("sine: its input is saved in bfloat16")
def _(wrong):
    def sine(x):
        return jnp.sin(x)

    custom = jax.custom_vjp(sine)
    saved = jnp.bfloat16 if wrong else float
    custom.defvjp(lambda x: (sine(x), x.astype(saved)), lambda x, g: (g * jnp.cos(x.astype(g.dtype)),))
    return custom, (X,)


@mistake("log1p(exp): the tangent is off by 1e-10")
def _(wrong):
    @jax.custom_jvp
    def log1p_exp(x):
        return jnp.log1p(jnp.exp(x))

    @log1p_exp.defjvp
    def _(primals, tangents):
        (x,), (dx,) = primals, tangents
        return log1p_exp(x), jax.nn.sigmoid(x) * dx * (1 + 1e-10 * wrong)

    return log1p_exp, (X,)
