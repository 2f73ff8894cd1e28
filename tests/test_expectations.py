"""What a case expects of an adapter: if it is so, it passes; if not, it fails as unexpected."""

from pathlib import Path

import pytest
from conftest import TWO_LAYERS
from hypothesis import given
from hypothesis import strategies as st
from networks import hiding

from adapters import Adapter, Program, Unavailable
from cases import case_of
from cases.case_schema import Expectation
from cases.protocol import NoEquivalent
from reference import Finding, Subject, Verdict, training_steps
from reference.mistakes import MISTAKES, mistaken_steps
from reports.outcome import Cell
from reports.runs.expectations import VERDICTS, marked
from reports.runs.rows import Row, first_failure, order
from reports.runs.runner import run_case


def shown(rows):
    return str(Cell.of(rows))


def expecting(expectation):
    return case_of("case", Path("case.yaml"), f"{TWO_LAYERS}expect:\n  fake: {expectation}\n")


def judged(case, *programs, dtype="float64"):
    """Judge a fake adapter; each program promises nothing, so it may hide what it likes."""
    named = [f"p{number}" if len(programs) > 1 else "" for number in range(1, len(programs) + 1)]
    made = [Program(name, run, lambda _: frozenset()) for name, run in zip(named, programs, strict=True)]
    return run_case(case, dtype, [Adapter("fake", "Fake", "", tuple(made))])[0]


honest = training_steps


def forgets_a_factor(problem):
    """Differ at dL/da1 first, from the first step on, and at no other line."""
    yield from mistaken_steps(problem, MISTAKES["weight-factor-missing"])


def changing(change, first=1, train=honest):
    """Change each claim from the step `first` on."""

    def changed(problem):
        for number, step in enumerate(train(problem), start=1):
            claim = dict(step)
            if number >= first:
                change(claim)
            yield claim

    return changed


def off(name):
    return lambda claim: claim.update({name: claim[name] * 1.001})


def halved(*quantities):
    return lambda claim: claim.update({name: claim[name].astype("float32") for name in quantities or claim})


def reshaped(name):
    return lambda claim: claim.update({name: claim[name][None]})


def crashing(claim):
    raise ValueError("no such luck")


def declining(problem):
    raise NoEquivalent("it has none")
    yield


HIDDEN, HIDDEN_HONEST = hiding(forgets_a_factor), hiding(honest)
EARLY = changing(off("loss"), train=forgets_a_factor)
LATE = changing(off("dL/da1"), first=2)
IN_FLOAT32 = changing(halved("dL/da1"))

DL_DA1 = "{differs: dL/da1, because: it forgets W2, see: 'fake #7'}"
SECOND = "{differs: dL/da1, because: why, step: 2}"
ERRS = "{errs: dL/da1, because: why}"
NONE = "{no_equivalent: it never had one}"


def unexpected(rows):
    """Return the sentence of the only unexpected row, which comes first of all that fails."""
    first = first_failure(rows)
    assert first is not None
    assert [row for row in rows if row.unexpected] == [first]
    assert not any(row.expected for row in rows)
    assert shown(rows) == "not as its case expects"
    return first.sentence


def test_a_difference_that_one_of_two_programs_hides():
    rows = judged(expecting(DL_DA1), HIDDEN, forgets_a_factor)
    first = {row.subject.program: row.finding.quantity for row in reversed(rows) if row.expected}
    assert first == {"p1": "dL/dW1", "p2": "dL/da1"}
    assert all(row.passes for row in rows)
    assert shown(rows) == "differs as expected at dL/da1"
    assert all(row.passes for row in judged(expecting(DL_DA1), HIDDEN_HONEST, forgets_a_factor))


def test_an_expectation_of_another_format_changes_nothing():
    case = expecting(DL_DA1.replace("dL/da1", "dL/da1, dtypes: [float32]"))
    rows = judged(case, forgets_a_factor)
    assert shown(rows) == "differs at dL/da1"
    assert not any(row.expected for row in rows)
    assert shown(judged(case, forgets_a_factor, dtype="float32")) == "differs as expected at dL/da1"
    assert shown(judged(case, honest)).startswith("✓")
    assert unexpected(judged(case, honest, dtype="float32")) == (
        "fake was expected to differ at dL/da1 (it forgets W2, fake #7), but agrees now: the framework "
        "changed its mind, or the case is out of date (fake, float32, case)"
    )


# What is expected, of which programs, and parts of the sentence that says what was observed instead.
# ruff: noqa: E501
UNEXPECTED = {
    "stale in one of two programs": (DL_DA1, [forgets_a_factor, honest], ["fake p2 was expected to differ at dL/da1 (", "but agrees now"]),
    "another line first": (DL_DA1, [EARLY], [", but first fails at loss (fake", "loss is 0.", "off by"]),
    "another line first, hidden": (DL_DA1, [forgets_a_factor, hiding(EARLY)], [", but first fails at loss (fake", "loss is 0.", "off by"]),
    "a later line": ("{differs: loss, because: why}", [forgets_a_factor], ["was expected to differ at loss (why), but first fails at dL/da1 (fake"]),
    "a line that no program shows": (DL_DA1, [HIDDEN], [", but first fails at dL/dW1 (fake"]),
    "a line that no program shows, and all agree": (DL_DA1, [HIDDEN_HONEST], [", but agrees in all that it states, and does not state that (fake"]),
    "a later step": (DL_DA1, [LATE], [", but first fails at dL/da1, step 2 ("]),
    "an earlier step": (SECOND, [changing(off("dL/da1"))], ["was expected to differ at dL/da1, step 2 (why), but first fails at dL/da1 ("]),
    "a run that ends before the step": (SECOND, [changing(crashing, first=2)], ["but first fails, step 2 ("]),
    "a difference for an error": (ERRS, [forgets_a_factor], ["was expected to be in error at dL/da1 (why), but first fails at dL/da1 ("]),
    "an error for a difference": (DL_DA1, [IN_FLOAT32], ["but first fails at dL/da1 ("]),
    "a form that declines": (DL_DA1, [declining], [", but has no equivalent: it has none ("]),
    "no equivalent that agrees": (NONE, [honest], ["fake was expected to have no equivalent (it never had one), but runs now: the framework has gained one, or the case is out of date (fake"]),
    "no equivalent that differs": (NONE, [forgets_a_factor], ["but runs, and fails at dL/da1 ("]),
}  # fmt: skip


