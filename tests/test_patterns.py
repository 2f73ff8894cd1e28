"""How wrong elements are told: how many of how many, where they stand, and the factor that they share."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reference.printed_array import error_pattern

RIGHT = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.5]])


def marked(*places: tuple[int, int]) -> np.ndarray:
    wrong = np.zeros(RIGHT.shape, bool)
    for place in places:
        wrong[place] = True
    return wrong


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (marked((1, 2)), "1 of 9 is wrong: [1, 2]"),
        (marked((1, 0), (1, 1), (1, 2)), "3 of 9 are wrong: row 1"),
        (marked((0, 2), (1, 2), (2, 2)), "3 of 9 are wrong: column 2"),
        (marked((0, 0), (1, 1), (2, 2)), "3 of 9 are wrong: the diagonal"),
        (~np.eye(3, dtype=bool), "6 of 9 are wrong: all off the diagonal"),
        (marked((0, 0), (0, 1)), "2 of 9 are wrong: [0, 0], [0, 1]"),
        (marked((0, 0), (0, 1), (1, 1), (2, 2)), "4 of 9 are wrong: [0, 0], [0, 1], [1, 1], …"),
        (marked(), ""),
    ],
)
def test_where_they_stand(wrong: np.ndarray, told: str) -> None:
    claimed = np.where(wrong, RIGHT**2 + 0.3, RIGHT)
    assert error_pattern(claimed, RIGHT, wrong) == told


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (2, "each 2 times what it should be"),
        (1 / 3, "each 1/3 times what it should be"),
        (-1, "each with the other sign"),
        (-2.5, "each −5/2 times what it should be"),
    ],
)
def test_a_factor_that_all_wrong_elements_share_is_told(factor: float, told: str) -> None:
    wrong = np.ones(RIGHT.shape, bool)
    assert error_pattern(factor * RIGHT, RIGHT, wrong) == f"9 of 9 are wrong: {told}"
    spoiled = factor * RIGHT
    spoiled[0, 0] += 1e-3
    assert error_pattern(spoiled, RIGHT, wrong) == "9 of 9 are wrong"


def test_what_was_not_compared_is_counted_nowhere() -> None:
    among = marked((0, 0), (0, 1), (1, 0))
    assert error_pattern(RIGHT + 0.1, RIGHT, marked((0, 0), (0, 1)), among=among) == "2 of 3 are wrong: row 0"
    assert error_pattern(RIGHT + 0.1, RIGHT, marked((0, 0)), among=marked((0, 0))) == ""


@given(
    claimed=arrays.arrays(np.float64, (2, 3), elements=st.floats(width=64)),
    derived=arrays.arrays(np.float64, (2, 3), elements=st.floats(width=64)),
    wrong=arrays.arrays(np.bool_, (2, 3)),
)
@example(np.array([[0, -9e307, 0], [0, 0, 0]]), np.full((2, 3), -9e307), np.ones((2, 3), bool))
def test_any_numbers_can_be_told(claimed: np.ndarray, derived: np.ndarray, wrong: np.ndarray) -> None:
    told = error_pattern(claimed, derived, wrong)
    assert bool(told) == bool(wrong.any())
    assert not told or told.startswith(f"{wrong.sum()} of 6 ")
