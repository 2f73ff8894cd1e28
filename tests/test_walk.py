"""The worked examples, step by step: their lines, and in which order."""

import math
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from browser import browser

from adapters import find_adapters
from cases import SHIPPED, load_case, load_cases
from reference import Verdict, tape
from reports import environment, notation
from reports.environment import Selection
from reports.notation import Notation, with_powers
from reports.page.rendering import templates
from reports.report import put_together
from reports.runs import runner
from reports.worked_example import walk as walk_of

# Formulas, numbers put in and printed numbers are the document's own, but for ∂L/∂a₁, which it has within
# the next line, and the sign inside the loss's square. The last before the bar follow from the numbers put
# in, to six digits, on a pocket calculator; the exact ones are mpmath's, 40 digits, from the inputs alone.
DOCUMENT = """
1. Forward pass
Step 1: the hidden layer's linear combination
z₁ = w₁ · x + b₁ = 0.4 · 0.5 + 0.1 = 0.3 | 0.3 | 0.3
Step 2: the hidden layer's activation
a₁ = σ(z₁) = 1 / (1 + e<sup>−z₁</sup>) = 1 / (1 + e<sup>−0.3</sup>) ≈ 0.574443 | 0.574 | 0.5744425168
Step 3: the output layer's linear combination
z₂ = w₂ · a₁ + b₂ = 0.6 · 0.574 + 0.2 = 0.5444 | 0.5444 | 0.5446655101
Step 4: the output layer's activation, the model's prediction
ŷ = σ(z₂) = 1 / (1 + e<sup>−z₂</sup>) = 1 / (1 + e<sup>−0.5444</sup>) ≈ 0.632835 | 0.632 | 0.6328970653
Step 5: the loss
L = ½ (ŷ − y)² = ½ (0.632 − 0.8)² = 0.014112 | 0.0141 | 0.01396169539
2. Backward pass
Step 1: the loss's partial derivative at the output
∂L/∂ŷ = ŷ − y = 0.632 − 0.8 = −0.168 | −0.168 | −0.1671029347
Step 2: through the output layer's activation
σ&#39;(z₂) = ŷ · (1 − ŷ) = 0.632 · (1 − 0.632) = 0.232576 | 0.232 | 0.23233837
∂L/∂z₂ = ∂L/∂ŷ · σ&#39;(z₂) = −0.168 · 0.232 = −0.038976 | −0.039 | −0.03882442348
Step 3, 1: the derivative at w₂
∂L/∂w₂ = ∂L/∂z₂ · a₁ = −0.039 · 0.574 = −0.022386 | −0.0224 | −0.02230239954
Step 3, 2: the derivative at b₂
∂L/∂b₂ = ∂L/∂z₂ · 1 = −0.039 · 1 = −0.039 | −0.039 | −0.03882442348
Step 3, 3: on to the hidden layer
σ&#39;(z₁) = a₁ · (1 − a₁) = 0.574 · (1 − 0.574) = 0.244524 | 0.244 | 0.2444583117
∂L/∂a₁ = ∂L/∂z₂ · w₂ = −0.039 · 0.6 = −0.0234 |  | −0.02329465409
∂L/∂z₁ = ∂L/∂a₁ · σ&#39;(z₁) = −0.0234 · 0.244 = −0.0057096 | −0.0057 | −0.005694571809
Step 3, 4: the derivative at w₁
∂L/∂w₁ = ∂L/∂z₁ · x = −0.0057 · 0.5 = −0.00285 | −0.00285 | −0.002847285905
Step 3, 5: the derivative at b₁
∂L/∂b₁ = ∂L/∂z₁ · 1 = −0.0057 · 1 = −0.0057 | −0.0057 | −0.005694571809
3. Updating weights and biases
1: w₂
w₂ (new) = w₂ − η · ∂L/∂w₂ = 0.6 − 0.1 · (−0.0224) = 0.60224 | 0.60224 | 0.60223024
2: b₂
b₂ (new) = b₂ − η · ∂L/∂b₂ = 0.2 − 0.1 · (−0.039) = 0.2039 | 0.2039 | 0.2038824423
3: w₁
w₁ (new) = w₁ − η · ∂L/∂w₁ = 0.4 − 0.1 · (−0.00285) = 0.400285 | 0.400285 | 0.4002847286
4: b₁
b₁ (new) = b₁ − η · ∂L/∂b₁ = 0.1 − 0.1 · (−0.0057) = 0.10057 | 0.10057 | 0.1005694572
"""

