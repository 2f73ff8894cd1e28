"""The pictures, checked by their numbers, their words and what they are as files; not by their bytes."""

import base64
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree  # the drawings are our own

import matplotlib as mpl
import numpy as np
import pytest
from colours import contrast
from matplotlib.lines import Line2D

from adapters import find_adapters
from cases import load_case
from reports.detection import ASSERT_CLOSE, GRADCHECK, OURS, SUITE, TOOLS, Alarm, Answer, MistakeResult, Power
from reports.detection.detection_tables import ALARMS
from reports.environment import Selection, describe
from reports.outcome import Conclusion
from reports.plots import PLOTS, accuracy_plots, canvas, pictures
from reports.plots.training_plots import learning_rates
from reports.report import Report, put_together
from reports.runs.accuracy import BEYOND, EDGES, UNKNOWN, Accuracy
from reports.runs.activation_errors import ActivationError
from reports.runs.parameter_drift import TRUTH, Drift
from reports.runs.recorded import Loss
from reports.runs.rows import Results
from reports.runs.runner import run

NAMES = ["activations", "histogram-float64", "losses", "drift"]
WIDE = [-300, -180, -60, 60, 180, 300]  # exponents
PLOT = {plot.name: plot for plot in PLOTS}


@cache
def report():
    """A small run by the one implementation that is always there, with some measured by hand."""
    cases = tuple(map(load_case, ("training/rate-right", "nets/square")))
    selection = Selection(cases, find_adapters(["numpy"]), ("float64",))
    curves = [ActivationError("tanh", "float32", "numpy", of, 1.0, 0.5) for of in ("value", "derivative")]
    results = replace(run(selection), activations=tuple(curves))
    return put_together(results, selection, describe("a command"))


@cache
def drawn():
    return {one.name: one for one in pictures(report())}


def of(name, cases=(), **results):
    """The picture of this name of results that are written out, or None."""
    results = Results(**{field: tuple(values) for field, values in results.items()})
    conclusion = Conclusion(True, "", (), ())
    return PLOT[name].picture(Report(conclusion, None, results, Selection(tuple(cases), ()), ()))


def words(picture):
    return [part.text for part in ElementTree.fromstring(picture.svg).iter() if part.tag.endswith("text")]  # noqa: S314


def curves(name, table, look):
    """The curves of one look on the drawing of a table, by matplotlib."""
    drawn = [one for one in PLOT[name].draw(table).artists if isinstance(one, Line2D)]
    return [line for line in drawn if line.get_color() == look.color and len(line.get_xdata()) > 3]


def test_there_is_a_picture_of_everything_that_there_are_numbers_of():
    assert list(drawn()) == NAMES
    assert [one.name for one in pictures(replace(report(), power=measured()))] == [*NAMES, "power"]
    assert pictures(replace(report(), results=Results(), power=Power(0, 0, (), (), (), ()))) == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_a_small_file_with_words(name):
    one = drawn()[name]
    assert ElementTree.fromstring(one.svg).get("viewBox").startswith("0 0 460 ")  # noqa: S314
    unwanted = "<metadata", "#000000", canvas.INK, "<script", "NaN"
    assert [text for text in unwanted if text in one.svg] == []
    assert "currentColor" in one.svg
    head, _, data = one.source.partition(",")
    assert (head, base64.b64decode(data).decode()) == ("data:image/svg+xml;base64", one.svg)
    assert one.title
    assert len(one.caption) > 100
    assert one.alternative.endswith(".")
    assert len(one.svg) < 150_000


def test_the_same_report_gives_the_same_bytes_whatever_the_users_settings_are():
    settings = {"font.size": 30.0, "axes.facecolor": "red", "text.usetex": False, "svg.fonttype": "path"}
    with mpl.rc_context(settings):
        before = dict(mpl.rcParams)
        again = pictures(report())
        assert dict(mpl.rcParams) == before
    assert [one.svg for one in again] == [one.svg for one in drawn().values()]


def test_names_and_numbers_stand_in_a_picture_as_they_are():
    assert "a/b, η = 0.000213" in words(of("losses", [with_rate("a/b", 0.000213)], losses=losses_of("a/b")))
    picture = of("losses", losses=losses_of("my/反向a$b$<&>\x1b"))
    assert "my/反向a$b$<&>\\x1b" in words(picture)
    assert "反向a$b$&lt;&amp;&gt;\\x1b" in picture.caption
    assert picture.caption.startswith("<strong>The loss goes: ")


