"""Why bounds are derived in 16 bits: `torch.testing.assert_close` objects there to most correct claims."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("jax")

import numpy as np
import torch
from networks import exactly
from test_random_networks import random_problems

from adapters import find_adapters
from adapters.torch_arrays import to_torch
from cases.dtypes import SIXTEEN_BITS
from cases.names import outcome
from cases.rounding import rounded_once
from reference import training_steps

# How many structures, of twelve networks each; on all 300 networks the shares are the same within 3 %.
STRUCTURES, WITH_SLOW = 2, 5


def objects(claimed, expected, quantities):
    try:
        for name in quantities:
            torch.testing.assert_close(to_torch(claimed[name]), to_torch(expected[name]))
    except AssertionError:
        return True
    return False


def first_claim(name, problem):
    (adapter,) = find_adapters([name])
    return next(adapter.programs[0].run(problem.copy()))


@pytest.mark.parametrize("dtype", SIXTEEN_BITS)
def test_assert_close_objects_to_most_correct_claims_in_16_bits(dtype, request):
    """Of 300 networks, to 86 % in bfloat16 and to 75 % in float16, against the reference in float64, rounded.

    To PyTorch against JAX, 91 % and 85 %. Some are saturated or overflow: little to object to.

    To none of them does this suite object (tests/test_random_networks.py).
    """
    to_reference, to_jax = [], []
    for structure in range(WITH_SLOW if request.config.getoption("--slow") else STRUCTURES):
        for problem in random_problems(structure, dtype, with_kinks=False):
            quantities = sorted(outcome(problem.depth))
            claimed, other = first_claim("torch", problem), first_claim("jax", problem)
            exact = next(training_steps(exactly(problem, "float64")))
            reference = {name: rounded_once(exact[name], dtype) for name in quantities}
            to_reference.append(objects(claimed, reference, quantities))
            to_jax.append(objects(claimed, other, quantities))
    assert np.mean(to_reference) > 0.5
    assert np.mean(to_jax) > 0.5
