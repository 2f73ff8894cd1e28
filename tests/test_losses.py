"""The losses: bounds that hold the truth and every form in use, kinks as stated, and mistakes seen."""

import pytest

pytest.importorskip("jax")
pytest.importorskip("torch")

import itertools
from decimal import Decimal
from functools import cache
from types import MappingProxyType

import decimals
import jax
import jax.numpy as jnp
import numpy as np
import torch
from forms import stable_sigmoid as stable
from forms import two_terms as softplus
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import LOSSES, NUMBERS, rounded, targets

from adapters.jax_functions import loss_key
from adapters.jax_functions import loss_of as jax_loss_of
from adapters.torch_functions import loss_of as torch_loss_of
from cases import Problem
from cases.protocol import NoEquivalent
from reference import Verdict
from reference.agreement import compare
from reference.arithmetic import FORMATS, PRINTED, Ball, Bounded, precision
from reference.losses import loss_rule

NEW = [
    pytest.param(name, reduction, id=f"{name}-{reduction}") for name, reduction in LOSSES if name in NUMBERS
]
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
EVERY = pytest.mark.parametrize(("name", "reduction"), NEW)
EXTREMES = {
    "float64": [-700, -40, -17, -1e-9, 0, 1e-30, 5, 17, 40, 700],
    "float32": [-85, -40, -17, -1e-5, 0, 5, 17, 40],
}


def draw(name, dtype, seed=0, shape=(3, 4), spread=1.0):
    """Predictions and targets that fit a loss."""
    rng = np.random.default_rng([seed, *shape])
    y_hat = rng.standard_normal(shape) * spread
    if name == "binary_cross_entropy":
        y_hat = 1 / (1 + np.exp(-np.clip(y_hat, -11, 11)))
    return y_hat.astype(dtype), targets(name, rng, shape).astype(dtype)


def extreme(name, dtype):
    """Saturated logits, probabilities at both ends, and differences on both sides of a kink."""
    y_hat, y = draw(name, dtype, 7, (4, len(EXTREMES[dtype])))
    y_hat[0] = EXTREMES[dtype]
    y_hat[1] = EXTREMES[dtype][::-1]
    if name == "binary_cross_entropy":
        near = 4e-12 if dtype == "float64" else 1e-6  # beyond 1e-12 PyTorch clamps: a test of its own
        y_hat = np.clip(np.abs(y_hat), near, 1 - near)
    return y_hat, y


def rule_of(name, reduction, dtype, **numbers):
    return loss_rule(name, reduction, rounded({**NUMBERS.get(name, {}), **numbers}, dtype))


def problem_of(name, reduction, y_hat, y, **numbers):
    """A problem whose last activation is ŷ, for what takes a problem."""
    given = rounded({**NUMBERS.get(name, {}), **numbers}, str(y.dtype))
    return Problem("a test", str(y.dtype), (), MappingProxyType({}), y_hat, y, name, reduction, 0.1, given)


def in_balls(line, y_hat, y):
    with precision():
        return line(Ball.exact(y_hat), Ball.exact(y))


def certified(line, y_hat, y, error=0.0):
    """The bounded number with the ball's value, as the checker has it."""
    form = FORMATS[str(y.dtype)]
    with np.errstate(all="ignore"):
        claimed = Bounded(y_hat.astype(float), np.full(y_hat.shape, error) if error else 0.0, form)
        bounded = line(claimed, Bounded.exact(y, form))
        high, low, radius = in_balls(line, y_hat, y).split()
    return Bounded(high, bounded.error + np.where(np.isfinite(radius), radius, np.inf), form, 1, low)


def is_within(claimed, derived):
    off = np.abs(np.asarray(claimed, np.float64) - derived.value - derived.low)
    return bool((off <= derived.error).all())


def through_numpy(name, reduction, y_hat, y, **numbers):
    rule = rule_of(name, reduction, str(y.dtype), **numbers)
    return rule.value(y_hat, y), rule.gradient(y_hat, y)


def through_torch(name, reduction, y_hat, y, **numbers):
    a = torch.tensor(y_hat, requires_grad=True)
    loss = torch_loss_of(problem_of(name, reduction, y_hat, y, **numbers), a, torch.tensor(y))
    loss.backward()
    return loss.detach().numpy(), a.grad.numpy()


