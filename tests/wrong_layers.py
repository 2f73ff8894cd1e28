"""Ports of layers, attention and losses that are wrong, as those of `wrong_ports` are."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from wrong_ports import X, again, mistake, of_module, of_module_to_jax, tensors, to_jax, to_torch
from zoo import numbers

Y = numbers(4, 6, seed=1)
CLASSES = np.array([0, 2, 1, 1])

# Layers.


@mistake("dense layer: a square kernel that is not transposed", "matmul")
def _(wrong):
    def ported(p, x):
        return x @ (p["weight"] if wrong else p["weight"].T) + p["bias"]

    return of_module_to_jax(nn.Linear(6, 6), ported, X)


@mistake("dense layer: no bias", "tanh")
def _(wrong):
    def ported(p, x):
        return torch.tanh(x @ p["0_weight"].T + (0 if wrong else p["0_bias"]))

    return of_module(nn.Sequential(nn.Linear(6, 3), nn.Tanh()), ported, X)


@mistake("block: the norm behind the layer for the one before", "matmul")
def _(wrong):
    class Block(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    def ported(p, x):
        y = x @ p["1_weight"].T + p["1_bias"] if wrong else F.layer_norm(x, (6,))
        return x + (F.layer_norm(y, (6,)) if wrong else y @ p["1_weight"].T + p["1_bias"])

    return of_module(Block(nn.LayerNorm(6, elementwise_affine=False), nn.Linear(6, 6)), ported, X)


@mistake("residual: the dropout mask behind the sum", "add")
def _(wrong):
    mask = np.arange(24).reshape(4, 6) % 3 != 1

    def ported(x):
        kept = torch.from_numpy(mask)
        return kept * (x + torch.tanh(x)) if wrong else x + kept * torch.tanh(x)

    return to_torch(lambda x: x + mask * jnp.tanh(x), ported, X)


@mistake("convolution of stride 2: SAME for a padding of 1", "gather", "conv_general_dilated")
def _(wrong):
    def ported(x, w):
        padding = "SAME" if wrong else ((1, 1),)
        return jax.lax.conv_general_dilated(x, w, (2,), padding, dimension_numbers=("NCW", "OIW", "NCW"))

    original = partial(F.conv1d, stride=2, padding=1)
    return to_jax(original, ported, numbers(2, 2, 6), numbers(3, 2, 3))


@mistake("average pooling: zeros at the border are not counted", "divide")
def _(wrong):
    def original(x):
        return jnp.pad(x, ((0, 0), (1, 1))).reshape(4, 4, 2).mean(-1)

    def ported(x):
        zeros = torch.zeros(4, 1, dtype=x.dtype)
        windows = torch.cat([zeros, x, zeros], -1).reshape(4, 4, 2)
        return windows.sum(-1) / (torch.tensor([1.0, 2, 2, 1]) if wrong else 2)

    return to_torch(original, ported, X)


@mistake("flattened images: channels last", "matmul", "@ w.T")
def _(wrong):
    def ported(x, w):
        flat = (x.permute(0, 2, 3, 1) if wrong else x).flatten(1)
        return flat @ w.T

    return again(lambda x, w: F.linear(x.flatten(1), w), ported, numbers(4, 2, 2, 2), numbers(3, 8))


@mistake("embedding: the factor sqrt(d)", "multiply 2")
def _(wrong):
    words = np.array([[1, 2], [3, 0]])

    def ported(w):
        return w[words] * (2.0 if wrong else 1.0)

    return to_jax(lambda w: F.embedding(torch.from_numpy(words), w), ported, X)


@mistake("GRU: the reset gate before the product", "multiply")
def _(wrong):
    def ported(p, x, h):
        (xr, xz, xn), (wr, wz, wn) = (x @ p["weight_ih"].T).chunk(3, -1), p["weight_hh"].chunk(3)
        r, z = torch.sigmoid(xr + h @ wr.T), torch.sigmoid(xz + h @ wz.T)
        inner = (r * h) @ wn.T if wrong else r * (h @ wn.T)
        return (1 - z) * torch.tanh(xn + inner) + z * h

    return of_module(nn.GRUCell(6, 3, bias=False), ported, X, numbers(4, 3))


@mistake("LSTM: the order of the gates", "tanh", "torch.tanh(g)")
def _(wrong):
    class Cell(nn.LSTMCell):
        def forward(self, x, h, c):
            return super().forward(x, (h, c))[0]

    def ported(p, x, h, c):
        i, f, g, o = (x @ p["weight_ih"].T + h @ p["weight_hh"].T).chunk(4, -1)
        g, o = (o, g) if wrong else (g, o)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c)

    return of_module(Cell(6, 3, bias=False), ported, X, numbers(4, 3), numbers(4, 3, seed=1))


# Attention.


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(6, 18), nn.Linear(6, 6)

    def forward(self, x):
        q, k, v = (one.view(1, 4, 2, 3).transpose(1, 2) for one in self.qkv(x).split(6, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(mixed.transpose(1, 2).reshape(4, 6))


def attend(p, x, *, scale=3**-0.5, chunks=True, heads_first=True, diagonal=1, outside=-math.inf, dim=-1):
    """Attend under a causal mask, with two heads of three."""
    qkv = x @ p["qkv_weight"].T + p["qkv_bias"]
    q, k, v = qkv.chunk(3, -1) if chunks else (qkv[:, i::3] for i in range(3))
    shape, order = ((4, 2, 3), (1, 0, 2)) if heads_first else ((4, 3, 2), (2, 0, 1))
    q, k, v = (one.reshape(shape).permute(order) for one in (q, k, v))
    scores = q @ k.transpose(-1, -2) * scale
    masked = scores.masked_fill(torch.ones(4, 4, dtype=torch.bool).triu(diagonal), outside)
    weights = torch.softmax(masked, dim)
    return (weights @ v).permute(1, 0, 2).reshape(4, 6) @ p["out_weight"].T + p["out_bias"]


ATTENTION = {
    "no scale": ({"scale": 1.0}, "matmul", "* scale"),
    "the scale of the whole width": ({"scale": 6**-0.5}, "matmul", "* scale"),
    "a scale of 7 digits": ({"scale": 0.5773503}, "matmul", "* scale"),
    "a scale in float32": ({"scale": float(np.float32(3**-0.5))}, "matmul", "* scale"),
    "q, k and v interleaved": ({"chunks": False}, "gather", "qkv[:, i::3]"),
    "the heads behind their features": ({"heads_first": False}, "matmul", "q @ k"),
    "a causal mask that is off by one": ({"diagonal": 2}, "select", "masked_fill"),
    "-20 in place of minus infinity": ({"outside": -20.0}, "select", "masked_fill"),
    "softmax over the other axis": ({"dim": -2}, "max (_softmax", "torch.softmax"),
}


def attention(given, wrong):
    return of_module(Attention(), partial(attend, **(given if wrong else {})), X)


for text, (given, operation, line) in ATTENTION.items():
    mistake(f"attention: {text}", operation, line)(partial(attention, given))


@mistake("rotary embedding: halves for pairs", "gather")
def _(wrong):
    c, s = np.cos(np.arange(4)), np.sin(np.arange(4))

    def original(x):
        a, b = x[:, ::2], x[:, 1::2]
        return jnp.concatenate([a.T * c - b.T * s, a.T * s + b.T * c])

    def ported(x):
        a, b = x.chunk(2, -1) if wrong else (x[:, ::2], x[:, 1::2])
        c_, s_ = tensors((c, s))
        return torch.cat([a.T * c_ - b.T * s_, a.T * s_ + b.T * c_])

    return to_torch(original, ported, X)


# Losses.


@mistake("mean squares: the sum", "divide 24", "")
def _(wrong):
    return again(
        F.mse_loss,
        lambda x, y: ((x - y) ** 2).sum() if wrong else ((x - y) ** 2).mean(),
        X,
        Y,
    )


@mistake("cross-entropy: 1e-10 is added to the probabilities", "add 1e-10")
def _(wrong):
    def ported(x, y):
        p = torch.softmax(x, -1) + (1e-10 if wrong else 0)
        return F.nll_loss(torch.log(p), y)

    return again(lambda x, y: F.nll_loss(torch.log(torch.softmax(x, -1)), y), ported, X, CLASSES)


@mistake("label smoothing: spread over the other classes", "multiply", "target *")
def _(wrong):
    def original(x, y):
        return -((jax.nn.one_hot(y, 6) * 0.9 + 0.1 / 6) * jax.nn.log_softmax(x)).sum(-1).mean()

    def ported(x, y):
        right = torch.eye(6, dtype=x.dtype)[y]
        others = 0.1 / 5 * (1 - right) if wrong else 0.1 / 6
        target = right * 0.9 + others
        return -(target * torch.log_softmax(x, -1)).sum(-1).mean()

    return to_torch(original, ported, X, CLASSES)


@mistake("binary cross-entropy: probabilities are cut off at 1e-7", "minimum")
def _(wrong):
    def ported(x, y):
        p = torch.sigmoid(x).clamp(1e-7, 1 - 1e-7) if wrong else torch.sigmoid(x)
        return F.binary_cross_entropy(p, y)

    def original(x, y):
        return F.binary_cross_entropy(torch.sigmoid(x), y)

    return again(original, ported, np.linspace(-3, 18, 12), np.arange(12) % 2.0)


@mistake("smooth L1 with 0.5: Huber's loss", "multiply 0.5")
def _(wrong):
    def ported(x, y):
        return F.huber_loss(x, y, delta=0.5) if wrong else F.smooth_l1_loss(x, y, beta=0.5)

    return again(partial(F.smooth_l1_loss, beta=0.5), ported, X, Y)


@mistake("cosine similarity: 1e-6 is added to the norms", "add 1e-06")
def _(wrong):
    def original(x, y):
        return (x * y).sum(-1) / jnp.sqrt((x**2).sum(-1) * (y**2).sum(-1))

    def ported(x, y):
        norms = torch.sqrt((x**2).sum(-1) * (y**2).sum(-1))
        return (x * y).sum(-1) / (norms + (1e-6 if wrong else 0))

    return to_torch(original, ported, X, Y)
