"""The formats of 16 bits: what the bounds take for granted of them is measured here, framework by framework.

A release that accumulates in another format than its adapter declares, flushes where it did not, or leaves
the contract of its activations fails here, by name.
"""

from dataclasses import replace
from fractions import Fraction
from importlib import import_module

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import damaged, network

from adapters import find_adapters
from cases.numbers import Number, rounded_once
from cases.protocol import SIXTEEN_BITS
from reference import Accumulators, Subject, Verdict, judge, sentence
from reference.activations import ACTIVATIONS
from reference.activations.sigmoid import sigmoid
from reference.arithmetic import FORMATS, Bounded, format_of
from reference.findings import Finding
from reference.losses import loss_rule

PROGRAMS = [("numpy", 0), ("torch", 0), ("jax", 0), ("jax", 1)]
OWN = Accumulators(products="own", sums="own", totals="own")


def program(name, i):
    return find_adapters([name])[0].programs[i]


def all_numbers(dtype):
    """Every finite number of a format."""
    numbers = np.arange(2**16, dtype=np.uint16).view(dtype)
    with np.errstate(invalid="ignore"):
        return numbers[np.isfinite(numbers)]


def in_torch(function, *arrays):
    from adapters.torch_autograd import to_numpy, to_torch

    return to_numpy(function(*map(to_torch, arrays)))


def in_jax(function, *arrays):
    import jax

    return np.asarray(jax.jit(function)(*arrays))


WAYS = {"numpy": lambda function, *arrays: function(*arrays), "torch": in_torch, "jax": in_jax}


# --- what the formats are


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_formats_constants_are_those_of_its_numbers(dtype):
    form, limits = FORMATS[dtype], ml_dtypes.finfo(dtype)
    assert form.unit_roundoff == float(limits.eps) / 2
    assert form.smallest_normal == float(limits.tiny)
    assert form.largest == float(limits.max)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", SIXTEEN_BITS)
def test_only_xla_flushes_subnormals_of_bfloat16(dtype, way):
    tiny = FORMATS[dtype].smallest_normal
    half = np.asarray(0.5, dtype)
    subnormal = WAYS[way](lambda a, b: a * b, np.full(3, 1.5 * tiny, dtype), np.full(3, half))
    operand = WAYS[way](lambda a, b: a * b, np.full(3, 0.75 * tiny, dtype), np.full(3, 4, dtype))
    flushes = way == "jax" and dtype == "bfloat16"
    assert np.all(subnormal.astype(float) == (0 if flushes else 0.75 * tiny))
    assert np.all(operand.astype(float) == (0 if flushes else 3 * tiny))
    assert FORMATS[dtype].flushes or not flushes


def test_underflow_costs_and_its_thresholds():
    assert FORMATS["bfloat16"].underflow == 2.0**-126  # flushed
    assert FORMATS["float16"].underflow == 2.0**-25  # half the smallest subnormal: rounded
    thresholds = {"float64": 2.0**-969, "float32": 2.0**-102, "bfloat16": 2.0**-118, "float16": 2.0**-14}
    assert {name: form.underflow_threshold for name, form in FORMATS.items()} == thresholds


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gamma_is_an_upper_bound_within_its_slack(dtype):
    """nu / (1 − nu), once for the format and once for the evaluation in float64, as exact fractions."""
    for n in range(1, 400):
        exact = sum(
            n * Fraction(unit) / (1 - n * Fraction(unit)) for unit in (FORMATS[dtype].unit_roundoff, 2.0**-53)
        )
        assert exact <= Fraction(FORMATS[dtype].gamma(n)) <= exact * (1 + Fraction(2, 2**30))
    form = format_of("bfloat16").certified  # the roundings of an accumulator are those of its own format
    assert form.gamma(10, form.products) == pytest.approx(10 * 2.0**-24, rel=1e-5)
    assert form.gamma(10) == pytest.approx(10 / 256 / (1 - 10 / 256), rel=1e-8)