def through_jax(name, reduction, y_hat, y, **numbers):
    key = loss_key(problem_of(name, reduction, y_hat, y, **numbers))
    with jax.enable_x64(y.dtype == np.float64):
        loss, gradient = in_jax(key)(jnp.asarray(y_hat), jnp.asarray(y))
    return np.asarray(loss), np.asarray(gradient)


@cache
def in_jax(key):
    return jax.jit(jax.value_and_grad(lambda a, y: jax_loss_of(key, a, y)))


FRAMEWORKS = through_torch, through_jax


# the truth


SMOOTHED = [(*one.values, 0.25) for one in NEW if "softmax" in one.values[0]]


@pytest.mark.parametrize(
    ("name", "reduction", "smoothing"), [*((*one.values, 0.0) for one in NEW), *SMOOTHED]
)
def test_balls_against_sixty_digits_and_difference_quotients(name, reduction, smoothing):
    y_hat, y = draw(name, "float64", spread=2.0)
    numbers = {"label_smoothing": smoothing} if "softmax" in name else {}
    rule = rule_of(name, reduction, "float64", **numbers)
    problem = problem_of(name, reduction, y_hat, y, **numbers)

    def exact(i=0, j=0, step=Decimal(0)):
        rows = decimals.decimals(y_hat)
        rows[i][j] += step
        return decimals.reduced(problem, zip(rows, decimals.decimals(y), strict=True))

    sides = [[exact(i, j, side * decimals.STEP) for i, j in np.ndindex(y.shape)] for side in (1, -1)]
    quotients = [(up - down) / (2 * decimals.STEP) for up, down in zip(*sides, strict=True)]
    for line, numbers in ((rule.value, [exact()]), (rule.gradient, quotients)):
        for ball, number in zip(in_balls(line, y_hat, y).matrix.entries(), numbers, strict=True):
            assert abs(Decimal(ball.mid().str(55, radius=False)) - number) < Decimal("1e-36")


@EVERY
@DTYPES
def test_every_program_is_within_the_bound_at_random_and_extreme_points(name, reduction, dtype):
    """So is the float64 value where nothing is certified: the evaluation's own rounding is in the bound."""
    points = [draw(name, dtype, seed, spread=spread) for seed in range(2) for spread in (1e-3, 1, 3, 10)]
    rule = rule_of(name, reduction, dtype)
    for y_hat, y in [*points, extreme(name, dtype)]:
        lines = rule.value, rule.gradient
        derived = [certified(line, y_hat, y) for line in lines]
        assert all(np.isfinite(line.error).all() for line in derived)
        for run in (through_numpy, *FRAMEWORKS):
            assert all(map(is_within, run(name, reduction, y_hat, y), derived)), run
        for line, ball in zip(lines, derived, strict=True):
            own = line(Bounded.exact(y_hat, PRINTED), Bounded.exact(y, PRINTED))
            assert (np.abs(own.value - ball.value - ball.low) <= own.error).all()


@EVERY
@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), e=st.floats(1e-12, 0.2), share=st.floats(-1, 1))
def test_predictions_anywhere_within_their_error_stay_inside_the_bound(name, reduction, seed, e, share):
    y_hat, y = draw(name, "float64", seed, (2, 3), 2.0)
    e = min(e, 0.4 * min(y_hat.min(), (1 - y_hat).min())) if name == "binary_cross_entropy" else e
    signs = np.random.default_rng(seed).choice([-1, 1], y_hat.shape)
    rule = rule_of(name, reduction, "float64")
    for line in (rule.value, rule.gradient):
        derived = certified(line, y_hat, y, e)
        for part in (share, 1):
            assert is_within(line(y_hat + 0.999 * e * part * signs, y), derived)


def through_a_loop(z, y):
    """Row by row, the class's logit taken off log Σ eᶻ."""
    peak = z.max(axis=1)
    return np.log(np.exp(z - peak[:, None]).sum(axis=1)) + peak - (y * z).sum(axis=1)


def quotient_of_powers(z, y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True) * y.sum(axis=1, keepdims=True) - y


def smoothed(y):
    s = y.dtype.type(0.1)
    return (1 - s) * y + s / y.shape[1]


def of_difference(function, number):
    """From a function of d = ŷ − y and of δ, one of ŷ and y."""
    return lambda p, y: function(p - y, p.dtype.type(number))


