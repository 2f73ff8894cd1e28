"""Numbers as they are written: YAML 1.2's rules, exact rounding, printed places."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cases.numbers import Number
from cases.yaml_reader import resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("012", 12.0),
        ("0x1F", 31.0),
        ("0o17", 15.0),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("-0", 0.0),
        ("1E+2", 100.0),
        ("0x1.8p-3", 0.1875),
        ("-0x1.8p-3", -0.1875),
        ("0x1p3", 8.0),
    ],
)
def test_a_plain_scalar_is_a_number(text: str, value: float) -> None:
    number = resolve(text)
    assert isinstance(number, Number)
    assert number.nearest == value
    assert float(number.exact) == value


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "on", "1_000", "-0x1F", "0x1.8", "1:30", "0b1", "1e", ".", "+", "inf", "nan", "1,5", "١"],
)
def test_a_plain_scalar_is_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize(
    ("text", "value"), [("~", None), ("", None), ("null", None), ("True", True), ("false", False)]
)
def test_the_words_of_yaml(text: str, value: object) -> None:
    assert resolve(text) is value


@pytest.mark.parametrize(
    "text", [".inf", "-.INF", ".nan", "1e400", "-1e999999999", "0x1p99999999", "-0x1p5000"]
)
def test_what_is_not_finite_fits_no_format(text: str) -> None:
    assert not Number(text).fits("float64")
    assert not Number(text).fits("float32")


def test_the_range_of_float32_ends_half_a_unit_beyond_its_largest() -> None:
    assert Number(str(2**128 - 2**103 - 1)).fits("float32")
    assert not Number(str(2**128 - 2**103)).fits("float32")
    assert Number("1e39").fits("float64")


@pytest.mark.parametrize("text", ["1e-999999999", "-0x1p-99999999", "0e999999999", "0.0"])
def test_what_is_too_small_is_zero(text: str) -> None:
    assert Number(text).rounded("float64") == Number(text).rounded("float32") == 0


def test_a_minus_zero_keeps_its_sign() -> None:
    assert math.copysign(1, Number("-0").rounded("float32")) == -1


@pytest.mark.parametrize(
    ("text", "rounded"),
    [
        ("1.00000005960464477540", 1 + 2**-23),  # above a tie that float64 cannot tell from it
        ("1.000000059604644775390625", 1.0),  # the tie itself goes to even
        ("1.00000005960464477538", 1.0),
        ("1.000000178813934326171875", 1 + 2**-22),
        ("7.006492321624085354618e-46", 0.0),  # just below half the smallest subnormal, 2^-150
        ("7.006492321624085354619e-46", 2.0**-149),
        ("0x1.000001p0", 1.0),
        ("0x1.00000100000000000001p0", 1 + 2**-23),
    ],
)
def test_float32_is_rounded_once(text: str, rounded: float) -> None:
    assert Number(text).rounded("float32") == rounded


def nearest_by_fractions(value: Fraction, digits: int, lowest: int) -> Fraction:
    """Round to `digits` bits, ties to even, in steps no finer than 2^lowest: straight from the definition."""
    if value == 0:
        return value
    exponent = math.floor(math.log2(abs(value.numerator))) - math.floor(math.log2(value.denominator)) - 1
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    step = Fraction(2) ** max(exponent - digits + 1, lowest)
    return round(value / step) * step  # Python rounds fractions to the nearest, ties to even


decimals = st.builds(
    lambda sign, digits, places, exponent: f"{sign}{digits[:places]}.{digits[places:]}e{exponent}",
    st.sampled_from(["", "-", "+"]),
    st.text("0123456789", min_size=1, max_size=40),
    st.integers(1, 40),
    st.integers(-65, 28),
)


def halfway_above(place: int) -> str:
    """Write out the number halfway between a float32, given by its place among them all, and the next."""
    lower, upper = (Fraction(float(one)) for one in np.array([place, place + 1], np.uint32).view(np.float32))
    middle = (lower + upper) / 2
    places = max(middle.denominator.bit_length() - 1, 1)
    digits = str(middle.numerator * 10**places // middle.denominator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}"


ties = st.builds(  # halfway between two float32 numbers, or a hair beside it, subnormals included
    lambda place, hair: halfway_above(place) + hair,
    st.integers(0, 0x7F7FFFFE),
    st.sampled_from(["", "0" * 20 + "1"]),
)


@given(st.one_of(decimals, ties))
@example("1.00000005960464477540")
def test_rounding_agrees_with_fractions(text: str) -> None:
    number, value = Number(text), Fraction(text)
    single = nearest_by_fractions(value, 24, -149)
    if abs(single) < 2**128:
        assert Fraction(number.rounded("float32")) == single
    else:
        assert math.isinf(number.rounded("float32"))
    assert Fraction(number.rounded("float64")) == nearest_by_fractions(value, 53, -1074)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)
def test_every_float_is_read_back_from_hexadecimal_and_decimal(double: float, single: float) -> None:
    for text in (double.hex(), repr(double)):
        assert Number(text).rounded("float64") == double
    for text in (single.hex(), repr(single), f"{single:.9g}"):
        assert Number(text).rounded("float32") == single


@pytest.mark.parametrize(
    ("text", "half_unit"),
    [
        ("0.60224", 0.5e-5),
        ("3.50e-05", 0.5e-7),
        ("0.0000351085", 0.5e-10),
        ("12", 0.5),
        ("1e3", 500.0),
        ("-.5", 0.05),
        ("5.", 0.5),
        ("0x1.8p-3", 0.0),
    ],
)
def test_half_a_unit_in_the_last_printed_place(text: str, half_unit: float) -> None:
    assert Number(text).half_unit == half_unit


def test_only_what_is_written_as_an_integer_is_whole() -> None:
    assert [Number(text).whole for text in ("012", "0x1F", "0o17", "-3")] == [12, 31, 15, -3]
    assert [Number(text).whole for text in ("1.0", "1e3", "0x1p3", ".inf")] == [None] * 4