@given(st.integers(0, 2**15 - 2), st.sampled_from([-1, 0, 1]), st.sampled_from(SIXTEEN_BITS))
def test_numbers_are_rounded_once(i, hair, dtype):
    """At the middle of two neighbours, and a hair away that neither float32 nor float64 can hold."""
    lower, upper = np.array([i, i + 1], np.uint16).view(dtype)
    if not np.isfinite(lower) or not np.isfinite(upper):
        return
    middle = (Fraction(float(lower)) + Fraction(float(upper))) / 2
    nearest = float({-1: lower, 0: upper if i % 2 else lower, 1: upper}[hair])
    exact = middle * (1 + hair * Fraction(1, 2**80)) if middle else middle
    digits = max(exact.denominator.bit_length() - 1, 1)  # of a dyadic fraction
    text = f"{exact.numerator * 10**digits // exact.denominator}e-{digits}"
    if len(text) < 1000:
        assert Number(text).rounded(dtype) == nearest
    assert float(rounded_once(float(middle) * (1 + hair * 2.0**-50), dtype)) == nearest


@pytest.mark.needs("torch")
@pytest.mark.parametrize("dtype", SIXTEEN_BITS)
def test_torch_and_back_is_every_number_itself(dtype):
    numbers = all_numbers(dtype)
    there = in_torch(lambda tensor: tensor, numbers)
    assert there.dtype == dtype
    assert np.array_equal(there.view(np.uint16), numbers.view(np.uint16))


@pytest.mark.parametrize(
    ("dtype", "value", "text"),
    [
        ("bfloat16", 0.10009765625, "0.1"),
        ("bfloat16", np.inf, "inf"),
        ("bfloat16", np.nan, "nan"),
        ("float16", 1 / 3, "0.3333"),
    ],
)
def test_a_sentence_has_the_shortest_digits_that_read_back(dtype, value, text):
    stated = float(rounded_once(value, dtype))
    finding = Finding(1, "z1", Verdict.DIFFERS, index=(0,), claimed=stated, derived=1.0, tolerance=0.1)
    assert sentence(finding, Subject("case", "me", "", dtype)).startswith(f"z1[0] is {text}, but")


# --- what the implementations accumulate in, measured on their own training steps


def long_sums(dtype, examples, seed):
    """One unit with z = 0 for every example: dL/dz = −y, so each reduction is one sum of known numbers.

    They have four bits: their squares are numbers of the format, so only sums are rounded.
    """
    rng = np.random.default_rng(seed)
    x, y = (rounded_once(rng.integers(8, 16, (examples, n)) / 16, dtype) for n in (2, 1))
    zeros = {"W1": np.zeros((1, 2), dtype), "b1": np.zeros(1, dtype)}
    problem = network((2, 1), examples, activations="identity", dtype=dtype)
    return replace(problem, parameters=zeros, x=x, y=y)


def roundings_off(problem, claim):
    """By how many u the result of each reduction is off from its exact value."""
    x, y = problem.x.astype(float), problem.y.astype(float)
    exact = {"dL/dW1": -y.T @ x, "dL/db1": -y.sum(axis=0), "loss": (y * y).sum() / 2}
    off = [np.max(np.abs(claim[name].astype(float) / number - 1)) for name, number in exact.items()]
    return np.array(off) / FORMATS[problem.dtype].unit_roundoff


@pytest.mark.parametrize("dtype", SIXTEEN_BITS)
@pytest.mark.parametrize(("name", "i"), PROGRAMS)
def test_each_implementation_accumulates_in_what_its_adapter_declares(name, i, dtype):
    implementation = program(name, i)
    problems = [long_sums(dtype, n, seed) for n in (1000, 4096, 60_000) for seed in range(2)]
    off = [roundings_off(problem, next(implementation.run(problem))) for problem in problems]
    for kind, most in zip(("products", "sums", "totals"), np.max(off, axis=0), strict=True):
        one = "float32" if most <= 1 else "own"  # float32, rounded once, is off by one rounding at most
        assert one == getattr(implementation.accumulators, kind), f"{kind} are off by {most:.3g} u"


def test_a_declared_accumulator_of_16_bits_widens_the_bound():
    values = np.ones((1, 100))
    narrow, wide = format_of("bfloat16", OWN), format_of("bfloat16")
    for reduce in (lambda v: v @ v.mT, lambda v: v.sum(axis=1), lambda v: v.sum()):
        errors = [float(np.max(reduce(Bounded.exact(values, form)).error)) for form in (narrow, wide)]
        assert errors[0] > 0.5 * 100  # γ_100 with u = 2⁻⁸
        assert errors[1] < 1.01 * 100 * 2.0**-8  # one rounding
    assert format_of("float32", OWN) == FORMATS["float32"]