@pytest.mark.parametrize(("paper", "ink"), [("#ffffff", canvas.LIGHT_INK), ("#161616", canvas.DARK_INK)])
def test_colours_have_the_contrast_of_graphics(paper, ink):
    colours = *(look.color for look in canvas.LOOKS), canvas.TINT, canvas.NEWS
    assert min(contrast(color, paper) for color in colours) >= 3
    style = Path(canvas.__file__).parents[1] / "templates" / "style.css"
    assert f"--ink: {ink}" in style.read_text(encoding="utf-8")


def test_implementations_differ_without_colour_and_look_alike_everywhere():
    assert len({(str(look.line), look.marker) for look in canvas.LOOKS}) == len(canvas.LOOKS)
    alone, among = canvas.looks(["torch"])["torch"], canvas.looks(["mine", "torch", "numpy"])["torch"]
    assert (alone.color, alone.line, alone.marker) == (among.color, among.line, among.marker)
    many = canvas.looks([*canvas.IMPLEMENTATIONS, "a", "b", "c", "d"])
    assert len({look.color for look in many.values()}) == len(many)
    assert list(canvas.looks(["jax plain", "numpy"])) == ["numpy", "jax plain"]


def test_ticks_are_plain_letters():
    numbers = (1e-300, 1e-6, 0.01, 1, 100, 1e3, 1e12, 1e300, math.inf, math.nan)
    texts = "10⁻³⁰⁰ 10⁻⁶ 0.01 1 100 10³ 10¹² 10³⁰⁰ ∞ NaN"
    assert " ".join(map(canvas.power_of_ten, numbers)) == texts


@pytest.mark.parametrize(
    ("ends", "powers"),
    [((0.5, 200), [0, 1, 2]), ((1e-3, 1e4), [-3, -1, 1, 3]), ((2, 3), []),
     ((1e-300, 1e300), WIDE), ((7e-303, math.inf), WIDE)],
)  # fmt: skip
def test_a_logarithmic_scale_has_no_more_powers_of_ten_than_there_is_room_for(ends, powers):
    assert list(canvas.tens(*ends).ticks) == pytest.approx([10.0**k for k in powers], rel=1e-12)


def test_what_a_scale_does_not_reach_is_drawn_beyond_its_edge():
    numbers = [1e308, math.inf, 100.0, 1.0, 0.01, 5e-324, 0.0, -1.0, math.nan]
    fractions = canvas.tens(1e-2, 1e2).fractions(numbers).tolist()
    assert fractions == pytest.approx([1.05, 1.05, 1.0, 0.5, 0.0, -0.05, -0.05, -0.05, math.nan], nan_ok=True)


def test_long_names_are_cut_to_their_room():
    fits, long = "mean-squared-error-one-output", "a-name-of-more-letters-than-there-is-room"
    cut = [canvas.fitted(name, 122, 7.5) for name in (fits, long)]
    assert cut == [fits, "a-name-of-more-letters-than-…"]
    long = [f"a_package.a_module_of_mine:{name}_function_with_a_long_name" for name in "abcdefgh"]
    apart = [
        losses_of("a", loss=lambda step, n=n: 2.0**n / step, implementation=by) for n, by in enumerate(long)
    ]
    found = [one for losses in apart for one in losses]
    assert sum(word.endswith("…") for word in words(of("losses", losses=found))) == 8


@pytest.mark.parametrize(
    ("names", "columns", "more"), [(["torch"], 4, 1), (list("abcde"), 4, 2), (["a" * 20] * 2, 3, 1)]
)
def test_a_legend_has_as_many_lines_as_it_needs(names, columns, more):
    sheets = [canvas.Sheet(1, [""], "", "", height=50, gap=10, names=one) for one in (names, ())]
    height, without = (72 * sheet.figure.get_size_inches()[1] for sheet in sheets)
    assert height - without == pytest.approx(more * canvas.LEGEND_LINE)
    assert canvas.legend_columns(names) == columns


def counts(*rows):
    return of("histogram-float64", accuracy=[Accuracy(*row) for row in rows])


def test_the_histogram_counts_every_number_that_was_counted():
    table = drawn()["histogram-float64"].table
    assert table["count"].sum() == sum(one.count for one in report().results.accuracy)
    assert table.groupby(["dtype", "implementation", "kind"])["share"].sum().to_numpy() == pytest.approx(1)


