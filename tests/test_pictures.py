"""The pictures, checked by their numbers, their words and how they stand in a page; not by their bytes."""

import math
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree  # the drawings are our own

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from adapters import find_adapters
from cases import load_case
from reference import Finding, Subject, Verdict
from reports.environment import Selection, describe
from reports.pictures import (
    activations,
    drift,
    heat_cells,
    heat_map,
    histogram,
    losses,
    panels,
    pictures,
    power,
    style,
)
from reports.pictures.gallery import learning_rates
from reports.power import Alarm, Answer, Meeting, Power
from reports.power.words import ASSERT_CLOSE, GRADCHECK, OURS, SHOWN, TOOLS
from reports.report import put_together
from reports.runs.accuracy import BEYOND, EDGES, UNKNOWN, Accuracy
from reports.runs.activation_errors import ActivationError
from reports.runs.parameter_drift import TRUTH, Drift
from reports.runs.recorded import Loss
from reports.runs.rows import PUBLISHED, Results, Row
from reports.runs.runner import run

NAMES = ["heat-map", "histogram-float64", "activations", "losses", "drift"]


@cache
def report():
    """A small run by the one implementation that is always there, with some measured by hand."""
    cases = tuple(map(load_case, ("training/rate-right", "nets/square")))
    selection = Selection(cases, find_adapters(["numpy"]), ("float64",))
    curve = [
        ActivationError("tanh", "float32", "numpy", what, z, 0.5)
        for what in ("value", "derivative")
        for z in (-1.0, 1.0)
    ]
    results = replace(run(selection), activations=tuple(curve))
    return put_together(results, selection, describe("a command"))


@cache
def drawn():
    return pictures(report())


def test_there_is_a_picture_of_everything_that_there_are_numbers_of():
    assert [one.name for one in drawn()] == NAMES
    whole = replace(report(), power=measured())
    assert [one.name for one in pictures(whole)] == [*NAMES, "power"]


def test_without_numbers_there_is_no_picture():
    assert pictures(replace(report(), results=Results())) == ()
    nothing = Power(0, 0, (), (), (), ())
    assert power.picture(nothing) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_stands_in_a_page_as_it_is(name):
    (one,) = [one for one in drawn() if one.name == name]
    root = ElementTree.fromstring(one.svg)  # noqa: S314
    assert root.get("viewBox").startswith("0 0 460 ")
    assert (root.get("role"), root.get("width"), root.get("height")) == ("img", None, None)
    told = {part.get("id"): part.text for part in root.iter() if part.get("id")}
    assert [told[word] for word in root.get("aria-labelledby").split()] == [one.title, one.alternative]
    for unwanted in (
        "<?xml",
        "<!DOCTYPE",
        "<metadata",
        "<!--",
        "DejaVu",
        "#000000",
        style.INK,
        "<script",
        "NaN",
        "xlink",
    ):
        assert unwanted not in one.svg, unwanted
    assert "currentColor" in one.svg


def test_what_several_pictures_name_does_not_clash():
    ids, classes = Counter(), Counter()
    for one in drawn():
        own = re.findall(r' id="([^"]*)"', one.svg)
        ids.update(own)
        classes.update(re.findall(r"\.([\w-]+){", one.svg))
        assert all(word.startswith(f"{one.name}-") for word in own)
        assert set(re.findall(r'(?:url\(|href=")#([\w-]+)', one.svg)) <= set(own)
        used = set(re.findall(r'class="([^"]*)"', one.svg))
        assert used == set(re.findall(r"\.([\w-]+){", one.svg))
    assert max(ids.values()) == 1
    assert max(classes.values()) == 1


def test_the_same_report_gives_the_same_bytes_whatever_the_users_settings_are():
    with mpl.rc_context(
        {"font.size": 30.0, "axes.facecolor": "red", "text.usetex": False, "svg.fonttype": "path"}
    ):
        kept = dict(mpl.rcParams)
        again = pictures(report())
        assert dict(mpl.rcParams) == kept
    assert [one.svg for one in again] == [one.svg for one in drawn()]


