"""The tape as a table: each line once, in its layer's column, with the worst that was found there."""

from dataclasses import replace

import pytest
from networks import network

from cases import Rule, load_case
from reference import Finding, Subject, Verdict, tape
from reports.page.rendering import templates
from reports.page.tape_table import MAX_COLUMNS, TapeCell, tape_table
from reports.runs.rows import PUBLISHED, Row

EVERYTHING = {
    "optimizer": Rule("adam", (("beta1", 0.9), ("beta2", 0.99), ("eps", 1e-8), ("weight_decay", 0.1))),
    "schedule": Rule("step", (("every", 2.0), ("factor", 0.5))),
    "clipping": Rule("clipping", (("max_norm", 1.0), ("eps", 0.0))),
}
PLACES = {line.name: place for place, line in enumerate(tape(network()))}


def row(quantity, verdict=Verdict.AGREES, used=0.25, adapter="torch", dtype="float64", step=1, **more):
    index = None if verdict is Verdict.NO_EQUIVALENT else (0,)
    finding = Finding(step, quantity, verdict, index=index, used=used)
    return Row(Subject("a case", adapter, "", dtype), finding, PLACES.get(quantity, -1), **more)


def cells(table):
    """Return each cell by its kind of quantity and its column."""
    rows = [(kind, row) for _, kinds in table.groups for kind, row in kinds.items()]
    return {(kind, k): cell for kind, row in rows for k, cell in enumerate(row, 1) if cell}


@pytest.mark.parametrize("depth", [1, 2, MAX_COLUMNS, MAX_COLUMNS + 1])
def test_each_line_is_in_one_cell_of_its_layer(depth):
    problem = network([1] * (depth + 1), batch=1, not_trained=frozenset({"W1"}), **EVERYTHING)
    for line in tape(problem):
        table = tape_table(problem, [row(line.name, Verdict.DIFFERS)])
        ((_, column),) = [at for at, cell in cells(table).items() if cell.first]
        k = next((k for k in range(depth, 0, -1) if any(f"{x}{k}" in line.name for x in "azWb")), 0)
        hidden = depth > MAX_COLUMNS and 5 < k <= depth - 5
        assert table.columns[column - 1].startswith("…" if hidden else f"layer {k}:" if k else "all layers")
    assert all(len(row) == len(table.columns) for _, kinds in table.groups for row in kinds.values())


def test_forward_backward_and_update_of_the_worked_example():
    groups = dict(tape_table(load_case("worked/document").problem("float64"), []).groups)
    assert [*groups["forward →"]] == ["z", "a", "loss"]
    assert {*groups["← backward"]} == {"dL/da", "da/dz", "dL/dz", "dL/dW", "dL/db"}
    assert [*groups["update"]] == ["W_new", "b_new"]
    assert [cell.text for cell in groups["given"][""]] == ["W1, b1", "W2, b2", "x, y"]


def test_layers_between_the_ends_share_a_column():
    few, many, more = (tape_table(network([1] * (n + 1), batch=1), []) for n in (MAX_COLUMNS, 13, 400))
    assert not any("…" in column for column in few.columns)
    assert many.columns[5] == "… 3 more layers"
    assert len(more.columns) == len(many.columns) == 12
    ends = [f"layer {k}: sigmoid, 1 unit" for k in (5, 396)]
    assert list(more.columns[4:7]) == [ends[0], "… 390 more layers", ends[1]]


def test_a_cell_has_the_largest_part_that_anybody_used():
    other = row("z1", used=0.6, adapter="jax", dtype="float32", step=2)
    rows = [row("z1", used=0.1), other, row("a1", used=1.0), row("a1", used=7.0, adapter=PUBLISHED)]
    found = cells(tape_table(network(), rows))
    assert found["z", 1] == TapeCell("0.60", "t2", "z1 = x W1ᵀ + b1 (jax, float32, step 2)")
    assert (found["a", 1].text, found["a", 1].css_class) == ("1.00", "t3")
    assert found["loss", 3].text == "–"


def test_the_first_wrong_line_is_marked_and_named():
    wrong = [row("dL/dz1", Verdict.DIFFERS, 1e9, adapter, step=2) for adapter in ("jax", "torch")]
    table = tape_table(network(), [row("z1"), *wrong, row("dL/dW1", Verdict.UNDECIDED, float("nan"), step=2)])
    found = cells(table)
    assert (found["dL/dz", 1].css_class, found["dL/dz", 1].first) == ("news", "jax, torch")
    assert (found["dL/dW", 1].text, found["dL/dW", 1].first) == ("undecided, step 2", "")
    assert table.sentence == "The first line that does not agree: dL/dz1, step 2, differs (jax, torch)."


def test_an_expected_difference_comes_after_a_failure():
    known = row("z1", Verdict.DIFFERS, adapter="jax", expected=True)
    alone = cells(tape_table(network(), [known]))
    assert (alone["z", 1].css_class, alone["z", 1].first) == ("known", "jax")
    found = cells(tape_table(network(), [known, row("loss", Verdict.DIFFERS)]))
    assert (found["z", 1].first, found["loss", 3].first) == ("", "torch")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([row("", Verdict.ERROR)], "The first line that does not agree: the whole step, error (torch)."),
        ([row("", Verdict.NO_EQUIVALENT)], "Nothing was compared."),
        ([row("z1")], "Every line that was compared agrees."),
    ],
)
def test_the_sentence(rows, sentence):
    table = tape_table(network(), rows)
    assert table.sentence == sentence
    assert not any(cell.first for cell in cells(table).values())


def test_its_html_is_escaped_and_small():
    evil = "<script>alert('x')</script>\x1b"
    macros = templates(()).get_template("macros.html").module
    table = tape_table(replace(network(), case=evil), [row("z1", Verdict.DIFFERS, adapter=evil)])
    html = str(macros.tape(table))
    assert "<script" not in html
    assert "\x1b" not in html
    assert html.count('scope="col"') == len(table.columns) + 1
    deep = load_case("nets/deep").problem("float64")
    assert len(str(macros.tape(tape_table(deep, [row(line.name) for line in tape(deep)]))).encode()) < 20_000
