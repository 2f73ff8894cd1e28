"""The published examples, checked by hand: every printed number with its fifty digits.

The table is the truth that the verdicts are tested against; its right values come from
`by_hand.py`, which uses nothing of the reference.
"""

import pytest
from by_hand import Example, elements, rounds_to
from mpmath import mp, mpf

from cases import SHIPPED, load_case
from reference import Verdict
from reports.runs.expectations import judge_case

FOLDER = SHIPPED / "worked"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
DIGITS = 50
LONG = 1000  # steps; beyond, only with --slow

WRONG = "wrong"
FOLLOWS = "follows from rounded numbers above it"
FORMAT = "as a number format rounds"

# case, step: quantity: the elements that the exact value does not round to, and why; it rounds to all others
EXCEPTIONS = {
    ("adam-corrected-twice", 1): {"W1_new": {(0, 1): FORMAT}},
    ("adam-corrected-twice", 2): {"W1_new": {(0, 0): WRONG, (0, 1): WRONG}},
    ("adam-corrected-twice", 3): {"W1_new": {(0, 0): WRONG, (0, 1): WRONG}},
    ("adam-corrected-twice", 30): {"W1_new": {(0, 0): WRONG, (0, 1): WRONG}},
    # 2.28 · 0.429052723714 and 2.28 · 0.221490524653
    ("cs231n", 1): {"dL/dW2": {(0, 0): FOLLOWS, (1, 0): FOLLOWS}},
    ("document", 1): {
        "z2": {(0, 0): FOLLOWS},  # 0.6 · 0.574 + 0.2
        "a2": {(0, 0): WRONG},  # 0.6328 cut off
        "loss": {(): FOLLOWS},  # ½ 0.168²
        "dL/da2": {(0, 0): FOLLOWS},  # 0.632 − 0.8
        "dL/dW2": {(0, 0): FOLLOWS},  # −0.039 · 0.574
        "W2_new": {(0, 0): FOLLOWS},  # 0.6 + 0.00224
    },
    ("han-kamber", 1): {"dL/dz2": {(0, 0): FOLLOWS}},  # −0.474 · 0.526²
    ("mazur", 2): {"loss": {(): WRONG}},
    ("mazur", 10001): {"loss": {(): WRONG}, "a2": {(0, 0): WRONG, (0, 1): WRONG}},
    ("pytorch-float32", 1): {"loss": {(): FORMAT}},
    ("micrograd", 1): {"dL/dW1": {(0, 0): FORMAT}},
    ("one-neuron", 1): {
        "dL/dW1": {(0, 0): FOLLOWS},  # −0.94 · 0.25 · 0.5
        "b1_new": {(0,): WRONG},  # 0.1235
    },
    ("quadratic-momentum", 2): {"W1_new": {(0, 1): FORMAT}},
    ("quadratic-momentum", 3): {"W1_new": {(0, 0): FORMAT, (0, 1): FORMAT}},
    ("quadratic-momentum", 10): {"W1_new": {(0, 0): FORMAT, (0, 1): FORMAT}},
    ("quadratic-momentum", 30): {"W1_new": {(0, 0): FORMAT}},
    ("quadratic-rmsprop", 1): {"W1_new": {(0, 0): FORMAT}},
    ("quadratic-rmsprop", 2): {"W1_new": {(0, 0): FORMAT, (0, 1): FORMAT}},
    ("quadratic-rmsprop", 3): {"W1_new": {(0, 0): FORMAT, (0, 1): FORMAT}},
    ("quadratic-rmsprop", 10): {"W1_new": {(0, 0): FORMAT, (0, 1): FORMAT}},
    ("quadratic-rmsprop", 18): {"W1_new": {(0, 0): FORMAT}},
    ("quadratic-rmsprop", 19): {"W1_new": {(0, 0): FORMAT}},
    ("rounded-early", 1): {
        "a2": {(0, 0): WRONG},  # 0.651
        "loss": {(): FOLLOWS},  # −log 0.650
        "dL/da2": {(0, 0): FOLLOWS},  # −1 / 0.650
        "da2/dz2": {(0, 0): FOLLOWS},  # 0.650 · 0.350
        "dL/dW2": {(0, 0): FOLLOWS},  # −0.35 · 0.622
    },
    ("two-classes", 1): {
        "z2": {(0, 1): WRONG},  # 0.157
        "loss": {(): FOLLOWS},  # log(1 + exp(0.185 − 0.428))
    },
    ("softmax-regression", 1): {
        "dL/da1": {(0, 0): WRONG},  # 0.099
        "dL/dW1": {(0, 0): FOLLOWS, (0, 1): FOLLOWS, (2, 1): FOLLOWS},  # 0.098, 2 · 0.098, 2 · 0.242
    },
    ("tiny-relu", 1): {"loss": {(): FORMAT}, "dL/da2": {(0, 0): FORMAT}, "dL/db2": {(0,): FORMAT}},
    ("two-neurons", 1): {
        "dL/dW2": {(0, 0): WRONG},  # times x
        "W2_new": {(0, 0): FOLLOWS},  # 0.2 + 0.0103
        "b2_new": {(0,): WRONG},  # uphill
    },
    ("updated-weights", 1): {
        "loss": {(): FORMAT},
        "W2_new": {(0, 1): FORMAT, (1, 1): FORMAT},
        "W1_new": {(0, 0): WRONG, (0, 1): WRONG, (1, 0): WRONG, (1, 1): WRONG},
    },
    ("without-the-weights", 1): {
        "dL/dW1": {(0, 0): WRONG, (0, 1): WRONG},
        "W1_new": {(0, 0): FOLLOWS, (0, 1): FOLLOWS},  # 0.2 − 0.01 and 0.5 − 0.01
    },
}