def test_a_class_that_is_drawn_holds_the_classes_that_were_counted():
    ends = (0.0, 0.5, 1.0, 2.0, 16.0, math.inf)
    for place in range(-BEYOND, BEYOND + 1):
        drawn_as = accuracy_plots.drawn_class(place)
        assert drawn_as == accuracy_plots.drawn_class(-place)
        assert (*EDGES, math.inf)[abs(place)] <= ends[drawn_as + 1]
        assert place == 0 or ends[drawn_as] <= EDGES[abs(place) - 1]
    assert accuracy_plots.drawn_class(UNKNOWN) == accuracy_plots.NO_DISTANCE


def test_each_histogram_has_its_formats_and_what_is_the_optimizers_own_as_one_kind():
    kinds, dtypes = ("v_W_new", "m_b_new", "rate", "z"), ("float16", "float64", "bfloat16", "float32")
    rows = [Accuracy(dtype, "torch", kind, 1, 2) for dtype in dtypes for kind in kinds]
    tables = [of(name, accuracy=rows).table for name in ("histogram-float64", "histogram-bfloat16")]
    assert [set(table["dtype"]) for table in tables] == [{"float64", "float32"}, {"bfloat16", "float16"}]
    assert all(dict(table.groupby("kind")["count"].sum()) == {"optimizer": 12, "z": 4} for table in tables)


def test_the_numbers_of_the_histogram_are_shares_of_each_bar():
    picture = counts(
        ("float32", "torch", "loss", UNKNOWN, 1),
        ("float64", "torch", "loss", 1, 1200),
        ("float64", "torch", "loss", -EDGES.index(2.0), 1),
        ("float64", "torch", "z", -BEYOND, 3),
        ("float64", "numpy", "z", 0, 4),
    )
    assert picture.shown.to_numpy().tolist() == [
        ["float64", "z", "numpy", "4", "100 %", "0 %", "0 %", "0 %", "0 %", "0 %"],
        ["float64", "z", "torch", "3", "0 %", "0 %", "0 %", "0 %", "100 %", "0 %"],
        ["float64", "loss", "torch", "1,201", ">99 %", "0 %", "<1 %", "0 %", "0 %", "0 %"],
        ["float32", "loss", "torch", "1", "0 %", "0 %", "0 %", "0 %", "0 %", "100 %"],
    ]
    assert picture.alternative == (
        ">99 % of the 1,209 numbers in float64 and float32 are within 2 units in the last place of the "
        "truth. By program: numpy 100 %, torch >99 %. Within half a unit: >99 %. 1 are NaN or may have "
        "overflowed."
    )
    without = counts(("float32", "jax", "loss", 0, 10), ("float32", "jax", "loss", BEYOND, 10))
    assert ["NaN or ∞" in words(one) for one in (without, picture)] == [False, True]
    assert words(without).count("50 %") == 1 + 1  # the share within 2 ulps, and a tick


def test_a_bar_is_as_long_as_its_share():
    table = counts(("float32", "jax", "loss", 0, 1), ("float32", "jax", "loss", BEYOND, 3)).table
    near, far = (one.get_path() for one in PLOT["histogram-float64"].draw(table).artists if one.zorder == 1
                 and hasattr(one, "get_hatch") and len(one.get_path()) > 5)  # fmt: skip
    widths = [np.ptp(path.vertices[:5, 0]) for path in (near, far)]
    assert widths[1] == pytest.approx(3 * widths[0])


def errors(*rows, name="tanh", by="torch"):
    return [ActivationError(name, "float32", by, *row) for row in rows]


def activations(*rows):
    return of("activations", activations=rows)


def test_the_activations_are_described_by_who_has_no_right_digit_and_where():
    lost, right = ([("derivative", z, ulps) for z in (-9.25, -6.75, 0.0, 3.0)] for ulps in (2.0**24, 0.5))
    torch, numpy = errors(*lost[:2], *right[2:]), errors(*right, by="numpy")
    both = [one for by in ("numpy", "torch") for one in errors(*right[:2], *lost[2:], name="silu", by=by)]
    near = errors(("value", 2.0, 4.0), name="relu")
    picture = activations(*near, *both, *torch, *numpy)
    assert picture.alternative == (
        "In float32 no digit is right of torch’s tanh' (z = −9.2 to −6.8). Nobody has a right digit of silu' "
        "(z = 0 to 3). Everybody computes relu to within 4 units in the last place."
    )
    titles = [word for word in words(picture) if word.startswith(("tanh", "silu", "relu"))]
    assert titles == ["tanh'", "silu'"]  # what all compute is not drawn
    assert picture.shown.to_numpy().tolist()[0] == ["relu", "value", "float32", "–", "4 ulps at z = 2"]


