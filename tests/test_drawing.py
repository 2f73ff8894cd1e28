"""The drawing of a tape: checked by where its boxes and wires are, and by what it says in words."""

from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import network

from cases import Problem, Rule, load_case
from reference import Finding, Subject, Verdict, tape
from reports.drawing import STYLE, tape_drawing
from reports.drawing.grid import FROM_NUMBERS, MOST_LAYERS
from reports.drawing.layout import Box, Edge, Layout, layout
from reports.runs.rows import PUBLISHED, Row

OPTIMIZERS = [
    Rule("sgd"),
    Rule("sgd", (("momentum", 0.9), ("weight_decay", 0.1)), frozenset({"nesterov"})),
    Rule("adam", (("beta1", 0.9), ("beta2", 0.99), ("eps", 1e-8), ("weight_decay", 0.1))),
    Rule("adamw", (("beta1", 0.9), ("beta2", 0.99), ("eps", 1e-8), ("weight_decay", 0.1))),
    Rule("adamax", (("beta1", 0.9), ("beta2", 0.99), ("eps", 1e-8))),
    Rule("rmsprop", (("alpha", 0.9), ("eps", 1e-8)), frozenset({"centered"})),
    Rule("adagrad", (("eps", 1e-8), ("initial_accumulator", 0.0))),
]
SCHEDULE = Rule("step", (("every", 2.0), ("factor", 0.5)))
CLIPPING = Rule("clipping", (("max_norm", 1.0), ("eps", 0.0)))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    depth = draw(st.integers(1, MOST_LAYERS + 8))
    parameters = [f"{kind}{k}" for k in range(1, depth + 1) for kind in "Wb"]
    return network(
        [1] * (depth + 1),
        batch=1,
        optimizer=draw(st.sampled_from(OPTIMIZERS)),
        schedule=draw(st.sampled_from([None, SCHEDULE])),
        clipping=draw(st.sampled_from([None, CLIPPING])),
        not_trained=frozenset(draw(st.sets(st.sampled_from(parameters), max_size=3))),
    )


def inside(box: Box, x: float, y: float) -> bool:
    return box.x < x < box.x + box.width and box.y < y < box.y + box.height


def on_border(box: Box, x: int, y: int) -> bool:
    within = box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height
    return within and not inside(box, x, y)


def overlap(one: Box, other: Box) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    apart = one.y + one.height <= other.y or other.y + other.height <= one.y
    return not (beside or apart)


def crossed(drawn: Layout, points: tuple[tuple[int, int], ...]) -> set[tuple[str, ...]]:
    """Return the names of the boxes whose inside a wire touches: its pieces are horizontal or vertical."""
    found = set()
    for (x, y), (to_x, to_y) in pairwise(points):
        left, right, top, bottom = min(x, to_x), max(x, to_x), min(y, to_y), max(y, to_y)
        for box in drawn.boxes:
            over = left < box.x + box.width and right > box.x and top < box.y + box.height and bottom > box.y
            if over and not box.is_tall:
                found.add(box.names)
    return found


@given(problems())
@settings(max_examples=60)
def test_a_drawing_of_any_network(problem: Problem) -> None:
    drawn, lines = layout(problem), tape(problem)
    boxes = drawn.boxes
    for place, box in enumerate(boxes):
        assert 0 <= box.x <= drawn.width - box.width
        assert 0 <= box.y <= drawn.height - box.height
        assert not any(overlap(box, other) for other in boxes[place + 1 :])

    at = {name: place for place, box in enumerate(boxes) for name in box.names}
    assert sum(len(box.names) for box in boxes) == len(at)  # each once
    assert set(at) == {line.name for line in lines} | {"x", "y", *problem.parameters}
    assert all(box.is_line or len(box.names) == 1 for box in boxes)

    expected = {(at[name], at[line.name]) for line in lines for name in line.inputs if name in at}
    joined = [(edge.source, edge.target) for edge in drawn.edges]
    assert sorted(joined) == sorted((one, other) for one, other in expected if one != other)
    for edge in drawn.edges:
        assert on_border(boxes[edge.source], *edge.points[0])
        assert on_border(boxes[edge.target], *edge.points[-1])
        assert all(x == to_x or y == to_y for (x, y), (to_x, to_y) in pairwise(edge.points))
        assert crossed(drawn, edge.points) == set()
        one, other = boxes[edge.source], boxes[edge.target]
        is_update = one.y >= drawn.bands[-1] and not (one.is_tall or other.is_tall)
        assert not is_update or one.y < other.y or one.names[0] in FROM_NUMBERS


