"""Is a mistake named? The measurement counts rightly; and with --slow its whole claim, for every mistake."""

from dataclasses import replace
from itertools import cycle, islice

import numpy as np
import pytest
from algebraic_forms import FORMS
from test_update_forms import drawn as drawn_forms
from test_update_forms import trained

from cases import load_case
from cases.catalog import LOSSES, OPTIMIZERS
from cases.problem import unstacked
from reference import Finding, Verdict, judge
from reference.diagnosis import Diagnosis, Explanation, diagnose
from reference.mistakes import MISTAKES
from reports.detection import EVERYTHING, OUTCOME, SHOWN, Named, Naming, Pairs, RightRuns, naming
from reports.detection.drawn_networks import drawn
from reports.detection.naming import DTYPES, NETWORKS, claims_of, diagnoses, first_names, naming_of
from reports.detection.naming_pairs import drawn_pairs, measure_pairs, measure_right, spoil
from reports.detection.naming_run import Extent, measure_naming
from reports.detection.naming_tables import sentences, to_frames

FEW = ("sum-for-mean", "weights-transposed-backward", "momentum-not-carried-over", "clipping-missing")


def pytest_generate_tests(metafunc):
    if "mistake" in metafunc.fixturenames:
        metafunc.parametrize("mistake", MISTAKES if metafunc.config.getoption("--slow") else FEW)


@pytest.fixture
def slow(request):
    return request.config.getoption("--slow")


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_mistake_is_named_on_random_networks_and_no_other_alone(mistake, dtype, slow):
    for result in naming_of(mistake, dtype, seed=0, networks=NETWORKS if slow else 2):
        assert result.rightly >= 0.95 * result.seen, result
        assert result.another_alone == 0, result
        assert result.seen > 0 or result.blind, result


def test_what_may_be_meant_as_well_is_named_beside_what_is_certain():
    """In float32 a small λ with the wrong sign is certain, and none at all meets the right value, too."""
    results = {result.shown: result for result in naming_of("decay-missing", "float32", seed=0, networks=8)}
    assert [result.another_alone for result in results.values()] == [0, 0]
    assert results[OUTCOME].equal > 0


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("dtype", DTYPES)
def test_of_two_mistakes_the_first_is_named_and_the_second_is_wrong_in_its_own_right(dtype, shown, slow):
    counted = measure_pairs(dtype, shown, range(100 if slow else 2), seed=0)
    wanted = 0.9 if slow or shown == EVERYTHING else 0.5  # two say little
    assert counted.pairs >= (100 if slow else 2)
    assert counted.first_named >= wanted * counted.pairs
    assert counted.second_in_its_own_right == counted.apart


