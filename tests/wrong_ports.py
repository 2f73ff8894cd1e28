"""Ports that are wrong, as people write them: each original beside a port and the port's right twin.

`wrong` says which of the twins is made. It stands in the line of the mistake: that line, or the first that
computes with what it moves, is the one to be named. `PORTS` has with each mistake what is named there.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from zoo import arrays, dense, numbers, picked

PORTS = {}  # mistake: the operation that is to be named, and what makes the original and the port
X = numbers(4, 6)
IMAGES = numbers(2, 2, 6, 6)
CLASSES = np.array([0, 2, 1, 1])


def mistake(text, operation):
    def keep(make):
        PORTS[text] = operation, make
        return make

    return keep


def squares(y):
    return (y**2).mean()


def to_jax(original, ported, *data):
    """Pair a PyTorch module, or function, with a JAX function of its parameters; a loss may be in both."""
    torch.manual_seed(0)
    tensors = [torch.from_numpy(one) for one in data]
    if not isinstance(original, nn.Module):
        left = (lambda *own: squares(original(*own))), tensors
        return left, ((lambda *own: squares(ported(*own))), [*map(jnp.asarray, data)])
    for parameter in original.double().parameters():
        nn.init.normal_(parameter)
    left = (lambda model, *own: squares(model(*own))), (original, *tensors)
    return left, ((lambda p, *own: squares(ported(p, *own))), (arrays(original), *map(jnp.asarray, data)))


def to_torch(original, ported, *data):
    """Pair a JAX function with a PyTorch one."""
    right, left = to_jax(ported, original, *data)
    return left, right


# Norms.


@mistake("layer norm: 1e-6 for epsilon", "add 1e-06")
def _(wrong):
    def ported(p, x):
        centred = x - x.mean(-1, keepdims=True)
        variance = (centred**2).mean(-1, keepdims=True)
        return centred / jnp.sqrt(variance + (1e-6 if wrong else 1e-5)) * p["weight"] + p["bias"]

    return to_jax(nn.LayerNorm(6), ported, X)


@mistake("layer norm: variance by n - 1", "divide 5")
def _(wrong):
    def ported(p, x):
        variance = x.var(-1, keepdims=True, ddof=1 if wrong else 0)
        return (x - x.mean(-1, keepdims=True)) / jnp.sqrt(variance + 1e-5) * p["weight"] + p["bias"]

    return to_jax(nn.LayerNorm(6), ported, X)


@mistake("batch norm: Keras's 1e-3 for epsilon", "add 0.001")
def _(wrong):
    def ported(p, x):
        variance = x.var(0) + (1e-3 if wrong else 1e-5)
        return (x - x.mean(0)) * jax.lax.rsqrt(variance) * p["weight"] + p["bias"]

    return to_jax(nn.BatchNorm1d(6), ported, X)


@mistake("batch norm in use: the batch's mean for the running one", "sum")
def _(wrong):
    module = nn.BatchNorm1d(6).eval()
    module.running_mean += 0.1

    def ported(p, x):
        centred = x - (x.mean(0) if wrong else np.full(6, 0.1, np.float32).astype(float))
        return centred / jnp.sqrt(1 + 1e-5) * p["weight"] + p["bias"]

    return to_jax(module, ported, X)


@mistake("RMS norm: epsilon outside of the root", "sqrt")
def _(wrong):
    def original(x):
        return x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)

    def ported(x):
        mean = (x**2).mean(-1, keepdim=True)
        return x / (torch.sqrt(mean) + 1e-6 if wrong else torch.sqrt(mean + 1e-6))

    return to_torch(original, ported, X)


@mistake("unit vectors: 1e-10 under the root", "add 1e-10")
def _(wrong):
    def ported(x):
        return x / jnp.sqrt((x**2).sum(-1, keepdims=True) + (1e-10 if wrong else 0))

    return to_jax(lambda x: x / x.norm(dim=-1, keepdim=True), ported, X)


# Activations.


@mistake("GELU: JAX's default, the tanh form", "power")
def _(wrong):
    return to_jax(F.gelu, lambda x: jax.nn.gelu(x, approximate=wrong), X)


@mistake("GELU: quick form", "multiply 1.702")
def _(wrong):
    def ported(x):
        return x * jax.nn.sigmoid(1.702 * x) if wrong else jax.nn.gelu(x, approximate=False)

    return to_jax(F.gelu, ported, X)


@mistake("GELU: 1.41421 for the root of 2", "divide 1.41421")
def _(wrong):
    def ported(x):
        return x * 0.5 * (1 + torch.erf(x / (1.41421 if wrong else math.sqrt(2))))

    return to_torch(partial(jax.nn.gelu, approximate=False), ported, X)


@mistake("tanh form of GELU: 0.7978846 for the root of 2/pi", "multiply 0.7978846")
def _(wrong):
    def ported(x):
        inner = x + 0.044715 * x**3
        return 0.5 * x * (1 + jnp.tanh((0.7978846 if wrong else math.sqrt(2 / math.pi)) * inner))

    return to_jax(partial(F.gelu, approximate="tanh"), ported, X)


@mistake("softplus: goes on beyond 20, where PyTorch is linear", "exp")
def _(wrong):
    def ported(x):
        return jnp.log1p(jnp.exp(x)) if wrong else jnp.where(x > 20, x, jnp.log1p(jnp.exp(x)))

    return to_jax(F.softplus, ported, np.linspace(-1, 20.5, 12))


@mistake("leaky ReLU: a slope of 0.2 for 0.01", "multiply 0.2")
def _(wrong):
    def ported(x):
        return F.leaky_relu(x, 0.2 if wrong else 0.01)

    return to_torch(jax.nn.leaky_relu, ported, X)


@mistake("ELU with 1.5: CELU", "divide 1.5")
def _(wrong):
    return to_jax(partial(F.elu, alpha=1.5), jax.nn.celu if wrong else partial(jax.nn.elu, alpha=1.5), X)


@mistake("hard swish: a slope of 0.2 for 1/6", "multiply 0.2")
def _(wrong):
    def ported(x):
        return x * jnp.clip(0.2 * x + 0.5 if wrong else x / 6 + 0.5, 0, 1)

    return to_jax(F.hardswish, ported, X)


@mistake("SwiGLU: the halves are swapped", "logistic")
def _(wrong):
    def ported(p, x):
        gate, up = jnp.split(dense({"0_weight": p["weight"], "0_bias": p["bias"]}, "0", x), 2, -1)
        return up * jax.nn.sigmoid(up) * gate if wrong else gate * jax.nn.sigmoid(gate) * up

    class Gated(nn.Linear):
        def forward(self, x):
            gate, up = super().forward(x).chunk(2, -1)
            return F.silu(gate) * up

    return to_jax(Gated(6, 8), ported, X)


# Layers.


@mistake("dense layer: a square kernel that is not transposed", "matmul")
def _(wrong):
    def ported(p, x):
        return x @ (p["weight"] if wrong else p["weight"].T) + p["bias"]

    return to_jax(nn.Linear(6, 6), ported, X)


@mistake("dense layer: no bias", "tanh")
def _(wrong):
    def ported(p, x):
        return jnp.tanh(x @ p["0_weight"].T + (0 if wrong else p["0_bias"]))

    return to_jax(nn.Sequential(nn.Linear(6, 3), nn.Tanh()), ported, X)


@mistake("block: the norm behind the layer for the one before", "matmul")
def _(wrong):
    def norm(x):
        return (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)

    def ported(p, x):
        return x + (norm(dense(p, "1", x)) if wrong else dense(p, "1", norm(x)))

    class Block(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    return to_jax(Block(nn.LayerNorm(6, elementwise_affine=False), nn.Linear(6, 6)), ported, X)


@mistake("residual: the dropout mask behind the sum", "add")
def _(wrong):
    mask = np.arange(24).reshape(4, 6) % 3 != 1

    def ported(x):
        return torch.from_numpy(mask) * (x + x.tanh()) if wrong else x + torch.from_numpy(mask) * x.tanh()

    return to_torch(lambda x: x + mask * jnp.tanh(x), ported, X)


def convolved(p, x, padding):
    layout = ("NCHW", "OIHW", "NCHW")
    h = jax.lax.conv_general_dilated(x, p["weight"], (2, 2), padding, dimension_numbers=layout)
    return h + p["bias"][:, None, None]


@mistake("convolution of stride 2: SAME for a padding of 1", "convolution")
def _(wrong):
    def ported(p, x):
        return convolved(p, x, "SAME" if wrong else ((1, 1), (1, 1)))

    return to_jax(nn.Conv2d(2, 3, 3, stride=2, padding=1), ported, IMAGES)


@mistake("average pooling: zeros at the border are not counted", "divide")
def _(wrong):
    def ported(x):
        return F.avg_pool2d(x, 2, padding=1, count_include_pad=not wrong)

    def original(x):
        window = (1, 1, 2, 2), (1, 1, 2, 2), ((0, 0), (0, 0), (1, 1), (1, 1))
        return jax.lax.reduce_window(x, 0.0, jax.lax.add, *window) / 4

    return to_torch(original, ported, IMAGES)


@mistake("flattened images: channels last", "matmul")
def _(wrong):
    def ported(p, x):
        x = x.transpose(0, 2, 3, 1) if wrong else x
        return dense(p, "1", x.reshape(2, -1))

    return to_jax(nn.Sequential(nn.Flatten(), nn.Linear(72, 3)), ported, IMAGES)


@mistake("embedding: the factor sqrt(d)", "multiply 2")
def _(wrong):
    def ported(p, words):
        return p["weight"][words] * (2.0 if wrong else 1.0)

    return to_jax(nn.Embedding(7, 4), ported, np.array([[1, 2], [3, 0]]))


@mistake("GRU: the reset gate before the product", "multiply")
def _(wrong):
    def ported(p, x, h):
        (xr, xz, xn), (wr, wz, wn) = (jnp.split(x @ p["weight_ih"].T, 3, -1), jnp.split(p["weight_hh"], 3))
        r, z = jax.nn.sigmoid(xr + h @ wr.T), jax.nn.sigmoid(xz + h @ wz.T)
        n = jnp.tanh(xn + ((r * h) @ wn.T if wrong else r * (h @ wn.T)))
        return (1 - z) * n + z * h

    return to_jax(nn.GRUCell(6, 3, bias=False), ported, X, numbers(4, 3))


@mistake("LSTM: the order of the gates", "tanh")
def _(wrong):
    class Cell(nn.LSTMCell):
        def forward(self, x, h, c):
            return super().forward(x, (h, c))[0]

    def ported(p, x, h, c):
        i, f, g, o = jnp.split(x @ p["weight_ih"].T + h @ p["weight_hh"].T, 4, -1)
        g, o = (o, g) if wrong else (g, o)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c)

    return to_jax(Cell(6, 3, bias=False), ported, X, numbers(4, 3), numbers(4, 3, seed=1))


# Attention.


class Attention(nn.MultiheadAttention):
    def forward(self, x):
        later = torch.ones(4, 4, dtype=torch.bool).triu(1)
        return super().forward(x, x, x, need_weights=False, attn_mask=later)[0]


SCALES = {"no": 1.0, "of the width": 6**-0.5, "of 7 digits": 0.5773503, "of float32": np.float32(3**-0.5)}


def attention_port(p, x, *, scale=3**-0.5, chunks=True, heads_first=True, diagonal=0, outside=-jnp.inf, axis=-1):
    """Attend under a causal mask, with two heads of three."""
    qkv = x @ p["in_proj_weight"].T + p["in_proj_bias"]
    q, k, v = jnp.split(qkv, 3, -1) if chunks else (qkv[:, i::3] for i in range(3))
    shape, order = ((4, 2, 3), (1, 0, 2)) if heads_first else ((4, 3, 2), (2, 0, 1))
    q, k, v = (one.reshape(shape).transpose(order) for one in (q, k, v))
    scores = q @ k.swapaxes(-1, -2)
    scores = scores * scale
    masked = jnp.where(np.tril(np.ones((4, 4), bool), diagonal), scores, outside)
    weights = jax.nn.softmax(masked, axis)
    return (weights @ v).transpose(1, 0, 2).reshape(4, 6) @ p["out_proj_weight"].T + p["out_proj_bias"]


def attention(**wrong):
    return to_jax(Attention(6, 2), partial(attention_port, **wrong), X)


ATTENTION = {
    "attention: no scale": ({"scale": 1.0}, "exp", "softmax"),
    "attention: the scale of the whole width": ({"scale": 6**-0.5}, "multiply", "scores * scale"),
    "attention: a scale of 7 digits": ({"scale": 0.5773503}, "multiply", "scores * scale"),
    "attention: a scale in float32": ({"scale": float(np.float32(3**-0.5))}, "multiply", "scores * scale"),
    "attention: q, k and v interleaved": ({"chunks": False}, "gather", "qkv[:, i::3]"),
    "attention: the heads behind their features": ({"heads_first": False}, "matmul", "q @ k"),
    "attention: a causal mask that is off by one": ({"diagonal": 1}, "exp", "softmax"),
    "attention: -20 in place of minus infinity": ({"outside": -20.0}, "exp", "softmax"),
    "attention: softmax over the other axis": ({"axis": 0}, "exp", "softmax"),
}


@mistake("attention: softmax in float32", "convert")
def _(wrong):
    def ported(x):
        return jax.nn.softmax(x.astype(jnp.float32 if wrong else float)).astype(float)

    return to_jax(partial(torch.softmax, dim=-1), ported, X)


@mistake("attention: rotary halves for pairs", "gather")
def _(wrong):
    angles = np.outer(np.arange(4), [1.0, 0.1, 0.01])

    def original(x):
        a, b = x[:, ::2], x[:, 1::2]
        return jnp.stack([a * jnp.cos(angles) - b * jnp.sin(angles), a * jnp.sin(angles) + b * jnp.cos(angles)])

    def ported(x):
        a, b = x.chunk(2, -1) if wrong else (x[:, ::2], x[:, 1::2])
        c, s = torch.from_numpy(np.cos(angles)), torch.from_numpy(np.sin(angles))
        return torch.stack([a * c - b * s, a * s + b * c])

    return to_torch(original, ported, X)


# Losses.


@mistake("mean squares: the sum", "sum")
def _(wrong):
    def ported(x, y):
        return ((x - y) ** 2).sum() if wrong else ((x - y) ** 2).mean()

    return to_jax(F.mse_loss, ported, X, X[::-1].copy())


@mistake("cross-entropy: 1e-10 is added to the probabilities", "add 1e-10")
def _(wrong):
    def ported(x, y):
        p = jax.nn.softmax(x) + (1e-10 if wrong else 0)
        return -jnp.log(p)[jnp.arange(4), y].mean()

    return to_jax(F.cross_entropy, ported, X, CLASSES)


@mistake("label smoothing: spread over the other classes", "multiply")
def _(wrong):
    def ported(x, y):
        target = jax.nn.one_hot(y, 6) * 0.9 + 0.1 / 6
        target = jnp.where(jax.nn.one_hot(y, 6) == 1, 0.9, 0.1 / 5) if wrong else target
        return -(target * jax.nn.log_softmax(x)).sum(-1).mean()

    return to_jax(partial(F.cross_entropy, label_smoothing=0.1), ported, X, CLASSES)


@mistake("binary cross-entropy: probabilities are cut off at 1e-7", "minimum")
def _(wrong):
    def ported(x, y):
        p = jax.nn.sigmoid(x)
        p = jnp.clip(p, 1e-7, 1 - 1e-7) if wrong else p
        return -(y * jnp.log(p) + (1 - y) * jnp.log(1 - p)).mean()

    y = np.arange(12) % 2.0
    return to_jax(F.binary_cross_entropy_with_logits, ported, np.linspace(-3, 18, 12), y)


@mistake("smooth L1 with 0.5: Huber's loss", "multiply 0.5")
def _(wrong):
    def ported(x, y):
        r = jnp.abs(x - y)
        h = jnp.where(r < 0.5, 0.5 * r**2, 0.5 * (r - 0.25))
        return (h if wrong else h / 0.5).mean()

    return to_jax(partial(F.smooth_l1_loss, beta=0.5), ported, X, X[::-1].copy())


@mistake("cosine similarity: 1e-6 is added to the norms", "add 1e-06")
def _(wrong):
    def ported(x, y):
        norms = jnp.sqrt((x**2).sum(-1)) * jnp.sqrt((y**2).sum(-1))
        return (x * y).sum(-1) / (norms + (1e-6 if wrong else 0))

    return to_jax(F.cosine_similarity, ported, X, X[::-1].copy())
