"""Derivatives of people's own that are wrong, as they are written: each beside its right twin.

A row makes a function and its arguments; `wrong` says which of the twins. The functions are known from papers
and frameworks, and the mistakes from their trackers.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - its usual name
from zoo import numbers

DERIVATIVES = {}  # mistake: what makes the function and its arguments
X = numbers(4, 5)
SQUARE = numbers(4, 4, seed=1)


def mistake(text):
    def keep(make):
        DERIVATIVES[text] = make
        return make

    return keep


def own_torch(function, backward):
    """Return an `autograd.Function` that saves its arguments; `backward` is given the gradient and them."""

    def forward(ctx, *args):
        ctx.save_for_backward(*args)
        return function(*args)

    def from_saved(ctx, g):
        return backward(g, *ctx.saved_tensors)

    members = {"forward": staticmethod(forward), "backward": staticmethod(from_saved)}
    return type(function.__name__, (torch.autograd.Function,), members)


def own_jax(function, backward):
    """Return a function with a `custom_vjp`; `backward` is given the gradient and the arguments."""
    own = jax.custom_vjp(function)
    own.defvjp(lambda *args: (function(*args), args), lambda args, g: backward(g, *args))
    return own


# PyTorch.


@mistake("swish: a term is left out")
def _(wrong):
    def swish(x):
        return x * torch.sigmoid(x)

    def backward(g, x):
        s = torch.sigmoid(x)
        return g * s if wrong else g * (s + x * s * (1 - s))

    own = own_torch(swish, backward)
    return lambda x: own.apply(x), (X,)


@mistake("GELU by erf, with the derivative of the tanh form")
def _(wrong):
    def gelu(x):
        return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))

    def backward(g, x):
        if wrong:
            t = torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
            slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
            return g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * slope)
        density = torch.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
        return g * (0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * density)

    own = own_torch(gelu, backward)
    return lambda x: own.apply(x), (X,)


@mistake("tanh form of GELU: sqrt(2/pi) to 7 digits in the derivative")
def _(wrong):
    def gelu_tanh(x):
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    def backward(g, x):
        c = 0.7978846 if wrong else math.sqrt(2 / math.pi)
        t = torch.tanh(c * (x + 0.044715 * x**3))
        return g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2))

    own = own_torch(gelu_tanh, backward)
    return lambda x: own.apply(x), (X,)


@mistake("quick GELU: 1.7 for 1.702 in the derivative")
def _(wrong):
    def quick_gelu(x):
        return x * torch.sigmoid(1.702 * x)

    def backward(g, x):
        c = 1.7 if wrong else 1.702
        s = torch.sigmoid(c * x)
        return g * (s + c * x * s * (1 - s))

    own = own_torch(quick_gelu, backward)
    return lambda x: own.apply(x), (X,)


@mistake("softplus: the derivative is 1 beyond 20, the function goes on")
def _(wrong):
    def softplus(x):
        return torch.log1p(torch.exp(x))

    def backward(g, x):
        s = torch.sigmoid(x)
        return g * torch.where(x > 20, torch.ones_like(x), s) if wrong else g * s

    own = own_torch(softplus, backward)
    return lambda x: own.apply(x), (np.linspace(-1, 21, 12).reshape(3, 4),)


def layer_norm_row(of_mean, of_variance, eps_wrong=1e-5):
    def layer_norm(x):
        centred = x - x.mean(-1, keepdim=True)
        return centred * torch.rsqrt((centred**2).mean(-1, keepdim=True) + 1e-5)

    def backward(g, x):
        centred = x - x.mean(-1, keepdim=True)
        root = torch.rsqrt((centred**2).mean(-1, keepdim=True) + eps_wrong)
        n = centred * root
        by_mean, by_variance = g.mean(-1, keepdim=True), n * (g * n).mean(-1, keepdim=True)
        return root * (g - of_mean * by_mean - of_variance * by_variance)

    own = own_torch(layer_norm, backward)
    return lambda x: own.apply(x), (X,)


@mistake("layer norm: the mean is taken as a constant")
def _(wrong):
    return layer_norm_row(not wrong, 1)


@mistake("layer norm: the variance is taken as a constant")
def _(wrong):
    return layer_norm_row(1, not wrong)


@mistake("layer norm: epsilon is left out of the derivative")
def _(wrong):
    return layer_norm_row(1, 1, 0.0 if wrong else 1e-5)


@mistake("RMS norm: epsilon outside of the root in the derivative")
def _(wrong):
    def rms_norm(x):
        return x / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-6)

    def backward(g, x):
        squares = (x**2).mean(-1, keepdim=True)
        root = torch.sqrt(squares) + 1e-6 if wrong else torch.sqrt(squares + 1e-6)
        return g / root - x * (g * x).mean(-1, keepdim=True) / root**3

    own = own_torch(rms_norm, backward)
    return lambda x: own.apply(x), (X,)


@mistake("batch norm: n - 1 for n in the derivative")
def _(wrong):
    def batch_norm(x):
        return (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + 1e-5)

    def backward(g, x):
        root, n = torch.sqrt(x.var(0, correction=0) + 1e-5), len(x)
        h = (x - x.mean(0)) / root
        return (g - g.mean(0) - h * (g * h).sum(0) / (n - 1 if wrong else n)) / root

    own = own_torch(batch_norm, backward)
    return lambda x: own.apply(x), (numbers(48, 2),)


@mistake("log cosh: its input is saved in float32")
def _(wrong):
    class LogCosh(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x.float() if wrong else x)
            return torch.log(torch.exp(x) + torch.exp(-x)) - math.log(2)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * torch.tanh(x.to(g.dtype))

    return lambda x: LogCosh.apply(x), (X,)


@mistake("clipped exp: the derivative is not cut off")
def _(wrong):
    def clipped_exp(x):
        return torch.exp(torch.clamp(x, max=1.0))

    def backward(g, x):
        slope = torch.exp(torch.clamp(x, max=1.0))
        return g * slope if wrong else g * slope * (x < 1)

    own = own_torch(clipped_exp, backward)
    return lambda x: own.apply(x), (2 * X,)


@mistake("log(p + 1e-10): 1/p as its derivative")
def _(wrong):
    def safe_log(p):
        return torch.log(p + 1e-10)

    own = own_torch(safe_log, lambda g, p: g / p if wrong else g / (p + 1e-10))
    return lambda p: own.apply(p), (np.abs(X) + 0.2,)


@mistake("bilinear form: needs_input_grad of the other argument is asked")
def _(wrong):
    class Bilinear(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x @ w

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            of_x, of_w = ctx.needs_input_grad[:: -1 if wrong else 1]
            return g @ w.T if of_x else None, x.T @ g if of_w else None

    return lambda w: Bilinear.apply(torch.from_numpy(X), w), (numbers(5, 2),)


@mistake("convolution: the derivative of a true convolution")
def _(wrong):
    def conv1d(x, w):
        return F.conv1d(x, w)

    def backward(g, x, w):
        kernel = w if wrong else w.flip(-1)
        of_w = torch.stack([(g * x[..., k : k + g.shape[-1]]).sum() for k in range(w.shape[-1])])
        return F.conv1d(F.pad(g, (2, 2)), kernel), of_w.reshape(w.shape)

    own = own_torch(conv1d, backward)
    return lambda x, w: own.apply(x, w), (numbers(1, 1, 7), numbers(1, 1, 3, seed=2))


@mistake("RMS: epsilon is added in place to what was saved, and again")
def _(wrong):
    class Rms(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            squares = (x**2).mean(-1)
            ctx.save_for_backward(x, squares)
            return torch.sqrt(squares.add_(1e-5))

        @staticmethod
        def backward(ctx, g):
            x, squares = ctx.saved_tensors
            root = torch.sqrt(squares + (1e-5 if wrong else 0))
            return (g / root)[:, None] * x / x.shape[-1]

    return lambda x: Rms.apply(x), (X,)


@mistake("router with a second output: its gradient is ignored")
def _(wrong):
    class Router(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            p = torch.softmax(x, -1)
            ctx.save_for_backward(p)
            return p, (p**2).sum()

        @staticmethod
        def backward(ctx, g, g_balance):
            (p,) = ctx.saved_tensors
            total = g if wrong else g + 2 * g_balance * p
            return p * (total - (total * p).sum(-1, keepdim=True))

    def router(x):
        p, balance = Router.apply(x)
        return p + 1e-3 * balance

    return router, (X,)


# JAX.


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

    return lambda x, beta: swish_beta(x, beta), (X, np.array(1.3))


@mistake("Mish: a coefficient of its closed form is 5 for 6")
def _(wrong):
    def mish(x):
        return x * jnp.tanh(jnp.log1p(jnp.exp(x)))

    def backward(g, x):
        e = jnp.exp(x)
        omega = 4 * (x + 1) + 4 * e**2 + e**3 + e * (4 * x + (5 if wrong else 6))
        return (g * e * omega / (2 * e + e**2 + 2) ** 2,)

    own = own_jax(mish, backward)
    return lambda x: own(x), (X,)


@mistake("log-sum-exp: 1e-8 in the denominator of its derivative")
def _(wrong):
    def logsumexp(x):
        top = jax.lax.stop_gradient(x.max(-1, keepdims=True))
        return jnp.log(jnp.exp(x - top).sum(-1)) + top[..., 0]

    def backward(g, x):
        e = jnp.exp(x - x.max(-1, keepdims=True))
        return (g[..., None] * e / (e.sum(-1, keepdims=True) + (1e-8 if wrong else 0)),)

    own = own_jax(logsumexp, backward)
    return lambda x: own(x), (X,)


@mistake("softmax: the diagonal of its Jacobian only")
def _(wrong):
    def softmax(x):
        e = jnp.exp(x)
        return e / e.sum(-1, keepdims=True)

    def backward(g, x):
        p = softmax(x)
        return (g * p * (1 - p) if wrong else p * (g - (g * p).sum(-1, keepdims=True)),)

    own = own_jax(softmax, backward)
    return lambda x: own(x), (X,)


@mistake("dense layer: the bias gradient is summed over the wrong axis")
def _(wrong):
    def dense(x, w, b):
        return x @ w + b

    own = own_jax(dense, lambda g, x, w, b: (g @ w.T, x.T @ g, g.sum(1 if wrong else 0)))
    return lambda x, w, b: own(x, w, b), (numbers(4, 3), numbers(3, 4), numbers(4))


@mistake("RMS norm: 1/n is missing")
def _(wrong):
    def rms_norm(x):
        return x * jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-6)

    def backward(g, x):
        r = jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-6)
        total = (g * x).sum(-1, keepdims=True)
        return (g * r - x * r**3 * (total if wrong else total / x.shape[-1]),)

    own = own_jax(rms_norm, backward)
    return lambda x: own(x), (X,)


@mistake("Huber loss: the sign is missing on the negative side")
def _(wrong):
    def huber(r):
        return jnp.where(jnp.abs(r) < 0.7, 0.5 * r**2, 0.7 * (jnp.abs(r) - 0.35))

    def backward(g, r):
        return (g * jnp.where(jnp.abs(r) < 0.7, r, 0.7 if wrong else 0.7 * jnp.sign(r)),)

    own = own_jax(huber, backward)
    return lambda r: own(r), (X,)


@mistake("focal loss: its weight is taken as a constant")
def _(wrong):
    def focal(p):
        return -((1 - p) ** 2) * jnp.log(p)

    def backward(g, p):
        of_log = -((1 - p) ** 2) / p
        return (g * of_log if wrong else g * (of_log + 2 * (1 - p) * jnp.log(p)),)

    own = own_jax(focal, backward)
    return lambda p: own(p), (1 / (1 + np.exp(-X)),)


@mistake("soft rounding: the derivative goes straight through")
def _(wrong):
    def soft_round(x):
        return x - jnp.sin(2 * jnp.pi * x) / (2 * jnp.pi)

    own = own_jax(soft_round, lambda g, x: (g if wrong else g * (1 - jnp.cos(2 * jnp.pi * x)),))
    return lambda x: own(x), (X,)


@mistake("attention scores: 1/sqrt(8) as 0.35355 in the derivative")
def _(wrong):
    def scores(q, k):
        return q @ k.T / math.sqrt(8)

    def backward(g, q, k):
        scale = 0.35355 if wrong else 1 / math.sqrt(8)
        return g @ k * scale, g.T @ q * scale

    own = own_jax(scores, backward)
    return lambda q, k: own(q, k), (numbers(3, 8), numbers(4, 8, seed=1))


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

    return lambda x: gelu_erf(x), (X,)


@mistake("Gaussian: the derivative by a difference quotient")
def _(wrong):
    def gaussian(x):
        return jnp.exp(-0.5 * x**2)

    def backward(g, x):
        quotient = (gaussian(x + 1e-5) - gaussian(x - 1e-5)) / 2e-5
        return (g * quotient if wrong else -g * x * gaussian(x),)

    own = own_jax(gaussian, backward)
    return lambda x: own(x), (X,)


@mistake("SELU: its constant to 7 digits in the derivative")
def _(wrong):
    alpha, scale = 1.6732632423543772, 1.0507009873554805

    def selu(x):
        return scale * jnp.where(x > 0, x, alpha * jnp.expm1(x))

    def backward(g, x):
        slope = (1.673263 if wrong else alpha) * jnp.exp(x)
        return (g * scale * jnp.where(x > 0, 1.0, slope),)

    own = own_jax(selu, backward)
    return lambda x: own(x), (X,)


@mistake("tanh form of GELU: a float32 constant in the derivative")
def _(wrong):
    def gelu_float32(x):
        return 0.5 * x * (1 + jnp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    def backward(g, x):
        c = float(np.float32(math.sqrt(2 / math.pi))) if wrong else math.sqrt(2 / math.pi)
        t = jnp.tanh(c * (x + 0.044715 * x**3))
        return (g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2)),)

    own = own_jax(gelu_float32, backward)
    return lambda x: own(x), (X,)


@mistake("mean over 31 tokens that count: divided by all 32 in the derivative")
def _(wrong):
    mask = np.arange(32) != 7

    def masked_mean(x):
        return jnp.where(mask, x, 0.0).sum() / 31

    own = own_jax(masked_mean, lambda g, x: (g * jnp.where(mask, 1.0, 0.0) / (32 if wrong else 31),))
    return lambda x: own(x), (numbers(32),)


@mistake("root by four steps of Newton's: the derivative of the limit")
def _(wrong):
    def newton(x):
        y = x
        for _ in range(4):
            y = 0.5 * (y + x / y)
        return y

    def backward(g, x):
        y, slope = x, 1.0
        for _ in range(4):
            y, slope = 0.5 * (y + x / y), 0.5 * (slope + 1 / y - x / y**2 * slope)
        return (g * 0.5 / y if wrong else g * slope,)

    own = own_jax(newton, backward)
    return lambda x: own(x), (np.linspace(0.6, 1.8, 5),)


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

    return lambda x: unit(x), (X,)
