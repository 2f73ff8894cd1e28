"""What a build prints: one screen by default, whole sentences in a log, progress in both."""

import io
import math

from hypothesis import given
from hypothesis import strategies as st
from reported import report_of, row
from rich.console import Console

from reference import Verdict
from reports.outcome import MARKS
from reports.writers import terminal
from reports.writers.terminal import COLUMNS, SCREEN, Style

LONG = "it is off by more than rounding can cause, and nobody can say why that is so in these few words "


def shown(report, folder=None, *, style=terminal.USUAL, screen=True, width=COLUMNS):
    """Return the lines that are printed on a screen, or in a log."""
    text = io.StringIO()
    terminal.show(
        report, folder, Console(file=text, width=width, force_terminal=screen, color_system=None), style
    )
    return text.getvalue().splitlines()


def fails(count):
    return [row(f"nets/n{i}", "torch", Verdict.DIFFERS, 9.0, LONG) for i in range(count)]


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_one_screen_holds_the_verdict_the_first_failures_and_counts(failing, known, declined):
    rows = [*fails(failing), row("nets/right", "numpy")]
    rows += [row(f"divergences/d{i}", "jax", Verdict.DIFFERS, 9.0, LONG, expected=True) for i in range(known)]
    reason = "optax has no dampening"
    rows += [
        row(f"n/{i}", "jax", Verdict.NO_EQUIVALENT, math.nan, reason, "float32") for i in range(declined)
    ]
    lines = shown(report_of(rows), style=Style(seconds=3.0))
    assert lines[0].startswith("Not all agree: " if failing else ("All agree" if known else "All agree."))
    assert len(lines) <= SCREEN
    assert max(map(len, lines)) <= COLUMNS
    text = " ".join(lines)
    assert text.count("nobody can say why") >= min(failing, 1)
    listed = text.count("nets/n")
    assert (f"… and {failing - listed} more, in the report and with --verbose." in text) is (listed < failing)


def test_everything_is_printed_on_demand():
    rows = [
        *fails(9),
        row("nets/right", "numpy"),
        row("nets/right", "jax", Verdict.ERROR, math.nan, "it raised"),
    ]
    lines = shown(report_of(rows), style=Style(verbose=True), width=200)
    assert sum(line.startswith("dL/dW1[0, 0] is 0.25") for line in lines) == 9
    (line,) = [line for line in lines if line.startswith(" nets/right")]
    assert line.split() == ["nets/right", "float64", "–", "✓", "14.0", "✗", "error"]
    assert MARKS in lines


def test_adapters_that_do_not_fit_side_by_side_have_a_table_of_their_own():
    names = [f"module:function_number_{i}" for i in range(5)]
    lines = shown(report_of([row("nets/right", name) for name in names]), style=Style(verbose=True))
    assert max(map(len, lines)) <= COLUMNS
    heads = [line for line in lines if line.startswith(" case")]
    assert len(heads) > 1
    assert [word for line in heads for word in line.split() if word.startswith("module")] == names


def test_a_log_has_whole_sentences_and_a_screen_folds_them_between_words():
    report = report_of(fails(1))
    (sentence,) = report.conclusion.failures
    assert sentence in shown(report, screen=False)
    folded = shown(report)
    assert sentence not in folded
    assert sentence in " ".join(folded)


def test_what_explains_a_failure_stands_out():
    text = io.StringIO()
    cause = "Explained by: the rate is 0.01 in place of 0.1."
    report = report_of(
        [row("nets/n", "torch", Verdict.DIFFERS, 9.0, explanation=f"{cause} Then all follows.")]
    )
    terminal.show(report, None, Console(file=text, width=900, force_terminal=True, color_system="standard"))
    assert f"\x1b[1m{cause}\x1b[0m" in text.getvalue()


def test_a_log_has_a_line_of_progress_every_few_seconds(monkeypatch, capsys):
    now = iter([0.0, 1.0, 5.5, 6.0, 11.0])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(now))
    with terminal.bar(Console(file=io.StringIO())) as move:
        for done in range(1, 5):
            move("nets/xor float32", done, 1000)
    said = capsys.readouterr().err.splitlines()
    assert said == ["2 of 1,000 after 6 s: nets/xor float32", "4 of 1,000 after 11 s: nets/xor float32"]
