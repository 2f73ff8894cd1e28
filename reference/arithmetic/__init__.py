"""The arithmetic that the tape is evaluated in, besides NumPy's: bounded numbers, and balls."""

from reference.arithmetic.balls import BITS, Ball, precision
from reference.arithmetic.bounded import Bounded
from reference.arithmetic.elementary import (
    Elementary,
    as_row,
    cast,
    for_each_element,
    maximum,
    quotient_up_to_one,
    sqrt,
    to_int,
)
from reference.arithmetic.number_formats import (
    EVALUATION,
    FLOAT32,
    FLOAT64,
    FORMATS,
    NEGLIGIBLE,
    PRINTED,
    SLACK,
    Format,
    format_of,
)
from reference.arithmetic.real import EXACT, Error, Real, max_element, once

__all__ = [
    "BITS",
    "EVALUATION",
    "EXACT",
    "FLOAT32",
    "FLOAT64",
    "FORMATS",
    "NEGLIGIBLE",
    "PRINTED",
    "SLACK",
    "Ball",
    "Bounded",
    "Elementary",
    "Error",
    "Format",
    "Real",
    "as_row",
    "cast",
    "for_each_element",
    "format_of",
    "max_element",
    "maximum",
    "once",
    "precision",
    "quotient_up_to_one",
    "sqrt",
    "to_int",
]
