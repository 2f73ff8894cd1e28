"""The page's colours: words can be read on every ground, in light and in dark, to WCAG 2.2 level AA."""

import re
from pathlib import Path

import pytest
from colours import READABLE, SEEN, contrast

STYLE = (Path(__file__).parent.parent / "reports" / "templates" / "style.css").read_text(encoding="utf-8")
GROUNDS = ("paper", "soft", "t0", "t1", "t2", "t3", "wrong", "expected")
TEXTS = [
    *(("ink", ground) for ground in GROUNDS),
    *((text, ground) for text in ("muted", "link") for ground in ("paper", "soft")),
]


def colours(scheme: str) -> dict[str, str]:
    """Read the colours of a scheme: dark ones stand in the second block, light ones in the first."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    assert len(blocks) == 2
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[scheme == "dark"]))


def test_the_ratio_is_the_one_that_is_defined() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # known to fail, by a little
    assert contrast("#a4161a", "#a4161a") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXTS)
def test_words_can_be_read(scheme: str, text: str, ground: str) -> None:
    found = colours(scheme)
    assert contrast(found[text], found[ground]) >= READABLE


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("mark", ["link", "good", "news"])
def test_marks_are_seen(scheme: str, mark: str) -> None:
    found = colours(scheme)
    assert min(contrast(found[mark], found[ground]) for ground in ("paper", "soft")) >= SEEN


def test_both_schemes_have_the_same_colours_and_none_stands_outside_them() -> None:
    assert set(colours("light")) == set(colours("dark"))
    outside = re.sub(r":root \{.*?\}", "", STYLE, flags=re.DOTALL)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", outside)
    assert set(re.findall(r"var\(--(\w+)\)", outside)) <= set(colours("light"))
