"""The NumPy reference as a program: the document's equations, run in the program's own precision.

In the formats of 16 bits each equation is computed in float32, and its result rounded once. No other adapter
uses the reference's formulas: this one shows what they compute in each format, and is judged like the others.
"""

import numpy as np

from cases import names
from cases.protocol import Adapter, Program, Stacked
from reference.training import training_steps


def everything(depth: int) -> frozenset[str]:
    """What can be observed anywhere, and the activations' derivatives, which the document writes down."""
    return names.observable(depth) | {names.slope(k) for k in range(1, depth + 1)}


adapter = Adapter(
    name="numpy",
    title="NumPy reference",
    version=np.__version__,
    programs=(
        Program("", training_steps, everything, stacked=Stacked("over one more axis", training_steps)),
    ),
)
