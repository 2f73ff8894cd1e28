"""Training losses as people write them, in PyTorch and in JAX: an original and its port.

Run as a program it prints what is certified of each, in each number format.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from cases.protocol import Verdict
from reports.certify import certify_gradients


@dataclass(frozen=True)
class Pair:
    """A PyTorch loss with its arguments, and the same in JAX."""

    torch: tuple[Any, tuple[Any, ...]]
    jax: tuple[Any, tuple[Any, ...]]


def arrays(module):
    """Return a module's parameters as JAX arrays by their names, with _ for each dot."""
    return {name.replace(".", "_"): jnp.asarray(p.detach().numpy()) for name, p in module.named_parameters()}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def pair(loss, module, port, *data):
    """Make a pair that computes in float64 of a PyTorch module, and a JAX function of its parameters."""
    module = module.double()
    tensors = tuple(torch.from_numpy(np.asarray(array)) for array in data)
    return Pair((loss, (module, *tensors)), (port, (arrays(module), *map(jnp.asarray, data))))


def mean_squares(model, x, y):
    return F.mse_loss(model(x), y)


def cross_entropy(model, x, y):
    return F.cross_entropy(model(x), y)


def dense(p, name, x):
    return x @ p[f"{name}_weight"].T + p[f"{name}_bias"]


def picked(logits, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1).mean()


def normed(p, name, x, eps=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred**2).mean(-1, keepdims=True)
    return centred / jnp.sqrt(variance + eps) * p[f"{name}_weight"] + p[f"{name}_bias"]


def mlp(activation, port):
    module = nn.Sequential(nn.Linear(4, 5), activation, nn.Linear(5, 3))

    def loss(p, x, y):
        return ((dense(p, "2", port(dense(p, "0", x))) - y) ** 2).mean()

    return pair(mean_squares, module, loss, numbers(6, 4), numbers(6, 3, seed=1))


def classifier(approximate=False, eps=1e-5, ddof=0):
    """GELU, layer norm and cross-entropy; a port may be wrong in each."""
    module = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3))

    def loss(p, x, y):
        h = jax.nn.gelu(dense(p, "0", x), approximate=approximate)
        centred = h - h.mean(-1, keepdims=True)
        h = centred / jnp.sqrt((centred**2).sum(-1, keepdims=True) / (8 - ddof) + eps)
        return picked(dense(p, "3", h * p["2_weight"] + p["2_bias"]), y)

    return pair(cross_entropy, module, loss, numbers(5, 6), np.array([0, 1, 2, 1, 0]))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.last = nn.LayerNorm(8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x):
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.down(F.gelu(self.up(self.last(x))))


def attention_port(p, x, y):
    h = normed(p, "norm", x)
    qkv = h @ p["attention_in_proj_weight"].T + p["attention_in_proj_bias"]
    q, k, v = (a.reshape(2, 3, 2, 4).transpose(0, 2, 1, 3) for a in jnp.split(qkv, 3, axis=-1))
    weights = jax.nn.softmax(q @ k.swapaxes(-1, -2) / jnp.sqrt(4.0))
    mixed = (weights @ v).transpose(0, 2, 1, 3).reshape(2, 3, 8)
    x = x + dense(p, "attention_out_proj", mixed)
    x = x + dense(p, "down", jax.nn.gelu(dense(p, "up", normed(p, "last", x)), approximate=False))
    return ((x - y) ** 2).mean()


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Linear(12, 4)

    def forward(self, x):
        return self.last(F.max_pool2d(F.relu(self.norm(self.first(x))), 2).flatten(1))


def convolutions_port(p, x, y):
    layout = ("NCHW", "OIHW", "NCHW")
    h = jax.lax.conv_general_dilated(x, p["first_weight"], (1, 1), "SAME", dimension_numbers=layout)
    h = h + p["first_bias"][:, None, None]
    centred = h - h.mean((0, 2, 3), keepdims=True)
    h = centred / jnp.sqrt((centred**2).mean((0, 2, 3), keepdims=True) + 1e-5)
    h = jax.nn.relu(h * p["norm_weight"][:, None, None] + p["norm_bias"][:, None, None])
    h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return picked(dense(p, "last", h.reshape(2, -1)), y)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.cell, self.last = nn.Embedding(7, 3), nn.GRUCell(3, 4), nn.Linear(4, 3)

    def forward(self, words):
        h = torch.zeros(2, 4, dtype=self.table.weight.dtype)
        for word in words.T:
            h = self.cell(self.table(word), h)
        return self.last(h)