def test_accumulating_in_less_than_declared_differs():
    problem = long_sums("bfloat16", 2000, 0)

    def stalls(claim):
        claim["dL/db1"] = rounded_once(claim["dL/db1"].astype(float) * 0.9, "bfloat16")

    implementation = damaged(program("numpy", 0).run, stalls)
    (step,) = judge(problem, implementation, frozenset())
    assert [finding.quantity for finding in step.failures] == ["dL/db1", "b1_new"]
    (step,) = judge(problem, implementation, frozenset(), accumulators=OWN)
    verdicts = {finding.quantity: finding.verdict for finding in step.findings}
    assert verdicts["dL/db1"] is Verdict.UNDECIDED
    assert set(verdicts.values()) <= {Verdict.AGREES, Verdict.UNDECIDED, Verdict.DIFFERS}


def evaluated(way, name, z):
    if way.startswith("numpy"):
        function = sigmoid if name == "sigmoid" else np.tanh
        return function(z.astype(np.float32)).astype(z.dtype) if way.endswith("float32") else function(z)
    return WAYS[way](getattr(import_module({"torch": "torch", "jax": "jax.nn"}[way]), name), z)


@pytest.mark.parametrize("way", ["numpy", "numpy, in float32", "torch", "jax"])
@pytest.mark.parametrize("dtype", SIXTEEN_BITS)
@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_every_number_of_16_bits_is_within_the_contract(name, dtype, way):
    z = all_numbers(dtype)
    with np.errstate(all="ignore"):
        claimed = evaluated(way, name, z).astype(float)
        bounded = ACTIVATIONS[name].value(Bounded.exact(z, FORMATS[dtype]))
    assert np.all(np.abs(claimed - bounded.value) <= bounded.error)


# --- overflow


@pytest.mark.needs("torch", "jax")
def test_a_loss_that_overflows_before_its_division_is_undecided():
    """float16: 600·600/2 for each of two examples. PyTorch's sum is infinite; the reference's mean is not."""
    zeros = network((1, 1), 2, activations="identity", loss=("half_squared_error", "mean"), dtype="float16")
    parameters = {name: np.zeros_like(array) for name, array in zeros.parameters.items()}
    problem = replace(zeros, parameters=parameters, y=np.full((2, 1), 200, "float16"))
    stated = {}
    for name, i in PROGRAMS:
        implementation = program(name, i)
        promises, accumulators = implementation.promises(1), implementation.accumulators
        (step,) = judge(problem, implementation.run, promises, accumulators=accumulators)
        assert [(one.quantity, one.verdict) for one in step.failures] == [("loss", Verdict.UNDECIDED)]
        stated[name] = float(step.claim["loss"])
    assert stated["torch"] == np.inf
    assert stated["numpy"] == 20_000


def test_an_accumulator_of_float32_does_not_overflow_where_float16_would():
    a, b = [[60_000.0, -60_000.0]], [[2.0], [1.5]]
    forms = format_of("float16"), format_of("float16", OWN)
    wide, narrow = (Bounded.exact(a, form) @ Bounded.exact(b, form) for form in forms)
    assert wide.value == 30_000
    assert wide.error < 40
    assert np.isinf(narrow.error)


def test_a_mean_over_more_examples_than_float16_can_count_promises_nothing():
    for count, least in ((1000, 0), (40_000, 2.0**-25), (70_000, np.inf)):  # 1/40000 is subnormal
        mean = Bounded.exact([1.0, 2.0], FORMATS["float16"]) / count
        assert np.all(mean.error >= least * np.array([1.0, 2.0]))
        assert np.all(np.isinf(mean.error)) == (count == 70_000)


# --- what leaves the range on the way


def bounds(name, *z, dtype="float16", error=0.0):
    """The bounds of an activation and of its derivative at numbers of a format, each known to ± error."""
    numbers = np.array(z)
    known = Bounded(numbers, np.full(numbers.shape, error) if error else 0.0, FORMATS[dtype])
    value = ACTIVATIONS[name].value(known)
    return value, ACTIVATIONS[name].derivative(known, value)


@pytest.mark.parametrize(("name", "which"), [("sigmoid", 0), ("silu", 0), ("softplus", 1)])
def test_only_in_float16_and_only_an_overflowed_exponential_may_leave_zero(name, which):
    """σ(−12) is 0 where e¹² overflows, and so are −12·σ(−12) and the derivative of softplus."""
    half = bounds(name, -12.0, -9.0)[which]
    assert half.error[0] >= abs(half.value[0])
    assert half.error[1] < 0.1 * abs(half.value[1])
    for dtype in ("float64", "float32", "bfloat16"):
        bounded = bounds(name, -12.0, dtype=dtype)[which]
        assert bounded.error[0] < 0.2 * abs(bounded.value[0])


