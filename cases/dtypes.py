"""The number formats by NumPy's names; nothing is imported here, not even NumPy."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Format: TypeAlias = Literal["float64", "float32", "bfloat16", "float16"]

# What a case runs in that names none.
DEFAULT_DTYPES: Final[tuple[Format, ...]] = ("float64", "float32")

# NumPy knows the first only once ml_dtypes has been imported.
SIXTEEN_BITS: Final = ("bfloat16", "float16")

DTYPES: Final[tuple[str, ...]] = (*DEFAULT_DTYPES, *SIXTEEN_BITS)

Accumulator: TypeAlias = Literal["float32", "own"]


@dataclass(frozen=True)
class Accumulators:
    """What a program accumulates in when the format has 16 bits: float32, or the format's own 16 bits.

    Attributes
    ----------
    products
        In matrix products.
    sums
        In sums along an axis: over the examples, for the gradient of a bias.
    totals
        In sums over all elements, for the loss.
    """

    products: Accumulator = "float32"
    sums: Accumulator = "float32"
    totals: Accumulator = "float32"


IN_FLOAT32 = Accumulators()