def test_at_a_kink_a_point_is_named_and_where_nobody_differs_all_is_drawn():
    kinks = errors(("derivative", -1.0, math.inf), ("derivative", 0.5, 0.1), ("derivative", 1.0, math.nan))
    assert "In float32 nobody has a right digit of tanh' (z = −1 and 1)." in activations(*kinks).alternative
    assert "tanh" in words(activations(*errors(("value", 2.0, 0.5), ("value", 3.0, 0.5))))
    some = activations(*errors(("value", 2.0, 100.0), ("value", 3.0, 0.5)))
    assert some.alternative == "Some digits are lost, but nowhere all of them."


@pytest.mark.parametrize("ulps", [math.nan, math.inf])
def test_nan_and_infinity_are_drawn_at_the_upper_edge(ulps):
    picture = activations(*errors(*(("value", z, error) for z, error in enumerate((0.1, ulps, 1.0, 1.0)))))
    (curve,) = curves("activations", picture.table, canvas.looks(["torch"])["torch"])
    ys = curve.get_ydata()
    assert ys.argmin() == 1  # points are counted from the top
    assert ys[0] - ys[1] == pytest.approx(46)
    assert "nobody has a right digit" in picture.alternative
    assert picture.shown["torch"].tolist() == [f"{'NaN' if math.isnan(ulps) else '∞'} ulps at z = 1"]


def losses_of(case, steps=25, loss=lambda step: 1 / step, implementation="torch"):
    return [Loss(case, "float64", implementation, step, loss(step)) for step in range(1, steps + 1)]


def with_rate(name, rate):
    optimizer = SimpleNamespace(learning_rate=SimpleNamespace(rounded=lambda _: rate))
    return SimpleNamespace(name=name, file=SimpleNamespace(optimizer=optimizer))


def test_only_trainings_of_many_steps_are_drawn_and_a_family_in_the_order_of_its_rates():
    names, short = ("b/rate-x", "b/rate-y", "b/other"), losses_of("a/short", steps=3)
    found = [one for name in names for one in losses_of(name)]
    table = of("losses", map(with_rate, names, (2.0, 1.0, 1.5)), losses=found + short).table
    assert list(dict.fromkeys(table["case"])) == ["b/other", "b/rate-y", "b/rate-x"]
    assert table.groupby("case")["step"].apply(list).tolist() == [list(range(1, 26))] * 3
    assert of("losses", losses=short) is None


@pytest.mark.parametrize(
    ("loss", "ends"),
    [
        (lambda step: math.inf if step > 20 else 2.0**step, "2 to inf"),
        (lambda step: math.nan, "nan to nan"),
        (lambda step: 1e8**step if step < 39 else math.inf, "1e+08 to inf"),
        (lambda step: 0.0, "0 to 0"),
    ],
)
def test_a_loss_that_is_no_positive_number_is_described_and_drawn(loss, ends):
    picture = of("losses", losses=losses_of("a/b", 40, loss))
    assert f"from {ends} in 40 steps" in picture.alternative
    (curve,) = curves("losses", picture.table, canvas.looks(["torch"])["torch"])
    assert np.isnan(curve.get_ydata()).tolist() == [math.isnan(loss(step)) for step in range(1, 41)]


def test_programs_that_train_alike_are_one_line_and_where_others_part_is_said():
    def by(implementation, dtype, last):
        rows = losses_of(
            "a/b", loss=lambda step: 1 / step if step < 25 else last, implementation=implementation
        )
        return [replace(one, dtype=dtype) for one in rows]

    alike = of("losses", losses=[*by("torch", "float64", 0.04), *by("numpy", "float64", 0.04 + 1e-9),
                                 *by("torch", "float32", 0.04), *by("numpy", "float32", 0.04)])  # fmt: skip
    assert alike.alternative.startswith("All programs train alike: no curve")
    assert words(alike).count("a/b") == 1  # of both formats one is drawn, without a legend
    assert "torch" not in words(alike)
    parting = of("losses", losses=[*by("torch", "float64", 0.04), *by("numpy", "float64", 0.02)])
    assert parting.alternative.startswith(
        "All programs train alike, but for a/b in float64, by up to 50 % at step 25. The loss goes: a/b "
    )
    assert {"torch", "numpy"} <= set(words(parting))


