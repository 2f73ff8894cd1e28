"""Detection power: known facts of the measurement, and every mistake caught by at least one shipped case."""

import sys
from dataclasses import replace
from itertools import islice

import pytest

from adapters import Adapter, Program, registry
from cases import SHIPPED, load_case, load_cases, names
from cases.verdict import NoEquivalent
from reference import Verdict, judge, tape
from reference.mistakes import MISTAKES, Inexpressible, mistaken_steps
from reports.detection import baselines, measure, measurement, sentences, to_frames, to_page, to_sections
from reports.detection.answers import (
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
    cover,
)
from reports.detection.measurement import MISTAKEN_STEPS, CaseRun, judged, only
from reports.page.templates import templates

SMALL = ("nets/square", "nets/not-trained", "nets/one-one-one", "worked/document")
LARGEST = "nets/digits"


@pytest.fixture(scope="module")
def frameworks():
    pytest.importorskip("torch")
    pytest.importorskip("jax")


@pytest.fixture(scope="module")
def power(frameworks):
    return measure([load_case(name) for name in SMALL], trials=5)


def of(power, case, mistake, dtype="float64"):
    [met] = [met for met in power.meetings if (met.case, met.mistake, met.dtype) == (case, mistake, dtype)]
    return met


def test_nothing_is_left_out(power):
    assert len(power.meetings) == 2 * len(SMALL) * len(MISTAKES)
    made = [met for met in power.meetings if not met.inexpressible]
    assert all([answer.tool for answer in met.answers] == [*OURS, *TOOLS] for met in made)
    assert {fault.quantity for fault in power.faults if fault.case == "nets/square"} == {
        line.name for line in tape(load_case("nets/square").problem("float64"))
    }


def test_a_mistake_that_cannot_be_made_says_why(power):
    met = of(power, "nets/one-one-one", "weights-not-transposed")
    assert met.inexpressible == "no weight matrix is square and larger than 1 by 1"
    assert met.answers == ()


def test_a_mistake_that_changes_no_number_is_no_miss(power):
    """All weights of the document's example are positive, so |w| is w."""
    met = of(power, "worked/document", "magnitude-of-the-weights")
    assert not met.changes
    assert not met.caught_by(SUITE)


def test_the_document_taken_literally_is_caught_where_it_is_made(power):
    answer = of(power, "worked/document", "weight-factor-missing").by(SUITE)
    assert (answer.objects, answer.where) == (True, "dL/da1")


def test_a_mistake_of_precision_that_assert_close_does_not_see(power):
    met = of(power, "nets/square", "float32-weight-gradient")
    assert met.caught_by(SUITE)
    assert not met.caught_by(ASSERT_CLOSE)
    assert not met.caught_by(ALLCLOSE)


def test_small_nets_show_faults_that_the_usual_tools_do_not_see(power):
    """1e-10 in float64: seen by the bounds in every quantity, by default tolerances in none."""
    for fault in power.faults:
        if fault.dtype == "float64" and fault.tool in {SUITE, ASSERT_CLOSE, ALLCLOSE}:
            if fault.tool == SUITE:
                assert fault.worst <= 1e-10, fault
            else:
                assert min(fault.smallest) > 1e-10, fault


def test_no_false_alarm_of_ours(power):
    ours = [alarm.answer for alarm in power.alarms if alarm.answer.tool == SUITE]
    assert len(ours) == 2 * len(SMALL) * 3  # PyTorch, and JAX's two programs
    assert all(answer.objects is False for answer in ours)


def test_the_right_gradients_pass_the_checks_of_gradients(power):
    """So an objection is to the mistake, not to the way in which a claim is put to the check."""
    for fault in power.faults:
        assert not fault.reason or fault.reason.startswith("not run"), fault


