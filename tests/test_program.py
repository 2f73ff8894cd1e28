"""A formula recorded as what it does to each element does that and no more, or is not recorded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.activations import ACTIVATIONS
from reference.diagnosis.program import recorded
from reference.line import descend, linear, through_activation, weight_gradient

SHAPE = (3, 2)
NUMBERS = st.lists(st.floats(allow_nan=True, width=64), min_size=6, max_size=6)


@settings(max_examples=20, deadline=None)
@given(numbers=NUMBERS, others=NUMBERS)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_recorded_activation_gives_to_the_last_bit_what_it_gives(name, numbers, others):
    """Of any numbers, in another shape than it was recorded for."""
    z, a = np.array(numbers), np.array(others)
    with np.errstate(all="ignore"):
        for formula in (ACTIVATIONS[name].value, ACTIVATIONS[name].derivative):
            program = recorded(formula, [SHAPE, SHAPE])
            made = program(*[(z, a)[i] for i in program.arguments])
            np.testing.assert_array_equal(made, formula(z.reshape(SHAPE), a.reshape(SHAPE)).ravel())


def mean_for_sum(y_hat, y):
    return (y_hat - y) / y.shape[0]


def zero_if_large(z):
    return z if z < 1 else 0 * z


NOT_OF_ELEMENTS = {
    "a sum": lambda z: z.sum() + z,
    "a sum of NumPy's": lambda z: np.sum(z) + z,
    "a reduction": lambda z: np.add.reduce(z) + z,
    "a running sum": np.cumsum,
    "rows": lambda z: z[:1] + z,
    "an order": np.sort,
    "a transpose": lambda z: z.mT,
    "a choice": zero_if_large,
    "another array": lambda z: z + np.arange(2.0),
    "an array of objects": lambda z: np.asarray(z) + 1,
    "a place for it": lambda z: np.add(z, 1, out=np.ones(SHAPE)),
    "a condition of it": lambda z: np.add(z, 1, where=z > 0),
    "a number": lambda z: float(z) + z,
    "nothing": lambda z: 1.0,
}


@pytest.mark.parametrize("formula", NOT_OF_ELEMENTS.values(), ids=NOT_OF_ELEMENTS)
def test_what_does_not_take_each_element_by_itself_is_not_recorded(formula):
    with pytest.raises((TypeError, AttributeError)):
        recorded(formula, [SHAPE])


@pytest.mark.parametrize("formula", [linear, weight_gradient], ids=["linear", "weight gradient"])
def test_products_of_matrices_are_not_recorded(formula):
    with pytest.raises((TypeError, AttributeError)):
        recorded(formula, [SHAPE, (2, 2), (2,)][: formula.__code__.co_argcount])


def key(formula, *shapes):
    return recorded(formula, shapes or [SHAPE, SHAPE]).key


def test_programs_are_the_same_if_the_operations_are():
    """However they are written, and with what is not used left out; constants and their kind count."""
    assert key(through_activation) == key(lambda dL_da, da_dz: dL_da * da_dz)
    assert key(lambda z, a: np.exp(-z) + 0 * np.tanh(a)) != key(lambda z, a: np.exp(-z))
    assert key(lambda z, a: (np.tanh(a), np.exp(-z))[1]) == key(lambda z: np.exp(np.negative(z)), SHAPE)
    assert key(lambda z: z * 2, SHAPE) != key(lambda z: z * 3, SHAPE)
    assert key(lambda z: z + 0.0, SHAPE) != key(lambda z: z + -0.0, SHAPE)
    assert key(lambda z: z * 1, SHAPE) != key(lambda z: z * np.float32(1), SHAPE)
    assert key(lambda z, a: z - a) != key(lambda z, a: a - z)
    assert key(mean_for_sum) != key(mean_for_sum, (2, 2), (2, 2))


def test_what_is_computed_twice_is_so_once_and_numbers_are_taken_with_arrays():
    program = recorded(lambda z: np.exp(z) / (1 + np.exp(z)), [SHAPE])
    assert len(program.operations) == 3
    program = recorded(descend, [SHAPE, SHAPE, ()])
    np.testing.assert_array_equal(program(np.ones(4), np.full(4, 2.0), 0.25), np.full(4, 0.5))
