"""Numbers as they are written: YAML 1.2's rules, exact rounding, printed places."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from cases.numbers import Number
from cases.yaml_reader import resolve

NUMBERS = {"1e-3": 1e-3, "012": 12, "0x1F": 31, "0o17": 15, "+.5": 0.5, "5.": 5, "-0": 0, "1E+2": 100}
NUMBERS |= {"0x1.8p-3": 0.1875, "-0x1.8p-3": -0.1875, "0x1p3": 8}
WORDS = {"~": None, "": None, "null": None, "True": True, "false": False}
TEXTS = "no yes on 1_000 -0x1F 0x1.8 1:30 0b1 1e . + inf nan 1,5 ١".split()


def test_a_plain_scalar_is_a_number_a_word_or_text():
    for text, value in NUMBERS.items():
        number = resolve(text)
        assert isinstance(number, Number), text
        assert number.nearest == float(number.exact) == value
    for text, word in WORDS.items():
        assert resolve(text) is word
    assert [resolve(text) for text in TEXTS] == TEXTS


def test_what_is_not_finite_fits_no_format():
    for text in (".inf", "-.INF", ".nan", "1e400", "-1e999999999", "0x1p99999999", "-0x1p5000"):
        assert not any(Number(text).fits(dtype) for dtype in ("float64", "float32")), text


def test_the_range_of_a_format_ends_half_a_unit_beyond_its_largest():
    limits = {"float32": (128, 24), "bfloat16": (128, 8), "float16": (16, 11), "float64": (1024, 53)}
    for dtype, (exponent, bits) in limits.items():
        end = 2**exponent - 2 ** (exponent - bits - 1)
        assert Number(str(end - 1)).fits(dtype)
        assert not Number(str(end)).fits(dtype)


def test_what_is_too_small_is_zero_and_keeps_its_sign():
    for text in ("1e-999999999", "-0x1p-99999999", "0e999999999", "0.0", "-0"):
        for dtype in ("float64", "float32"):
            assert Number(text).rounded(dtype) == 0
            assert math.copysign(1, Number(text).rounded(dtype)) == (-1 if text.startswith("-") else 1)


ONCE = {  # hexadecimal ties; decimal ones are drawn below
    "0x1.000001p0": 1.0,
    "0x1.00000100000000000001p0": 1 + 2**-23,
}


def test_float32_is_rounded_once():
    assert {text: Number(text).rounded("float32") for text in ONCE} == ONCE


def nearest_by_fractions(value, digits, lowest):
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


def halfway_above(place):
    """Write out the number halfway between a float32, given by its place among them all, and the next."""
    lower, upper = (Fraction(float(one)) for one in np.array([place, place + 1], np.uint32).view(np.float32))
    middle = (lower + upper) / 2
    places = max(middle.denominator.bit_length() - 1, 1)
    digits = str(middle.numerator * 10**places // middle.denominator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}"


ties = st.builds(  # halfway between two float32 numbers, or a hair from it, subnormals included
    lambda place, hair: halfway_above(place) + hair,
    st.integers(0, 0x7F7FFFFE),
    st.sampled_from(["", "0" * 20 + "1"]),
)


@given(st.one_of(decimals, ties))
@example("1.00000005960464477540")  # float64 cannot tell it from a tie
@example("1.00000005960464477538")
@example("7.006492321624085354618e-46")  # just below half the smallest subnormal, 2^-150
def test_rounding_agrees_with_fractions(text):
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
def test_every_float_is_read_back_from_hexadecimal_and_decimal(double, single):
    for text in (double.hex(), repr(double)):
        assert Number(text).rounded("float64") == double
    for text in (single.hex(), repr(single), f"{single:.9g}"):
        assert Number(text).rounded("float32") == single


PLACES = {"0.60224": 0.5e-5, "3.50e-05": 0.5e-7, "0.0000351085": 0.5e-10, "12": 0.5, "1e3": 500.0}
PLACES |= {"-.5": 0.05, "5.": 0.5, "0x1.8p-3": 0.0}


def test_half_a_unit_in_the_last_printed_place():
    assert {text: Number(text).half_unit for text in PLACES} == PLACES


def test_only_what_is_written_as_an_integer_is_whole():
    assert [Number(text).whole for text in ("012", "0x1F", "0o17", "-3")] == [12, 31, 15, -3]
    assert [Number(text).whole for text in ("1.0", "1e3", "0x1p3", ".inf")] == [None] * 4