@pytest.mark.usefixtures("frameworks")
def test_gradcheck_is_left_out_with_its_reason():
    tool = baselines.baselines(load_case("nets/wide").problem("float64")).gradient_checks[GRADCHECK]
    assert tool == baselines.NotRun("not run: too many parameters (4,810)")


def test_the_same_seed_gives_the_same_numbers():
    cases = [load_case("worked/document"), load_case("nets/one-layer")]
    one, other = (measure(cases, ["float64"], trials=3) for _ in range(2))
    assert one == other


def test_a_case_does_not_depend_on_its_company(power):
    alone = measure([load_case("nets/one-one-one")], trials=5)
    assert alone.faults == tuple(fault for fault in power.faults if fault.case == "nets/one-one-one")


def test_the_same_case_twice_is_redundant(power):
    """Of the four only `not-trained` has a parameter to leave alone, until it has a twin."""
    found = {one.case: one for one in power.coverage}
    assert "fixed-parameter-updated (float64)" in found["nets/not-trained"].alone
    assert found["worked/document"].redundant
    case = load_case("nets/not-trained")
    pair = measure(
        [case, replace(case, name="nets/twin"), load_case("nets/one-layer")], ["float64"], trials=1
    )
    assert [one.case for one in pair.coverage if one.redundant] == ["nets/not-trained", "nets/twin"]
    assert [one.case for one in pair.coverage if one.needed] == ["nets/not-trained", "nets/one-layer"]
    assert any("Redundant" in told and "nets/twin" in told for told in sentences(pair))


def test_the_small_set_is_chosen_for_what_it_catches():
    def met(case, mistake):
        answer = Answer(SUITE, objects=True)
        return MistakeResult(case, "float64", mistake, STRUCTURAL, changes=True, answers=(answer,))

    catches = {"first": "ab", "both": "abcd", "last": "cde", "nothing-new": "e"}
    found = cover([met(case, mistake) for case, mistakes in catches.items() for mistake in mistakes])
    assert [one.case for one in found if one.needed] == ["both", "last"]
    assert [one.case for one in found if not one.redundant] == []


