"""vectors.json: the cases with correctly rounded values, for a test in any language."""

from typing import Final

FORMAT: Final = "backprop-parity vectors"
SCHEMA: Final = 1

# A case with more is left out.
PARAMETERS: Final = 1_000

# So many training steps are written down, of a longer training the first.
STEPS: Final = 3