MATRICES = """\
about: <b>Two</b> units
layers: [{W: [[0.1, 0.2], [0.3, 0.4]], b: [0.5, 0.6], activation: sigmoid}]
x: [[0.5, 1]]
y: [[1, 0]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.1}
steps: 2
published:
  source: nobody
  steps:
    - {step: 1, values: {z1: [[null, 1.15]], dL/dW1: [[-0.035, null], [null, 0.1387]]}}
    - {step: 2, values: {z1: [[0.9, null]]}, rejected: {z1: a guess}}
"""
# z1 = (0.1 · 0.5 + 0.2 · 1 + 0.5, 0.3 · 0.5 + 0.4 · 1 + 0.6) = (0.75, 1.15); a1 = (0.67918, 0.75951) and
# dL/dz1 = (−0.32082 · 0.67918 · 0.32082, 0.75951 · 0.75951 · 0.24049) = (−0.06990, 0.13873), on a calculator


def report(case, *adapters):
    selection = Selection((case,), find_adapters(list(adapters) or ["numpy"]))
    return put_together(runner.run(selection), selection, environment.describe("a test"))


@pytest.fixture(scope="module")
def document():
    return report(load_case("worked/document"))


def walk(of):
    (case,) = of.selection.cases
    return walk_of(case, of.results.rows, of.results.printed)


def lines(of):
    return {(step, one.quantity): one for step, stages in of.steps for stage in stages for one in stage.lines}


def written(of):
    """Write a walk as `DOCUMENT` is written."""
    for _, stages in of.steps:
        for stage in stages:
            yield from filter(None, (stage.part.section, stage.part.title))
            yield from (f"{one.equation} | {one.printed} | {one.exact}" for one in stage.lines)


def test_the_documents_walk(document):
    assert list(written(walk(document))) == DOCUMENT.strip().splitlines()


def test_slips_and_the_truncated_number_have_notes(document):
    ((_, stages),) = walk(document).steps
    noted = {stage.lines[-1].quantity: stage.part for stage in stages if stage.part.note}
    assert list(noted) == ["a2", "loss", "dL/dz2", "dL/dz1"]
    slips = {quantity: part.slip.printed for quantity, part in noted.items() if part.slip}
    assert slips == {"dL/dz2": "∂L/∂a = ∂L/∂ŷ · σ'(ẑ)", "dL/dz1": "∂L/∂z = ∂L/∂a · σ'(z)"}
    assert [stages[0].part.original.section, stages[0].part.original.title] == [
        "1. 前向传播",
        "步骤 1: 计算隐藏层的线性组合",
    ]
    assert all(stage.part.original for stage in stages)


def test_one_number_is_wrong_and_each_has_a_verdict_in_words(document):
    shown = {quantity: one for (_, quantity), one in lines(walk(document)).items()}
    assert walk(document).counts == "18 printed numbers: 17 agree, 1 wrong, as its case says"
    assert [quantity for quantity, one in shown.items() if one.wrong] == ["a2"]
    verdicts = {quantity: shown[quantity].verdict for quantity in ("z1", "a2", "dL/da2", "dL/da1")}
    assert verdicts == {
        "z1": "agrees as printed (one decimal)",
        "a2": "wrong: truncated; from the printed z2 = 0.5444 it is 0.6328, which rounds to 0.633",
        "dL/da2": "agrees as printed (three decimals): it follows only from a2 as printed; "
        "the exact value is −0.1671",
        "dL/da1": "not printed",
    }


