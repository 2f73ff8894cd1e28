"""The identity, for layers that are only linear."""

import flint
import numpy as np

from reference.activations.contract import Activation, of_z
from reference.arithmetic import Bounded


def _slope_bounded(z: Bounded) -> Bounded:
    return Bounded.exact(np.ones(z.shape), z.format)


IDENTITY = Activation(
    of_z("{0}", lambda z: z, lambda z: z, lambda t: t),
    of_z("1", np.ones_like, _slope_bounded, lambda _: flint.arb(1)),
    has_the_same_slope_at_a=True,
)
