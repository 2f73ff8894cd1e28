"""Programs of any kind: right ones agree and are one function with their ports, wrong ones are located."""

import re

import documents
import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import zoo
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from zoo import PAIRS, USUAL, classifier, numbers

from adapters import jax_functions, torch_functions
from adapters.capture.torch_capture import read_torch
from cases import load_case
from cases.captured import NotCapturedError
from cases.protocol import Verdict
from reference.arithmetic import Ball, format_of, precision
from reference.line import evaluate
from reference.programs.derivatives import gradient_program
from reference.programs.evaluation import certified
from reference.programs.functions import FUNCTIONS
from reference.programs.operations import balls_of
from reference.training import initial_values, tape
from reports.certify import (
    assert_derived_close,
    assert_gradients_certified,
    certify_gradients,
    same_function,
)

FEW_DIGITS = 8.0  # what float64 certifies of a gradient through all of a program here, at least


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def pytest_generate_tests(metafunc):
    if "pair" in metafunc.fixturenames:
        metafunc.parametrize("pair", PAIRS if metafunc.config.getoption("--slow") else USUAL)
    if "activation" in metafunc.fixturenames:
        every = sorted(torch_functions.ACTIVATIONS)
        metafunc.parametrize("activation", every if metafunc.config.getoption("--slow") else every[::4])


def test_gradients_are_certified_and_a_port_is_the_same_function(pair):
    torch.manual_seed(0)
    programs = PAIRS[pair]()
    for function, args in (programs.torch, programs.jax):
        verdict = certify_gradients(function, *args)
        assert verdict.agrees, str(verdict)
        assert verdict.digits > FEW_DIGITS
        assert verdict.judged.known == verdict.judged.lines
    verdict = same_function(programs.torch, programs.jax)
    assert verdict.agrees, str(verdict)
    assert verdict.digits > 16


def test_the_document_has_each_program_in_each_framework():
    text = documents.documents()["reports/docs/any-program.md"]
    (block,) = [one.text for one in documents.blocks("", text) if one.text.startswith(zoo.HEAD[0])]
    head, *rows = block.splitlines()
    assert head == zoo.written(zoo.HEAD)
    assert [row[:49].rstrip() for row in rows] == [f"{one}, {by}" for one in PAIRS for by in ("torch", "jax")]
    assert all(float(row[49:].split(",")[0]) > FEW_DIGITS for row in rows)
    name, framework = USUAL[0], "torch"
    digits = [float(cell.split(",")[0]) for cell in zoo.row_of(name, framework)[1:3]]
    assert digits == pytest.approx([float(rows[0][49:53]), float(rows[0][62:65])], abs=0.5)


def test_the_tape_read_from_a_dense_net_encloses_what_the_documents_tape_does():
    """Both hold the exact value, so each pair of balls overlaps, and each is narrower than 1e-40."""
    problem = load_case("worked/document").problem("float64")
    leaves = [torch.from_numpy(problem.inputs[name]) for name in ("W1", "b1", "W2", "b2", "x", "y")]

    def loss(W1, b1, W2, b2, x, y):
        return 0.5 * (torch.sigmoid(torch.sigmoid(x @ W1.T + b1) @ W2.T + b2) - y).pow(2).sum()

    program, inputs, _ = read_torch(loss, leaves, ["W1", "b1", "W2", "b2", "x", "y"])
    program = gradient_program(program)
    captured = certified(program, inputs)
    with precision():
        exact = {name: Ball.exact(array) for name, array in initial_values(problem).items()}
        values = evaluate(tape(problem), exact)
        pairs = dict(zip(("loss", "dL/dW1", "dL/db1", "dL/dW2", "dL/db2"), program.outputs, strict=False))
        for name, number in pairs.items():
            ours, theirs = values[name].matrix.entries(), captured[number].ravel().tolist()
            assert len(ours) == len(theirs)
            assert all(one.overlaps(other) for one, other in zip(ours, theirs, strict=True)), name
            assert all(float(one.rad()) < 1e-40 for one in (*ours, *theirs)), name