def test_implementations_are_shown_with_all_their_digits_in_each_format():
    pytest.importorskip("torch")
    shown = lines(walk(report(load_case("worked/document"), "numpy", "torch")))
    (both,) = shown[1, "b1_new"].computed  # they have the same digits
    assert both.adapter == "NumPy and PyTorch"
    torch = next(one for one in shown[1, "a1"].computed if "PyTorch" in one.adapter)
    assert {one.dtype: one.verdict for one in torch.values} == dict.fromkeys(("float64", "float32"), "agrees")
    # by mpmath, the sigmoid of 0.3
    assert float(torch.values[0].number) == pytest.approx(0.574442516811658963, rel=1e-15)
    assert float(torch.values[1].number) == pytest.approx(0.574442516811658963, rel=1e-6)
    _, torch = shown[1, "da1/dz1"].computed
    assert (torch.adapter, torch.values) == ("PyTorch", ())  # which does not expose it


def test_a_program_that_differs_is_shown(document):
    rows = tuple(
        replace(row, expected=True, finding=replace(row.finding, verdict="differs"))
        for row in document.results.rows
        if row.finding.quantity == "z2"
    )
    shown = lines(walk(replace(document, results=replace(document.results, rows=rows))))
    assert {one.verdict for one in shown[1, "z2"].computed[0].values} == {"differs as expected"}


@pytest.fixture
def matrices(tmp_path):
    path = tmp_path / "matrices.yaml"
    path.write_text(MATRICES, encoding="utf-8")
    return report(load_case(path))


def test_a_walk_without_parts_has_the_three_of_any_training_step(matrices):
    (first, stages), (second, later) = walk(matrices).steps
    assert (first, second) == (1, 2)
    assert [stage.part.title for stage in stages] == ["Forward pass", "Backward pass", "Update"]
    assert [[one.quantity for one in stage.lines] for stage in stages] == [
        ["z1", "a1", "loss"],
        ["dL/da1", "da1/dz1", "dL/dz1", "dL/dW1", "dL/db1"],
        ["W1_new", "b1_new"],
    ]
    (stage,) = later  # of later steps only what was printed
    assert (stage.part.title, [one.quantity for one in stage.lines]) == ("Forward pass", ["z1"])


def test_matrices_are_written_out_with_the_numbers_of_the_text_and_of_the_programs(matrices):
    shown = lines(walk(matrices))
    z1, a1, weights = (shown[1, name] for name in ("z1", "a1", "dL/dW1"))
    x, W, b = "[0.5  1]", "[0.1  0.2|0.3  0.4]", "[0.5  0.6]"
    assert read(z1.equation) == f"z₁ = x W₁ᵀ + b₁ = {x} {W}ᵀ + {b} = [0.75  1.15]"
    assert (read(z1.printed), read(z1.exact)) == ("[–  1.15]", "[0.7500  1.1500]")
    assert read(a1.equation).endswith("= σ([0.75  1.15]) ≈ [0.679179  0.759511]")  # by a calculator
    assert (a1.printed, a1.verdict) == ("", "not printed")
    assert read(weights.printed) == "[−0.035  –     | –      0.1387]"
    assert weights.verdict == "each number agrees as printed (four decimals)"
    (programs,) = z1.programs
    assert programs.startswith("NumPy: every number agrees, to 1")
    assert shown[2, "z1"].wrong
    assert shown[2, "z1"].verdict.startswith("wrong: a guess")
    assert "<mark>0.9</mark>" in shown[2, "z1"].printed


def test_of_a_step_that_is_far_off_the_exact_number_is_the_reports(matrices, monkeypatch):
    monkeypatch.setattr("reports.worked_numbers.MAX_STEPS", 1)
    exact = lines(walk(matrices))[2, "z1"].exact
    assert re.fullmatch(r"\[0, 0\]: 0\.7\d+", exact)


def read(html):
    """Write a matrix in one line, its rows apart by |."""
    rows = re.sub(
        r'<span class="numbers">(.*?)</span>', lambda m: f"[{m[1]}]".replace("\n", "|"), html, flags=re.DOTALL
    )
    return re.sub("<[^>]*>", "", rows).replace("\u2007", " ")


