"""The small tables as they are printed, word for word, of results that are written out here.

`tests/golden/` holds what they should be. Where a table is meant to change, look at what is now written, and
copy it there with the command that the failing test prints.
"""

import dataclasses
import difflib
import math
from pathlib import Path

import numpy as np
import pytest

from adapters import Adapter
from cases import load_case
from reference import Finding, JudgedStep, Subject, Verdict
from reports import report
from reports.environment import Environment, Selection
from reports.page.sections import quantities
from reports.regression import compare
from reports.regression_text import markdown
from reports.runs.accuracy import LostDigits
from reports.runs.comparison import Pair
from reports.runs.parameter_drift import TRUTH, Drift
from reports.runs.recorded import BitKeeper
from reports.runs.rows import PUBLISHED, Printed, Results, Row
from reports.runs.step_batches import StepBatch
from reports.user_programs.program_results import ProgramResult
from reports.writers.markdown_text import table_head, table_rows

GOLDEN = Path(__file__).parent / "golden"
DOCUMENT, HARDTANH = load_case("worked/document"), load_case("divergences/hardtanh-at-one")
PLACES = {"z1": 0, "a1": 1, "a2": 3, "loss": 4, "dL/dz2": 7, "dL/dW1": 13, "dL/dz1": 12}


def row(who, quantity, used, dtype="float64", case=DOCUMENT.name, **others):
    adapter, _, program = who.partition(" ")
    verdict = Verdict.AGREES if used <= 1 else Verdict.DIFFERS
    numbers = {
        "index": () if quantity == "loss" else (0, 0), "claimed": 0.5, "derived": 0.5, "error": used * 1e-16,
        "tolerance": 1e-16, "used": used, "ulps": used * 2, "digits": 15.5, "truth": "certified",
    } | {name: others.pop(name) for name in list(others) if name in Finding.__dataclass_fields__}  # fmt: skip
    finding = Finding(int(others.pop("at_step", 1)), quantity, numbers.pop("verdict", verdict), **numbers)
    return Row(Subject(case, adapter, program, dtype), finding, PLACES.get(quantity, -1), **others)


def whole(who, verdict, reason, dtype="float64", **others):
    adapter, _, program = who.partition(" ")
    return Row(Subject(DOCUMENT.name, adapter, program, dtype), Finding(1, "", verdict, reason), **others)


AGREE = [row(who, name, used) for who in ("numpy", "torch", "jax plain", "jax observed")
         for name, used in (("z1", 0.25), ("a1", 0.5), ("loss", 0.125), ("dL/dW1", 0.0))]  # fmt: skip
LOST = {"claimed": -0.0, "derived": -5.06e-20, "error": 5.06e-20, "tolerance": 1e-16, "ulps": 2e6}
ROWS = (
    *AGREE,
    row("torch", "dL/dz2", 3e6, claimed=0.75, error=0.25),
    row("jax observed", "dL/dz2", 0.99, "float32", at_step=2, digits=6.25),
    row("numpy", "a2", 0.5, "float32", **LOST),
    row("torch", "a2", 0.5, "float32", **LOST),
    whole("mine", Verdict.ERROR, "raised ValueError: no | such <luck>", "float32"),
    whole("theirs", Verdict.NOT_RUN, "theirs is not installed"),
    whole("optax", Verdict.NO_EQUIVALENT, "it has no dampening"),
    row("jax plain", "dL/dz1", 1e15, case=HARDTANH.name, claimed=1.0, derived=0.0, error=1.0, expected=True),
)
TRUNCATED = {"derived": 0.6328341, "tolerance": 5e-4, "reason": "truncated", "expected": True}
A1 = row(PUBLISHED, "a1", 0.89, "printed", derived=0.574442516811659, tolerance=5e-4)
PRINTED = (
    Printed(A1, 1, "0.574", 0.574442516811659),
    Printed(row(PUBLISHED, "a2", 1.8, "printed", **TRUNCATED), 2, "0.632", 0.632897065294487),
)
PAIRS = (
    Pair(DOCUMENT.name, "float64", "torch", "jax plain", "dL/dW1", 2000, 1999, 1.0, 1e-17),
    Pair(HARDTANH.name, "float64", "torch", "jax plain", "dL/dW2", 1000, 1000, 0.0, 0.0),
    Pair(DOCUMENT.name, "float32", "torch", "jax plain", "loss", 1, 0, math.inf, math.nan),
)
DRIFTS = (
    Drift("nets/long", "float32", "torch", TRUTH, 1, 6e-8, 0.5),
    Drift("nets/long", "float32", "torch", TRUTH, 10, 3.4e-7, 2.875),
    Drift("nets/long", "float32", "torch", "jax plain", 10, not_known="it is too large"),
)
LOST_DIGITS = [
    LostDigits(Subject(DOCUMENT.name, who, "", "float32"), "a2[0, 0]", -0.0, -5.06e-20, 2e6)
    for who in ("numpy", "torch")
]
HERE = Environment("", "python -m reports.build", "", "3.11.7", {"jax": "0.9.2"}, "Linux", "a processor")
ADAPTERS = Adapter("jax", "JAX", "", ()), Adapter("torch", "PyTorch", "", ())