LOSS = f"zoo.py:{zoo.cross_entropy.__code__.co_firstlineno + 1}"
WRONG_PORTS = {
    f"divide 8 (native_layer_norm, {LOSS}) and at divide 7 (": {"ddof": 1},
    f"add 1e-05 (native_layer_norm, {LOSS}) and at add 1e-06 (": {"eps": 1e-6},
    f" (gelu, {LOSS}) and at power (integer_pow, ": {"approximate": True},
    "and at add 1.0000001e-05 (": {"eps": 1.0000001e-5},
}


@pytest.mark.parametrize("first", WRONG_PORTS)
def test_two_functions_part_at_the_first_line_that_differs(first):
    torch.manual_seed(0)
    programs = classifier(**WRONG_PORTS[first])
    verdict = same_function(programs.torch, programs.jax)
    assert not verdict.is_same
    assert first in str(verdict.difference)
    assert re.search(r"zoo\.py:\d+", str(verdict.difference))
    assert str(verdict).startswith("Two functions: torch ")


def wrong_jax(relative):
    @jax.custom_vjp
    def gated(x):
        return x * jnp.tanh(x)

    def backward(x, g):
        return (g * (jnp.tanh(x) + x * (1 - jnp.tanh(x) ** 2)) * (1 + relative),)

    gated.defvjp(lambda x: (gated(x), x), backward)
    return lambda w, x: jnp.sum(gated(x @ w) ** 2), (jnp.asarray(numbers(3, 4)), jnp.asarray(numbers(5, 3)))


def wrong_torch(relative):
    class Gated(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * torch.sigmoid(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            s = torch.sigmoid(x)
            return g * (s + x * s * (1 - s)) * (1 + relative)

    def loss(w, x):
        return Gated.apply(x @ w).pow(2).sum()

    return loss, (torch.from_numpy(numbers(3, 4)), torch.from_numpy(numbers(5, 3)))


@pytest.mark.parametrize("relative", [0.0, 1e-2, -1e-6, 1e-10])
@pytest.mark.parametrize(("make", "name"), [(wrong_jax, "gated"), (wrong_torch, "Gated")])
def test_a_custom_derivative_that_is_wrong_is_located(make, name, relative):
    function, args = make(relative)
    verdict = certify_gradients(function, *args)
    assert verdict.agrees is (relative == 0), str(verdict)
    assert [call.name for call in verdict.wrong] == [name] * (relative != 0)
    if relative:
        with pytest.raises(
            AssertionError, match=rf"The derivative of {name} \(test_programs\.py:\d+\) is not"
        ):
            assert_gradients_certified(function, *args)


KINK = np.array([0.0, 1.0, -2.0])


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (lambda x: torch.relu(x).sum() + x.abs().sum(), (torch.from_numpy(KINK),)),
        (lambda x: jnp.sum(jax.nn.relu(x)) + jnp.sum(jnp.abs(x)), (KINK,)),
        (lambda x: torch.maximum(x, torch.zeros_like(x)).sum(), (torch.from_numpy(KINK),)),
        (lambda x: jnp.sum(jnp.maximum(x, 0)), (KINK,)),
        (lambda x: x.amax(), (torch.tensor([1.0, 1.0, 0.5]),)),
    ],
)
def test_at_a_kink_each_derivative_between_both_sides_is_right(function, args):
    verdict = certify_gradients(function, *(jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in args))
    assert verdict.agrees, str(verdict)
    assert verdict.judged.kinks
    assert "At a kink" in str(verdict)