def test_a_program_whose_array_differs_is_named_with_the_element(matrices):
    rows = tuple(
        replace(row, finding=replace(row.finding, verdict=Verdict.DIFFERS, claimed=-0.5, index=(0, 1)))
        for row in matrices.results.rows
        if row.finding.quantity == "a1"
    )
    shown = lines(walk(replace(matrices, results=replace(matrices.results, rows=rows))))
    assert all(re.fullmatch(r"NumPy: \[0, 1\] is −0\.5 in \w+, and .* differs", text)
               for text in shown[1, "a1"].programs)  # fmt: skip


SCALAR = """
about: one unit
layers: [{{W: [[-0.4]], b: [-0.1], activation: {activation}}}, {{W: [[0.6]], b: [-0.7], activation: sigmoid}}]
x: [[-0.5]]
y: [[-0.8]]
loss: {{name: half_squared_error, reduction: mean}}
optimizer: {optimizer}
{more}
published: {{source: nobody, steps: [{{step: 1, values: {{z1: 0.1}}}}]}}
"""
ADAM = "{name: adam, learning_rate: 0.1, beta1: 0.9, beta2: 0.99, eps: 0.001}"
MOMENTUM = "{name: sgd, learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.02}"
SGD = "{name: sgd, learning_rate: 0.1}"
RATE = "schedule: {name: step, every: 10, factor: 0.5}"
OPERATORS = {"·": "*", "−": "-", "½": "0.5*", "²": "**2", "^": "**", "e*": "math.e*", "where": "if"}


def value_of(put_in):
    """Compute what stands in a walk, by Python."""
    put_in = unescape(put_in).replace("<sup>", "^(").replace("</sup>", ")")
    put_in = re.sub(r"\|([^|]+)\|", r"abs(\1)", put_in).replace(", else", " else")
    for sign, operator in OPERATORS.items():
        put_in = put_in.replace(sign, operator)
    names = {"math": math, "abs": abs, "max": max, "min": min, "tanh": math.tanh, "ln": math.log}
    names["σ"] = lambda z: 1 / (1 + math.exp(-z))
    return float(eval(put_in, {"__builtins__": {}}, names))  # noqa: S307 - the suite's own text


EACH = "sigmoid tanh identity relu softplus elu hardtanh selu".split()
WITH_EACH = [(name, [SGD, MOMENTUM, ADAM][i % 3], ["", RATE][i % 2]) for i, name in enumerate(EACH)]


@pytest.mark.parametrize(("activation", "optimizer", "more"), WITH_EACH)
def test_numbers_put_in_give_what_is_shown(activation, optimizer, more, tmp_path):
    path = tmp_path / "scalar.yaml"
    path.write_text(SCALAR.format(activation=activation, optimizer=optimizer, more=more), encoding="utf-8")
    shown = lines(walk(report(load_case(path))))
    with_numbers = {quantity: one for (_, quantity), one in shown.items() if one.put_in}
    assert {"z1", "z2", "a2", "loss", "dL/dz1", "dL/dW1", "dL/db2"} <= with_numbers.keys()
    assert ("W1_new" in with_numbers) or "direction_W1" in shown
    for line in with_numbers.values():
        sign, _, text = line.gives.partition(" ")
        gives = float(text.replace("−", "-"))
        assert sign in {"=", "≈"}
        assert value_of(line.put_in) == pytest.approx(gives, rel=1e-4), line.equation


NAMES = {
    "x": ("x", "x"),
    "z12": ("z₁₂", "z₁₂"),
    "a2": ("ŷ", "ŷ"),
    "dL/da2": ("∂L/∂ŷ", "∂L/∂ŷ"),
    "da1/dz1": ("σ'(z₁)", "σ'(z₁)"),
    "dL/dW1": ("∂L/∂w₁", "∂L/∂W₁"),
    "W1_new": ("w₁ (new)", "W₁ (new)"),
    "dL/db1_clipped": ("∂L/∂b₁ (clipped)", "∂L/∂b₁ (clipped)"),
    "m_W1_new": ("m_w₁ (new)", "m_W₁ (new)"),
    "loss": ("L", "L"),
}