@given(problems())
@settings(max_examples=30)
def test_wires_run_over_each_other_only_from_one_source_or_into_one_line(problem: Problem) -> None:
    """Two pieces on one track would be read as joined."""
    runs: dict[tuple[bool, int], list[tuple[int, int, Edge]]] = {}
    for edge in layout(problem).edges:
        for one, other in pairwise(edge.points):
            down = one[0] == other[0]
            low, high = sorted((one[down], other[down]))
            runs.setdefault((down, one[not down]), []).append((low, high, edge))
    for together in runs.values():
        for (low, high, edge), (other_low, other_high, other) in combinations(together, 2):
            if low < other_high and other_low < high:
                assert edge.source == other.source or edge.target == other.target


def test_the_document_is_drawn_forward_to_the_right_and_backward_below_to_the_left() -> None:
    at = {box.names[0]: box for box in layout(load_case("worked/document").problem("float64")).boxes}
    forward = [at[name] for name in ("x", "z1", "a1", "z2", "a2", "loss")]
    backward = [at[name] for name in ("dL/da2", "dL/dz2", "dL/da1", "dL/dz1")]
    assert [box.x for box in forward] == sorted(box.x for box in forward)
    assert len({box.y for box in forward}) == len({box.y for box in backward}) == 1
    assert [box.x for box in backward] == sorted((box.x for box in backward), reverse=True)
    assert forward[0].y < backward[0].y < at["dL/dW1"].y < at["W1_new"].y
    assert at["dL/dW1"].x == at["z1"].x == at["W1_new"].x


def test_many_layers_are_abbreviated_and_none_is_lost() -> None:
    few, many, more = (layout(network([1] * (depth + 1), batch=1)) for depth in (MOST_LAYERS, 13, 400))
    assert few.hidden == 0
    assert (many.hidden, more.hidden) == (3, 390)
    assert more.width == many.width < few.width
    assert [k for k, _ in more.layers] == [1, 2, 3, 4, 5, 396, 397, 398, 399, 400]
    (tall,) = [box for box in more.boxes if box.is_tall]
    assert {"z6", "dL/dW395", "W200_new", "b6"} <= set(tall.names)


def row(quantity: str, verdict: Verdict = Verdict.AGREES, used: float = 0.25, **others: object) -> Row:
    where = {"step": 1, "dtype": "float64", "adapter": "torch", **others}
    subject = Subject("a case", str(where["adapter"]), "", str(where["dtype"]))
    index = None if verdict is Verdict.NO_EQUIVALENT else (0,)
    finding = Finding(int(str(where["step"])), quantity, verdict, index=index, used=used)
    names = [line.name for line in tape(network())]
    place = names.index(quantity) if quantity in names else -1
    return Row(subject, finding, place, expected=bool(where.get("expected")))