def test_what_cannot_be_read_is_named_and_costs_only_what_depends_on_it():
    def loss(a, b):
        return torch.lgamma(a).sum() * 0 + (b * b).sum()

    verdict = certify_gradients(loss, torch.ones(2), torch.ones(3))
    judged = {finding.quantity for finding in verdict.judged.findings}
    assert verdict.ends - judged == {"∂/∂a"}
    assert {"lgamma", "∂/∂b", "∂/∂lgamma"} & judged == {"∂/∂b", "∂/∂lgamma"}  # and goes on from its value
    assert not verdict.agrees
    assert str(verdict).startswith(
        f"torch {torch.__version__} agrees as far as it was judged: 2 of the output, 2 gradients and 9 "
    )
    assert "Judged: 13 of 15 lines" in str(verdict)
    assert re.search(r"Not judged: lgamma is not known \(test_programs\.py:\d+\)\.", str(verdict))
    with pytest.raises(NotCapturedError, match="lgamma is not known"):
        same_function((loss, (torch.ones(2), torch.ones(3))), (loss, (torch.ones(2), torch.ones(3))))


def in_place(x):
    y = x.clone()
    y[0].mul_(2)
    return (y**2).sum()


def without_gradient(x):
    with torch.no_grad():
        mean = x.mean()
    return ((x - mean) ** 2 * x).sum()


X = torch.from_numpy(numbers(4, 6))


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (in_place, (X,)),
        (without_gradient, (X,)),
        (lambda x, s: (x * s).pow(2).mean(), (X, 0.1)),
        (lambda m, x: m(x).sum() + m.weight.pow(2).sum(), (nn.Linear(6, 3).double(), X)),
        (lambda x: ((x > 0) * x).sum(), (X,)),
        (F.mse_loss, (X, X + 1)),
        (lambda x: x.bfloat16().double().sum(), (X,)),
        (lambda x: nn.MaxPool1d(2)(x.reshape(1, 4, 6)).sum(), (X,)),
    ],
)
def test_usual_ways_to_write_a_program_are_read(function, args):
    assert_gradients_certified(function, *args)


@pytest.mark.parametrize(
    ("function", "args", "reason"),
    [
        (lambda x: (x.long().double() * x).sum(), (X,), r"a conversion to torch\.int64 is not known"),
        (lambda x: F.dropout(x).sum(), (X,), "draws random numbers"),
        (lambda w: F.embedding(torch.tensor([1]), w, scale_grad_by_freq=True).sum(), (X,), "scale_grad"),
        (lambda x: x.clone().index_put_((torch.tensor([1, 1]),), x[:2]).sum(), (X,), "written twice"),
    ],
)
def test_what_would_be_read_wrong_is_not_judged(function, args, reason):
    verdict = certify_gradients(function, *args)
    assert not verdict.agrees
    assert all(one.passes for one in verdict.judged.findings), str(verdict)
    assert re.search(reason, "; ".join(verdict.judged.unknown))


def test_a_wrong_derivative_that_the_ends_do_not_show_is_located():
    function, args = wrong_torch(1e-12)
    verdict = certify_gradients(lambda w, x: function(w, x) * 1e-9 + F.layer_norm(x @ w, (4,)).sum(), *args)
    assert [call.name for call in verdict.wrong] == ["Gated"]


def test_a_program_is_one_function_with_itself_where_it_is_0():
    program = (lambda x: F.layer_norm(x, (6,)).sum(), (X,))
    assert same_function(program, program).is_same


def test_a_function_of_no_framework_is_refused():
    with pytest.raises(NotCapturedError, match="shape \\(3,\\), expected a single number"):
        certify_gradients(lambda x: x * 2, torch.ones(3))


def test_a_result_is_held_to_the_bound_of_another_functions_graph():
    x, w = numbers(5, 7).astype(np.float32), numbers(7, 3, seed=1).astype(np.float32)
    right = np.tanh(x[:, ::-1] @ w[::-1])  # summed in another order
    for of, args in (
        (lambda x, w: torch.tanh(x @ w), (torch.from_numpy(x), torch.from_numpy(w))),
        (lambda x, w: jnp.tanh(x @ w), (jnp.asarray(x), jnp.asarray(w))),
    ):
        assert_derived_close(right, of=of, args=args)
        with pytest.raises(AssertionError, match=r"the result\[\d, \d\] is .* off by"):
            assert_derived_close(right + 1e-4 * np.eye(5, 3, 1), of=of, args=args)
        with pytest.raises(AssertionError, match=r"shape \(3,\), expected \(5, 3\)"):
            assert_derived_close(right[0], of=of, args=args)


