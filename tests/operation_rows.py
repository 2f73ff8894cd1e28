"""Operations as people call them, in PyTorch and in JAX: functions, and the shapes of their arguments."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax import lax
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name


class Row(NamedTuple):
    """One function in PyTorch and, where JAX has it, in JAX.

    `above`: all elements of the arguments are above it.
    """

    torch: Any
    jax: Any
    shapes: tuple[tuple[int, ...], ...]
    above: float | None = None


M, B, IMAGE = (4, 6), (2, 4, 3, 3), (1, 2, 5, 5)
MASK = np.array([[1, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 1], [1, 1, 1, 0, 1, 1], [0, 1, 0, 1, 0, 1]], bool)
T_MASK, ROWS_1_2 = torch.from_numpy(MASK), np.array([1, 2])
T_ROWS = torch.from_numpy(ROWS_1_2)


def row(of_torch, of_jax=None, *shapes, above=None):
    return Row(of_torch, of_jax, shapes or (M,), above)


def setitem(x, v):
    y = x.clone()
    y[1:3, ::2] = v
    y[0] = 2 * y[3]
    y[T_MASK] = 3.0
    y[y > 2.5] = 0.5
    return y


def setitem_jax(x, v):
    y = x.at[1:3, ::2].set(v)
    y = y.at[0].set(2 * y[3])
    y = jnp.where(MASK, 3.0, y)
    return jnp.where(y > 2.5, 0.5, y)


def copies(x, v):
    y = torch.zeros_like(x)
    y.copy_(x * v)
    y[:, 1].copy_(v[:, 0])
    y.masked_fill_(T_MASK, 0.25)
    return y


def convolution(dims, transposed=False, **given):
    call = getattr(F, f"conv{'_transpose' * transposed}{dims}d")
    return lambda x, k: call(x, k, **given)


def convolution_jax(**given):
    return lambda x, k: lax.conv_general_dilated(x, k, **{"padding": "VALID", **given})


def pool_jax(start, function, size, strides, pads):
    def pool(x):
        padding = ((0, 0), (0, 0), *pads)
        return lax.reduce_window(x, start, function, (1, 1, *size), (1, 1, *strides), padding)

    return pool


def module(make, take=lambda y: y):
    """Return the sum of a module's result with parameters that are constants: its data are the inputs."""
    torch.manual_seed(1)
    own = make().double()
    return lambda *args: take(own(*args))


