"""The accuracy contract, measured: every framework's elementary functions against balls, in ulps.

A release that leaves the contract fails here, by name, and so does one that comes back into it. The fast grid
runs with every `pytest`; `pytest tests/test_contract.py --dense` runs the dense one and prints the table.
"""

import pytest

pytest.importorskip("jax")
pytest.importorskip("torch")

from functools import cache
from itertools import product
from operator import methodcaller

import flint
import jax
import jax.numpy as jnp
import numpy as np
import torch

from adapters import jax_functions, torch_functions
from reference.activations import ACTIVATIONS, sigmoid
from reference.arithmetic import FORMATS, Ball, Bounded, precision

# How many ulps a function may be off, and the function in balls, where most are methods of that name.
CONTRACT = {
    "exp": 5,
    "sigmoid": sigmoid.ULPS,
    "tanh": sigmoid.TANH_ULPS,
    "softplus": 4,
    "log1p": 4,
    "log": 4,
    "erf": 6,
}
TRUTH = {name: methodcaller(name) for name in CONTRACT} | {
    "sigmoid": lambda t: (1 + (t / 2).tanh()) / 2 if t > 0 else t.exp() / (1 + t.exp()),
    "softplus": lambda t: t.max(0) + (-abs(t)).exp().log1p(),
}

