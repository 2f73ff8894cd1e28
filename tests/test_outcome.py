"""How a comparison comes out: the words and the class of a cell, from the rows that it stands for."""

import math

import pytest

from reference import Finding, Subject, Verdict
from reference.diagnosis import Explanation
from reports.causes import summaries
from reports.outcome import Cell, LineCell, Outcome, PrintedCell, outcome
from reports.runs.rows import Row

AGREES, DIFFERS = Verdict.AGREES, Verdict.DIFFERS
WHOLE = {"quantity": "", "index": None, "used": math.nan}


def row(verdict, used=0.5, step=1, digits=14.94, **more):
    flags = {name: more.pop(name) for name in ("expected", "unexpected") if name in more}
    numbers = {"quantity": "a1", "index": (0,), "used": used, "digits": digits} | more
    return Row(Subject("mine", "jax", "", "float64"), Finding(step, verdict=verdict, **numbers), 1, **flags)


@pytest.mark.parametrize(
    ("rows", "text", "line", "css_class"),
    [
        ([row(AGREES, 0.1)], "✓ 14.9", "0.10", "t0"),
        ([row(AGREES), row(AGREES, 0.1, digits=6.04)], "✓ 6.0", "0.50", "t2"),
        ([row(AGREES, 0.99)], "✓ 14.9", "0.99", "t3"),
        ([row(AGREES, 1.0)], "✓ 14.9", "1.00", "t3"),
        ([row(AGREES, 0.0, digits=math.inf)], "✓ exact", "0.00", "t0"),
        ([row(AGREES), row(DIFFERS, step=2)], "differs at a1, step 2", "differs, step 2", "news"),
        ([row(DIFFERS, expected=True)], "differs as expected at a1", "differs as expected", "known"),
        ([row(Verdict.UNDECIDED), row(DIFFERS, step=2)], "differs at a1, step 2", "differs, step 2", "news"),
        ([row(Verdict.UNDECIDED)], "undecided at a1", "undecided", "news"),
        ([row(Verdict.ERROR, **WHOLE)], "error", "error", "news"),
        ([row(Verdict.ERROR, **WHOLE, unexpected=True)], *["not as its case expects"] * 2, "news"),
        ([row(Verdict.NOT_RUN, **WHOLE)], "not run", "not run", "news"),
        ([row(Verdict.NO_EQUIVALENT, **WHOLE), row(AGREES)], "no equivalent", "no equivalent", ""),
        ([row(Verdict.NO_EQUIVALENT, **WHOLE, expected=True)], "no equivalent", "no equivalent", ""),
        (
            [row(AGREES, conventional=False)],
            "outside its case's tolerance at a1",
            "outside its case's tolerance",
            "news",
        ),
    ],
)
def test_a_cell(rows, text, line, css_class):
    cell = Cell.of(rows)
    assert (str(cell), cell.css_class) == (text, css_class)
    assert text.startswith("✓" if cell.outcome is Outcome.AGREES else cell.state)
    assert (str(LineCell.of(rows)), LineCell.of(rows).css_class) == (line, css_class)
    assert cell.outcome is outcome(cell.row)
    assert (cell.outcome.rank == 2) is cell.row.fails


@pytest.mark.parametrize(
    ("printed", "text", "css_class"),
    [
        (row(AGREES), "agrees", ""),
        (row(DIFFERS), "differs", "news"),
        (row(DIFFERS, expected=True), "differs, as its case says", "known"),
    ],
)
def test_a_printed_number(printed, text, css_class):
    cell = PrintedCell.of([printed])
    assert (str(cell), cell.css_class) == (text, css_class)


def test_every_verdict_has_its_outcome():
    assert all(outcome(row(verdict)).text == verdict for verdict in Verdict)
    assert {Outcome.EXPECTED, Outcome.OUTSIDE, Outcome.UNEXPECTED} == {*Outcome} - {
        outcome(row(verdict)) for verdict in Verdict
    }


def failing(case, *mistakes, by="jax", says="{}"):
    causes = tuple(Explanation(name, says.format(name), ("z1",)) for name in mistakes)
    return Row(Subject(case, by, "", "float64"), Finding(1, "z1", DIFFERS, index=(0,)), 1, causes=causes)


def test_failures_that_one_mistake_explains_are_told_once_and_others_by_themselves():
    """Where two mistakes fit a case, the one that fits the others as well is meant."""
    alike = [failing(f"case {i}", "no bias", *["sign"] * (i == 0)) for i in range(4)]
    others = [failing("a", "sign"), failing("b"), failing("c"), failing("d", "no bias", by="torch")]
    start = "jax: no bias, in 4 comparisons of 4 cases (case 0, case 1, case 2, …). The first: "
    assert summaries([others[0], *alike, *others[1:]]) == [
        start + alike[0].sentence,
        *(row.sentence for row in others),
    ]
    assert summaries(alike[1:]) == [row.sentence for row in alike[1:]]


def test_mistakes_that_no_case_tells_apart_are_all_named_and_each_in_the_words_of_a_case():
    rows = [failing("case", "sum", "sign", says=f"{{}} of {n}") for n in (2, 3, 3, 4)]
    (text,) = summaries(rows)
    assert text.startswith("jax: sum of 2 / sum of 3 / …; or: sign of 2 / sign of 3 / …, in 4 comparisons of")


def test_a_program_that_ends_everywhere_in_one_error_is_told_once():
    error = Finding(1, "", Verdict.ERROR, "raised ValueError: no")
    (text,) = summaries(Row(Subject(f"case {i}", "jax", "", "float64"), error) for i in range(5))
    assert text.startswith(
        "jax: raised ValueError: no, in 5 comparisons of 5 cases (case 0, case 1, case 2, …)."
    )
