r"""tables.tex: the tables of a paper, each as a `longtable` that pdflatex sets, in ASCII.

Put `\usepackage{array,booktabs,longtable}` into the preamble, and `\input{tables}` where they are to stand.
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import TYPE_CHECKING, Final

import pandas as pd

from cases.defects import printable
from reports.notation import Notation
from reports.report import DIRECTLY, KNOWN, LEGEND
from reports.tex import escape, mathematics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.report import Report

HEAD: Final = """% Made by {command}, {made}.
% In the preamble: \\usepackage{{array,booktabs,longtable}}
"""

WIDTHS: Final = {
    "what follows": 0.15, "verdict": 0.09, "reason": 0.18,
    "claimed": 0.11, "should be": 0.11, "cause": 0.2, "see": 0.09,
}  # fmt: skip
"""The columns that are set in lines of so much of a page's width; the others are as wide as they are."""

QUANTITIES: Final = ("quantity", "first at", "element")
"""The columns that name quantities, which stand as mathematics."""

PLAIN: Final = Notation(0, scalar=False)

_SYMBOLS: Final = re.compile(r"[∂LσWwbzaŷxy'()/₀-₉\u0302]+")


def tables(report: Report) -> str:
    """Return the matrix, each worked example, the known differences, and the frameworks set side by side."""
    made = report.environment
    command = printable(made.command).encode("ascii", "backslashreplace").decode()  # in a comment
    return "\n".join((HEAD.format(command=command, made=made.made), *_tables(report)))


def _tables(report: Report) -> Iterator[str]:
    yield table(report.matrix, "Each case by each adapter", "matrix", LEGEND)
    for example in report.examples:
        case = example.case
        told = example.table.drop(columns=["explanation"])  # the case's own reason says as much
        is_single = all(math.prod(shape) == 1 for shape in case.shapes.values())
        caption, about = f"Printed numbers: {case.name}", f"Source: {example.source}."
        yield table(told, caption, f"printed:{case.name}", about, Notation(case.depth, scalar=is_single))
    if not report.known.empty:
        yield table(report.known, "Known differences", "known", KNOWN)
    if not report.direct.empty:
        yield table(report.direct, report.direct_title, "direct", DIRECTLY)


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