def test_names_and_equations_in_the_documents_notation():
    scalar, matrix = (Notation(2, scalar=scalar).name for scalar in (True, False))
    assert {name: (scalar(name), matrix(name)) for name in NAMES} == NAMES
    for case in load_cases(SHIPPED):
        for line in tape(case.problem(case.dtypes[0])):
            formula = Notation(case.depth, scalar=False).formula(line)
            assert formula
            assert "dL/d" not in formula
            assert "{" not in formula
    assert with_powers("<i> e^(−(−0.4)) + 2^(n)") == "&lt;i&gt; e<sup>−(−0.4)</sup> + 2<sup>n</sup>"


def rendered(one):
    return templates(()).from_string('{% from "walk.html" import walk %}{{ walk(one) }}').render(one=one)


def headings(page):
    return re.findall(r"<h3>(.*?)</h3>", page, re.DOTALL)


def test_the_walk_as_html(document, matrices):
    page = rendered(walk(document))
    assert len(headings(page)) == 3
    assert page.count('<span class="original" lang="zh">') == 3 + 16
    assert page.count("<h4>") == 16
    assert page.count('class="line wrong"') == 1
    assert page.count("<del>") == page.count("<ins>") == 2
    assert 'section <span lang="zh">用数据举例</span> (an example' in page
    assert page.index("<h3>") < page.index("<h4>")
    assert re.search(r"\d-|-\d", re.sub("<[^>]*>", "", page)) is None  # true minus signs
    assert [text for text in ("<script", "http", "±") if text in page] == []
    target = re.search(r'href="#(class:[^"]*)"', page)[1]
    assert f'class="walk" id="{target}"' in page
    other = rendered(walk(matrices))
    assert "&lt;b&gt;Two&lt;/b&gt; units" in other
    assert headings(other) == ["Training step 1", "Training step 2"]


@pytest.mark.xdist_group("browser")
def test_for_a_class_one_example_stands_alone_in_large_type(document, matrices, tmp_path):
    css = (Path(notation.__file__).parent / "templates" / "walk.css").read_text(encoding="utf-8")
    each = [
        f'<section id="walk:{number}"><h2>{number}</h2><p class="other">x</p>{rendered(walk(one))}</section>'
        for number, one in enumerate((document, matrices))
    ]
    page = f"<!doctype html><style>{css}</style><nav>x</nav><main><header>x</header>{''.join(each)}</main>"
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    corners = "[[1, 1], [innerWidth - 2, 1], [1, innerHeight - 2], [innerWidth - 2, innerHeight - 2]]"
    covered = f"{corners}.every(place => document.elementFromPoint(...place)?.closest('.walk:target'))"
    size = "parseFloat(getComputedStyle(document.getElementById('walk:1').querySelector('h4')).fontSize)"
    with browser(tmp_path / "profile") as tab:
        tab.resize(1440)
        tab.open(tmp_path / "page.html")
        assert tab.ask(covered) is False
        small = tab.ask(size)
        tab.ask("document.querySelectorAll('.enlarge')[1].click()")
        assert tab.ask(covered) is True
        assert tab.ask("document.querySelector('.walk:target').closest('section').id") == "walk:1"
        assert tab.ask(size) > 1.4 * small
        tab.ask("document.querySelectorAll('a.back')[1].click()")
        assert tab.ask(covered) is False


def test_a_walk_may_show_what_is_not_printed(tmp_path):
    printed = MATRICES.partition("    - {step: 1")[0] + "    - step: 1\n      values: {z1: [[null, 1.15]]}\n"
    parts = "      walk: [{title: one, quantities: [a1, loss, z1]}]\n"
    (tmp_path / "case.yaml").write_text(printed + parts, encoding="utf-8")
    case = load_case(tmp_path / "case.yaml")
    assert [quantity for _, quantity in lines(walk(report(case)))] == ["a1", "loss", "z1"]