@pytest.mark.parametrize(("expectation", "programs", "parts"), UNEXPECTED.values(), ids=UNEXPECTED)
def test_what_is_not_as_expected_fails(expectation, programs, parts):
    sentence = unexpected(judged(expecting(expectation), *programs))
    assert [part for part in parts if part not in sentence] == []


OTHER = "{differs: z1, because: why, dtypes: [float32]}"
CELLS = {
    "a difference in the second step": (SECOND, [LATE], "differs as expected at dL/da1, step 2"),
    "an error": (ERRS, [IN_FLOAT32], "error as expected at dL/da1"),
    "a crash after a difference": (DL_DA1, [changing(crashing, 2, forgets_a_factor)], "error, step 2"),
    "no equivalent": (NONE, [declining, declining], "no equivalent"),
    "no equivalent that nobody expects": (OTHER, [honest, declining], "no equivalent"),
    "a difference and no equivalent": (OTHER, [forgets_a_factor, declining], "differs at dL/da1"),
}


@pytest.mark.parametrize(("expectation", "programs", "text"), CELLS.values(), ids=CELLS)
def test_cell(expectation, programs, text):
    assert shown(judged(expecting(expectation), *programs)) == text


def test_an_error_of_the_same_words_follows_and_no_other():
    case = expecting("{errs: z1, because: why}")
    assert all(row.passes for row in judged(case, changing(halved()), hiding(changing(halved()))))
    rows = judged(case, changing(reshaped("dL/db1"), train=changing(halved("z1"))))
    assert [row.finding.quantity for row in rows if row.fails] == ["dL/db1"] * 3
    assert shown(rows) == "error at dL/db1"
    rows = judged(expecting(DL_DA1), changing(halved("b1_new"), train=forgets_a_factor))
    assert {row.finding.quantity for row in rows if row.fails} == {"b1_new"}


def test_no_equivalent():
    rows = judged(expecting(NONE), declining, declining)
    assert all(row.passes and row.expected for row in rows)
    assert [row.finding.reason for row in rows] == ["it has none"] * 2
    assert first_failure(judged(expecting(NONE), declining, honest)) is not None
    (row,) = judged(expecting(OTHER), declining)  # which is neither agreement nor failure
    assert (row.passes, row.fails, shown([row])) == (False, False, "no equivalent")


@pytest.mark.parametrize("expectation", [DL_DA1, NONE])
def test_an_absent_framework_fails_no_expectation(expectation):
    absent = Unavailable("fake", Verdict.NOT_RUN, "fake is not installed")
    (row,) = run_case(expecting(expectation), "float64", [absent])[0]
    assert (shown([row]), row.fails) == ("not run", False)
    broken = Unavailable("fake", Verdict.ERROR, "could not be imported")
    (row,) = run_case(expecting(expectation), "float64", [broken])[0]
    assert (row.fails, row.finding.reason) == (True, "could not be imported")


# The definition again, over any rows at all.

QUANTITIES = ("z1", "a1", "loss")
VERDICTS_OF_ROWS = [Verdict.AGREES, Verdict.DIFFERS, Verdict.UNDECIDED, Verdict.ERROR]


@st.composite
def programs_rows(draw):
    rows = []
    for program in draw(st.sampled_from(["a", "ab"])):
        stated = draw(st.lists(st.sampled_from(QUANTITIES), min_size=1, unique=True))
        for step in range(1, draw(st.integers(1, 2)) + 1):
            for place, name in enumerate(QUANTITIES):
                if name in stated:
                    finding = Finding(step, name, draw(st.sampled_from(VERDICTS_OF_ROWS)))
                    rows.append(Row(Subject("case", "fake", program, "float64"), finding, place))
    return rows


@given(
    programs_rows(),
    st.sampled_from(["differs", "errs", "undecided"]),
    st.sampled_from(QUANTITIES),
    st.integers(1, 2),
)
def test_it_is_met_exactly_where_the_definition_says(rows, kind, quantity, step):
    expectation = Expectation.model_construct(**{kind: quantity}, because="why", step=step)
    judged_rows = marked(expectation, rows)
    here = (step, QUANTITIES.index(quantity))
    failing = {}
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
    assert any(row.unexpected for row in judged_rows) is not met
    assert any(row.expected for row in judged_rows) is met
    assert [row.finding for row in judged_rows if not row.unexpected] == [row.finding for row in rows]
    assert met or first_failure(judged_rows) is judged_rows[0]