# Each loss once or more in another form, by hand: its terms, and their gradient.
FORMS = {
    "softmax_cross_entropy": (
        [lambda z, y: through_a_loop(z, smoothed(y))],
        [lambda z, y: quotient_of_powers(z, smoothed(y))],
    ),
    "softmax_cross_entropy_with_integer_labels": ([through_a_loop], [quotient_of_powers]),
    "binary_cross_entropy_with_logits": (
        [
            lambda z, y: softplus(z) - y * z,
            lambda z, y: (1 - y) * z + softplus(-z),
            lambda z, y: y * softplus(-z) + (1 - y) * softplus(z),
        ],
        [
            lambda z, y: stable(z) - y,
            lambda z, y: (1 - y) - stable(-z),
            lambda z, y: (1 - y) * stable(z) - y * stable(-z),
        ],
    ),
    "binary_cross_entropy": (
        [
            lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)),
            lambda a, y: -y * np.log(a) - (1 - y) * np.log1p(-a),
        ],
        [lambda a, y: (a - y) / (a * (1 - a)), lambda a, y: (1 - y) / (1 - a) - y / a],
    ),
    "huber": (
        [of_difference(lambda d, m: np.where(abs(d) <= m, d**2 / 2, m * (abs(d) - m / 2)), 0.7)],
        [of_difference(lambda d, delta: np.sign(d) * np.minimum(abs(d), delta), 0.7)],
    ),
    "smooth_l1": (
        [of_difference(lambda d, beta: np.where(abs(d) < beta, d * d / beta / 2, abs(d) - beta / 2), 0.3)],
        [of_difference(lambda d, beta: np.where(abs(d) < beta, d / beta, np.sign(d)), 0.3)],
    ),
    "l1": ([lambda p, y: np.maximum(p - y, y - p)], [lambda p, y: (p > y) * p.dtype.type(1) - (p < y)]),
}


@DTYPES
@pytest.mark.parametrize("name", FORMS)
def test_every_usual_form_is_within_the_bound_wherever_the_mean_is_applied(name, dtype):
    terms, slopes = FORMS[name]
    points = [draw(name, dtype, seed, (3, 5), spread) for seed in range(3) for spread in (0.1, 3.0, 30.0)]
    for (y_hat, y), reduction in itertools.product([*points, extreme(name, dtype)], ("sum", "mean")):
        rule = rule_of(name, reduction, dtype)
        loss, slope = certified(rule.value, y_hat, y), certified(rule.gradient, y_hat, y)
        n = y_hat.dtype.type(1 if reduction == "sum" else len(y) if "softmax" in name else y.size)
        for form in terms:
            assert is_within(form(y_hat, y).sum() / n, loss)
            assert is_within((form(y_hat, y) * (1 / n)).sum(), loss)
        for form in slopes:
            assert is_within(form(y_hat, y) / n, slope)
            assert is_within(form(y_hat, y) * (1 / n), slope)


@DTYPES
def test_l1_is_a_slope_of_0_where_the_prediction_is_the_target_and_jax_has_1_there(dtype):
    y_hat, y = np.array([[0.5, 0.25, 0.75]], dtype), np.array([[0.5, 0.5, 0.5]], dtype)
    derived = certified(rule_of("l1", "sum", dtype).gradient, y_hat, y)
    assert (derived.value.tolist(), derived.error.tolist()) == ([[0, -1, 1]], [[0, 0, 0]])
    assert is_within(through_torch("l1", "sum", y_hat, y)[1], derived)
    assert through_jax("l1", "sum", y_hat, y)[1].tolist() == [[1, -1, 1]]


@DTYPES
def test_huber_is_smooth_at_delta_and_optax_slope_of_a_small_difference_may_be_0(dtype):
    """δ + (m − δ) is off by u·δ, and is 0 for a difference of 1e-20: correct, and no digit is certified."""
    delta = np.dtype(dtype).type(0.7)
    around = [np.nextafter(delta, 0), delta, np.nextafter(delta, 9), -delta]
    d = np.array([[1e-20, 0.01, 0.03, *around]], dtype)
    y = np.zeros_like(d)
    for name, number in (("huber", {"delta": 0.7}), ("smooth_l1", {"beta": 0.7})):
        rule = rule_of(name, "sum", dtype, **number)
        derived = [certified(line, d, y) for line in (rule.value, rule.gradient)]
        for run in FRAMEWORKS:
            assert all(map(is_within, run(name, "sum", d, y, **number), derived))
    assert through_jax("huber", "sum", d, y, delta=0.7)[1][0, 0] == 0