LAYERS = [
    *(
        nn.GELU,
        nn.SiLU,
        nn.Tanh,
        nn.Sigmoid,
        nn.ReLU,
        nn.ELU,
        nn.Softplus,
        nn.Mish,
        nn.LogSigmoid,
        nn.Softsign,
    ),
    *(nn.Hardtanh, nn.LeakyReLU, lambda: nn.GELU("tanh"), lambda: nn.Softmax(-1), lambda: nn.LogSoftmax(-1)),
    *(lambda: nn.LayerNorm(4), lambda: nn.BatchNorm1d(4), lambda: nn.Linear(4, 4), lambda: nn.Linear(4, 4)),
]
LOSSES = [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss]


def random_program(seed):
    """Return a loss of random layers, residuals among them, with its arguments."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    layers = [LAYERS[i]() for i in rng.integers(len(LAYERS), size=rng.integers(1, 6))]
    skips, loss = rng.random(len(layers)) < 0.3, LOSSES[rng.integers(len(LOSSES))]

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(layers)

        def forward(self, x):
            for layer, skip in zip(self.layers, skips, strict=True):
                x = x + layer(x) if skip else layer(x)
            return x

    data = (torch.from_numpy(rng.normal(size=(3, 4)) * 10.0 ** rng.integers(-2, 2)) for _ in range(2))
    return lambda model, x, y: loss(model(x), y), (Network().double(), *data)


def test_no_right_program_is_accused(pytestconfig):
    for seed in range(pytestconfig.getoption("--random") // 6):
        function, args = random_program(seed)
        verdict = certify_gradients(function, *args)
        assert all(one.verdict is not Verdict.DIFFERS for one in verdict.judged.findings), (
            f"{seed}: {verdict}"
        )
        assert not verdict.judged.unknown, f"{seed}: {verdict}"


GRID = np.concatenate([np.linspace(-40, 40, 81), [1e-8, -1e-8, 1e-300, 6.0, 20.5, -100, 100], numbers(20)])


def test_what_a_framework_ships_is_certified_in_the_tails_too(activation):
    for function, z in (
        (torch_functions.ACTIVATIONS[activation], torch.from_numpy(GRID)),
        (jax_functions.ACTIVATIONS[activation], jnp.asarray(GRID)),
    ):
        assert_gradients_certified(lambda x, f=function: f(x).sum(), z)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_both_frameworks_are_as_accurate_as_each_function_asks(dtype):
    named = {"logistic": (torch.sigmoid, jax.nn.sigmoid), "rsqrt": (torch.rsqrt, jax.lax.rsqrt)}
    inside = {
        "log": (1e-6, 50),
        "log1p": (-0.9, 50),
        "sqrt": (1e-6, 50),
        "rsqrt": (1e-6, 50),
        "erfc": (-5, 5),
        "log2": (1e-6, 50),
        "log10": (1e-6, 50),
        "acosh": (1.001, 50),
        **dict.fromkeys(["asin", "acos", "atanh", "erfinv"], (-0.99, 0.99)),
    }
    form = format_of(dtype)
    for name, function in FUNCTIONS.items():
        if name == "erf_slope":  # no framework has it
            continue
        theirs = named.get(name) or (getattr(torch, name), getattr(jax.scipy.special, name, None))
        of_jax = theirs[1] or getattr(jnp, name)
        x = np.linspace(*inside.get(name, (-6, 6)), 301).astype(dtype)
        with precision():
            exact = function.balls(balls_of(x))
        of_both = [np.asarray(of_jax(jnp.asarray(x))), theirs[0](torch.from_numpy(x)).numpy()]
        if name == "erf" and not torch.backends.mkl.is_available():  # off by 1.5e-7: pytorch #198183
            of_both.pop()
        for made in of_both:
            off = [abs(float(a - flint.arb(float(b)))) for a, b in zip(exact, made, strict=True)]
            ulps = [e / form.ulp(float(a)) for e, a in zip(off, exact, strict=True)]
            assert max(ulps) <= function.ulps, name
