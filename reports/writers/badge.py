"""badge.svg: the verdict in a few words, as a picture for a project's page. It loads nothing."""

from typing import Final

from cases.errors import printable
from reports.conclusion import plural
from reports.outcome import Outcome, outcome
from reports.page.rendering import templates
from reports.report import Report
from reports.writers.markdown_text import shortened

LABEL: Final = "backprop parity"

# White letters stand out from each by more than the 4.5 to 1 that WCAG 2.1 (1.4.3) asks for.
GREEN, RED, GREY = "#2e6b34", "#a4161a", "#444444"

# In pixels: the size of the letters, and the room on either side of the words.
FONT_SIZE: Final = 11
PADDING: Final = 7
MAX_NAME: Final = 30  # characters of an adapter's name

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
    """Return how wide a text is at this size in DejaVu Sans, in whole pixels."""
    return round(sum(_WIDTHS.get(letter, 1300) for letter in text) * FONT_SIZE / 2048)