def test_pairs_change_different_lines_and_stand_in_the_order_in_which_they_are_seen():
    for number in range(4):
        for pair in islice(drawn_pairs(0, number, "float64", EVERYTHING), 2):
            first, second = (
                {line.name for line in MISTAKES[name].lines(pair.problem)} for name in pair.mistakes
            )
            assert first.isdisjoint(second)
            assert pair.places[0][0] <= pair.places[1][0]
            assert {quantity for _, quantity in pair.places} <= set(pair.claims[0])


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("dtype", DTYPES)
def test_right_programs_have_no_diagnosis_and_right_numbers_no_mistakes_name(dtype, shown, request):
    """`--random 20000` runs as many, 5,000 in each format and with each selection of quantities shown."""
    count = -(-request.config.getoption("--random") // 4)
    runs = measure_right(dtype, shown, range(count), seed=1)
    assert (runs.programs, runs.diagnoses) == (count, 0)
    assert runs.spoiled > 0
    assert set(runs.names).isdisjoint(MISTAKES)


@pytest.mark.parametrize("rule", FORMS)
def test_right_programs_in_another_algebraic_form_have_no_diagnosis(rule, request):
    count = -(-request.config.getoption("--random") // (60 * len(FORMS)))
    for seed, dtype in islice(zip(range(count), cycle(DTYPES)), count):
        stack = drawn_forms(rule, dtype, seed, 1)
        problem = unstacked(stack, 0)
        for form in FORMS[rule].values():
            with np.errstate(all="ignore"):
                claims = list(trained(problem, form))
            steps = judge(problem, lambda _, claims=claims: iter(claims), frozenset(), certify=False)
            assert list(diagnose(problem, steps)) == []


def test_what_the_first_diagnosis_says_is_counted(monkeypatch):
    """Its own name alone, with another, another's, two others', none; and where nothing is seen, no more."""
    said = cycle([("sum-for-mean",), ("a", "sum-for-mean"), ("a",), ("a", "b"), (), None])

    def explained(problem, step):
        names = next(said)
        finding = Finding(1, "loss", Verdict.DIFFERS)
        each = tuple(Explanation(name, "", ()) for name in names or ())
        return () if names is None else (Diagnosis(finding, each),)

    monkeypatch.setattr(naming, "explain_step", explained)
    monkeypatch.setattr(naming, "is_distinguished", lambda *_: True)
    monkeypatch.setattr(naming, "SHOWN", [OUTCOME])
    (result,) = naming_of("sum-for-mean", "float32", seed=0, networks=5)
    counts = result.alone, result.equal, result.unnamed, result.instead
    assert counts == (1, 1, 1, (("a",), ("a", "b")))
    assert (result.seen, result.rightly, result.another_alone) == (5, 2, 1)
    assert "this loss is a sum" in result.blind


def test_where_rounding_alone_might_give_what_a_mistake_does_it_is_not_seen():
    """ε of 1e-8 is missing in float32: W2 is off by 1.02 of a bound that the mistake's meets."""
    problem = drawn(0, 25, "float32")
    claims = claims_of(problem, MISTAKES["eps-missing"].tape(problem))
    first = next(diagnoses(problem, claims, EVERYTHING))
    assert (first.finding.quantity, first.names) == ("W2_new", ())
    assert 1 < first.finding.used < 2
    assert first_names(problem, "eps-missing", claims, EVERYTHING) == []
    assert first_names(problem, "update-with-the-wrong-sign", claims, EVERYTHING) == [()]  # plainly another


def test_of_few_digits_all_the_numbers_of_two_mistakes_speak_for_them_together():
    """One loss of float32 has too few to be certain of two; with the gradients it has enough."""
    pair = next(drawn_pairs(0, 37, "float32", OUTCOME))
    assert pair.places[0] == pair.places[1] == (1, "loss")
    assert {*next(diagnoses(pair.problem, pair.claims, OUTCOME)).names} == {*pair.mistakes}


@pytest.mark.parametrize(
    ("number", "dtype", "shown"), [(180, "float64", EVERYTHING), (120, "float32", OUTCOME)]
)
def test_right_numbers_of_the_step_after_a_spoiled_one_are_right_themselves(number, dtype, shown):
    """Its parameters come back, as if of the step before, and its loss is that of the step after."""
    problem = drawn(0, number, dtype)
    first, *others = diagnoses(problem, spoil(problem, claims_of(problem), 0, number, shown), shown)
    assert (first.finding.step, first.names) == (1, ())
    assert {name for one in others for name in one.names} == {"right-itself"}


def test_a_mistake_that_cannot_be_made_is_sought_on_every_network_and_says_why(monkeypatch):
    monkeypatch.setattr(naming, "MAX_DRAWN", 30)
    for result in naming_of("float32-forward", "float32", seed=0):
        assert (result.seen, result.drawn, result.blind) == (0, 30, ("everything is float32 already",))


def test_the_networks_are_of_every_kind_and_the_same_in_another_format():
    networks = [drawn(3, number, "float64") for number in range(120)]
    assert {net.optimizer.name for net in networks} == set(OPTIMIZERS)
    assert {net.loss for net in networks} == set(LOSSES)
    assert {net.steps for net in networks} == {net.depth for net in networks} == {1, 2, 3}
    assert {len(net.x) for net in networks} == set(range(1, 7))
    rounded = dict.fromkeys(("parameters", "x", "y", "dtype", "learning_rate", "loss_numbers"))
    for net, other in zip(networks[:9], (drawn(3, number, "float32") for number in range(9)), strict=True):
        assert replace(other, **rounded) == replace(net, **rounded)
        for name, array in net.parameters.items():
            assert np.array_equal(array.astype(np.float32), other.parameters[name])


def test_of_a_part_of_the_cases_only_the_mistakes_that_can_be_made_there_are_measured(slow):
    document = Extent.of([load_case("worked/document")], ["float64"], is_part=True)
    assert "weight-factor-missing" in document.mistakes
    assert "weights-not-transposed" not in document.mistakes  # every weight is 1 by 1
    assert document.dtypes == ("float64",)
    assert Extent.of([], [], is_part=False) == Extent()
    small = replace(document, mistakes=("sign-of-the-error", "weight-factor-missing"))
    watched = []
    here = measure_naming(small, lambda *seen: watched.append(seen))
    assert [(each.mistake, each.shown, each.seen) for each in here.mistakes] == [
        (name, shown, 1) for name in small.mistakes for shown in SHOWN
    ]
    assert watched[0] == ("sign-of-the-error float64", 0, 6)
    assert watched[-1] == ("", 6, 6)
    assert not slow or measure_naming(small, workers=2) == here


def test_the_table_counts_by_what_is_shown_and_in_all():
    every = Named("sum-for-mean", "float64", EVERYTHING, 40, alone=18, equal=1, unnamed=1, blind=("no mean",))
    hidden = replace(every, shown=OUTCOME, alone=1, instead=(("twice",), ("half", "twice")))
    of_another = Named("sign-of-the-error", "float64", EVERYTHING, 2000)
    pairs = Pairs("float64", OUTCOME, 10, 9, 8, 7, 6, 5, 1, 3)
    right = RightRuns("float64", OUTCOME, 50, 0, 5, ("twice", "twice"))
    measured = Naming(0, 20, (every, hidden, of_another), (pairs + pairs,), (right + right,), ("a failed",))
    frames = to_frames(measured)
    table = frames["naming"].set_index("mistake")
    columns = ["everything shown, float64", "outcome only, float64", "equal", "no name", "another alone"]
    assert list(table.loc["sum-for-mean", columns]) == ["19 of 20", "2 of 5", "2", "2", "1"]
    assert table.loc["sum-for-mean", "named instead"] == "twice (1); half, twice (1)"
    assert table.loc["sign-of-the-error", "everything shown, float64"] == "–"
    assert list(table.loc["all", columns[:2]]) == ["19 of 20 (95.0%)", "2 of 5 (40.0%)"]
    shares = "18 of 20 (90.0%)|14 of 16 (87.5%)|12 of 16 (75.0%)|10 of 16 (62.5%)|2 of 4 (50.0%)".split("|")
    assert list(frames["pairs"].iloc[0])[2:] == [20, *shares, "6"]
    assert list(frames["right"].iloc[0])[2:] == ["100", "0", "10", "twice (4)"]
    text = " ".join(sentences(measured))
    assert "names it in 21 of 25 (84.0%); it names another alone in 1, and none in 2." in text
    assert "Seen on fewer than 20 networks: sum-for-mean (outcome only, float64: 2 of 5, 40 drawn)." in text
    assert text.endswith("Parts of the diagnosis that failed: a failed.")
    assert "Diagnoses of 100 right programs: 0; names that are given to 10 spoiled ones: 4." in text
