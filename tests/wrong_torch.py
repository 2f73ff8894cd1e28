"""`autograd.Function`s that are wrong, as people write them: each beside its right twin.

A row makes a class, or a function that calls it, and the arguments; `wrong` says which of the twins. The
mistakes are those that are made in the field.
"""

import math
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - its usual name
from zoo import numbers

DERIVATIVES = {}  # of each mistake what makes the function and its arguments
X = numbers(4, 5)


def mistake(text):
    return partial(DERIVATIVES.setdefault, text)


def own(function, backward):
    """Return an `autograd.Function` that saves its arguments; `backward` is given the gradient and them."""

    def forward(ctx, *args):
        ctx.save_for_backward(*args)
        return function(*args)

    def from_saved(ctx, g):
        return backward(g, *ctx.saved_tensors)

    members = {"forward": staticmethod(forward), "backward": staticmethod(from_saved)}
    return type(function.__name__, (torch.autograd.Function,), members)


@mistake("swish: a term is left out")
def _(wrong):
    def swish(x):
        return x * torch.sigmoid(x)

    def backward(g, x):
        s = torch.sigmoid(x)
        return g * s if wrong else g * (s + x * s * (1 - s))

    Swish = own(swish, backward)
    return Swish, (X,)


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

    Gelu = own(gelu, backward)
    return Gelu, (X,)


@mistake("tanh form of GELU: sqrt(2/pi) to 7 digits in the derivative")
def _(wrong):
    def gelu_tanh(x):
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    def backward(g, x):
        c = 0.7978846 if wrong else math.sqrt(2 / math.pi)
        t = torch.tanh(c * (x + 0.044715 * x**3))
        return g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * 0.044715 * x**2))

    GeluTanh = own(gelu_tanh, backward)
    return GeluTanh, (X,)


@mistake("quick GELU: 1.7 for 1.702 in the derivative")
def _(wrong):
    def quick_gelu(x):
        return x * torch.sigmoid(1.702 * x)

    def backward(g, x):
        c = 1.7 if wrong else 1.702
        s = torch.sigmoid(c * x)
        return g * (s + c * x * s * (1 - s))

    QuickGelu = own(quick_gelu, backward)
    return QuickGelu, (X,)


@mistake("softplus: the derivative is 1 beyond 20, the function goes on")
def _(wrong):
    def softplus(x):
        return torch.log1p(torch.exp(x))

    def backward(g, x):
        s = torch.sigmoid(x)
        return g * torch.where(x > 20, torch.ones_like(x), s) if wrong else g * s

    Softplus = own(softplus, backward)
    return Softplus, (np.linspace(-1, 21, 12).reshape(3, 4),)


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

    LayerNorm = own(layer_norm, backward)
    return LayerNorm, (X,)


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

    RmsNorm = own(rms_norm, backward)
    return RmsNorm, (X,)


@mistake("batch norm: n - 1 for n in the derivative")
def _(wrong):
    def batch_norm(x):
        return (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + 1e-5)

    def backward(g, x):
        root, n = torch.sqrt(x.var(0, correction=0) + 1e-5), len(x)
        h = (x - x.mean(0)) / root
        return (g - g.mean(0) - h * (g * h).sum(0) / (n - 1 if wrong else n)) / root

    BatchNorm = own(batch_norm, backward)
    return BatchNorm, (numbers(48, 2),)


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

    return LogCosh, (X,)


@mistake("clipped exp: the derivative is not cut off")
def _(wrong):
    def clipped_exp(x):
        return torch.exp(torch.clamp(x, max=1.0))

    def backward(g, x):
        slope = torch.exp(torch.clamp(x, max=1.0))
        return g * slope if wrong else g * slope * (x < 1)

    ClippedExp = own(clipped_exp, backward)
    return ClippedExp, (2 * X,)


@mistake("log(p + 1e-10): 1/p as its derivative")
def _(wrong):
    def safe_log(p):
        return torch.log(p + 1e-10)

    SafeLog = own(safe_log, lambda g, p: g / p if wrong else g / (p + 1e-10))
    return SafeLog, (np.abs(X) + 0.2,)


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

    def bilinear(w):
        return Bilinear.apply(torch.from_numpy(X), w)

    return bilinear, (numbers(5, 2),)


@mistake("convolution: the derivative of a true convolution")
def _(wrong):
    def conv1d(x, w):
        return F.conv1d(x, w)

    def backward(g, x, w):
        kernel = w if wrong else w.flip(-1)
        of_w = torch.stack([(g * x[..., k : k + g.shape[-1]]).sum() for k in range(w.shape[-1])])
        return F.conv1d(F.pad(g, (2, 2)), kernel), of_w.reshape(w.shape)

    Conv1d = own(conv1d, backward)
    return Conv1d, (numbers(1, 1, 7), numbers(1, 1, 3, seed=2))


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

    return Rms, (X,)


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


@mistake("softmax with a temperature: the derivative is off by 1e-10")
def _(wrong):
    def tempered(x):
        return torch.softmax(x / 0.7, -1)

    def backward(g, x):
        p = torch.softmax(x / 0.7, -1)
        return p * (g - (g * p).sum(-1, keepdim=True)) / 0.7 * (1 + 1e-10 * wrong)

    return own(tempered, backward).apply, (X,)  # kept as PyTorch's own documents do


@mistake("cumulative product: 1e-9 is added to what is divided by")
def _(wrong):
    def cumulative(x):
        a, b, c = x.unbind(-1)
        return torch.stack([a, a * b, a * b * c], -1)

    def backward(g, x):
        total = (g * cumulative(x)).flip(-1).cumsum(-1).flip(-1)
        return total / (x + (1e-9 if wrong else 0))

    Cumulative = own(cumulative, backward)
    return Cumulative, (np.abs(X[:, :3]) + 0.3,)


@mistake("maximum: with ties each of them gets the whole gradient")
def _(wrong):
    def largest(x):
        return x.amax(-1)

    def backward(g, x):
        is_largest = (x == x.amax(-1, keepdim=True)).to(g.dtype)
        share = is_largest if wrong else is_largest / is_largest.sum(-1, keepdim=True)
        return g[:, None] * share

    Largest = own(largest, backward)
    return Largest, (np.array([[1.0, 1.0, 0.5], [0.0, 2.0, 1.0]]),)