@pytest.fixture
def without_torch(monkeypatch):
    for name in ("adapters.torch_programs", "adapters.torch_autograd", "reports.detection.torch_gradcheck"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    registry.load_adapter.cache_clear()
    yield
    registry.load_adapter.cache_clear()


@pytest.mark.usefixtures("without_torch")
def test_a_missing_framework_is_told():
    power = measure([load_case("worked/document")], ["float64"], trials=2)
    met = of(power, "worked/document", "sign-of-the-error")
    for tool in (ASSERT_CLOSE, GRADCHECK):
        assert met.by(tool) == Answer(tool, objects=None, reason="not run: torch is not installed")
    assert met.caught_by(ALLCLOSE)
    assert f"{ASSERT_CLOSE}: not run: torch is not installed" in list(sentences(power))
    assert {alarm.answer.reason for alarm in power.alarms if alarm.implementation == "torch"} == {
        "not run: torch is not installed"
    }
    cells = to_frames(power)["tools"].set_index("tool").loc[ASSERT_CLOSE]
    assert cells["caught: wrong formula"] == "not run: torch is not installed"


@pytest.mark.usefixtures("frameworks")
def test_whoever_is_expected_not_to_agree_gives_no_false_alarm():
    power = measure([load_case("divergences/x64-off")], trials=1)
    assert {alarm.implementation for alarm in power.alarms} == {"torch"}
    assert not any(alarm.answer.objects for alarm in power.alarms)
    told = "not run: the case expects jax not to agree"
    assert {fault.reason for fault in power.faults if fault.tool == CHECK_GRADS} == {told}
    assert of(power, "divergences/x64-off", "sign-of-the-error").by(CHECK_GRADS).reason == told


@pytest.mark.usefixtures("frameworks")
def test_whoever_has_no_equivalent_gives_no_false_alarm(monkeypatch):
    def declines(problem):
        raise NoEquivalent("it has none")
        yield

    case = load_case("worked/document")
    setting = CaseRun.of(case, "float64")
    declining = [Adapter(name, name, "", (Program("", declines),)) for name in ("torch", "jax")]
    monkeypatch.setattr(measurement, "find_adapters", lambda names: declining)
    heard = list(measurement.false_alarms(setting, baselines.baselines(setting.problem)))
    assert {alarm.answer.tool for alarm in heard} == {GRADCHECK, CHECK_GRADS}


def test_progress_is_told():
    told = []
    measure([load_case("worked/document")], watch=lambda *seen: told.append(seen), trials=1)
    assert told == [("worked/document float64", 0, 2), ("worked/document float32", 1, 2), ("", 2, 2)]


def test_what_people_read(power):
    page = templates(()).get_template("parts/power.html").render(power=to_page(power))
    text = "\n\n".join(section.within(10**6) for section in to_sections(power))
    assert text.startswith("## What this suite catches")
    for told in (text, page):
        assert "Each of 32 mistakes is caught by at least one case" in told
        assert "Not possible in any of these cases: mean-over-examples, two-missing-in-the-gradient" in told
        assert "0 of 24 (0%)" in told
    assert page.count("<details>") == page.count("</details>") == 2 * len(SMALL)
    assert len(to_frames(power)["mistakes"]) == len(power.meetings)


def catches_of(*, every):
    """Give each mistake on each shipped case but the largest, with where it is caught; or until it is."""
    caught = set()
    for case in load_cases(SHIPPED):
        for dtype in case.dtypes if case.name != LARGEST else ():
            setting = CaseRun.of(case, dtype)
            for mistake in MISTAKES.values():
                is_made = not isinstance(mistake.tape(setting.problem), Inexpressible)
                if is_made and (every or (mistake.name, dtype) not in caught):
                    run = mistaken_steps(setting.problem, mistake)
                    claims = [only(claim, setting.observable) for claim in islice(run, MISTAKEN_STEPS)]
                    said = judged(setting, claims, SUITE)
                    caught |= {(mistake.name, dtype)} if said.objects else set()
                    yield setting, mistake, said


@pytest.fixture(scope="module")
def catches(request):
    """Give where mistakes are caught: with --slow on every case, else on each until one has caught it."""
    return list(catches_of(every=request.config.getoption("--slow")))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_mistake_is_caught_by_a_shipped_case(catches, dtype):
    possible = {mistake.name for setting, mistake, _ in catches if setting.dtype == dtype}
    caught = {mistake.name for setting, mistake, said in catches if setting.dtype == dtype and said.objects}
    assert caught == possible
    only_in = (
        {name for name in MISTAKES if name.startswith("float32-")}
        if dtype == "float32"
        else {"tf32-products"}
    )
    assert possible == set(MISTAKES) - only_in


def test_a_mistake_is_caught_only_at_or_after_its_own_line(catches):
    for setting, mistake, said in catches:
        if said.objects:
            order = [line.name for line in tape(setting.problem)]
            own = order.index(mistake.lines(setting.problem)[0].name)
            assert said.step > 1 or order.index(said.quantity) >= own, (setting.case, mistake.name, said)


def test_ball_arithmetic_catches_the_same_at_the_same_lines():
    """The reason why mistakes are judged without it; a slice of the cases."""
    problem = load_case("nets/not-trained").problem("float64")
    promises = names.observable(problem.depth)
    for mistake in MISTAKES.values():
        if isinstance(mistake.tape(problem), Inexpressible):
            continue
        first = []
        for certify in (True, False):
            claims = (only(claim, promises) for claim in mistaken_steps(problem, mistake))
            step = next(judge(problem, lambda _, claims=claims: claims, promises, certify=certify))
            first.append([found.quantity for found in step.findings if found.verdict is Verdict.DIFFERS][:1])
        assert first[0] == first[1], mistake.name
