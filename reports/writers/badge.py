"""badge.svg: the verdict in a few words, as a picture for a project's page. It loads nothing."""

from typing import Final

from cases.errors import printable
from reports.outcome import Outcome, outcome, plural
from reports.page.rendering import templates
from reports.report import Report
from reports.writers.markdown_text import shortened

LABEL: Final = "backprop parity"

# White letters stand out from each by more than the 4.5 to 1 that WCAG 2.1 (1.4.3) asks for.
GREEN, RED, GREY = "#2e6b34", "#a4161a", "#444444"

FONT_SIZE, PADDING = 11, 7  # in pixels: of the letters, and on either side of the words
MAX_NAME: Final = 30  # characters of an adapter's name


def badge(report: Report) -> str:
    """Return the badge. What a pointer over it shows, and a screen reader reads, is the whole verdict."""
    words, colour = message(report)
    first, second = width(LABEL), width(words)
    return templates(()).get_template("badge.svg").render(
        label=LABEL, words=words, title=shortened(report.conclusion.headline), colour=colour, grey=GREY,
        first=first, second=second, left=first + 2 * PADDING, whole=first + second + 4 * PADDING,
        padding=PADDING, size=FONT_SIZE,
    )  # fmt: skip


def message(report: Report) -> tuple[str, str]:
    rows = report.results.rows
    count = len({row.subject.case for row in rows})
    if not any(row.compared for row in rows):
        return "nothing compared", RED
    if first := report.failures:
        failing = len({row.subject.case for row in first})
        differ = all(outcome(row) is Outcome.DIFFERS for row in first)
        verb = ("differs" if failing == 1 else "differ") if differ else "not in agreement"
        return f"{failing:,} of {plural(count, 'case')} {verb}", RED
    absent = dict.fromkeys(row.subject.adapter for row in rows if outcome(row) is Outcome.NOT_RUN)
    not_run = "".join(f", {shortened(printable(name), MAX_NAME)} not run" for name in absent)
    agree = "as expected" if report.conclusion.known else "agrees" if count == 1 else "agree"
    return f"{plural(count, 'case')} {agree}{not_run}", GREEN if report.conclusion.passed else RED


def width(text: str) -> int:
    """Return how wide a text is in DejaVu Sans, in whole pixels; Verdana's letters are about as wide."""
    import matplotlib as mpl  # noqa: PLC0415 - it is loaded where there is a badge to write
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415 - the same

    font = FT2Font(f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf")
    font.set_size(FONT_SIZE, 72)  # at 72 dots an inch a point is a pixel
    glyphs = (font.load_glyph(font.get_char_index(ord(letter))) for letter in text)
    return round(sum(glyph.linearHoriAdvance for glyph in glyphs) / 2**16)  # in FreeType's fixed point
