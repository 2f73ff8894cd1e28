r"""tables.tex: the tables of a paper, each as a `longtable` that pdflatex sets, in ASCII.

Put `\usepackage{array,booktabs,longtable}` into the preamble, and `\input{tables}` where they are to stand.
"""

import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import pandas as pd

from cases.errors import printable
from reference import parts
from reference.parts import FailedPart
from reports.notation import Notation
from reports.report import DIRECTLY, KNOWN, LEGEND, Example, Report
from reports.tex import escape, mathematics

HEAD: Final = """% Made by {command}, {made}.
% In the preamble: \\usepackage{{array,booktabs,longtable}}
"""

# The columns that are set in lines of so much of a page's width; the others are as wide as they are.
WIDTHS: Final = {
    "what follows": 0.15, "verdict": 0.09, "reason": 0.18,
    "claimed": 0.11, "should be": 0.11, "cause": 0.2, "see": 0.09,
}  # fmt: skip

# The columns that name quantities, which stand as mathematics.
QUANTITIES: Final = ("quantity", "first at", "element")

PLAIN: Final = Notation(0, scalar=False)

_SYMBOLS: Final = re.compile(r"[∂LσWwbzaŷxy'()/₀-₉\u0302]+")


def tables(report: Report) -> str:
    """Give the matrix, worked examples, the expected differences, and the frameworks set side by side."""
    made = report.environment
    command = printable(made.command).encode("ascii", "backslashreplace").decode()  # in a comment
    return "\n".join((HEAD.format(command=command, made=made.made), *filter(None, _tables(report))))


def _tables(report: Report) -> Iterator[str]:
    """Give the tables; in the place of one that fails stands a line with the reason."""
    for caption, make in _made(report):
        made = parts.tried(f"“{caption}”", make)
        yield f"{escape(str(made))}\n" if isinstance(made, FailedPart) else made


def _made(report: Report) -> Iterator[tuple[str, Callable[[], str]]]:
    """Give the captions of the tables, each with what makes it: "" where there is nothing to tell."""
    title = "Each case by each adapter"
    yield title, lambda: table(report.matrix, title, "matrix", LEGEND)
    for example in report.examples:
        yield f"Printed numbers: {example.case.name}", partial(_printed, example)
    yield "Expected differences", lambda: _unless_empty(report.known, "Expected differences", "known", KNOWN)
    yield report.direct_title, lambda: _unless_empty(report.direct, report.direct_title, "direct", DIRECTLY)


def _printed(example: Example) -> str:
    case = example.case
    told = example.table.drop(columns=["explanation"])  # the case's own reason says as much
    is_single = all(math.prod(shape) == 1 for shape in case.shapes.values())
    caption, about = f"Printed numbers: {case.name}", f"Source: {example.source}."
    return table(told, caption, f"printed:{case.name}", about, Notation(case.depth, scalar=is_single))


def _unless_empty(frame: pd.DataFrame, caption: str, label: str, about: str) -> str:
    return "" if frame.empty else table(frame, caption, label, about)


def table(frame: pd.DataFrame, caption: str, label: str, about: str = "", notation: Notation = PLAIN) -> str:
    """Return a frame as a `longtable` in small type, with everything in it escaped.

    Parameters
    ----------
    caption
        As text.
    label
        Told after `tab:`, with a hyphen for each sign that a label had better not have.
    about
        What stands before it, as text.
    """
    told = frame.reset_index(drop=True).astype(object)
    for name in told.columns:
        tell = partial(quantity, notation=notation) if name in QUANTITIES else escape
        told[name] = [tell(str(value)) for value in told[name]]
    told.columns = pd.Index([escape(name) for name in told.columns])
    text = told.style.hide(axis="index").to_latex(
        environment="longtable",
        hrules=True,
        column_format="".join(map(_column, frame.columns)),
        caption=escape(caption),
        label="tab:" + re.sub(r"[^A-Za-z0-9:/.]", "-", label),
    )
    return f"{{\\scriptsize\\setlength{{\\tabcolsep}}{{3pt}}\n{escape(about)}\n{text}}}\n"


def quantity(text: str, notation: Notation) -> str:
    """Return a quantity's name as mathematics, and what stands behind it as text: its element, its step."""
    name = re.split(r"[\[,( ]", text, maxsplit=1)[0]
    behind = text.removeprefix(name)
    symbol, _, kind = notation.name(name).partition(" ")
    told = mathematics(symbol) if _SYMBOLS.fullmatch(symbol) else escape(symbol)
    if notation.scalar:
        behind = re.sub(r"^\[[\d, ]*\]", "", behind)
    return f"{told} {escape(kind)}".strip() + escape(behind)


def _column(name: str) -> str:
    return f">{{\\raggedright\\arraybackslash}}p{{{WIDTHS[name]}\\linewidth}}" if name in WIDTHS else "l"
