"""Detection power: known facts of the measurement, and every mistake caught by at least one shipped case."""

import sys
from dataclasses import replace
from itertools import islice

import pytest
from mistake_tables import FLOAT32_ONLY

from adapters import Adapter, Program, registry
from cases import SHIPPED, load_case, load_cases, names
from cases.protocol import NoEquivalent
from reference import Verdict, judge, tape
from reference.mistakes import MISTAKES, Inexpressible, mistaken_steps
from reports.detection import (
    ALLCLOSE,
    ASSERT_CLOSE,
    CHECK_GRADS,
    GRADCHECK,
    OURS,
    STRUCTURAL,
    SUITE,
    TOOLS,
    Answer,
    MistakeResult,
    baselines,
    cover,
    measurement,
)
from reports.detection.detection_tables import sentences, to_frames, to_page, to_sections
from reports.detection.measurement import MISTAKEN_STEPS, CaseRun, judged, measure, only
from reports.page.rendering import templates

SMALL = ("nets/not-trained", "worked/document")
LARGEST = "nets/digits"


@pytest.fixture(scope="module")
def frameworks():
    pytest.importorskip("torch")
    pytest.importorskip("jax")


@pytest.fixture(scope="module")
def watched():
    return []


@pytest.fixture(scope="module")
def dtypes(request):
    """Give both formats with --slow, where by default one shows how all is counted."""
    return ("float64", "float32") if request.config.getoption("--slow") else ("float64",)


@pytest.fixture(scope="module")
def power(frameworks, watched, dtypes):
    cases = [load_case(name) for name in SMALL]
    return measure(cases, dtypes, trials=3, watch=lambda *seen: watched.append(seen))


@pytest.fixture
def few(monkeypatch):
    """Measure every tenth mistake alone, and give their names."""
    some = {name: MISTAKES[name] for name in ["sign-of-the-error", *islice(MISTAKES, 0, None, 10)]}
    monkeypatch.setattr(measurement, "MISTAKES", some)
    return some.keys()


def of(power, case, mistake, dtype="float64"):
    [result] = [one for one in power.meetings if (one.case, one.mistake, one.dtype) == (case, mistake, dtype)]
    return result


def test_nothing_is_left_out(power, watched, dtypes):
    assert len(power.meetings) == len(dtypes) * len(SMALL) * len(MISTAKES)
    made = [result for result in power.meetings if not result.inexpressible]
    assert all([answer.tool for answer in result.answers] == [*OURS, *TOOLS] for result in made)
    for case in SMALL:
        lines = {line.name for line in tape(load_case(case).problem("float64"))}
        assert {fault.quantity for fault in power.faults if fault.case == case} == lines
    runs = [f"{case} {dtype}" for case in SMALL for dtype in dtypes]
    assert watched == [(run, done, len(runs)) for done, run in enumerate([*runs, ""])]


def test_single_mistakes_are_caught_where_they_are_made_or_have_a_reason(power):
    impossible = of(power, "worked/document", "weights-not-transposed")
    assert impossible.inexpressible == "no weight matrix is square and larger than 1 by 1"
    assert impossible.answers == ()
    same = of(power, "worked/document", "magnitude-of-the-weights")  # all of them are positive: |w| is w
    assert (same.changes, same.caught_by(SUITE)) == (False, False)
    literal = of(power, "worked/document", "weight-factor-missing").by(SUITE)
    assert (literal.objects, literal.where) == (True, "dL/da1")
    precision = of(power, "nets/not-trained", "float32-weight-gradient")
    assert [precision.caught_by(tool) for tool in (SUITE, ASSERT_CLOSE, ALLCLOSE)] == [True, False, False]


def test_faults_of_1e_10_are_seen_by_the_bounds_and_by_no_default_tolerance(power):
    """And the right gradients pass the checks of gradients, so an objection is to the fault."""
    for fault in power.faults:
        assert not fault.reason or fault.reason.startswith("not run"), fault
        if fault.dtype == "float64" and fault.tool == SUITE:
            assert max(fault.smallest) <= 1e-10
        elif fault.dtype == "float64" and fault.tool in {ASSERT_CLOSE, ALLCLOSE}:
            assert min(fault.smallest) > 1e-10