def test_a_square_that_overflows_takes_the_derivative_with_it():
    gelu, soft = (bounds(name, 200.0, 100.0)[1] for name in ("gelu_tanh", "softsign"))
    assert np.isinf(gelu.error).tolist() == [True, False]  # 3z² is ∞, and multiplied by 1 − tanh² = 0
    assert soft.error[0] > 1 / 201  # 1/(1 + z)² is 0, and 1/(1 + z) all that is left
    assert soft.error[1] < 1 / 101


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"relu", "identity", "hardtanh", "relu6"}))
def test_a_z_that_may_have_overflowed_may_be_no_number(name):
    """∞ − ∞ in a product is NaN, and so is everything computed from it."""
    value, slope = bounds(name, 1.0, error=np.inf)
    assert np.isinf(value.error[0])
    assert np.isinf(slope.error[0]) or name == "leaky_relu"  # 1 or 0.01, whatever z is


@pytest.mark.parametrize("name", ["silu", "gelu_erf", "gelu_tanh", "softsign", "tanh", "selu"])
def test_a_gradient_multiplied_by_parts_may_overflow(name):
    """g·z is infinite, and g·z·0 then NaN, where g times the derivative itself is small."""
    product = Bounded.exact([60_000.0, 100.0], FORMATS["float16"]) * bounds(name, -8.0, -8.0)[1]
    assert np.isinf(product.error).tolist() == [True, False]


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_square_differentiated_is_twice_the_error_before_it_is_halved(reduction):
    y_hat, zero = (Bounded.exact(one, FORMATS["float16"]) for one in ([[4e4], [3e4]], [[0.0], [0.0]]))
    error = loss_rule("half_squared_error", reduction).gradient(y_hat, zero).error
    assert np.isinf(error).tolist() == [[True], [False]]


@pytest.mark.parametrize(("loss", "numbers"), [("huber", (("delta", 0.5),)), ("l1", ())])
def test_a_difference_that_overflows_makes_the_loss_unbounded(loss, numbers):
    y_hat, y = (Bounded.exact([[one]], FORMATS["float16"]) for one in (60_000.0, -10_000.0))
    with np.errstate(invalid="ignore"):  # as the checker does
        assert np.isinf(loss_rule(loss, "sum", numbers).value(y_hat, y).error)


def test_a_subnormal_factor_of_a_mean_loses_digits():
    for rows, least in ((2**10, 0), (2**15, 2**-25 * 2**15), (70_000, np.inf)):
        y_hat, y = (Bounded.exact(np.full((rows, 1), one), FORMATS["float16"]) for one in (0.5, 0.0))
        slope = loss_rule("l1", "mean").gradient(y_hat, y)
        assert np.all(slope.error >= least * slope.value)
    assert np.all(np.isinf(slope.error))


def test_a_nan_bound_keeps_the_underflow_of_other_elements():
    """Next to an infinite operand, what underflow costs a small one is not forgotten."""
    form = FORMATS["float16"]
    with np.errstate(invalid="ignore"):
        product = Bounded.exact([np.inf, 2.0**-14], form) * Bounded.exact([0.0, 2.0**-10], form)
    assert not np.isfinite(product.error[0])
    assert product.error[1] >= 2.0**-25


@pytest.mark.parametrize(("dtype", "fault"), [("bfloat16", 2e-2), ("float16", 3e-3)])
@pytest.mark.parametrize("quantity", ["dL/dW1", "dL/dW2"])
@pytest.mark.parametrize(("name", "i"), [("torch", 0), ("jax", 1)])
def test_a_small_fault_in_a_weight_gradient_is_caught(name, i, quantity, dtype, fault):
    def raised(claim):
        array = claim[quantity]
        largest = np.unravel_index(np.abs(array.astype(float)).argmax(), array.shape)
        array[largest] = rounded_once(float(array[largest]) * (1 + fault), dtype)

    implementation = program(name, i)
    for seed in range(3):
        problem = network((8, 8, 4), 8, dtype=dtype, seed=seed)
        claims, promises = damaged(implementation.run, raised), implementation.promises(2)
        (step,) = judge(problem, claims, promises, accumulators=implementation.accumulators)
        first = next(one for one in step.failures if one.verdict is Verdict.DIFFERS)
        assert first.quantity == quantity
