"""badge.svg: the verdict in a few words, as a picture for a project's page. It loads nothing."""

from typing import Final

from markupsafe import escape

from cases.errors import printable
from reports.outcome import Outcome, failures, outcome, plural
from reports.report import Report
from reports.writers.markdown_text import shortened

LABEL: Final = "backprop parity"

# White letters stand out from each by more than the 4.5 to 1 that WCAG 2.1 (1.4.3) asks for.
GREEN, RED, GREY = "#2e6b34", "#a4161a", "#444444"

# Of the letters, in pixels.
FONT_SIZE: Final = 11

# Room on either side of the words, in pixels.
PADDING: Final = 7

# Characters of an adapter's name.
MAX_NAME: Final = 30

# How far each letter of DejaVu Sans advances, of 2048 for its size; Verdana's are about the same.
_WIDTHS: Final = {
    letter: width
    for letters, width in (
        ("'", 563), ("ijl", 569), ("IJ", 604), (" ,.", 651), ("/:;\\|", 690), ("f", 721), ("-", 739),
        ("()[]", 799), ("t", 803), ("!", 821), ("r", 842), ('"', 942), ("*_`", 1024), ("s", 1067),
        ("z", 1075), ("?", 1087), ("c", 1126), ("L", 1141), ("F", 1178), ("k", 1186), ("vxy", 1212),
        ("P", 1235), ("TY", 1251), ("o", 1253), ("a", 1255), ("e", 1260), ("E", 1294), ("hnu", 1298),
        ("Sbdgpq", 1300), ("$0123456789{}", 1303), ("K", 1343), ("AV", 1401), ("XZ", 1403), ("B", 1405),
        ("R", 1423), ("C", 1430), ("U", 1499), ("N", 1532), ("H", 1540), ("D", 1577), ("G", 1587),
        ("&", 1597), ("OQ", 1612), ("w", 1675), ("#+<=>^~", 1716), ("M", 1767), ("%", 1946), ("m", 1995),
        ("W", 2025), ("@", 2048),
    )
    for letter in letters
}  # fmt: skip

_TEMPLATE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" viewBox="0 0 {width} 20" role="img" \
aria-label="{label}: {words}">
<title>{title}</title>
<path d="M3 0H{left}V20H3A3 3 0 0 1 0 17V3A3 3 0 0 1 3 0" fill="{grey}"/>
<path d="M{left} 0H{right}A3 3 0 0 1 {width} 3V17A3 3 0 0 1 {right} 20H{left}" fill="{colour}"/>
<g fill="#ffffff" font-family="Verdana, DejaVu Sans, sans-serif" font-size="{size}">
<text x="{padding}" y="14" textLength="{first}" lengthAdjust="spacingAndGlyphs">{label}</text>
<text x="{second_at}" y="14" textLength="{second}" lengthAdjust="spacingAndGlyphs">{words}</text>
</g>
</svg>
"""


def badge(report: Report) -> str:
    """Return the badge. What a pointer over it shows, and a screen reader reads, is the whole verdict."""
    words, colour = message(report)
    first, second = width(LABEL), width(words)
    left, whole = first + 2 * PADDING, first + second + 4 * PADDING
    return _TEMPLATE.format(
        label=LABEL,
        words=escape(words),
        title=escape(shortened(report.conclusion.headline)),
        width=whole,
        left=left,
        right=whole - 3,
        first=first,
        second=second,
        second_at=left + PADDING,
        padding=PADDING,
        size=FONT_SIZE,
        grey=GREY,
        colour=colour,
    )


def message(report: Report) -> tuple[str, str]:
    rows = report.results.rows
    count = len({row.subject.case for row in rows})
    if not any(row.compared for row in rows):
        return "nothing compared", RED
    if first := failures(rows):
        failing = len({row.subject.case for row in first})
        differ = all(outcome(row) is Outcome.DIFFERS for row in first)
        verb = ("differs" if failing == 1 else "differ") if differ else "not in agreement"
        return f"{failing:,} of {plural(count, 'case')} {verb}", RED
    absent = dict.fromkeys(row.subject.adapter for row in rows if outcome(row) is Outcome.NOT_RUN)
    not_run = "".join(f", {shortened(printable(name), MAX_NAME)} not run" for name in absent)
    agree = "as expected" if report.conclusion.known else "agrees" if count == 1 else "agree"
    return f"{plural(count, 'case')} {agree}{not_run}", GREEN if report.conclusion.passed else RED


def width(text: str) -> int:
    """Return how wide a text is at this size in DejaVu Sans, in whole pixels."""
    return round(sum(_WIDTHS.get(letter, 1300) for letter in text) * FONT_SIZE / 2048)