def test_the_learning_rates_are_those_of_the_cases():
    assert learning_rates(report()) == {"training/rate-right": 0.15, "nets/square": 0.3}
    assert "training/rate-right, η = 0.15" in words(drawn()["losses"])


def test_the_numbers_of_the_losses_are_those_of_some_steps_and_the_last():
    found = losses_of("a/b") + losses_of("a/b", 22, implementation="numpy")
    shown = of("losses", losses=found).shown.to_dict("records")
    assert [line["step"] for line in shown] == [1, 2, 5, 10, 20, 25, 22]
    assert shown[3] == {"case": "a/b", "dtype": "float64", "step": 10, "numpy": "0.1", "torch": "0.1"}
    assert shown[5]["numpy"] == "–"


STEPS = (1, 2, 5, 10, 20)


def drifts(case, against=TRUTH, steps=STEPS, **numbers):
    return [Drift(case, "float64", "torch", against, step, **numbers) for step in steps]


def test_drift_is_drawn_against_certified_truth_where_it_is_known():
    known = [replace(one, ulps=one.step / 2) for one in drifts("a/b")]
    unknown, short = drifts("a/c", not_known="too large"), drifts("a/d", steps=STEPS[:2], ulps=7.0)
    picture = of("drift", drifts=(*known, *drifts("a/b", "numpy", ulps=99.0), *unknown, *short))
    drawn = [["a/b", "float64", "torch", step, step / 2] for step in STEPS]
    assert picture.table.to_numpy().tolist() == drawn
    assert picture.alternative.endswith("compared: a/b 10 ulps (torch, float64).")
    assert of("drift", drifts=short) is None


@pytest.mark.parametrize(("ulps", "cell"), [(math.nan, "NaN"), (math.inf, "∞"), (0.0, "0")])
def test_a_drift_without_a_number_does_not_spoil_the_picture(ulps, cell):
    picture = of("drift", drifts=drifts("a/b", ulps=ulps))
    assert ("Every course ends in NaN." if math.isnan(ulps) else f"{cell} ulps") in picture.alternative
    assert picture.shown.to_dict("records")[4] == {
        "case": "a/b",
        "dtype": "float64",
        "step": 20,
        "torch": cell,
    }


@cache
def measured():
    def met(kind, close, *, changes=True):
        absent = Answer(GRADCHECK, None, reason="absent")
        answers = (Answer(SUITE, True), Answer(ASSERT_CLOSE, close), absent)
        return MistakeResult("nets/a", "float64", "a-mistake", kind, changes=changes, answers=answers)

    meetings = (met("structural", True), met("structural", False), met("precision", False))
    unchanged = met("precision", False, changes=False)
    alarms = (Alarm("nets/a", "float64", "torch", Answer(ASSERT_CLOSE, True)),)
    return Power(0, 0, (*meetings, unchanged), (), alarms, ())


def test_power_is_counted_by_tool_and_kind_and_says_what_was_not_asked():
    picture = PLOT["power"].picture(SimpleNamespace(power=measured()))
    table = picture.table.set_index(["tool", "measure"])
    found = table[["objections", "asked"]].apply(tuple, axis=1).to_dict()
    wrong_formula = "caught: wrong formula"
    assert [found[tool, wrong_formula] for tool in (SUITE, ASSERT_CLOSE, GRADCHECK)] == [
        (2, 2),
        (1, 2),
        (0, 0),
    ]
    assert found[SUITE, "caught: too low a precision"] == found[ASSERT_CLOSE, ALARMS] == (1, 1)
    assert np.isnan(table.loc[(GRADCHECK, wrong_formula), "share"])
    assert len(table) == 3 * len((*OURS, *TOOLS))
    assert {"1 of 2", "not asked"} <= set(words(picture))
    assert f"this suite 2 of 2, and most of the usual tools {ASSERT_CLOSE}, 1 of 2" in picture.alternative
    shown = {line["tool"]: line[wrong_formula] for line in picture.shown.to_dict("records")}
    assert (shown[ASSERT_CLOSE], shown[GRADCHECK]) == ("1 of 2", "not asked")
