"""The page's matrix, its known differences and its short tables: what is folded, and what is shown once."""

import math

import pytest
from reported import row

from cases import load_case
from reference import Verdict
from reports.outcome import Cell, grouped
from reports.page.differences import differences, title
from reports.page.matrix import FEW, folders
from reports.report import direct, furthest, shares
from reports.runs.comparison import Pair
from reports.runs.parameter_drift import Drift

HARDTANH = "divergences/hardtanh-at-one"


def folders_of(*rows):
    return folders({group: Cell.of(own) for group, own in grouped(rows).items()})


def test_a_case_has_one_line_and_what_its_formats_share_is_said_once():
    (folder,) = folders_of(
        row("nets/a", "torch"), row("nets/a", "torch", dtype="float32"),
        row("nets/a", "jax", Verdict.DIFFERS, 2.0), row("nets/a", "jax", dtype="float32"),
    )  # fmt: skip
    (line,) = folder.lines
    torch, jax = line.cells
    assert (line.case, line.formats) == ("nets/a", "float64 · float32")
    assert [piece.text for piece in torch.pieces] == ["✓ 14.0 · 14.0"]
    assert torch.about == "float64 0.50, float32 0.50"
    assert [piece.text for piece in jax.pieces] == ["differs at dL/dW1 (float64)", "✓ 14.0 (float32)"]
    assert [piece.link for piece in jax.pieces] == ["failure:nets/a:float64:jax", ""]


@pytest.mark.parametrize(
    ("more", "is_open", "said"),
    [
        ([], False, "21 cases: all agree"),
        ([row("nets/x", "jax", Verdict.DIFFERS, 2.0)], True, "22 cases: 1 not in agreement, 21 agree"),
        (
            [row("nets/x", "jax", Verdict.DIFFERS, 2.0, expected=True)],
            False,
            "22 cases: 1 known not to agree everywhere, 21 agree",
        ),
    ],
)
def test_a_folder_is_open_only_where_something_fails(more, is_open, said):
    many = [row(f"nets/{k}", "torch") for k in range(FEW + 1)]
    (folder,) = folders_of(*many, *more)
    assert (folder.is_open, folder.summary) == (is_open, said)


def test_a_small_run_is_not_folded():
    assert [folder.is_open for folder in folders_of(row("a", "torch"), row("nets/b", "torch"))] == [
        True,
        True,
    ]


def test_a_known_difference_is_one_entry_for_all_its_formats():
    rows = [
        row(HARDTANH, "jax", Verdict.DIFFERS, 2.0, dtype=d, expected=True) for d in ("float64", "float32")
    ]
    (one,) = differences(rows, {HARDTANH: load_case(HARDTANH)})
    assert (one.formats, one.address) == (
        "float64, float32",
        "https://github.com/pytorch/pytorch/issues/120258",
    )
    assert set(one.code) == {"PyTorch", "JAX"}
    assert one.numbers.startswith("dL/dW1[0, 0]: 0.25 where 0.5 ± ")


@pytest.mark.parametrize(
    ("adapters", "heading"),
    [
        (["numpy", "torch", "jax"], "PyTorch and JAX agree, but for these"),
        (["numpy", "mine"], "The frameworks agree, but for these"),
    ],
)
def test_the_heading_names_the_frameworks_that_ran(adapters, heading):
    assert title(adapters) == heading


PAIRS = (
    Pair("edges/a", "float64", "torch", "jax", "z1", 10, 0, 1e13, 1e-300),
    Pair("nets/a", "float64", "torch", "jax", "z1", 8, 6, 1.0, 1e-17),
    Pair("nets/b", "float64", "torch", "jax", "z2", 2, 2, 0.0, 0.0),
)


def test_edge_cases_are_apart_and_counted_in_no_share():
    assert [*direct(PAIRS)["largest distance in ulps"]] == ["1", "1.0e+13"]
    assert [*direct(PAIRS)["cases"]] == ["usual", "edge cases"]
    said = "In float64 80.0% of 10 numbers are the same bit for bit, edge cases left out."
    assert [*shares(PAIRS)] == [said]


def test_of_the_drifts_of_a_case_the_page_has_the_furthest():
    near, far = (
        Drift("nets/a", "float64", who, "certified", 2, 1e-9, ulps)
        for who, ulps in (("torch", 1.5), ("jax", 9.0))
    )
    unknown = Drift("nets/b", "float64", "jax", "certified", 2, math.nan, math.nan, not_known="too large")
    assert furthest([near, far, unknown]) == [far, unknown]
