"""What a case expects of an adapter: met, it passes; not met, it is news and fails."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import TWO_LAYERS
from hypothesis import given
from hypothesis import strategies as st
from networks import hiding

from adapters import Adapter, Program, Unavailable
from cases import Case, Problem, load_case
from cases.expectations import Expectation
from cases.verdict import NoEquivalent
from reference import Claim, Finding, Subject, Verdict, training_steps
from reference.mistakes import MISTAKES, mistaken_steps
from reports.runs.expected_differences import VERDICTS, marked
from reports.runs.rows import Row, first_failure, order
from reports.runs.runner import run_case
from reports.verdicts import cell

Train = Callable[[Problem], Iterator[Claim]]
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(name="expecting")
def _expecting(tmp_path: Path) -> Callable[[str], Case]:
    def expecting(expectation: str) -> Case:
        path = tmp_path / "case.yaml"
        path.write_text(f"{TWO_LAYERS}expect:\n  fake: {expectation}\n", encoding="utf-8")
        return load_case(path)

    return expecting


def judged(case: Case, *programs: Train, dtype: str = "float64") -> list[Row]:
    """Judge a fake adapter; each program promises nothing, so it may hide what it likes."""
    several = len(programs) > 1
    told = [
        Program(f"p{number}" if several else "", train, lambda _: frozenset())
        for number, train in enumerate(programs, start=1)
    ]
    return run_case(case, dtype, [Adapter("fake", "Fake", "", tuple(told))])[0]


def honest(problem: Problem) -> Iterator[Claim]:
    yield from training_steps(problem)


def forgets_a_factor(problem: Problem) -> Iterator[Claim]:
    """Differ at dL/da1 first, from the first step on, and at no other line."""
    yield from mistaken_steps(problem, MISTAKES["weight-factor-missing"])


def changing(change: Change, first: int = 1, train: Train = honest) -> Train:
    """Change each claim from the step `first` on."""

    def changed(problem: Problem) -> Iterator[Claim]:
        for number, step in enumerate(train(problem), start=1):
            claim = dict(step)
            if number >= first:
                change(claim)
            yield claim

    return changed


def off(name: str) -> Change:
    return lambda claim: claim.update({name: claim[name] * 1.001})


def halved(*quantities: str) -> Change:
    return lambda claim: claim.update({name: claim[name].astype("float32") for name in quantities or claim})


def reshaped(name: str) -> Change:
    return lambda claim: claim.update({name: claim[name][None]})


def crashing(claim: dict[str, Any]) -> None:
    raise ValueError("no such luck")


def declining(problem: Problem) -> Iterator[Claim]:
    raise NoEquivalent("it has none")
    yield


def news(rows: list[Row]) -> str:
    """Return the sentence of the only row of news, which comes first of all that fails."""
    first = first_failure(rows)
    assert first is not None
    assert [row for row in rows if row.unexpected] == [first]
    assert not any(row.expected for row in rows)
    assert cell(rows) == "not as its case expects"
    return first.sentence


DL_DA1 = "{differs: dL/da1, because: it forgets W2, see: 'fake #7'}"


def test_met_where_it_is_shown(expecting: Callable[[str], Case]) -> None:
    rows = judged(expecting(DL_DA1), forgets_a_factor)
    expected = [row for row in rows if row.expected]
    assert {(row.finding.step, row.finding.quantity) for row in expected} == {
        (step, "dL/da1") for step in (1, 2, 3)
    }
    assert {row.finding.verdict for row in expected} == {Verdict.DIFFERS}
    assert {row.explanation for row in expected} == {"Expected by its case: it forgets W2 (fake #7)."}
    assert all(row.passes for row in rows)
    assert cell(rows) == "differs as expected at dL/da1"


def test_met_by_one_program_where_another_hides_the_line(expecting: Callable[[str], Case]) -> None:
    rows = judged(expecting(DL_DA1), hiding(forgets_a_factor), forgets_a_factor)
    first = {row.subject.program: row.finding.quantity for row in reversed(rows) if row.expected}
    assert first == {"p1": "dL/dW1", "p2": "dL/da1"}
    assert all(row.passes for row in rows)
    assert cell(rows) == "differs as expected at dL/da1"


def test_met_where_what_hides_the_line_agrees(expecting: Callable[[str], Case]) -> None:
    assert all(row.passes for row in judged(expecting(DL_DA1), hiding(honest), forgets_a_factor))


def test_without_an_expectation_it_fails_as_ever(expecting: Callable[[str], Case]) -> None:
    case = expecting(DL_DA1.replace("dL/da1", "dL/da1, dtypes: [float32]"))
    rows = judged(case, forgets_a_factor)
    assert cell(rows) == "differs at dL/da1"
    assert not any(row.expected for row in rows)
    assert cell(judged(case, forgets_a_factor, dtype="float32")) == "differs as expected at dL/da1"
    assert cell(judged(case, honest)).startswith("agrees")
    assert news(judged(case, honest, dtype="float32"))


def test_stale(expecting: Callable[[str], Case]) -> None:
    assert news(judged(expecting(DL_DA1), honest)) == (
        "fake was expected to differ at dL/da1 (it forgets W2, fake #7), but agrees now: the framework "
        "changed its mind, or the case is out of date (fake, float64, case)"
    )


def test_stale_in_one_of_two_programs_that_show_it(expecting: Callable[[str], Case]) -> None:
    told = news(judged(expecting(DL_DA1), forgets_a_factor, honest))
    assert told.startswith("fake p2 was expected to differ at dL/da1 (")
    assert "but agrees now" in told


@pytest.mark.parametrize("programs", ["shown", "hidden"])
def test_another_line_first(programs: str, expecting: Callable[[str], Case]) -> None:
    early = changing(off("loss"), train=forgets_a_factor)
    told = news(
        judged(expecting(DL_DA1), *([early] if programs == "shown" else [forgets_a_factor, hiding(early)]))
    )
    assert ", but first fails at loss (fake" in told
    assert "loss is 0." in told  # what fails instead, in its own words
    assert "off by" in told


def test_a_later_line_than_expected(expecting: Callable[[str], Case]) -> None:
    told = news(judged(expecting("{differs: loss, because: why}"), forgets_a_factor))
    assert "was expected to differ at loss (why), but first fails at dL/da1 (fake" in told


def test_a_line_that_no_program_shows(expecting: Callable[[str], Case]) -> None:
    case = expecting(DL_DA1)
    assert ", but first fails at dL/dW1 (fake" in news(judged(case, hiding(forgets_a_factor)))
    assert ", but agrees in all that it states, and does not state that (fake" in news(
        judged(case, hiding(honest))
    )


def test_another_step(expecting: Callable[[str], Case]) -> None:
    late = changing(off("dL/da1"), first=2)
    second = "{differs: dL/da1, because: why, step: 2}"
    assert ", but first fails at dL/da1, step 2 (" in news(judged(expecting(DL_DA1), late))
    assert cell(judged(expecting(second), late)) == "differs as expected at dL/da1, step 2"
    told = news(judged(expecting(second), changing(off("dL/da1"))))
    assert "was expected to differ at dL/da1, step 2 (why), but first fails at dL/da1 (" in told


def test_a_run_that_ends_before_the_step(expecting: Callable[[str], Case]) -> None:
    case = expecting("{differs: dL/da1, because: why, step: 2}")
    assert "but first fails, step 2 (" in news(judged(case, changing(crashing, first=2)))


def test_another_verdict(expecting: Callable[[str], Case]) -> None:
    errs = "{errs: dL/da1, because: why}"
    told = news(judged(expecting(errs), forgets_a_factor))
    assert "was expected to be in error at dL/da1 (why), but first fails at dL/da1 (" in told
    assert cell(judged(expecting(errs), changing(halved("dL/da1")))) == "error as expected at dL/da1"
    assert "but first fails at dL/da1 (" in news(judged(expecting(DL_DA1), changing(halved("dL/da1"))))


def test_an_error_of_the_same_words_follows_and_no_other(expecting: Callable[[str], Case]) -> None:
    case = expecting("{errs: z1, because: why}")
    assert all(row.passes for row in judged(case, changing(halved()), hiding(changing(halved()))))
    rows = judged(case, changing(reshaped("dL/db1"), train=changing(halved("z1"))))
    assert [row.finding.quantity for row in rows if row.fails] == ["dL/db1"] * 3
    assert cell(rows) == "error at dL/db1"


def test_from_a_difference_follows_no_error_and_no_crash(expecting: Callable[[str], Case]) -> None:
    case = expecting(DL_DA1)
    rows = judged(case, changing(halved("b1_new"), train=forgets_a_factor))
    assert {row.finding.quantity for row in rows if row.fails} == {"b1_new"}
    assert cell(judged(case, changing(crashing, 2, forgets_a_factor))) == "error, step 2"


NONE = "{no_equivalent: it never had one}"


def test_no_equivalent_that_is_stated(expecting: Callable[[str], Case]) -> None:
    rows = judged(expecting(NONE), declining, declining)
    assert all(row.passes and row.expected for row in rows)
    assert [row.finding.reason for row in rows] == ["it has none"] * 2
    assert cell(rows) == "no equivalent"


def test_no_equivalent_that_is_not_stated_is_neither_agreement_nor_failure(
    expecting: Callable[[str], Case],
) -> None:
    case = expecting("{differs: z1, because: why, dtypes: [float32]}")
    (row,) = judged(case, declining)
    assert not row.passes
    assert not row.fails
    assert cell([row]) == "no equivalent"
    assert cell(judged(case, honest, declining)) == "no equivalent"
    assert cell(judged(case, forgets_a_factor, declining)) == "differs at dL/da1"


def test_no_equivalent_that_runs_after_all(expecting: Callable[[str], Case]) -> None:
    told = news(judged(expecting(NONE), honest))
    assert told.startswith(
        "fake was expected to have no equivalent (it never had one), but runs now: the framework has gained "
        "one, or the case is out of date (fake"
    )
    assert first_failure(judged(expecting(NONE), declining, honest)) is not None
    assert "but runs, and fails at dL/da1 (" in news(judged(expecting(NONE), forgets_a_factor))


def test_a_difference_that_is_expected_of_whoever_declines(expecting: Callable[[str], Case]) -> None:
    assert ", but has no equivalent: it has none (" in news(judged(expecting(DL_DA1), declining))


@pytest.mark.parametrize("expectation", [DL_DA1, NONE])
def test_an_absent_framework_fails_no_expectation(expectation: str, expecting: Callable[[str], Case]) -> None:
    absent = Unavailable("fake", Verdict.NOT_RUN, "fake is not installed")
    (row,) = run_case(expecting(expectation), "float64", [absent])[0]
    assert (cell([row]), row.fails) == ("not run", False)
    broken = Unavailable("fake", Verdict.ERROR, "could not be imported")
    (row,) = run_case(expecting(expectation), "float64", [broken])[0]
    assert (row.fails, row.finding.reason) == (True, "could not be imported")


# The definition again, over any rows at all.

QUANTITIES = ("z1", "a1", "loss")
FOUND = [Verdict.AGREES, Verdict.DIFFERS, Verdict.UNDECIDED, Verdict.ERROR]


@st.composite
def programs_rows(draw: st.DrawFn) -> list[Row]:
    rows = []
    for program in draw(st.sampled_from(["a", "ab"])):
        stated = draw(st.lists(st.sampled_from(QUANTITIES), min_size=1, unique=True))
        for step in range(1, draw(st.integers(1, 2)) + 1):
            for place, name in enumerate(QUANTITIES):
                if name in stated:
                    found = Finding(step, name, draw(st.sampled_from(FOUND)))
                    rows.append(Row(Subject("case", "fake", program, "float64"), found, place))
    return rows


@given(
    programs_rows(),
    st.sampled_from(["differs", "errs", "undecided"]),
    st.sampled_from(QUANTITIES),
    st.integers(1, 2),
)
def test_it_is_met_exactly_where_the_definition_says(
    rows: list[Row], kind: str, quantity: str, step: int
) -> None:
    expectation = Expectation.model_construct(**{kind: quantity}, because="why", step=step)
    found = marked(expectation, rows)
    here = (step, QUANTITIES.index(quantity))
    failing: dict[str, list[Row]] = {}
    for row in sorted(rows, key=order):
        failing.setdefault(row.subject.program, []).extend([row] if row.fails else [])
    showing = {row.subject.program for row in rows if order(row) == here}
    met = bool(showing) and all(
        [(order(row), row.finding.verdict) for row in failed[:1]] == [(here, VERDICTS[kind])]
        and (kind != "undecided" or {row.finding.verdict for row in failed} == {Verdict.UNDECIDED})
        if program in showing
        else all(order(row) > here for row in failed)
        for program, failed in failing.items()
    )
    assert any(row.unexpected for row in found) is not met
    assert any(row.expected for row in found) is met
    assert [row.finding for row in found if not row.unexpected] == [row.finding for row in rows]
    if not met:
        assert first_failure(found) is found[0]
