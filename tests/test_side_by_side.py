"""Two claims side by side: each quantity is told as it is alone."""

import numpy as np
import pytest

from cases.dtypes import DTYPES
from cases.rounding import rounded_once
from reports.runs.comparison import Comparison, bitwise_equal, largest_differences, ulp_distance

SHAPES = {"z1": (3, 2), "loss": (), "dL/dW1": (2, 4), "b1_new": (2,), "W1_new": (4, 1)}


def claim(seed, dtype):
    rng = np.random.default_rng(seed)
    return {
        name: rounded_once(rng.choice([1, -2, 0.5, 0.0, -0.0], shape), dtype)
        for name, shape in SHAPES.items()
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("odd", [None, 1.5, np.nan, np.inf, 0.0])
def test_each_quantity_is_told_as_it_is_alone(odd, dtype):
    for seed in range(5):
        one, other = claim(seed, dtype), claim(seed + 5, dtype)
        if odd is not None:
            one["b1_new"][1] = other["b1_new"][0] = one["z1"][2, 1] = other["z1"][2, 1] = odd
        both = Comparison.of(one, other, dtype)
        found = zip(both.largest_differences().items(), both.equal(), both.ulps(), strict=True)
        assert both.names == tuple(SHAPES)
        for (name, differences), equal, ulps in found:
            assert np.array_equal(differences, largest_differences(one[name], other[name]), equal_nan=True)
            assert equal == np.count_nonzero(bitwise_equal(one[name], other[name]))
            assert ulps == ulp_distance(one[name], other[name]).max()


def test_what_only_one_states_or_states_in_another_form_is_left_out():
    one, other = claim(0, "float64"), claim(1, "float64")
    other["z1"] = other["z1"].T
    other["loss"] = 0.5
    other["b1_new"] = other["b1_new"].astype("float32")
    one["a1"] = other["a2"] = np.zeros((0, 3))
    other["W1_new"] = np.asfortranarray(one["W1_new"])
    both = Comparison.of(one, other, "float64")
    assert both.names == ("dL/dW1", "W1_new")
    assert both.equal()[1] == 4
    assert Comparison.of(one, {}, "float64") is None
