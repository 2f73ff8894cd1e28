"""Ports that are wrong, as people write them: each original beside a port and the port's right twin.

`wrong` says which of the twins is made. A row states what is to be named: the operation, and a piece of the
line that it stands in. That line is the mistake's own or, where numbers are only moved or left out, the first
that computes with them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from zoo import arrays, numbers


@dataclass(frozen=True)
class Port:
    """What is to be named, and what makes the original and the port, each a function with its arguments."""

    operation: str
    line: str
    make: Callable[[bool], Any]


PORTS: dict[str, Port] = {}  # by the mistake
X = numbers(4, 6)


def mistake(text, operation, line="wrong"):
    def keep(make):
        PORTS[text] = Port(operation, line, make)
        return make

    return keep


def reduced(function):
    """Return what a loss returns, and of anything else a mean of squares in which no two count the same."""

    def loss(*args):
        y = function(*args)
        weights = np.linspace(1, 2, math.prod(y.shape))
        weights = torch.from_numpy(weights) if isinstance(y, torch.Tensor) else weights
        return y if y.ndim == 0 else (y.reshape(-1) ** 2 * weights).mean()

    return loss


def tensors(data):
    return [torch.from_numpy(one) for one in data]


def to_jax(original, ported, *data):
    """Pair a PyTorch function with a JAX one."""
    return (reduced(original), tensors(data)), (reduced(ported), [*map(jnp.asarray, data)])


def to_torch(original, ported, *data):
    """Pair a JAX function with a PyTorch one."""
    return to_jax(ported, original, *data)[::-1]


def again(original, ported, *data):
    """Pair two PyTorch functions."""
    return (reduced(original), tensors(data)), (reduced(ported), tensors(data))


def of_module(module, ported, *data):
    """Pair a PyTorch module with a PyTorch function of its parameters; these are drawn."""
    torch.manual_seed(0)
    for parameter in module.double().parameters():
        nn.init.normal_(parameter)
    p = {name.replace(".", "_"): one.detach() for name, one in module.named_parameters()}
    return (reduced(lambda m, *own: m(*own)), (module, *tensors(data))), (
        reduced(ported),
        (p, *tensors(data)),
    )


def of_module_to_jax(module, ported, *data):
    left, _ = of_module(module, ported, *data)
    return left, (reduced(ported), (arrays(module), *map(jnp.asarray, data)))


# Norms.


@mistake("layer norm: 1e-6 for epsilon", "add 1e-06")
def _(wrong):
    def ported(p, x):
        centred = x - x.mean(-1, keepdims=True)
        variance = (centred**2).mean(-1, keepdims=True)
        return centred / jnp.sqrt(variance + (1e-6 if wrong else 1e-5)) * p["weight"] + p["bias"]

    return of_module_to_jax(nn.LayerNorm(6), ported, X)


@mistake("layer norm: variance by n - 1", "divide 5")
def _(wrong):
    def ported(p, x):
        variance = x.var(-1, keepdim=True, correction=1 if wrong else 0)
        return (x - x.mean(-1, keepdim=True)) / torch.sqrt(variance + 1e-5) * p["weight"] + p["bias"]

    return of_module(nn.LayerNorm(6), ported, X)


@mistake("batch norm: Keras's 1e-3 for epsilon", "add 0.001")
def _(wrong):
    def ported(p, x):
        variance = x.var(0, correction=0) + (1e-3 if wrong else 1e-5)
        return (x - x.mean(0)) / torch.sqrt(variance) * p["weight"] + p["bias"]

    return of_module(nn.BatchNorm1d(6), ported, X)


@mistake("batch norm in use: the batch's mean for the running one", "sum (mean")
def _(wrong):
    module = nn.BatchNorm1d(6).eval()
    module.running_mean += 0.5

    def ported(p, x):
        centred = x - (x.mean(0) if wrong else 0.5)
        return centred / math.sqrt(1 + 1e-5) * p["weight"] + p["bias"]

    return of_module(module, ported, X)


@mistake("group norm: features in turn for neighbours", "sum (mean", "groups.mean")
def _(wrong):
    def ported(x):
        groups = x.reshape(4, 3, 2).transpose(1, 2) if wrong else x.reshape(4, 2, 3)
        mean = groups.mean(-1, keepdim=True)
        return (groups - mean) / torch.sqrt(((groups - mean) ** 2).mean(-1, keepdim=True) + 1e-5)

    return again(lambda x: F.layer_norm(x.reshape(4, 2, 3), (3,)), ported, X)


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
    def original(x):
        return x / torch.sqrt((x**2).sum(-1, keepdim=True))

    def ported(x):
        return x / jnp.sqrt((x**2).sum(-1, keepdims=True) + (1e-10 if wrong else 0))

    return to_jax(original, ported, X)


# Activations.


@mistake("GELU: JAX's default, the tanh form", "power")
def _(wrong):
    return to_jax(F.gelu, lambda x: jax.nn.gelu(x, approximate=wrong), X)


@mistake("GELU: the quick form", "multiply 1.702")
def _(wrong):
    return again(F.gelu, lambda x: x * torch.sigmoid(1.702 * x) if wrong else F.gelu(x), X)


@mistake("GELU: 1.41421 for the root of 2", "divide 1.41421")
def _(wrong):
    def ported(x):
        return x * 0.5 * (1 + torch.erf(x / (1.41421 if wrong else math.sqrt(2))))

    return to_torch(partial(jax.nn.gelu, approximate=False), ported, X)


@mistake("tanh form of GELU: 0.7978846 for the root of 2/pi", "multiply 0.7978846")
def _(wrong):
    def ported(x):
        inner = (x + 0.044715 * x**3) * (0.7978846 if wrong else math.sqrt(2 / math.pi))
        return 0.5 * x * (1 + jnp.tanh(inner))

    return to_jax(partial(F.gelu, approximate="tanh"), ported, X)


@mistake("softplus: goes on beyond 20, where PyTorch is linear", "exp")
def _(wrong):
    def ported(x):
        return torch.log1p(torch.exp(x)) if wrong else torch.where(x > 20, x, torch.log1p(torch.exp(x)))

    return again(F.softplus, ported, np.linspace(-1, 20.5, 12))


@mistake("leaky ReLU: a slope of 0.2 for 0.01", "multiply 0.2")
def _(wrong):
    return to_torch(jax.nn.leaky_relu, lambda x: F.leaky_relu(x, 0.2 if wrong else 0.01), X)


@mistake("ELU with 1.5: CELU", "divide 1.5")
def _(wrong):
    return again(partial(F.elu, alpha=1.5), lambda x: F.celu(x, 1.5) if wrong else F.elu(x, 1.5), X)


@mistake("hard swish: a slope of 0.2 for 1/6", "multiply 0.2")
def _(wrong):
    def ported(x):
        return x * torch.clamp(0.2 * x + 0.5 if wrong else x / 6 + 0.5, 0, 1)

    return again(F.hardswish, ported, X)


@mistake("SwiGLU: the halves are swapped", "logistic")
def _(wrong):
    def original(x):
        gate, up = jnp.split(x, 2, -1)
        return jax.nn.silu(gate) * up

    def ported(x):
        gate, up = x.chunk(2, -1)
        return F.silu(up) * gate if wrong else F.silu(gate) * up

    return to_torch(original, ported, X)
