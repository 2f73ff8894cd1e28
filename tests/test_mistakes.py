"""The suite bites: every known mistake is caught at its own line; test_detection has the shipped cases."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from mistake_tables import BLIND_ON_THE_WORKED_EXAMPLE, FIRST_LINE, FLOAT32_ONLY
from networks import DRAWN, LOSSES, confident, in_format, network
from rules import every_rule

import reference.mistakes
from cases import load_case
from reference import Verdict, judge, tape, training_steps, worked_example
from reference.arithmetic import FORMATS
from reference.diagnosis.context import derive
from reference.mistakes import MISTAKES, PRECISION, STRUCTURAL, Inexpressible, mistaken_steps
from reference.mistakes.low_precision import tf32
from reference.training import exact_inputs


def test_mistakes_have_names_that_can_be_typed_sentences_that_are_clauses_and_a_line_here():
    """To add one is to write it: whatever is decorated in a module of mistakes is one."""
    assert set(FIRST_LINE) == set(MISTAKES)
    for name, mistake in MISTAKES.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name)
        assert mistake.sentence[0].islower()
        assert not mistake.sentence.endswith(".")
    assert len({mistake.sentence for mistake in MISTAKES.values()}) == len(MISTAKES)
    modules = Path(reference.mistakes.__file__).parent.glob("*_*.py")
    texts = "".join(path.read_text(encoding="utf-8") for path in modules)
    decorated = re.findall(r"\n@(?:mistake|in_two_forms)\((?s:.*?)\ndef (\w+)", texts)
    assert {name.replace("_", "-") for name in decorated} <= set(MISTAKES)
    assert len(STRUCTURAL + PRECISION) == len(MISTAKES)  # no two of one name


def test_the_worked_example_is_blind_to_some_mistakes_for_a_reason():
    problem = worked_example()
    lines = {name: mistake.lines(problem) for name, mistake in MISTAKES.items()}
    reasons = {name: why.reason for name, why in lines.items() if isinstance(why, Inexpressible)}
    assert reasons == BLIND_ON_THE_WORKED_EXAMPLE


@cache
def drawn(dtype):
    networks = (in_format(problem, dtype) for problem in (*DRAWN, confident()))
    return [*networks, *every_rule(dtype).values()]


# What is at 0 in the first step, or may be exact in float32, is not their first line that shows.
CONSTANTS = {"float32-constants", "float32-momentum"}


def expressible(mistake, problems):
    return [problem for problem in problems if not isinstance(mistake.lines(problem), Inexpressible)]


def some(problems, request):
    """Three problems, the first, the last and one between them; with --slow all of them."""
    return problems if request.config.getoption("--slow") else problems[:: max(len(problems) // 2, 1)]


def first_failure(problem, mistake):
    """The first quantity that differs; what is undecided, such as a saturated derivative, decides nothing."""
    steps = judge(problem, lambda given: mistaken_steps(given, mistake), frozenset(), certify=False)
    failures = (one for step in steps for one in step.failures)
    return next((one for one in failures if one.verdict is not Verdict.UNDECIDED), None)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=lambda mistake: mistake.name)
def test_a_drawn_network_catches_it_at_its_first_line(mistake, request):
    """In float64, where it can be made there; with --slow in float32, too."""
    others = ["float32"] * (mistake in STRUCTURAL and request.config.getoption("--slow"))
    for dtype in ["float32"] if mistake.name in FLOAT32_ONLY else ["float64", *others]:
        problems, unseen = expressible(mistake, drawn(dtype)), []
        for problem in some(problems, request):
            if finding := first_failure(problem, mistake):
                own = [line.name for line in mistake.lines(problem)]
                first = own[:1] if finding.step == 1 and mistake.name not in CONSTANTS else own
                assert finding.quantity in first
                assert re.fullmatch(FIRST_LINE[mistake.name], finding.quantity)
            else:
                unseen.append(problem)
        left = (problem for problem in problems if not any(problem is other for other in unseen))
        assert len(unseen) < len(some(problems, request)) or any(first_failure(one, mistake) for one in left)


@pytest.mark.parametrize("mistake", STRUCTURAL, ids=lambda mistake: mistake.name)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_on_bounded_numbers_a_mistaken_tape_bounds_what_it_gives_in_numpy(mistake, dtype, request):
    assert not mistake.numpy_only
    for problem in some(expressible(mistake, drawn(dtype)), request):
        bounded = derive(mistake.tape(problem), exact_inputs(problem, FORMATS[dtype]), {})
        for name, value in next(mistaken_steps(problem, mistake)).items():
            assert value.dtype == dtype
            assert value.shape == bounded[name].shape
            assert (np.abs(value - bounded[name].value) <= bounded[name].error).all(), (problem, name)


def test_every_loss_with_two_reductions_can_be_taken_with_the_other():
    for name, reduction in LOSSES:
        mistake = MISTAKES["sum-for-mean" if reduction == "mean" else "mean-for-sum"]
        problem = network((3, 4, 3), 5, loss=(name, reduction))
        assert first_failure(problem, mistake).quantity == "loss", (name, reduction)


def changed(mistake, problem, **only):
    """The lines of the mistaken tape that are not the right one's; it has the same names."""
    right = {line.name: line for line in tape(problem)}
    wrong = {line.name: line for line in mistake.tape(problem, **only)}
    assert set(wrong) == set(right)
    return {name: line for name, line in wrong.items() if line != right[name]}


def test_a_mistake_leaves_every_other_line_as_it_is_and_can_be_made_in_one_layer_alone():
    for mistake in MISTAKES.values():
        for problem in expressible(mistake, drawn("float64")):
            assert changed(mistake, problem).keys() == {line.name for line in mistake.lines(problem)}
    ((name, line),) = changed(MISTAKES["bias-not-added"], DRAWN[0], only={"z2"}).items()
    assert (name, line.equation) == ("z2", "a1 W2ᵀ")


def test_made_in_one_line_alone_it_needs_nothing_that_comes_later_or_it_says_why():
    circular = set()
    for mistake in MISTAKES.values():
        for problem in expressible(mistake, every_rule("float64").values())[:1]:
            for sites in mistake.sites(problem):
                alone = mistake.tape(problem, only=sites)
                if isinstance(alone, Inexpressible):
                    circular.add(mistake.name)
                    assert "computed from each other" in alone.reason
                else:
                    next(training_steps(problem, alone))
    assert circular == {"clipping-after-the-decay"}  # the norm after the decay, which is of what is clipped


def test_mazurs_program_sent_the_hidden_gradient_through_the_already_updated_weights():
    """He printed 0.291027924 for the loss after one update; without the mistake it is 0.29102777369."""
    problem = replace(load_case("worked/mazur").problem("float64"), steps=2)
    _, second = mistaken_steps(problem, MISTAKES["already-updated-weights"])
    assert f"{second['loss']:.9f}" == "0.291027924"


def test_tf32_keeps_ten_bits_after_the_point_and_whatever_is_not_finite():
    rounded = tf32(np.array([1 + 2**-10, 1 + 2**-11, 1 + 2**-12, -1 - 2**-11, np.inf, np.nan], np.float32))
    expected = [1 + 2**-10, 1 + 2**-10, 1, -1 - 2**-10, np.inf, np.nan]  # ties go away from zero
    assert np.array_equal(rounded, np.array(expected, np.float32), equal_nan=True)
