"""The arithmetic that the tape is evaluated in, besides NumPy's: bounded numbers, and balls."""

from reference.arithmetic.balls import BITS, Ball, exact_each, precision, split
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
    EXACT,
    FLOAT32,
    FLOAT64,
    FORMATS,
    NEGLIGIBLE,
    PRINTED,
    SLACK,
    Error,
    Format,
    Real,
    format_of,
    max_element,
    once,
)

__all__ = ["BITS", "Ball", "Bounded", "exact_each", "precision", "split"]
__all__ += ["EVALUATION", "EXACT", "FLOAT32", "FLOAT64", "FORMATS", "NEGLIGIBLE", "PRINTED", "SLACK"]
__all__ += ["Error", "Format", "Real", "format_of", "max_element", "once"]
__all__ += ["Elementary", "as_row", "cast", "for_each_element", "maximum", "quotient_up_to_one"]
__all__ += ["sqrt", "to_int"]
