"""Operations that programs are made of: read in both frameworks, with their bounds and derivatives."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from operation_rows import ROWS
from torch.nn import functional as F  # noqa: N812 - its usual name
from zoo import numbers

from cases.captured import ASKED, BINARY, OTHERS, TRUTHS, UNARY, Builder, NotCapturedError
from reference.arithmetic import Bounded, format_of, precision
from reference.programs.derivatives import gradient_program
from reference.programs.evaluation import Forms, bounded, certified
from reference.programs.operations import apply, balls_of
from reports.certify import certify_gradients, same_function

FEW_DIGITS = 6.0  # JAX takes the softmax of its attention in float32
SOME = 9  # every so many rows are judged without --slow


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def pytest_generate_tests(metafunc):
    if "row" in metafunc.fixturenames:
        every = list(ROWS)
        metafunc.parametrize("row", every if metafunc.config.getoption("--slow") else every[::SOME])


def arguments(row):
    arrays = [numbers(*shape, seed=i) for i, shape in enumerate(row.shapes)]
    return arrays if row.above is None else [row.above + np.abs(array) for array in arrays]


def weighted(function):
    """Return the sum of what a function returns, each element with a weight of its own."""

    def loss(*args):
        result = function(*args)
        size = int(np.prod(result.shape))
        weights = 1 + (np.arange(size) % 97).reshape(result.shape) / 128
        return (result * (torch.from_numpy(weights) if isinstance(result, torch.Tensor) else weights)).sum()

    return loss


def programs(row):
    made = []
    if row.torch:
        made.append((weighted(row.torch), tuple(map(torch.from_numpy, arguments(row)))))
    if row.jax:
        made.append((weighted(row.jax), tuple(map(jnp.asarray, arguments(row)))))
    return made


def test_an_operation_is_read_and_its_gradient_certified(row):
    made = programs(ROWS[row])
    for function, args in made:
        verdict = certify_gradients(function, *args)
        assert verdict.agrees, str(verdict)
        assert verdict.judged.known == verdict.judged.lines
        assert verdict.digits > FEW_DIGITS
    if len(made) > 1:
        verdict = same_function(*made)
        assert verdict.agrees, str(verdict)


# Each kind of line by itself, without a framework.

AT = {  # operands inside the domain, one for each element
    **{kind: [[0.3, 1.7, 2.5, 0.9]] for kind in ("log", "log2", "log10", "log1p", "sqrt", "rsqrt")},
    **{kind: [[0.3, -0.7, 0.05, 0.9]] for kind in ("asin", "acos", "atanh", "erfinv")},
    "acosh": [[1.25, 1.7, 2.5, 7.0]],
    "real_power": [[0.3, 1.7, 2.5, 0.9], [1.3, -0.7, 2.0, 0.4]],
    "prod": [[0.3, 0.0, 2.5, -0.9]],
}
USUALLY = [[0.3, -1.7, 2.6, -0.9], [1.2, 0.8, -0.6, 0.7]]
GIVEN = {
    "power": {"exponent": 3},
    **{kind: {"axes": (0,)} for kind in ("sum", "prod", "max", "cumsum")},
    "reshape": {"shape": (2, 2)},
    "transpose": {"axes": (0,)},
    "broadcast": {"shape": (3, 4)},
    "gather": {"indices": np.array([3, 3, -1, 0])},
    "scatter": {"indices": np.array([3, 3, -1, 0]), "shape": (5,)},
}
OTHERWISE = {
    "stop",
    "rounded",
    "convert",
    "select",
    "matmul",
    "erf_slope",
}  # without a derivative, or with more
KINDS = sorted((UNARY | BINARY | OTHERS) - OTHERWISE - TRUTHS)


def one_line(kind):
    """Return the weighted sum of one line of a kind, and the operands to take it at."""
    count = 2 if kind in BINARY else 1
    b = Builder()
    inputs = [b.input(f"x{i}", (4,)) for i in range(count)]
    line = b.add(kind, *inputs, **GIVEN.get(kind, {}))
    weights = b.constant(1 + b.positions(line) / 8)
    program = b.program(b.reduce("sum", b.add("multiply", line, weights)))
    return program, np.array(AT.get(kind, USUALLY[:count]))


@pytest.mark.parametrize("kind", KINDS)
def test_the_derivative_of_a_line_is_that_of_its_value(kind):
    """Against a difference of its values in balls, which is off by about the square of the step."""
    program, at = one_line(kind)
    step = 2.0**-40
    derivative = gradient_program(program)
    values = certified(derivative, {f"x{i}": x for i, x in enumerate(at)})
    for i, j in np.ndindex(*at.shape):
        change = step * np.eye(at.size)[i * at.shape[1] + j].reshape(at.shape)
        ends = [certified(program, {f"x{k}": x for k, x in enumerate(at + s * change)}) for s in (1, -1)]
        with precision():
            slope = (ends[0][program.output].item() - ends[1][program.output].item()) / (2 * step)
            assert float(abs(slope - values[derivative.outputs[1 + i]][j])) < 1e6 * step**2


@pytest.mark.parametrize("radius", [0.0, 2.0**-10])
@pytest.mark.parametrize("kind", KINDS)
def test_a_bound_holds_all_values_of_operands_within_theirs(kind, radius):
    program, at = one_line(kind)
    line, rng = program.operations[0], np.random.default_rng(0)
    result = apply(line, [Bounded(x, np.full(x.shape, radius), format_of("float64")) for x in at])
    for _ in range(5):
        with precision():
            exact = apply(line, [balls_of(x + radius * rng.uniform(-1, 1, x.shape)) for x in at])
            off = np.vectorize(float)(abs(exact - balls_of(result.value)))
        assert np.all(off <= result.error)
        assert np.all(result.error <= 1e4 * radius + 1e-12 * (1 + result.magnitude))


@pytest.mark.parametrize(("x", "y"), [(6.0, 2.0), (-7.5, 2.0), (0.3, -0.1), (5e-324, 1.0), (1e17, 3.0)])
def test_a_remainder_that_is_exact_is_known_exactly(x, y):
    program, _ = one_line("fmod")
    for form in (balls_of, lambda a: Bounded.exact(a, format_of("float64"))):
        with precision():
            rest = apply(program.operations[0], [form(np.full(4, one)) for one in (x, y)])
        value = rest.value if isinstance(rest, Bounded) else [float(one) for one in rest]
        assert list(value) == [math.fmod(x, y)] * 4


# Kinks, infinities, and what cannot be known.

TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.amax(1).sum() + x.max(1)[0].sum() + x.amin(1).sum(),
        lambda x: F.max_pool2d(x[None], 3, 1, 1).sum() + x.cummax(1)[0].sum(),
        lambda x: x.topk(2, 1)[0].sum() + x.sort(1)[0][:, 0].sum() + torch.linalg.vector_norm(x, math.inf),
        lambda x: x.floor().sum() + x.clamp(2.0, 3.0).sum(),
    ],
)
def test_at_ties_each_choice_is_right(function):
    verdict = certify_gradients(function, torch.from_numpy(TIED))
    assert verdict.agrees, str(verdict)


@pytest.mark.parametrize(
    ("kinds", "x", "expected"),
    [
        (["exp"], -math.inf, 0.0),
        (["tanh", "exp"], math.inf, math.e),
        (["negative", "logistic"], math.inf, 0.0),
        (["abs", "log"], -math.inf, math.inf),
    ],
)
def test_an_infinite_number_is_exact_and_no_overflow_is(kinds, x, expected):
    b = Builder()
    line = b.add("add", b.input("x", (2,)), b.constant(1.0))
    for kind in kinds:
        line = b.add(kind, line)
    program = b.program(line)
    inputs = {"x": np.array([x, 0.5])}
    made = bounded(program, inputs, Forms("float64"), certified(program, inputs))[line]
    assert made.value[0] == pytest.approx(expected)
    assert made.error[0] <= 1e-14
    huge = bounded(program, {"x": np.full(2, 1.7e308)}, Forms("float32"))[program.operations[0].number]
    assert np.all(np.isinf(huge.error))


@pytest.mark.parametrize(
    ("function", "x"),
    [
        (lambda x: (x * 2 if x.sum() > 0 else x).sum(), torch.ones(3)),
        (lambda x: (x * x.detach().numpy().sum()).sum(), torch.ones(3)),
        (lambda x: jnp.sum(x * float(x.sum())), jnp.ones(3)),
        (lambda x: jnp.sum(x[x > 0]), jnp.ones(3)),
    ],
)
def test_a_program_that_asks_for_its_numbers_is_one_line_with_its_place(function, x):
    with pytest.raises(NotCapturedError, match=rf"^{re.escape(ASKED)} \(\w+\.py:\d+\)$"):
        certify_gradients(function, x)


@pytest.mark.parametrize(
    ("function", "x", "reason"),
    [
        (lambda x: (x[x > 0]).sum(), torch.ones(3), "indices that depend on the inputs"),
        (
            lambda x: jnp.sum(jax.lax.cond(x[0] > 0, jnp.sin, jnp.cos, x)),
            jnp.ones(3),
            "a branch that depends",
        ),
        (lambda x: F.rrelu(x, training=True).sum(), torch.ones(3), "draws random numbers"),
    ],
)
def test_what_depends_on_the_numbers_is_named_and_not_judged(function, x, reason):
    verdict = certify_gradients(function, x)
    assert not verdict.agrees
    assert all(one.passes for one in verdict.judged.findings)
    assert reason in verdict.judged.unknown[0]
