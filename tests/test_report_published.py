"""Printed numbers: what the case lists as wrong must be wrong, and nothing else may be."""

from pathlib import Path

import pytest

from cases import load_case
from reports.runs.printed_numbers import judge_case
from reports.runs.rows import Printed, first_failure

# z1 = 0.4 · 0.5 + 0.1 = 0.3, and a1 = z1
CASE = """
about: One unit, the identity.
layers: [{{W: [[0.4]], b: [0.1], activation: identity}}]
x: [[0.5]]
y: [[0.8]]
loss: {{name: half_squared_error, reduction: sum}}
optimizer: {{name: sgd, learning_rate: 0.1}}
published: {{source: nobody, steps: [{{step: 1, values: {{z1: {z1}, a1: {a1}}}, rejected: {{{rejected}}}}}]}}
"""


def judged(folder: Path, **printed: str) -> list[Printed]:
    path = folder / "one.yaml"
    path.write_text(
        CASE.format(**{"z1": "0.300", "a1": "0.300", "rejected": "", **printed}), encoding="utf-8"
    )
    return judge_case(load_case(path))


def test_numbers_that_agree(tmp_path: Path) -> None:
    for one in judged(tmp_path):
        assert one.row.passes
        assert (one.text, one.exact) == ("0.300", pytest.approx(0.3, rel=1e-15))


def test_a_wrong_number_that_is_not_listed_fails(tmp_path: Path) -> None:
    z1, a1 = judged(tmp_path, z1="0.400", a1="0.400")
    assert (z1.row.finding.verdict, z1.row.fails) == ("differs", True)
    assert a1.row.passes  # judged from the printed z1, so the mistake is told once
    assert z1.row.sentence.startswith("z1[0, 0] is 0.4, but follows from its inputs as 0.3")
    assert z1.row.sentence.endswith("(published, printed, one)")


def test_a_wrong_number_that_is_listed_is_expected(tmp_path: Path) -> None:
    z1, _ = judged(tmp_path, z1="0.400", a1="0.400", rejected="z1: a slip")
    assert (z1.row.finding.verdict, z1.row.expected, z1.row.passes) == ("differs", True, True)
    assert z1.row.finding.reason == "a slip"


def test_a_right_number_that_is_listed_fails(tmp_path: Path) -> None:
    rows = [one.row for one in judged(tmp_path, rejected="z1: a slip")]
    first = first_failure(rows)
    assert first is not None
    assert first.finding.verdict == "error"
    assert "is listed as rejected, but agrees" in first.sentence


def test_the_document_has_one_wrong_number_of_eighteen() -> None:
    printed = judge_case(load_case("worked/document"))
    assert len(printed) == 18
    assert [one.row.finding.quantity for one in printed if one.row.expected] == ["a2"]
    assert all(one.row.passes for one in printed)


def test_a_case_without_printed_numbers_has_none() -> None:
    assert judge_case(load_case("nets/square")) == []