def test_this_suite_gives_no_false_alarm(power, dtypes):
    ours = [alarm.answer for alarm in power.alarms if alarm.answer.tool == SUITE]
    assert len(ours) == len(dtypes) * len(SMALL) * 3  # PyTorch, and JAX's two programs
    assert all(answer.objects is False for answer in ours)


@pytest.mark.usefixtures("frameworks")
def test_gradcheck_is_left_out_of_large_problems_with_its_reason():
    tool = baselines.baselines(load_case("nets/wide").problem("float64")).gradient_checks[GRADCHECK]
    with pytest.raises(baselines.NotRunError, match=r"^not run: too many parameters \(4,810\)$"):
        tool({})


def test_the_same_seed_gives_the_same_answers_whatever_else_is_measured(power, few):
    alone = measure([load_case("worked/document")], ["float64"], trials=3)
    for name in ("meetings", "faults", "alarms"):
        same = [
            one for one in getattr(power, name) if (one.case, one.dtype) == ("worked/document", "float64")
        ]
        same = [one for one in same if name != "meetings" or one.mistake in few]
        assert len(same) >= len(few) * (name == "meetings")
        assert sorted(getattr(alone, name), key=repr) == sorted(same, key=repr)


def test_the_same_case_twice_is_redundant(power):
    """Only `not-trained` has a parameter to leave alone, until it has a twin."""
    (alone,) = (one.alone for one in power.coverage if one.case == "nets/not-trained")
    assert "fixed-parameter-updated (float64)" in alone
    twins = [replace(one, case="nets/twin") for one in power.meetings if one.case == "nets/not-trained"]
    pair = replace(power, coverage=cover([*power.meetings, *twins]))
    redundant = [one.case for one in pair.coverage if not one.alone]
    assert {"nets/not-trained", "nets/twin"} <= set(redundant)
    assert "nets/twin" not in [one.case for one in pair.coverage if one.needed]
    assert any("Redundant" in sentence and "nets/twin" in sentence for sentence in sentences(pair))


def test_the_small_set_is_chosen_for_what_it_catches():
    def result(case, mistake):
        answer = Answer(SUITE, objects=True)
        return MistakeResult(case, "float64", mistake, STRUCTURAL, changes=True, answers=(answer,))

    catches = {"first": "ab", "both": "abcd", "last": "cde", "nothing-new": "e"}
    weighed = cover([result(case, mistake) for case, mistakes in catches.items() for mistake in mistakes])
    assert [one.case for one in weighed if one.needed] == ["both", "last"]
    assert [one.case for one in weighed if one.alone] == []


