"""What a framework computes on the way: every line is judged, and the first wrong one is named."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from torch.utils.checkpoint import checkpoint
from zoo import numbers

from adapters.capture.torch_capture import run_torch
from cases.protocol import Verdict
from reference.programs.judgement import judge_run
from reports.certify import certify_gradients

X = torch.from_numpy(numbers(4, 6))


def deep(dtype):
    torch.manual_seed(0)
    layers = [module for _ in range(8) for module in (nn.Linear(6, 6), nn.GELU(), nn.LayerNorm(6))]
    model = nn.Sequential(*layers, nn.Linear(6, 3)).to(dtype)
    return lambda model, x, y: F.cross_entropy(model(x), y), (model, X.to(dtype), torch.tensor([0, 1, 2, 1]))


def test_a_deep_program_is_decided_in_float32_as_each_line_goes_on_from_the_one_before():
    function, args = deep(torch.float32)
    verdict = certify_gradients(function, *args)
    assert verdict.agrees, str(verdict)
    assert verdict.digits > 4
    assert (
        len(verdict.judged.findings) == 1 + len(verdict.run.gradients) + 2 * 25
    )  # modules, and their gradients


def written_over(x):
    y = x * 3
    z = y + 1
    y[0] = 1.0
    return (z * z).sum() + y.sum()


def through_a_view(x):
    y = x * 3
    y[:, 1:].mul_(2)
    return y.pow(2).sum()


def used_twice(x):
    y = x.exp()
    return (y.clone() * y.contiguous() + F.dropout(y, training=False)).sum()


def in_parts(x):
    left, right = (x * 2).split(3, dim=1)
    return (left.clone() * right + left.exp()).sum()


PROGRAMS = [
    written_over,
    through_a_view,
    used_twice,
    in_parts,
    lambda x: F.relu(x * 2 - 1, inplace=True).pow(2).sum(),
    lambda x: torch.vmap(lambda row: (row * row.exp()).sum())(x).sum(),
    lambda x: checkpoint(lambda t: torch.tanh(t * 2), x, use_reentrant=False).sum(),
    lambda x: (x.T.double() @ x).tanh().detach().sum() + (x * x.detach()).sum(),
    lambda x: (x.float() * x.float()).double().sum(),
    lambda x: torch.stack([x, x * 2]).sum(0).amax(1).sum(),
]


@pytest.mark.parametrize("function", PROGRAMS)
def test_what_is_written_over_copied_or_stands_for_many_accuses_nobody(function):
    verdict = certify_gradients(function, X)
    assert verdict.agrees, str(verdict)
    assert verdict.run.shown


def test_the_gradient_of_a_value_is_that_of_all_its_uses():
    """By hand: y = eˣ, of y² + y the derivative is 2y + 1, 3 at x = 0; and that of its copy alone is y, 1."""
    run = run_torch(used_twice, (torch.zeros(2, 3),), ["x"])
    exponential = next(one for one in run.shown.values() if one.name == "exp")
    assert exponential.slope is not None
    assert (exponential.value.tolist(), exponential.slope.tolist()) == ([[1.0] * 3] * 2, [[3.0] * 3] * 2)


def test_a_program_that_computes_other_numbers_each_time_is_judged_by_its_ends():
    runs = iter(range(100))

    def noisy(x):
        return (x * x).sum() * (1 + 1e-3 * next(runs))

    assert certify_gradients(noisy, X).run.shown == {}


def test_the_first_wrong_line_is_the_one_that_made_the_mistake():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return g * 3 * ctx.saved_tensors[0] ** 2 * (1 + 1e-12)

    def loss(w, x):
        return Cube.apply(torch.tanh(x @ w)).sum()

    verdict = certify_gradients(loss, X.T[:, :3].clone(), X)
    wrong = [one for one in verdict.judged.findings if not one.passes]
    assert [(one.quantity, one.verdict) for one in wrong] == [("∂/∂tanh", Verdict.DIFFERS)]
    number = next(n for n, one in verdict.judged.judged if one is wrong[0])
    place = verdict.judged.place(number, wrong[0])
    lines = loss.__code__.co_firstlineno + 1, Cube.forward.__code__.co_firstlineno + 3
    assert place == "test_program_lines.py:{}, through test_program_lines.py:{}".format(*lines)
    assert f"∂/∂tanh{[*wrong[0].index]} ({place}) is " in str(verdict)
    assert verdict.judged.by_line[number] is wrong[0]


def gated(p, x):
    h = jax.nn.gelu(x @ p["w"], approximate=False)
    return jnp.mean(h * jax.nn.sigmoid(h / 3))


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("compiles", [False, True])
def test_a_jax_program_is_judged_equation_by_equation_and_as_it_is_compiled(dtype, compiles):
    with jax.enable_x64(dtype == "float64"):
        p, x = {"w": jnp.asarray(numbers(6, 5)).astype(dtype)}, jnp.asarray(numbers(4, 6)).astype(dtype)
        verdict = certify_gradients(jax.jit(gated) if compiles else gated, p, x)
    assert verdict.agrees, str(verdict)
    names = {one.quantity for one in verdict.judged.findings}
    assert {"dot_general", "∂/∂dot_general", "∂/∂logistic"} <= names
    assert ("\nCompiled, the output and 2 gradients are within" in str(verdict)) is (
        verdict.whole is not None
    )
    assert verdict.whole is not None or not compiles or dtype == "float16"


def test_a_compiled_program_that_differs_fails_though_its_equations_are_right():
    with jax.enable_x64(True):
        p, x = {"w": jnp.asarray(numbers(6, 5))}, jnp.asarray(numbers(4, 6))
        right = certify_gradients(jax.jit(gated), p, x)
    off = {name: value * (1 + 1e-6) for name, value in right.run.gradients.items()}
    wrong = replace(right, whole=judge_run(replace(right.run, gradients=off)))
    assert right.agrees
    assert not wrong.agrees
    assert "\nCompiled, ∂/∂" in str(wrong)