def of_file(name):
    return Example((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def does_not_round(name, most):
    """Return the printed elements that the exact value does not round to, of the steps up to `most`."""
    example = of_file(name)
    entries = {int(entry["step"]): entry["values"] for entry in example.file["published"]["steps"]}
    entries = {step: values for step, values in entries.items() if step <= most}
    unlike = {}
    for step, exact in enumerate(example.train(max(entries)), start=1):
        for quantity, printed in entries.get(step, {}).items():
            values = dict(elements(exact[quantity]))
            # a single number may be printed for an array of one
            single = not isinstance(printed, list) and len(values) == 1
            texts = [(next(iter(values)), printed)] if single else elements(printed)
            off = {index for index, text in texts if text != "null" and not rounds_to(values[index], text)}
            if off:
                unlike.setdefault(step, {})[quantity] = off
    return unlike


def reasons(name, most=10**6):
    """Return what `EXCEPTIONS` has of a case, by step."""
    return {step: why for (case, step), why in EXCEPTIONS.items() if case == name and step <= most}


@pytest.fixture(autouse=True)
def fifty_digits():
    with mp.workdps(DIGITS):
        yield


@pytest.fixture
def most(request):
    return 10**6 if request.config.getoption("--slow") else LONG


EACH = pytest.mark.parametrize("name", NAMES)


@EACH
def test_the_exact_value_rounds_to_all_but_known_numbers(name, most):
    assert len(NAMES) >= 12
    known = {
        step: {quantity: set(why) for quantity, why in quantities.items()}
        for step, quantities in reasons(name, most).items()
    }
    assert does_not_round(name, most) == known


@EACH
def test_each_derivative_is_that_of_the_loss(name):
    """By differences over 10⁻²⁰ of each parameter, twenty digits of the fifty are left."""
    example, h = of_file(name), mpf("1e-20")
    parameters = example.start()
    back = example.backward(parameters, example.forward(parameters))
    for parameter, array in parameters.items():
        for index, stated in elements(back[f"dL/d{parameter}"]):
            up, down = array.copy(), array.copy()
            up[index] += h
            down[index] -= h
            above, below = (example.forward({**parameters, parameter: moved})["loss"] for moved in (up, down))
            assert abs((above - below) / (2 * h) - stated) < mpf("1e-18") * (1 + abs(stated))


@EACH
def test_each_case_lists_what_is_wrong_and_the_judge_finds_it_and_nothing_else(name, most):
    """Wrong is what the exact value does not round to, and what no rounded number above it explains."""
    case = load_case(f"worked/{name}")
    wrong = {
        (step, quantity)
        for step, quantities in reasons(name).items()
        for quantity, why in quantities.items()
        if WRONG in why.values()
    }
    steps = case.published.steps
    assert {(step.step, listed.quantity) for step in steps for listed in step.rejected} == wrong
    if steps[-1].step > most:
        pytest.skip("thousands of steps, only with --slow")
    rows = [printed.row.finding for printed in judge_case(case)]
    assert {(row.step, row.quantity) for row in rows if row.verdict is Verdict.DIFFERS} == wrong
    assert {row.verdict for row in rows} <= {Verdict.DIFFERS, Verdict.AGREES}