def test_all_pictures_have_words_and_are_small():
    for one in drawn():
        assert one.title
        assert len(one.caption) > 100
        assert one.alternative.endswith(".")
        assert len(one.svg) < 150_000


def test_numbers_in_words_are_not_rounded_with_the_drawing():
    results = Results(losses=tuple(Loss("a/b", "float64", "numpy", step, 1 / step) for step in range(1, 30)))
    assert "a/b, η = 0.000213" in losses.picture(results, {"a/b": 0.000213}).svg


def test_names_of_any_letters_stand_in_a_picture_as_they_are():
    name = "my/反向a$b$<&>\x1b"
    one = heat_map.picture(Results((row(name, "numpy", used=0.25),)))
    words = [part.text for part in ElementTree.fromstring(one.svg).iter() if part.text]  # noqa: S314
    assert "反向a$b$<&>\\x1b" in words


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """WCAG 2.2's contrast ratio."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", ["#ffffff", "#161616"])
def test_every_colour_has_the_contrast_of_graphics_on_light_and_dark(paper):
    for color in (*(look.color for look in style.LOOKS), style.TINT, style.NEWS):
        assert contrast(color, paper) >= 3, color


@pytest.mark.parametrize(("paper", "ink"), [("#ffffff", "#1c1c1c"), ("#161616", "#e6e6e6")])
def test_the_numbers_on_the_densest_tint_are_readable(paper, ink):
    part = heat_cells.shade(1.0)
    mixed = [
        round(part * int(style.TINT[i : i + 2], 16) + (1 - part) * int(paper[i : i + 2], 16))
        for i in (1, 3, 5)
    ]
    assert contrast("#" + "".join(f"{one:02x}" for one in mixed), ink) >= 4.5


def test_implementations_differ_without_colour_and_look_alike_everywhere():
    assert len({(str(look.line), look.marker) for look in style.LOOKS}) == len(style.LOOKS)
    alone, beside = style.looks(["torch"])["torch"], style.looks(["mine", "torch", "numpy"])["torch"]
    assert (alone.color, alone.line, alone.marker) == (beside.color, beside.line, beside.marker)
    many = style.looks([*style.FIRST, "a", "b", "c", "d"])
    assert len({look.color for look in many.values()}) == len(many)
    assert list(style.looks(["jax plain", "numpy"])) == ["numpy", "jax plain"]


def test_ticks_are_plain_letters():
    assert [panels.power_of_ten(x) for x in (1e-6, 0.01, 1, 100, 1e3, 1e12)] == [
        "10⁻⁶",
        "0.01",
        "1",
        "100",
        "10³",
        "10¹²",
    ]
    assert [panels.power_of_ten(x) for x in (1e300, 1e-300, math.inf, math.nan)] == [
        "10³⁰⁰",
        "10⁻³⁰⁰",
        "∞",
        "NaN",
    ]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.5, 200, [1, 10, 100]),
        (1e-3, 1e4, [1e-3, 1e-1, 1e1, 1e3]),
        (1e-300, 1e300, [1e-300, 1e-180, 1e-60, 1e60, 1e180, 1e300]),
        (7e-303, 1.4e-300, [1e-302, 1e-301, 1e-300]),
        (2, 3, []),
    ],
)
def test_a_logarithmic_axis_has_no_more_powers_of_ten_than_there_is_room_for(low, high, ticks):
    assert panels.Tens().tick_values(low, high) == pytest.approx(ticks, rel=1e-12)


def test_what_no_axis_reaches_is_drawn_at_its_edge():
    numbers = pd.Series([1e308, 5e-324, 2.0, 0.0, -1e308, math.inf, math.nan])
    drawn = panels.drawable(numbers).tolist()
    assert drawn[:-1] == [1e300, 1e-300, 2.0, 0.0, -1e308, math.inf]
    assert math.isnan(drawn[-1])


def test_help_does_not_wait_for_matplotlib():
    code = """