@pytest.fixture
def without_torch(monkeypatch):
    for name in ("adapters.torch_autograd", "reports.detection.torch_gradcheck"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    registry.load_adapter.cache_clear()
    yield
    registry.load_adapter.cache_clear()


@pytest.mark.usefixtures("without_torch", "few")
def test_a_missing_framework_is_named():
    power = measure([load_case("worked/document")], ["float64"], trials=2)
    result, absent = of(power, "worked/document", "sign-of-the-error"), "not run: torch is not installed"
    for tool in (ASSERT_CLOSE, GRADCHECK):
        assert result.by(tool) == Answer(tool, objects=None, reason=absent)
    assert result.caught_by(ALLCLOSE)
    assert f"{ASSERT_CLOSE}: {absent}" in list(sentences(power))
    assert {alarm.answer.reason for alarm in power.alarms if alarm.implementation == "torch"} == {absent}
    cells = to_frames(power)["tools"].set_index("tool").loc[ASSERT_CLOSE]
    assert cells["caught: wrong formula"] == absent


@pytest.mark.usefixtures("frameworks", "few")
def test_an_adapter_that_is_expected_not_to_agree_gives_no_false_alarm():
    power = measure([load_case("divergences/x64-off")], trials=1)
    assert {alarm.implementation for alarm in power.alarms} == {"torch"}
    assert not any(alarm.answer.objects for alarm in power.alarms)
    reason = "not run: the case expects jax not to agree"
    assert {fault.reason for fault in power.faults if fault.tool == CHECK_GRADS} == {reason}
    assert of(power, "divergences/x64-off", "sign-of-the-error").by(CHECK_GRADS).reason == reason


@pytest.mark.usefixtures("frameworks")
def test_an_adapter_without_an_equivalent_gives_no_false_alarm(monkeypatch):
    def declines(problem):
        raise NoEquivalent("it has none")
        yield

    run = CaseRun.of(load_case("worked/document"), "float64")
    declining = [Adapter(name, name, "", (Program("", declines),)) for name in ("torch", "jax")]
    monkeypatch.setattr(measurement, "find_adapters", lambda names: declining)
    alarms = measurement.false_alarms(run, baselines.baselines(run.problem))
    assert {alarm.answer.tool for alarm in alarms} == {GRADCHECK, CHECK_GRADS}


def test_the_page_and_the_summary_say_what_was_measured(power, dtypes):
    page = templates(()).get_template("parts.html").make_module({"power": to_page(power)}).part_power()
    text = "\n\n".join(section.within(10**6) for section in to_sections(power))
    assert text.startswith("## What this suite catches")
    for shown in (text, page):
        assert f"Each of {199 if 'float32' in dtypes else 193} mistakes is caught by at least one" in shown
        assert "Not possible in any of these cases: mean-for-sum, mean-over-examples" in shown
        assert f"0 of {6 * len(dtypes)} (0%)" in shown
    assert page.count("<details>") == page.count("</details>") == len(dtypes) * len(SMALL)


def catches_of(*, every):
    """Give each mistake on each shipped case but the largest, with where it is caught; or until it is."""
    caught = set()
    for case in load_cases(SHIPPED):
        for dtype in case.dtypes if case.name != LARGEST else ():
            run = CaseRun.of(case, dtype)
            left = (one for one in MISTAKES.values() if every or (one.name, dtype) not in caught)
            for mistake in left:
                if not isinstance(mistake.tape(run.problem), Inexpressible):
                    steps = islice(mistaken_steps(run.problem, mistake), MISTAKEN_STEPS)
                    answer = judged(run, [only(claim, run.observable) for claim in steps], SUITE)
                    caught |= {(mistake.name, dtype)} if answer.objects else set()
                    yield run, mistake, answer


@pytest.fixture(scope="module")
def catches(request):
    """Give where mistakes are caught: with --slow on every case, else on each until one has caught it."""
    return list(catches_of(every=request.config.getoption("--slow")))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_mistake_is_caught_by_a_shipped_case(catches, dtype):
    possible = {mistake.name for run, mistake, _ in catches if run.dtype == dtype}
    caught = {mistake.name for run, mistake, answer in catches if run.dtype == dtype and answer.objects}
    assert caught == possible
    of_float64 = {name for name in MISTAKES if name.startswith("float32-")}
    assert possible == set(MISTAKES) - (of_float64 if dtype == "float32" else FLOAT32_ONLY)


def test_a_mistake_is_caught_only_at_or_after_its_own_line(catches):
    for run, mistake, answer in catches:
        if answer.objects:
            order = [line.name for line in tape(run.problem)]
            own = order.index(mistake.lines(run.problem)[0].name)
            assert answer.step > 1 or order.index(answer.quantity) >= own, (run.case, mistake.name, answer)


def test_ball_arithmetic_catches_the_same_at_the_same_lines(pytestconfig):
    """The reason why mistakes are judged without it; a slice of the cases, and every third mistake or all."""
    every = 1 if pytestconfig.getoption("--slow") else 3
    problem = load_case("nets/not-trained").problem("float64")
    promises = names.observable(problem.depth)
    for mistake in islice(MISTAKES.values(), 0, None, every):
        if isinstance(mistake.tape(problem), Inexpressible):
            continue
        first = []
        for certify in (True, False):
            claims = (only(claim, promises) for claim in mistaken_steps(problem, mistake))
            step = next(judge(problem, lambda _, claims=claims: claims, promises, certify=certify))
            first.append([one.quantity for one in step.findings if one.verdict is Verdict.DIFFERS][:1])
        assert first[0] == first[1], mistake.name