PLAIN = ("exp", "tanh", "log1p", "log")  # every framework has them under these names
FUNCTIONS = {
    "numpy": {name: getattr(np, name) for name in PLAIN}
    | {"sigmoid": sigmoid.sigmoid, "softplus": lambda z: np.logaddexp(z, z.dtype.type(0))},
    "torch": {name: getattr(torch, name) for name in (*PLAIN, "sigmoid", "erf")}
    | {"softplus": torch.nn.functional.softplus},
    "jax": {name: getattr(jnp, name) for name in PLAIN}
    | {"sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus, "erf": jax.scipy.special.erf},
}

# Where the installed releases leave the contract: findings, each of which must still hold.
BREAKS = {
    # linear above its threshold of 20, where e⁻²⁰ is left out (pytorch #31110)
    ("torch", "softplus", "float64"),
    # XLA's expansion loses up to 7 bits
    ("jax", "log1p", "float64"),
}

ROWS = [(by, function) for by in FUNCTIONS for function in FUNCTIONS[by]]


def grid(dtype, function, dense):
    """Points of the range where the function is neither 0 nor infinite, and edges: tiny, subnormal, huge."""
    n = 20_000 if dense else 1_500
    form = FORMATS[dtype]
    small = np.geomspace(form.smallest_normal / 2**10, 1, n // 4)
    wide = np.linspace(-90, 90, n) if dtype == "float32" else np.linspace(-720, 720, n)
    edges = [0.0, 1.0, form.smallest_normal, 17.0, 20.0, 36.0, 37.0, 40.0, 88.0, 709.0, form.largest]
    points = np.concatenate([small, np.linspace(-24, 24, n), wide, edges])
    points = np.concatenate([points, -points]).astype(dtype)
    least = {"log1p": -1, "log": 0.99 * form.smallest_normal}  # XLA reads subnormals as 0
    return np.unique(points[points > least.get(function, -np.inf)])


def evaluated(by, function, points):
    run = FUNCTIONS[by][function]
    with np.errstate(all="ignore"):
        if by == "torch":
            return run(torch.tensor(points)).numpy()
        if by == "jax":
            with jax.enable_x64(points.dtype == np.float64):
                return np.asarray(jax.jit(run)(points))
        return run(points)


def measure(by, function, dtype, dense=False):
    """Return the largest error in ulps and where it is; what underflow may cost, 2η, is taken off first."""
    points, form = grid(dtype, function, dense), FORMATS[dtype]
    worst = 0.0, 0.0
    with precision():
        for point, claimed in zip(points.tolist(), evaluated(by, function, points).tolist(), strict=True):
            truth = TRUTH[function](flint.arb(point))
            value = float(truth)
            if not truth.is_finite() or abs(value) > form.largest:
                assert abs(claimed) >= form.largest * (1 - 10 * form.unit_roundoff), (point, claimed)
                continue
            if not np.isfinite(claimed):
                return np.inf, point
            off = max(0.0, float(abs(truth - claimed)) - 2 * form.smallest_normal)
            worst = max(worst, (off / form.ulp(value), point))
    return worst


@pytest.fixture
def show(request, capsys):
    """Give a function that prints a line where --dense was asked for."""
    dense = request.config.getoption("--dense")

    def printed(line):
        if dense:
            with capsys.disabled():
                print(f"\n{line}", end="")

    printed.dense = dense
    return printed


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("by", "function"), ROWS, ids=[f"{by}-{function}" for by, function in ROWS])
def test_the_contract_holds_and_its_known_breaks_still_do(by, function, dtype, show):
    error, at = measure(by, function, dtype, show.dense)
    show(f"{function:9}{by:7}{dtype:9}{error:12.4g} ulp at {at!r}")
    is_within = error <= CONTRACT[function]
    assert is_within == ((by, function, dtype) not in BREAKS), f"{error:.3g} ulp off at {at!r}"


NAMED = {"torch": torch_functions.ACTIVATIONS, "jax": jax_functions.ACTIVATIONS}
NEW = [name for name in ACTIVATIONS if name not in {"sigmoid", "tanh", "relu", "identity"}]

# Where a framework's own function leaves its bound: findings, each of which must still hold.
OUTSIDE = {
    ("torch", "softplus", "float64", "value"),  # linear above its threshold of 20 (pytorch #31110)
    ("torch", "softplus", "float64", "derivative"),  # 1 above its threshold of 20, where it is 1 − e⁻²⁰
    *product(("jax",), ("leaky_relu", "hardtanh"), ("float64", "float32"), ("derivative",)),  # see KINKS
}

# Where an intermediate overflows though the result does not: at this z the framework states this.
#
# PyTorch only in its vectorised loop: an array of one or two elements goes another way, and is right. Which
# one that is depends on the processor: F.gelu is infinite where there is AVX-512, and right with AVX2.
FAR_OUT = {
    ("torch", "gelu_tanh", "float32", "derivative"): ("1e+30", "nan"),
    ("jax", "gelu_tanh", "float32", "derivative"): ("1e+30", "nan"),
    ("torch", "gelu_erf", "float32", "value"): ("3e+38", "inf", "3e+38"),
    ("jax", "softsign", "float32", "derivative"): ("1e+30", "1e-30"),
}


def named_grid(dtype, dense):
    """Where the functions bend, their tails, their kinks, and edges."""
    n, form = (8_000 if dense else 400), FORMATS[dtype]
    small, tail = np.geomspace(form.smallest_normal * 2, 1, n // 4), np.geomspace(40, 1e4, n // 8)
    points = np.concatenate(
        [small, np.linspace(0, 24, n), np.linspace(24, 110, n // 2), tail, [0.0, 6.0, 20.0]]
    )
    return np.unique(np.concatenate([points, -points]).astype(dtype))


def states(by, name, points):
    """A framework's own value and derivative."""
    function = NAMED[by][name]
    if by == "torch":
        z = torch.tensor(points, requires_grad=True)
        a = function(z)
        a.sum().backward()
        return a.detach().numpy(), z.grad.numpy()
    with jax.enable_x64(points.dtype == np.float64):
        a, slope = jax.jit(jax.vmap(jax.value_and_grad(function)))(points)
        return np.asarray(a), np.asarray(slope)


@cache
def certified(name, dtype, dense):
    """The grid, and the value and the derivative there, with the bound of that format."""
    points = named_grid(dtype, dense)
    z = Bounded.exact(points, FORMATS[dtype].certified)
    a = ACTIVATIONS[name].value(z)
    with precision():
        balls = Ball.exact(points)
        truths = ACTIVATIONS[name].value(balls), ACTIVATIONS[name].derivative(balls, balls)
        pairs = zip((a, ACTIVATIONS[name].derivative(z, a)), truths, strict=True)
        return points, [(truth.split(), np.broadcast_to(line.error, points.shape)) for line, truth in pairs]


def used(claimed, truth, allowed):
    """The largest error in units of what is allowed, and where."""
    high, low, radius = truth
    off = np.abs(claimed.astype(np.float64) - high - low)
    shares = np.where(off <= radius, 0.0, off / np.maximum(allowed + radius, 1e-300))
    worst = int(np.argmax(np.where(np.isnan(shares), np.inf, shares)))
    return float(shares[worst]), worst


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("by", NAMED)
def test_each_named_function_and_its_derivative_stay_within_their_bounds(by, name, dtype, show):
    points, lines = certified(name, dtype, show.dense)
    for which, claimed, line in zip(("value", "derivative"), states(by, name, points), lines, strict=True):
        share, worst = used(claimed, *line)
        show(f"{by:7}{name:12}{dtype:9}{which:11}{share:10.3g} of its bound at {points[worst]!r}")
        is_known = (by, name, dtype, which) in OUTSIDE
        assert (share <= 1) != is_known, f"{which} is {share:.3g} of its bound off at {points[worst]!r}"


@pytest.mark.parametrize("key", FAR_OUT, ids="-".join)
def test_far_out_some_intermediates_overflow_and_still_do(key):
    by, name, dtype, which = key
    at, *expected = FAR_OUT[key]
    claimed = states(by, name, np.full(64, float(at), dtype))[which == "derivative"]
    assert any(np.allclose(claimed, float(one), rtol=1e-6, equal_nan=True) for one in expected)


# By activation: where its kinks are, and the derivative there of PyTorch, and of JAX.
KINKS = {
    "relu": ([0.0], [0.0], [0.0]),
    "leaky_relu": ([0.0], [0.01], [1.0]),
    "elu": ([0.0], [1.0], [1.0]),
    "selu": ([0.0], [1.7580993408473766], [1.7580993408473766]),
    "hardtanh": ([-1.0, 1.0], [0.0, 0.0], [1.0, 1.0]),
    "relu6": ([0.0, 6.0], [0.0, 0.0], [0.0, 0.0]),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", KINKS)
def test_what_each_framework_states_at_a_kink(name, dtype):
    at, *expected = KINKS[name]
    for by, slopes in zip(("torch", "jax"), expected, strict=True):
        assert states(by, name, np.array(at, dtype))[1] == pytest.approx(slopes, rel=1e-7)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_saturation_is_exact_where_the_bounds_count_on_it(dtype):
    """tanh is ±1 beyond 20, σ is 1 beyond 40, and 1 + erf is 0 below −40/√2, in every framework."""
    far = np.concatenate([np.linspace(20, 100, 999), [1e4, 1e30]]).astype(dtype)
    for by in FUNCTIONS:
        assert np.all(evaluated(by, "tanh", far) == 1)
        assert np.all(evaluated(by, "tanh", -far) == -1)
        assert np.all(evaluated(by, "sigmoid", 2 * far) == 1)
        if by != "numpy":
            assert np.all(evaluated(by, "erf", -far) == -1)