def recurrent_port(p, words, y):
    def step(h, word):
        x = p["table_weight"][word] @ p["cell_weight_ih"].T + p["cell_bias_ih"]
        s = h @ p["cell_weight_hh"].T + p["cell_bias_hh"]
        (xr, xz, xn), (hr, hz, hn) = jnp.split(x, 3, -1), jnp.split(s, 3, -1)
        z = jax.nn.sigmoid(xz + hz)
        return (1 - z) * jnp.tanh(xn + jax.nn.sigmoid(xr + hr) * hn) + z * h, None

    h, _ = jax.lax.scan(step, jnp.zeros((2, 4)), words.T)
    return picked(dense(p, "last", h), y)


CLASSES = np.array([2, 0])
PAIRS = {
    "layer norm, GELU and cross-entropy": classifier,
    "attention block": lambda: pair(
        mean_squares, Attention(), attention_port, numbers(2, 3, 8), numbers(2, 3, 8, seed=1)
    ),
    "convolution, batch norm and pooling": lambda: pair(
        cross_entropy, Convolutions(), convolutions_port, numbers(2, 2, 4, 4), CLASSES
    ),
    "embedding, GRU cell and cross-entropy": lambda: pair(
        cross_entropy, Recurrent(), recurrent_port, np.array([[1, 2, 5], [3, 4, 0]]), CLASSES
    ),
    "ELU": lambda: mlp(nn.ELU(), jax.nn.elu),
    "SiLU": lambda: mlp(nn.SiLU(), jax.nn.silu),
    "tanh form of GELU": lambda: mlp(nn.GELU("tanh"), jax.nn.gelu),
    "leaky ReLU": lambda: mlp(nn.LeakyReLU(), jax.nn.leaky_relu),
    "Mish": lambda: mlp(nn.Mish(), jax.nn.mish),
    "SELU": lambda: mlp(nn.SELU(), jax.nn.selu),
    "softplus": lambda: mlp(nn.Softplus(), jax.nn.softplus),
    "log sigmoid": lambda: mlp(nn.LogSigmoid(), jax.nn.log_sigmoid),
    "softsign": lambda: mlp(nn.Softsign(), jax.nn.soft_sign),
    "hard tanh": lambda: mlp(nn.Hardtanh(), jax.nn.hard_tanh),
    "softmax": lambda: mlp(nn.Softmax(-1), jax.nn.softmax),
    "ReLU": lambda: mlp(nn.ReLU(), jax.nn.relu),
}
USUAL = tuple(PAIRS)[:2]  # what is judged without --slow


HEAD = ("certified digits, largest part of a bound:", "float64", "float32", "bfloat16")


def formatted(program, dtype):
    """Return a program in another number format."""
    function, args = program

    def cast(leaf):
        if isinstance(leaf, nn.Module):
            return leaf.to(getattr(torch, dtype))
        if isinstance(leaf, torch.Tensor):
            return leaf.to(getattr(torch, dtype)) if leaf.is_floating_point() else leaf
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return function, tuple(jax.tree.map(cast, arg) for arg in args)


def row_of(name, framework):
    """Return what `certify_gradients` says of a program in each number format."""
    cells = []
    for dtype in HEAD[1:]:
        torch.manual_seed(0)
        function, args = formatted(getattr(PAIRS[name](), framework), dtype)
        verdict = certify_gradients(function, *args)
        undecided = sum(not one.passes for one in verdict.judged.findings)
        wrong = any(one.verdict is Verdict.DIFFERS for one in verdict.judged.findings)
        said = f"{undecided} of {len(verdict.judged.findings)} {'wrong' if wrong else 'undecided'}"
        cells.append(said if undecided or not verdict.agrees else f"{verdict.digits:.1f}, {verdict.used:.2g}")
    return (f"{name}, {framework}", *cells)


def written(row):
    return f"{row[0]:48} {row[1]:12} {row[2]:12} {row[3]}"


def main():
    print(written(HEAD))
    with jax.enable_x64(True):
        for name in PAIRS:
            for framework in ("torch", "jax"):
                print(written(row_of(name, framework)), flush=True)


if __name__ == "__main__":
    main()