class Boxes(HTMLParser):
    """Collect the texts and the class of each box by its name, the ids, and everything that is a tag."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.found: dict[str, tuple[str, list[str]]] = {}
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self._open: list[tuple[str, str]] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.tags.append(tag)
        self._open.append((tag, given.get("class") or ""))
        self.ids += [given["id"] or ""] if "id" in given else []
        if tag == "g":
            self.texts = []

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "text":
            self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        (_, name) = self._open.pop()
        if tag == "g":
            self.found[self.texts[0]] = name, self.texts[1:]


def test_each_box_has_the_largest_part_that_anybody_used_in_words() -> None:
    rows = [
        row("z1", used=0.1),
        row("z1", used=0.6, adapter="jax", dtype="float32", step=2),
        row("a1", used=1.0),
        row("a1", used=7.0, adapter=PUBLISHED),
    ]
    found = Boxes(tape_drawing(network(), rows)).found
    assert found["z1"] == ("t2", ["0.60"])
    assert found["a1"] == ("t3", ["1.00"])
    assert found["loss"] == ("", ["–"])
    assert found["x"] == ("given", [])


def test_the_first_wrong_line_is_marked_with_a_word_and_who() -> None:
    rows = [
        row("z1"),
        row("dL/dz1", Verdict.DIFFERS, used=1e9, adapter="jax", step=2),
        row("dL/dz1", Verdict.DIFFERS, used=1e9, adapter="torch", step=2),
        row("dL/dW1", Verdict.UNDECIDED, used=float("nan"), step=2),
    ]
    drawing = tape_drawing(network(), rows)
    found = Boxes(drawing).found
    assert found["dL/dz1"] == ("news first", ["differs"])
    assert found["dL/dW1"] == ("news", ["undecided"])
    assert ">first: jax, torch</text>" in drawing
    assert "<figcaption>The first line that does not agree: dL/dz1, step 2, differs (jax, torch)." in drawing


def test_what_is_as_its_case_expects_comes_after_a_failure() -> None:
    known = row("z1", Verdict.DIFFERS, adapter="jax", expected=True)
    assert Boxes(tape_drawing(network(), [known])).found["z1"] == ("known first", ["differs"])
    found = Boxes(tape_drawing(network(), [known, row("loss", Verdict.DIFFERS)])).found
    assert (found["z1"][0], found["loss"][0]) == ("known", "news first")


def test_a_claim_that_is_wrong_as_a_whole_is_told_below() -> None:
    drawing = tape_drawing(network(), [row("", Verdict.ERROR), row("", Verdict.NO_EQUIVALENT, adapter="jax")])
    assert "The first line that does not agree: the whole claim, error (torch)." in drawing
    assert "first:" not in drawing


def test_a_wrong_line_among_the_layers_that_are_not_shown() -> None:
    deep = network([1] * 15, batch=1)
    wrong = replace(row("z1"), finding=Finding(1, "dL/dz7", Verdict.DIFFERS, index=(0, 0), used=3.0))
    assert Boxes(tape_drawing(deep, [wrong])).found["… 4 more layers"] == ("news first", ["differs"])
    assert "first: torch" in tape_drawing(deep, [wrong])


def test_the_alternative_text_tells_the_same() -> None:
    drawing = tape_drawing(network(), [row("z1", used=0.125)])
    assert 'role="img"' in drawing
    assert "<title id=" in drawing
    assert "z1 = x W1ᵀ + b1: 0.12; a1 = sigmoid(z1): –;" in drawing


def test_two_cases_on_one_page_have_different_ids() -> None:
    names = ["a/b", "a-b", "a b", "a%2Fb", "ä"]
    ids = [one for name in names for one in Boxes(tape_drawing(replace(network(), case=name), [])).ids]
    assert len(set(ids)) == len(ids) == 2 * len(names)
    assert not any(set(one) & set(" /<>\"'") for one in ids)


def test_everything_is_escaped_and_nothing_runs_or_loads() -> None:
    evil = "<script>alert('x')</script>\x1b"
    drawing = tape_drawing(replace(network(), case=evil), [row("z1", Verdict.DIFFERS, adapter=evil)])
    tags = set(Boxes(drawing).tags)
    assert tags == {"figure", "div", "svg", "title", "desc", "text", "path", "g", "rect", "figcaption"}
    assert "\x1b" not in drawing
    assert not any(
        word in drawing + STYLE for word in ("http", "url(", "@import", "href", "onload", "<style")
    )


@pytest.mark.parametrize(("case", "most"), [("worked/document", 10_000), ("nets/deep", 30_000)])
def test_a_drawing_is_small(case: str, most: int) -> None:
    problem = load_case(case).problem("float64")
    assert len(tape_drawing(problem, [row(line.name) for line in tape(problem)]).encode()) < most


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("scheme", "ink", "paper"), [(0, "#1c1c1c", "#ffffff"), (1, "#e6e6e6", "#161616")])
def test_words_stand_out_from_every_tint_as_wcag_aa_asks(scheme: int, ink: str, paper: str) -> None:
    declared = [block.split("}")[0] for block in STYLE.split(".tape {")[1:3]][scheme]
    colours = {
        name.strip(): value.strip() for name, value in (one.split(":")[:2] for one in declared.split(";"))
    }
    tints = [colours[f"--{name}"] for name in ("t0", "t1", "t2", "t3", "wrong", "expected")]
    pairs = [*((ink, tint) for tint in tints), (colours["--wire"], paper), (colours["--alarm"], paper)]
    for one, other in pairs:
        light, dark = sorted((luminance(one), luminance(other)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (one, other)