def test_nothing_is_promised_where_the_error_reaches_0_or_1_or_logits_overflow():
    rule = rule_of("binary_cross_entropy", "sum", "float64")
    y_hat, y = np.array([[0.25, 0.5, 0.75]]), np.array([[0.0, 1.0, 1.0]])
    assert np.isinf(certified(rule.gradient, y_hat, y, error=0.25).error).tolist() == [[True, False, True]]
    y_hat = np.array([[0.0, 0.5, 1.0]])
    assert np.isinf(certified(rule.gradient, y_hat, y).error).tolist() == [[True, False, True]]
    assert np.isinf(certified(rule.value, y_hat[:, :2], y[:, :2]).error)
    assert np.isinf(certified(rule.value, y_hat[:, 1:], y[:, 1:]).error)
    logits, shares = np.array([[3e38, -3e38]], "float32"), np.array([[0.5, 0.5]], "float32")
    assert np.isinf(certified(rule_of("softmax_cross_entropy", "sum", "float32").value, logits, shares).error)


def differs(claimed, line, y_hat, y):
    return compare(1, "loss", np.asarray(claimed), certified(line, y_hat, y)).verdict is Verdict.DIFFERS


@EVERY
@DTYPES
def test_mistaken_losses_differ(name, reduction, dtype):
    """The other reduction, no smoothing, a mean over elements, a sigmoid too many, another δ."""
    y_hat, y = draw(name, dtype)
    numbers = {"label_smoothing": 0.1} if "softmax" in name else {}
    right = rule_of(name, reduction, dtype, **numbers)
    wrong = [rule_of(name, {"sum": "mean", "mean": "sum"}[reduction], dtype, **numbers)]
    others = {"label_smoothing": 0.0, "delta": 1.0, "beta": 1.0}.items()
    wrong += [rule_of(name, reduction, dtype, **{n: other}) for n, other in others if n in NUMBERS[name]]
    for which in ("value", "gradient"):
        line = getattr(right, which)
        claims = [getattr(rule, which)(y_hat, y) for rule in wrong]
        claims += [line(y_hat, y) / 4] if "softmax" in name else []
        claims += [line(stable(y_hat), y)] if name.endswith("with_logits") else []
        assert all(differs(claimed, line, y_hat, y) for claimed in claims)


def test_pytorch_clamps_the_logarithm_and_the_gradient_of_a_probability():
    """At −100 and 1e12 (F.binary_cross_entropy's documentation has the first); log 1e-50 is −115."""
    a, y = np.array([[1e-50]]), np.array([[1.0]])
    rule = rule_of("binary_cross_entropy", "sum", "float64")
    for run, clamps in ((through_torch, True), (through_jax, False)):
        loss, gradient = run("binary_cross_entropy", "sum", a, y)
        assert differs(loss, rule.value, a, y) == differs(gradient, rule.gradient, a, y) == clamps
        assert ((loss, gradient.item()) == (100, pytest.approx(-1e12))) == clamps


def test_smoothed_labels_are_those_of_both_frameworks_and_optax_has_none_for_classes():
    name = "softmax_cross_entropy_with_integer_labels"
    z, y = draw(name, "float64")
    right = certified(rule_of(name, "mean", "float64", label_smoothing=0.3).value, z, y)
    assert is_within(through_torch(name, "mean", z, y, label_smoothing=0.3)[0], right)
    for run in FRAMEWORKS:
        by_row = run(name.removesuffix("_with_integer_labels"), "mean", z, y, label_smoothing=0.3)[0]
        assert is_within(by_row, right)
    with pytest.raises(NoEquivalent, match="has no label smoothing"):
        through_jax(name, "mean", z, y, label_smoothing=0.3)


def test_a_loss_that_there_is_not_says_so():
    with pytest.raises(KeyError):
        loss_rule("huber", "median", (("delta", 1.0),))
    with pytest.raises(KeyError, match="delta"):
        loss_rule("huber", "sum")
    y_hat, y = draw("l1", "float64")
    for run in FRAMEWORKS:
        with pytest.raises(NotImplementedError, match="no loss 'hinge' with reduction 'sum'"):
            run("hinge", "sum", y_hat, y)