def report_of(results, **environment):
    selection = Selection((DOCUMENT, HARDTANH), ADAPTERS)
    return report.put_together(results, selection, dataclasses.replace(HERE, **environment))


PROGRAM = ProgramResult(
    "mine.py",
    "original",
    Verdict.AGREES,
    "torch agrees: 3 gradients.",
    "torch 2.13.0",
    "float64",
    0.5,
    13.1,
    9,
    9,
)
WHOLE = report_of(Results(ROWS, PAIRS, PRINTED, DRIFTS, lost_digits=tuple(LOST_DIGITS), programs=(PROGRAM,)))
TITLES = {
    "matrix": "matrix", "counts": "counts", "known": "expected differences", "no-equivalent": "no equivalent",
    f"printed:{DOCUMENT.name}": "printed numbers", "direct": "directly", "lost": "without one right digit",
    "float64": "quantities in float64", "float32": "quantities in float32", "drift": "drift",
}  # fmt: skip


def test_every_table_of_a_report_is_listed_once_and_in_order():
    names = [
        "matrix",
        f"printed:{DOCUMENT.name}",
        "programs",
        "known",
        "no-equivalent",
        "direct",
        "lost",
        "drift",
    ]
    assert [table.name for table in WHOLE.tables] == names
    assert all(len(table.frame) and table.title and table.about for table in WHOLE.tables)
    assert not any(len(table.frame) for table in report_of(Results()).tables)


def test_the_tables_of_a_report(tmp_path):
    frames = {table.name: table.frame for table in WHOLE.tables}
    frames["counts"] = report.counts(frames["matrix"])
    frames |= quantities(DOCUMENT, [row for row in ROWS if row.subject.case == DOCUMENT.name])
    shown = {title: (*table_head(frames[name]), *table_rows(frames[name])) for name, title in TITLES.items()}
    text = "\n".join(f"## {title}\n\n" + "\n".join(lines) + "\n" for title, lines in shown.items())
    same("tables.md", text, tmp_path)


def with_bits(run, values):
    keeper, who = BitKeeper(), Subject(DOCUMENT.name, "jax", "plain", "float64")
    for step in (1, 2):
        claim = {name: np.array([[numbers[0]], [numbers[step]]]) for name, numbers in values.items()}
        keeper.add(StepBatch([{who: JudgedStep(step, claim)}]))
    return dataclasses.replace(run, results=dataclasses.replace(run.results, bits=keeper.finished()))


def test_the_tables_of_a_comparison(tmp_path):
    failed = row("torch", "dL/dz2", 2.0), row("torch", "a2", 2.0, "float32")
    before = report_of(Results((*AGREE, *failed)), run="aaa", made="2026-01-01").run
    kept = [one for one in AGREE if one.subject.adapter != "numpy"]
    more = [dataclasses.replace(one.finding, used=one.finding.used * 1.5) for one in kept]
    grown = [dataclasses.replace(one, finding=found) for one, found in zip(kept, more, strict=True)]
    now = (
        *grown,
        row("torch", "a2", 0.5, "float32"),
        row("jax plain", "dL/dz2", 7.0, claimed=0.75, error=0.25),
    )
    there = {"versions": {"jax": "0.10.2"}, "cpu": "another | one"}
    after = report_of(Results(now), run="bbb", made="2026-02-02", **there).run
    old = {"z1": [0.5, 1.0, 1.0], "a1": [0.25, 1.0, 1.0], "loss": [1.0, 1.0, 1.0]}
    new = {"z1": [0.5, 1.0, 1.0], "a1": [0.25, 1.0 + 2**-52, 1.0 + 2**-50], "loss": [1.0, 1.0, math.nan]}
    same("changes.md", markdown(compare(with_bits(before, old), with_bits(after, new))), tmp_path)


def same(name, text, folder):
    written = (GOLDEN / name).read_text(encoding="utf-8") if (GOLDEN / name).exists() else ""
    if text != written:
        (folder / name).write_text(text, encoding="utf-8")
        changed = "\n".join(difflib.unified_diff(written.splitlines(), text.splitlines(), lineterm=""))
        pytest.fail(f"{changed}\n\nIf that is meant: cp {folder / name} {GOLDEN / name}", pytrace=False)