import sys, reports.build
try:
    reports.build.main(["--help"])
finally:
    assert "matplotlib" not in sys.modules
"""
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr


# the heat map


def row(case, adapter, verdict=Verdict.AGREES, used=0.5, **others):
    index = None if verdict in (Verdict.NOT_RUN, Verdict.NO_EQUIVALENT, Verdict.ERROR) else (0,)
    dtype = others.pop("dtype", "float64")
    quantity = others.pop("quantity", "z1")
    finding = Finding(1, quantity, verdict, index=index, used=used, digits=15.0)
    return Row(Subject(case, adapter, "", dtype), finding, 0, **others)


ROWS = (
    row("nets/a", "numpy", used=0.25),
    row("nets/a", "numpy", used=0.75, quantity="a1"),
    row("nets/a", "torch", used=0.0),
    row("nets/a", "jax", Verdict.DIFFERS, 7.0),
    row("nets/b", "numpy", Verdict.DIFFERS, 9.0, expected=True),
    row("nets/b", "torch", Verdict.UNDECIDED, math.nan),
    row("nets/b", "jax", Verdict.NO_EQUIVALENT, quantity="", expected=True),
    row("nets/c", "numpy", Verdict.NOT_RUN, quantity=""),
    row("nets/c", "torch", Verdict.ERROR, quantity=""),
    row("nets/c", "jax", used=0.004),
    row("nets/c", "jax", used=0.5, dtype="bfloat16"),
    row("nets/d", "jax", used=0.5, unexpected=True, verdict=Verdict.ERROR),
    row("nets/a", PUBLISHED, Verdict.DIFFERS, 99.0),
)


def test_each_cell_of_the_heat_map_is_the_worst_of_its_rows():
    table = heat_map.frame(Results(ROWS)).set_index(["case", "adapter", "dtype"])
    assert PUBLISHED not in set(table.index.get_level_values("adapter"))
    states = {key[:2]: line.state for key, line in table.iterrows() if key[2] == "float64"}
    assert states == {
        ("nets/a", "numpy"): "agrees",
        ("nets/a", "torch"): "agrees",
        ("nets/a", "jax"): "fails",
        ("nets/b", "numpy"): "expected",
        ("nets/b", "torch"): "undecided",
        ("nets/b", "jax"): "nothing",
        ("nets/c", "numpy"): "nothing",
        ("nets/c", "torch"): "fails",
        ("nets/c", "jax"): "agrees",
        ("nets/d", "jax"): "fails",
    }
    assert table.loc[("nets/a", "numpy", "float64"), ["used", "log10"]].tolist() == [0.75, math.log10(0.75)]
    assert table.loc[("nets/a", "torch", "float64"), ["used", "log10"]].tolist() == [0.0, -math.inf]
    assert np.isnan(table.loc[("nets/a", "jax", "float64"), "used"])


def test_the_heat_map_tells_failures_in_signs_and_words():
    picture = heat_map.picture(Results(ROWS))
    words = re.findall(r">([^<>]+)</text>", picture.svg)
    assert words.count("✗") == 1 + 3  # one is in the key
    assert words.count("≠") == 1 + 1
    assert words.count("?") == 1 + 1
    assert {"75", "0", "<1" if "<1" in words else "&lt;1", "bfloat16", "nets", "jax"} <= set(words)
    assert "pattern" in picture.svg
    told = picture.alternative
    assert "4 of 11 cells agree" in told
    assert "75 % of what rounding may cause (numpy on nets/a in float64)" in told
    assert "3 fail" in told
    assert "the first is jax on nets/a in float64" in told


def test_the_heat_map_agrees_with_the_verdicts_of_the_report():
    table = next(one.table for one in drawn() if one.name == "heat-map")
    cells = dict(zip(table["case"], table["used"], strict=True))
    for line in report().matrix.itertuples():
        assert line.numpy.startswith(f"agrees {cells[line.case]:.2f} ")


def test_the_tint_is_denser_the_larger_the_number():
    shades = [heat_cells.shade(used) for used in (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)]
    assert shades == sorted(shades)
    assert shades[0] < shades[2] < shades[3] < shades[4] < shades[5]
    assert [heat_cells.percent(used) for used in (0.0, 0.004, 0.5, 1.0)] == ["0", "<1", "50", "100"]


# the histogram


def test_the_histogram_counts_every_number_that_was_counted():
    table = histogram.frame(report().results)
    assert table["count"].sum() == sum(one.count for one in report().results.accuracy)
    assert table.groupby(["dtype", "implementation", "kind"])["share"].sum().to_numpy() == pytest.approx(1)


@pytest.mark.parametrize("place", range(-BEYOND, UNKNOWN + 1))
def test_a_class_that_is_drawn_holds_the_classes_that_were_counted(place):
    drawn_as = histogram.drawn_class(place)
    table = histogram.frame(Results(accuracy=(Accuracy("float64", "numpy", "z", place, 3),)))
    low, high = table["more than"].item(), table["at most"].item()
    if place == UNKNOWN:
        assert drawn_as == histogram.OUTSIDE + 1
        assert np.isnan([low, high]).all()
    else:
        ends = (*EDGES, math.inf)
        most = math.copysign(ends[abs(place)], place)
        assert abs(low) <= ends[max(abs(place) - 1, 0)]
        assert abs(most) <= abs(high)
        assert (drawn_as > 0) == (place > 0)
        assert (drawn_as == 0) == (place == 0)


def test_nan_has_a_class_of_its_own_in_the_histogram():
    def of(*bins):
        return Results(accuracy=tuple(Accuracy("float32", "jax", "loss", place, 10) for place in bins))

    (without,), (beside) = histogram.picture(of(0, BEYOND)), histogram.picture(of(0, UNKNOWN))
    assert ">NaN</text>" not in without.svg
    assert ">NaN</text>" in beside[0].svg
    assert "10 are NaN or may have overflowed" in beside[0].alternative
    assert "Of 20 numbers 50% are within half a unit" in without.alternative


def test_what_is_the_optimizers_own_is_one_kind():
    rows = tuple(Accuracy("float64", "torch", kind, 1, 2) for kind in ("v_W_new", "m_b_new", "rate", "z"))
    table = histogram.frame(Results(accuracy=rows)).set_index("kind")["count"]
    assert table.to_dict() == {"optimizer": 6, "z": 2}


def test_formats_of_16_bits_have_a_histogram_of_their_own():
    dtypes = ("float16", "float64", "bfloat16", "float32")
    rows = tuple(Accuracy(dtype, "torch", "z", 1, 2) for dtype in dtypes)
    found = histogram.picture(Results(accuracy=rows))
    assert [one.name for one in found] == ["histogram-float64", "histogram-bfloat16"]
    assert [set(one.table["dtype"]) for one in found] == [{"float64", "float32"}, {"bfloat16", "float16"}]


# the activations


def errors(*rows):
    return Results(activations=tuple(ActivationError(*row) for row in rows))


def test_the_activations_are_drawn_from_what_was_measured():
    rows = [
        ("tanh", "float32", "torch", "value", 0.5, 0.25),
        ("tanh", "float32", "torch", "derivative", 0.5, 2.0**24),
    ]
    picture = activations.picture(errors(*rows))
    assert picture.table["ulps"].tolist() == [0.25, 2.0**24]
    assert "computes tanh to within 4 units" in picture.alternative
    assert "loses every digit somewhere of tanh (derivative)" in picture.alternative
    assert "float32" in picture.caption


@pytest.mark.parametrize("ulps", [math.nan, math.inf])
def test_nan_and_infinity_are_drawn_at_the_upper_edge(ulps):
    table = activations.frame(errors(("tanh", "float32", "torch", "value", 0.5, ulps)))
    figure = activations.draw(table)
    (curve,) = [line for line in figure.axes[0].get_lines() if line.get_label() == "torch"]
    assert curve.get_ydata().tolist() == [figure.axes[0].get_ylim()[1]]
    assert "loses every digit" in activations.alternative(table)


@pytest.mark.parametrize("which", ["value", "derivative"])
def test_of_a_program_that_shows_one_of_two_the_other_is_said_to_be_shown_by_nobody(which):
    results = errors(("tanh", "float32", "torch", which, 0.5, 0.25))
    table = activations.frame(results)
    shown, other = activations.draw(table).axes[:: 1 if which == "value" else -1]
    assert [text.get_text() for text in shown.texts] == []
    assert [text.get_text() for text in other.texts] == ["shown by nobody"]
    assert activations.picture(results).table["quantity"].tolist() == [which]
    assert ("computes tanh" in activations.alternative(table)) == (which == "value")


# the losses and the drift


def losses_of(case, dtype="float64", steps=25, loss=lambda step: 1 / step):
    return [Loss(case, dtype, "torch", step, loss(step)) for step in range(1, steps + 1)]


def test_only_trainings_of_many_steps_are_drawn_and_a_family_in_the_order_of_its_rates():
    found = [
        *losses_of("b/rate-x"),
        *losses_of("b/rate-y"),
        *losses_of("a/short", steps=3),
        *losses_of("b/other"),
    ]
    table = losses.frame(Results(losses=tuple(found)), {"b/rate-x": 2.0, "b/rate-y": 1.0, "b/other": 1.5})
    assert list(dict.fromkeys(table["case"])) == ["b/other", "b/rate-y", "b/rate-x"]
    assert table.groupby("case")["step"].apply(list).tolist() == [list(range(1, 26))] * 3
    assert losses.picture(Results(losses=tuple(losses_of("a/short", steps=3)))) is None


def test_a_loss_that_becomes_nan_or_infinite_is_told_and_drawn():
    diverges = losses_of("a/rate", loss=lambda step: math.inf if step > 20 else 2.0**step)
    lost = losses_of("a/lost", loss=lambda step: math.nan)
    picture = losses.picture(Results(losses=(*diverges, *lost)))
    assert "a/rate from 2 to inf in 25 steps" in picture.alternative
    assert "a/lost from nan to nan in 25 steps" in picture.alternative
    assert picture.table["loss"].isna().sum() == 25


def test_a_training_that_diverges_beyond_what_an_axis_reaches_is_drawn_to_its_edge():
    found = losses_of("a/diverges", steps=40, loss=lambda step: 1e8**step if step < 39 else math.inf)
    picture = losses.picture(Results(losses=tuple(found)))
    figure = losses.draw(picture.table)
    (axes,) = figure.axes
    (curve,) = axes.get_lines()
    assert curve.get_ydata().tolist()[-4:] == [pytest.approx(1e296), 1e300, math.inf, math.inf]
    assert axes.get_ylim()[1] == pytest.approx(1.4e300)
    assert "from 1e+08 to inf in 40 steps" in picture.alternative


def test_a_loss_that_is_always_0_is_drawn():
    picture = losses.picture(Results(losses=tuple(losses_of("a/solved", loss=lambda step: 0.0))))
    assert "a/solved from 0 to 0 in 25 steps" in picture.alternative


def test_the_learning_rates_are_those_of_the_cases():
    assert learning_rates(report()) == {"training/rate-right": 0.15, "nets/square": 0.3}
    assert "η = 0.15" in next(one.svg for one in drawn() if one.name == "losses")


def test_drift_is_drawn_against_certified_truth_where_it_is_known():
    steps = (1, 2, 5, 10, 20)
    known = [Drift("a/b", "float64", "torch", TRUTH, step, 1e-16, step / 2) for step in steps]
    others = [Drift("a/b", "float64", "torch", "numpy", step, 1e-16, 99.0) for step in steps]
    unknown = [Drift("a/c", "float64", "torch", TRUTH, step, not_known="too large") for step in steps]
    short = [Drift("a/d", "float64", "torch", TRUTH, step, 1e-16, 7.0) for step in steps[:2]]
    picture = drift.picture(Results(drifts=(*known, *others, *unknown, *short)))
    expected = pd.DataFrame(
        [("a/b", "float64", "torch", step, step / 2) for step in steps], columns=drift.COLUMNS
    )
    pd.testing.assert_frame_equal(picture.table, expected)
    assert "10 ulps (torch on a/b in float64)" in picture.alternative
    assert drift.picture(Results(drifts=tuple(short))) is None


@pytest.mark.parametrize("ulps", [math.nan, math.inf, 0.0])
def test_a_drift_without_a_number_does_not_spoil_the_picture(ulps):
    rows = [Drift("a/b", "float64", "torch", TRUTH, step, 0.0, ulps) for step in (1, 2, 5, 10, 20)]
    told = drift.picture(Results(drifts=tuple(rows))).alternative
    assert told == "Every course ends in NaN." if math.isnan(ulps) else f"{ulps:.2g} ulps" in told


# the power


def measured():
    def met(kind, changes=True, **objects):
        answers = [
            Answer(SHOWN, True),
            Answer(ASSERT_CLOSE, objects["close"]),
            Answer(GRADCHECK, None, reason="absent"),
        ]
        return Meeting("nets/a", "float64", "a-mistake", kind, changes=changes, answers=tuple(answers))

    meetings = (met("structural", close=True), met("structural", close=False), met("precision", close=False))
    unchanged = met("precision", changes=False, close=False)
    alarms = (Alarm("nets/a", "float64", "torch", Answer(ASSERT_CLOSE, True)),)
    return Power(0, 0, (*meetings, unchanged), (), alarms, ())


def test_power_is_counted_by_tool_and_kind():
    table = power.frame(measured()).set_index(["tool", "measure"])
    counts = table[["objections", "asked"]].apply(tuple, axis=1).to_dict()
    assert counts[SHOWN, "caught: wrong formula"] == (2, 2)
    assert counts[ASSERT_CLOSE, "caught: wrong formula"] == (1, 2)
    assert counts[SHOWN, "caught: too low a precision"] == (1, 1)
    assert counts[ASSERT_CLOSE, power.ALARMS] == (1, 1)
    assert counts[GRADCHECK, "caught: wrong formula"] == (0, 0)
    assert np.isnan(table.loc[(GRADCHECK, "caught: wrong formula"), "share"])
    assert len(table) == 3 * len((*OURS, *TOOLS))


def test_the_picture_of_power_says_what_was_not_asked():
    picture = power.picture(measured())
    words = re.findall(r">([^<>]+)</text>", picture.svg)
    assert "1 of 2" in words
    assert "not asked" in words
    assert f"this suite 2 of 2, and most of the usual tools {ASSERT_CLOSE}, 1 of 2" in picture.alternative


def test_long_names_and_many_adapters_are_cut_to_their_room():
    assert style.fitted("mean-squared-error-one-output", 122, 7.5) == "mean-squared-error-one-output"
    assert (
        style.fitted("a-name-of-more-letters-than-there-is-room", 122, 7.5) == "a-name-of-more-letters-than-…"
    )
    assert style.fitted("tanh", 122, 7.5) == "tanh"
    rows = tuple(row("mine/a", f"a_package.a_module:{name}_function") for name in "abcdefgh")
    words = re.findall(r">([^<>]+)</text>", heat_map.picture(Results(rows)).svg)
    assert sum(word.endswith("…") for word in words) == 8


# the tables that are shown


def lines(frame):
    return [dict(zip(frame.columns, line, strict=True)) for line in frame.itertuples(index=False, name=None)]


def test_the_numbers_of_the_heat_map_stand_beside_each_other():
    told = {(line["case"], line["dtype"]): line for line in lines(heat_map.picture(Results(ROWS)).shown)}
    assert told["nets/a", "float64"] == {
        "case": "nets/a",
        "dtype": "float64",
        "numpy": "0.75",
        "torch": "0",
        "jax": "fails",
    }
    assert told["nets/b", "float64"]["numpy"] == "differs as its case says"
    assert told["nets/c", "bfloat16"]["numpy"] == "–"


def test_the_numbers_of_the_losses_are_those_of_the_steps_that_are_told():
    found = (*losses_of("a/b"), *(replace(one, implementation="numpy") for one in losses_of("a/b", steps=22)))
    told = lines(losses.picture(Results(losses=found)).shown)
    assert [line["step"] for line in told] == [1, 2, 5, 10, 20, 25, 22]
    assert told[3] == {"case": "a/b", "dtype": "float64", "step": 10, "numpy": "0.1", "torch": "0.1"}
    assert told[5]["numpy"] == "–"


def test_the_numbers_of_the_drift_are_all_that_are_drawn():
    rows = [Drift("a/b", "float64", "torch", TRUTH, step, 0.0, math.inf) for step in (1, 2, 5, 10, 20)]
    told = lines(drift.picture(Results(drifts=tuple(rows))).shown)
    assert told[4] == {"case": "a/b", "dtype": "float64", "step": 20, "torch": "∞"}


def test_the_numbers_of_the_histogram_are_counts_and_classes_have_words():
    rows = (
        Accuracy("float32", "torch", "loss", UNKNOWN, 1),
        Accuracy("float64", "torch", "loss", 1, 1200),
        Accuracy("float64", "torch", "z", -BEYOND, 3),
        Accuracy("float64", "numpy", "z", 0, 4),
    )
    (one,) = histogram.picture(Results(accuracy=rows))
    told = [list(line.values()) for line in lines(one.shown)]
    assert list(one.shown.columns) == ["dtype", "quantity", "error", "numpy", "torch"]
    assert told == [
        ["float64", "z", "− more than 2²⁰", "–", "3"],
        ["float64", "z", "exact", "4", "–"],
        ["float64", "loss", "+ 0 to ¼ ulps", "–", "1,200"],
        ["float32", "loss", "NaN, or the truth may overflow", "–", "1"],
    ]


def test_every_class_of_the_histogram_has_words_of_its_own():
    words = [histogram.words_of(place) for place in range(-histogram.OUTSIDE, histogram.OUTSIDE + 2)]
    assert len(set(words)) == len(words)


def test_the_numbers_of_the_activations_are_the_worst_and_where():
    rows = [
        ("tanh", "float32", "torch", "value", z, ulps)
        for z, ulps in ((-1.0, 0.5), (2.0, math.nan), (3.0, 9.0))
    ]
    told = lines(activations.picture(errors(*rows)).shown)
    assert told == [
        {"activation": "tanh", "quantity": "value", "dtype": "float32", "torch": "NaN ulps at z = 2"}
    ]


def test_the_numbers_of_the_power_stand_by_tool():
    told = {line["tool"]: line for line in lines(power.picture(measured()).shown)}
    assert told[ASSERT_CLOSE]["caught: wrong formula"] == "1 of 2"
    assert told[GRADCHECK]["caught: wrong formula"] == "not asked"


@pytest.mark.parametrize(
    ("names", "beside", "rows"), [(["torch"], 4, 1), (list("abcde"), 4, 2), (["a" * 20] * 2, 3, 1)]
)
def test_a_legend_has_as_many_lines_as_it_needs(names, beside, rows):
    bare, _ = panels.panels(1, 1, height=50, gap=10)
    told, _ = panels.panels(1, 1, height=50, gap=10, legend=names)
    more = 72 * (told.get_size_inches()[1] - bare.get_size_inches()[1])
    assert more == pytest.approx(rows * panels.LINE)
    assert panels.beside(names) == beside
