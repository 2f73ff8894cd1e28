"""What a program may state in place of NumPy's arrays, and what is then still judged strictly."""

import numpy as np
import pytest
from networks import network

from cases import load_case
from cases.names import outcome
from cases.near_names import no_quantity
from reference import Verdict, judge, tape, training_steps

SMALL = load_case("formats/small").problem


def failing(problem, change, promises=None):
    """State of each step what `change` makes of each array; return what is not agreement."""
    shown = outcome(problem.depth) if promises is None else promises
    steps = [
        {name: change(np.asarray(step[name]), name) for name in outcome(problem.depth)}
        for step in training_steps(problem.copy())
    ]
    findings = [one for step in judge(problem, lambda _: steps, shown) for one in step.findings]
    return [(one.quantity, one.verdict, one.reason) for one in findings if not one.passes]


def as_torch(array):
    torch = pytest.importorskip("torch")
    return torch.tensor(array.astype("float64"), dtype=getattr(torch, array.dtype.name), requires_grad=True)


def as_jax(array):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        return jax.numpy.asarray(array)


class Offering:
    """An array of a framework that nobody has heard of."""

    def __init__(self, **methods):
        self.__dict__ |= methods


FORMS = {
    "lists": lambda array: array.tolist(),
    "tuples of rows": lambda array: tuple(array) if array.ndim else array[()],
    "torch": as_torch,
    "rows of torch": lambda array: [as_torch(row) for row in array] if array.ndim else as_torch(array),
    "jax": as_jax,
    "by numpy()": lambda array: Offering(numpy=lambda: array),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_arrays_of_frameworks_and_nested_lists_are_taken_in_their_own_format(form, dtype):
    assert failing(SMALL(dtype), lambda array, _: FORMS[form](array)) == []


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: np.array([[x]]), lambda x: (x,), lambda x: x])
def test_a_loss_of_one_element_is_a_number(wrap):
    assert failing(network(), lambda array, name: wrap(array[()]) if name == "loss" else array) == []
    assert failing(network(), lambda array, name: array[None] if name == "b1_new" else array)


def test_a_dtype_that_was_stated_is_judged_strictly_and_a_single_number_is_told_how_to_be_rounded():
    wide = failing(SMALL("float32"), lambda array, _: np.asarray(array, "float64"))
    assert {verdict for _, verdict, _ in wide} == {Verdict.ERROR}
    reasons = {name: reason for name, _, reason in wide}
    assert reasons["dL/dW1"] == "has dtype float64, expected float32"
    assert reasons["loss"].startswith(
        "has dtype float64, expected float32; np.float32(loss) rounds it (NumPy's"
    )


def test_pythons_own_numbers_are_float64_but_for_the_loss_from_which_nothing_is_computed():
    third = {"loss": lambda array: float(array) * (1 + 2**-40)}
    stated = lambda array, name: third.get(name, lambda same: same)(array)  # noqa: E731
    assert failing(SMALL("float32"), stated) == []
    mixed = failing(
        SMALL("float32"), lambda array, name: (array / 3.0).tolist() if name == "b1_new" else array
    )
    assert failing(SMALL("float64"), stated)[0][0] == "loss"
    assert [verdict for _, verdict, _ in mixed] == [Verdict.DIFFERS] * len(mixed)  # float32 all the same
    wide = failing(SMALL("float32"), lambda array, _: (np.asarray(array, "float64") * (1 + 2**-40)).tolist())
    why = "it computes with Python's own numbers, which are float64 and not float32"
    assert wide == [("", Verdict.NO_EQUIVALENT, why)]


@pytest.mark.parametrize("value", [[[1.0], [2.0, 3.0]], [None], ["1"], [10**400], object(), True, {}])
def test_what_states_no_numbers_is_an_error_of_its_own_line(value):
    (error,) = failing(network(), lambda array, name: value if name == "b1_new" else array)
    assert error[:2] == ("b1_new", Verdict.ERROR)
    assert error[2].startswith(f"is a {type(value).__name__}")


def test_what_is_returned_is_as_good_as_what_is_yielded():
    problem = network()
    steps = list(training_steps(problem.copy()))
    for returned in (steps[0], steps[:1]):
        assert next(judge(problem, lambda _, given=returned: given, outcome(problem.depth))).failures == ()
    (error,) = next(judge(problem, lambda _: None, outcome(problem.depth))).failures
    assert error.reason == "returned NoneType, expected it to yield a dictionary for each training step"


MEANT = {"Loss": "loss", "cost": "loss", "dW1": "dL/dW1", "W1.grad": "dL/dW1", "W1": "W1_new", "lss": "loss"}
MEANT |= {"fc2.weight.grad": "dL/dW2", "new_b1": "b1_new", "z_1": "z1", "H1": "a1", "delta1": "dL/dz1"}


@pytest.mark.parametrize("name", MEANT)
def test_a_near_name_is_answered_with_the_name_that_is_meant(name):
    known = [line.name for line in tape(network())]
    assert no_quantity(name, known).endswith(f"; did you mean {MEANT[name]!r}?")


def test_a_promised_quantity_under_another_name_is_asked_after_where_it_is_missed():
    problem = network()
    step = dict(next(training_steps(problem.copy())))
    step["Loss"] = step.pop("loss")
    failures = next(judge(problem, lambda _: [step], outcome(problem.depth))).failures
    missed = "was promised, but is not claimed; 'Loss' is: did you mean 'loss'?"
    assert {(one.quantity, one.reason) for one in failures} >= {("loss", missed)}