def attention(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def attention_port(q, k, v):
    scores = q @ k.swapaxes(-1, -2) / 2.0
    return jax.nn.softmax(jnp.where(np.tri(3, dtype=bool), scores, -jnp.inf)) @ v


def masked(x):
    return torch.softmax(x.masked_fill(T_MASK, -math.inf), -1)


ELEMENTWISE = {
    name: row(
        lambda x, f=name: getattr(torch, f)(x * 0.3),
        lambda x, f=of_jax: getattr(jax.scipy.special, f, getattr(jnp, f, None))(x * 0.3),
    )
    for name, of_jax in {
        **{name: name for name in "sinh cosh tan exp2 erfinv".split()},
        **{f"a{name}": f"arc{name}" for name in "sin cos tan sinh tanh".split()},
    }.items()
}
ROWS = {
    **ELEMENTWISE,
    "acosh": row(torch.acosh, jnp.arccosh, M, above=1.25),
    "log2, log10": row(lambda x: x.log2() + x.log10(), lambda x: jnp.log2(x) + jnp.log10(x), M, above=0.1),
    "max with places": row(
        lambda x: x.max(1).values + x.gather(1, x.argmin(1)[:, None])[:, 0],
        lambda x: x.max(1) + jnp.take_along_axis(x, x.argmin(1)[:, None], 1)[:, 0],
    ),
    "min, amin, aminmax": row(
        lambda x: x.min(0)[0] * x.amin() + x.aminmax().max, lambda x: x.min(0) * x.min() + x.max()
    ),
    "norms": row(
        lambda x: torch.stack([torch.linalg.vector_norm(x, p) for p in (1, 2, 3, math.inf)]),
        lambda x: jnp.stack([jnp.linalg.norm(x.ravel(), p) for p in (1, 2, 3, jnp.inf)]),
    ),
    "normalize": row(lambda x: F.normalize(x, dim=1), None),
    "prod": row(lambda x: x.prod(1), lambda x: x.prod(1)),
    "prod with a 0 in it": row(lambda x: (x * T_MASK).prod(1), lambda x: (x * MASK).prod(1)),
    "cumsum": row(lambda x: x.cumsum(1), lambda x: jnp.cumsum(x, 1)),
    "cumsum from the end": row(
        lambda x: x.flip(1).cumsum(1).flip(1), lambda x: lax.cumsum(x, 1, reverse=True)
    ),
    "cumprod": row(lambda x: x.cumprod(1), lambda x: jnp.cumprod(x, 1)),
    "logcumsumexp": row(lambda x: x.logcumsumexp(1), lambda x: lax.cumlogsumexp(x, 1)),
    "cummax, cummin": row(
        lambda x: x.cummax(1)[0] * x.cummin(1)[0], lambda x: lax.cummax(x, 1) * lax.cummin(x, 1)
    ),
    "pad": row(
        lambda x: F.pad(F.pad(x, (1, 2, 0, 1)), (-1, 1), value=3.0),
        lambda x: jnp.pad(jnp.pad(x, ((0, 1), (1, 2)))[:, 1:], ((0, 0), (0, 1)), constant_values=3.0),
    ),
    "pad by reflection, copies, around": row(
        lambda x: sum(F.pad(x[None], (1, 2), mode=mode) for mode in ("reflect", "replicate", "circular")),
        lambda x: sum(jnp.pad(x, ((0, 0), (1, 2)), mode=mode) for mode in ("reflect", "edge", "wrap"))[None],
    ),
    "group norm": row(module(lambda: nn.GroupNorm(2, 4)), None, B),
    "instance norm": row(module(lambda: nn.InstanceNorm2d(4, affine=True)), None, B),
    "RMS norm": row(module(lambda: nn.RMSNorm(6)), None),
    "convolution in groups": row(
        convolution(2, groups=2, padding=1),
        convolution_jax(window_strides=(1, 1), feature_group_count=2, padding=((1, 1), (1, 1))),
        (2, 4, 5, 5),
        (6, 2, 3, 3),
    ),
    "convolution, dilated, 1-D": row(
        convolution(1, dilation=2, stride=2, padding=1),
        convolution_jax(window_strides=(2,), rhs_dilation=(2,), padding=((1, 1),)),
        (2, 2, 6),
        (3, 2, 2),
    ),
    "convolution, 3-D": row(
        convolution(3), convolution_jax(window_strides=(1, 1, 1)), (1, 2, 3, 3, 3), (2, 2, 2, 2, 2)
    ),
    "convolution, transposed": row(
        convolution(2, transposed=True, stride=2, padding=1, output_padding=1),
        lambda x, k: lax.conv_general_dilated(
            x, jnp.flip(k, (2, 3)).swapaxes(0, 1), (1, 1), ((1, 2), (1, 2)), lhs_dilation=(2, 2)
        ),
        (2, 3, 3, 3),
        (3, 2, 3, 3),
    ),
    "convolution, transposed, in groups": row(
        convolution(2, transposed=True, groups=2, dilation=2, stride=(2, 1)), None, (1, 4, 3, 3), (4, 3, 2, 2)
    ),
    "convolution, parts of the batch": row(
        lambda x, k: torch.cat([F.conv2d(a, c) for a, c in zip(x.chunk(2), k.chunk(2), strict=True)], 1),
        convolution_jax(window_strides=(1, 1), batch_group_count=2),
        (4, 3, 4, 4),
        (6, 3, 3, 3),
    ),
    "pool of the largest, padded": row(
        lambda x: F.max_pool2d(x, 3, 2, 1),
        pool_jax(-jnp.inf, lax.max, (3, 3), (2, 2), ((1, 1), (1, 1))),
        IMAGE,
    ),
    "pool of the largest, cut off": row(
        lambda x: F.max_pool2d(x, 2, ceil_mode=True) + F.max_pool2d(x, 3, 2, 1, ceil_mode=True), None, IMAGE
    ),
    "pool of the largest, dilated": row(lambda x: F.max_pool2d(x, 2, 1, dilation=2), None, IMAGE),
    "pool of the mean, padded": row(
        lambda x: F.avg_pool2d(x, 3, 2, 1),
        lambda x: pool_jax(0.0, lax.add, (3, 3), (2, 2), ((1, 1), (1, 1)))(x) / 9,
        IMAGE,
    ),
    "pool of the mean, cut off": row(
        lambda x: (
            F.avg_pool2d(x, 2, 2, 1, ceil_mode=True)
            + F.avg_pool2d(x, 2, 2, 1, ceil_mode=True, count_include_pad=False)
        ),
        None,
        IMAGE,
    ),
    "pools, 1-D and 3-D": row(
        lambda x: F.max_pool3d(x, 2) * F.avg_pool3d(x, 2) + F.avg_pool1d(x[0, 0, :, :2], 3, 2, 1),
        None,
        (1, 2, 2, 4, 4),
    ),
    "adaptive pools": row(
        lambda x: F.adaptive_avg_pool2d(x, (3, 2)) * F.adaptive_max_pool2d(x, (3, 2)), None, IMAGE
    ),
    "writes": row(setitem, setitem_jax, M, (2, 3)),
    "copies": row(copies, None, M, M),
    "scatters of slices": row(
        lambda x, v: torch.slice_scatter(torch.select_scatter(x, v[0], 1, 2), v.T, 1, 0, 6, 4),
        None,
        M,
        (2, 4),
    ),
    "writes by indices": row(
        lambda x, v: x.clone().index_put_((T_ROWS,), v) + torch.index_copy(x, 0, T_ROWS, v),
        lambda x, v: 2 * x.at[ROWS_1_2].set(v),
        M,
        (2, 6),
    ),
    "additions by indices": row(
        lambda x, v: torch.index_add(x, 0, torch.tensor([1, 1]), v),
        lambda x, v: x.at[np.array([1, 1])].add(v),
        M,
        (2, 6),
    ),
    "scatter, scatter_add": row(
        lambda x, v: torch.scatter(x, 1, T_ROWS[:, None], v).scatter_add(0, T_ROWS[:, None], v),
        None,
        M,
        (2, 1),
    ),
    "a slice that is written over": row(
        lambda x, v: torch.cat([x[:1], torch.cat([x[1:3, :2], v, x[1:3, 4:]], 1), x[3:]]),
        lambda x, v: lax.dynamic_update_slice(x, v, (1, 2)),
        M,
        (2, 2),
    ),
    "masked softmax": row(masked, lambda x: jax.nn.softmax(jnp.where(MASK, -jnp.inf, x), -1)),
    "masked log softmax": row(
        lambda x: torch.logsumexp(x.masked_fill(T_MASK, -math.inf), -1),
        lambda x: jax.nn.logsumexp(jnp.where(MASK, -jnp.inf, x), -1),
    ),
    "softmax masked by the smallest number": row(
        lambda x: torch.softmax(x + torch.finfo(x.dtype).min * T_MASK.double(), -1), None
    ),
    "attention that looks back": row(attention, attention_port, *[(1, 2, 3, 4)] * 3),
    "attention of JAX": row(
        None, lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=True), *[(1, 3, 2, 4)] * 3
    ),
    "attention that sees nothing": row(
        lambda q, k, v: F.scaled_dot_product_attention(
            q, k, v, attn_mask=torch.tensor([[True, False, True], [False] * 3, [True] * 3])
        ),
        None,
        *[(1, 2, 3, 4)] * 3,
    ),
    "topk": row(
        lambda x, y: x.topk(2, 1)[0] * y.gather(1, x.topk(2, 1)[1]),
        lambda x, y: lax.top_k(x, 2)[0] * jnp.take_along_axis(y, lax.top_k(x, 2)[1], 1),
        M,
        M,
    ),
    "sort": row(
        lambda x, y: x.sort(1, descending=True)[0] * y.gather(1, x.argsort(1)),
        lambda x, y: jnp.sort(x, 1, descending=True) * jnp.take_along_axis(y, jnp.argsort(x, 1), 1),
        M,
        M,
    ),
    "median, kthvalue": row(lambda x: x.median(1)[0] * x.kthvalue(2, 1)[0] + x.median(), None),
    "where": row(
        lambda x, y: torch.where((x > 0) & ~(x > 1) | (y > 1) ^ (x < -1), x, y),
        lambda x, y: jnp.where((x > 0) & ~(x > 1) | (y > 1) ^ (x < -1), x, y),
        M,
        (4, 1),
    ),
    "any, all": row(
        lambda x: (x > 1).any(1) * x[:, 0] + (x > -1).all(1) * x[:, 1],
        lambda x: (x > 1).any(1) * x[:, 0] + (x > -1).all(1) * x[:, 1],
    ),
    "clamp": row(
        lambda x, y: torch.clamp(x, y, y + 1).clamp(min=-1.5),
        lambda x, y: jnp.clip(jnp.clip(x, y, y + 1), -1.5, None),
        M,
        (6,),
    ),
    "whole parts": row(
        lambda x: x.floor() * x + x.ceil() * x**2 + x.round() * x**3 + x.trunc() * x**4,
        lambda x: jnp.floor(x) * x + jnp.ceil(x) * x**2 + jnp.round(x) * x**3 + jnp.trunc(x) * x**4,
    ),
    "remainders": row(lambda x, y: x % y + torch.fmod(x, y), lambda x, y: x % y + lax.rem(x, y), M, M),
    "powers": row(
        lambda x, y: x**y + 2.5**y + x**1.7 + x**-1.5,
        lambda x, y: x**y + 2.5**y + x**1.7 + x**-1.5,
        M,
        M,
        above=0.1,
    ),
    "powers of what is negative": row(lambda x: x ** torch.arange(6), lambda x: x ** np.arange(6)),
    "lerp, addcmul, addcdiv": row(
        lambda x, y: torch.addcdiv(torch.addcmul(torch.lerp(x, y, 0.3), x, y, value=0.5), x, 2 + y * y),
        None,
        M,
        M,
    ),
    "hypot, logaddexp": row(
        lambda x, y: torch.hypot(x, y) + torch.logaddexp(x, y),
        lambda x, y: jnp.hypot(x, y) + jnp.logaddexp(x, y),
        M,
        M,
    ),
    "einsum": row(
        lambda x, y: torch.einsum("bij,bkj->bik", x, y),
        lambda x, y: jnp.einsum("bij,bkj->bik", x, y),
        (2, 3, 4),
        (2, 5, 4),
    ),
    "bilinear": row(module(lambda: nn.Bilinear(2, 3, 4)), None, (5, 2), (5, 3)),
    "addmm with factors": row(
        lambda x, y, z: torch.addmm(x, y, z, beta=0.5, alpha=2) + torch.addmv(x[:, 0], y, z[:, 0])[:, None],
        None,
        (2, 3),
        (2, 4),
        (4, 3),
    ),
    "variances": row(
        lambda x: x.std(1) + math.prod(torch.var_mean(x, 1)),
        lambda x: x.std(1, ddof=1) + x.var(1, ddof=1) * x.mean(1),
    ),
    "LSTM": row(
        module(lambda: nn.LSTM(3, 2, num_layers=2, bidirectional=True), lambda y: y[0]), None, (3, 2, 3)
    ),
    "GRU, RNN": row(module(lambda: nn.GRU(3, 4), lambda y: y[1][0]), None, (2, 2, 3)),
    "bags of embeddings": row(
        lambda w: (
            F.embedding_bag(torch.tensor([1, 2, 0, 4]), w, torch.tensor([0, 3, 3]), mode="sum")
            + F.embedding_bag(torch.tensor([1, 2, 0, 2]), w, torch.tensor([0, 2, 2]), padding_idx=2)
        ),
        None,
        (6, 3),
    ),
    "an embedding with padding": row(
        lambda w: F.embedding(torch.tensor([[1, 2], [0, 2]]), w, padding_idx=2), None, (6, 3)
    ),
    "arrays without elements": row(
        lambda x: x + x[:, :0] @ x[:0, :] + x[:0].exp().sum() + x[:0].prod(),
        lambda x: x + x[:, :0] @ x[:0, :] + jnp.exp(x[:0]).sum() + x[:0].prod(),
    ),
    "a known branch, loop and choice": row(
        lambda x, y: (
            torch.where(torch.arange(6) % 3 == 0, x, torch.where(torch.arange(6) % 3 == 1, y, x * y))
            .sin()
            .sin()
            * 2
        ),
        lambda x, y: lax.cond(
            True,
            lambda z: z * 2,
            lambda z: z,
            lax.fori_loop(
                0, 2, lambda i, z: jnp.sin(z), lax.select_n(np.tile(np.arange(6) % 3, (4, 1)), x, y, x * y)
            ),
        ),
        M,
        M,
    ),
    "constant random numbers": row(None, lambda x: x * jax.random.normal(jax.random.key(1), x.shape)),
}
