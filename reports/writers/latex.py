r"""tables.tex: the tables of a paper, each as a `longtable` that pdflatex sets, in ASCII.

Put `\usepackage{array,booktabs,longtable}` into the preamble, and `\input{tables}` where they are to be.
What LaTeX would read as a command is escaped, and mathematics is written as such.
"""

import math
import re
import tomllib
import unicodedata
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from cases.errors import printable
from reference import parts
from reports.notation import Notation
from reports.report import Report, Table

HEAD: Final = """% Made by {command}, {made}.
% In the preamble: \\usepackage{{array,booktabs,longtable}}
"""

# The columns that are set in lines of a part of a page's width; the others are as wide as they are.
WIDTHS: Final = {
    "what follows": 0.15, "verdict": 0.09, "reason": 0.18,
    "claimed": 0.11, "should be": 0.11, "cause": 0.2, "see": 0.09,
}  # fmt: skip

# The columns that name quantities, which are set as mathematics.
QUANTITIES: Final = ("quantity", "first at", "element")
LEFT_OUT: Final = "explanation"  # a column that a paper has no room for: the case's own reason says as much
MATRICES: Final = Notation(0, scalar=False)
_SYMBOLS: Final = re.compile(r"[∂LσWwbzaŷxy'()/₀-₉\u0302]+")

# Signs as LaTeX writes them: such as it reads as a command, others of text, of mathematics only, and accents.
_SIGNS: Final = tomllib.loads(Path(__file__).with_name("latex_signs.toml").read_text(encoding="utf-8"))
MARKS, SIGNS, MATHEMATICS, ACCENTS = (_SIGNS[name] for name in ("MARKS", "SIGNS", "MATHEMATICS", "ACCENTS"))
_RAISED: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱᵀᵗᶻˣʸ", "0123456789+-()niTtzxy")
_LOWERED: Final = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑᵢⱼₖₙₓ", "0123456789+-()aeijknx")
_PIECES: Final = re.compile(
    rf"(?P<raised>[{''.join(map(chr, _RAISED))}]+)|(?P<lowered>[{''.join(map(chr, _LOWERED))}]+)"
    r"|(?<![\w.])(?P<number>-?\d+(?:\.\d+)?)(?:e(?P<power>[+-]?\d+))?(?![\w.])"
    r"|(?P<sign>.)",
    re.DOTALL,
)
# Between two signs that would be printed as one other.
_LIGATURES: Final = re.compile(r"(?<=-)(?=-)|(?<=')(?=')|(?<=,)(?=,)|(?<=[!?])(?=`)")


def tables(report: Report) -> str:
    made = report.environment
    command = printable(made.command).encode("ascii", "backslashreplace").decode()  # in a comment
    chosen = (table for table in report.tables if "latex" in table.also_in)
    tried = [parts.tried(f"“{table.heading}”", _table, table) for table in chosen]
    texts = (f"{escape(str(one))}\n" if isinstance(one, parts.FailedPart) else one for one in tried if one)
    return "\n".join((HEAD.format(command=command, made=made.made), *texts))


def _table(of: Table) -> str:
    if of.frame.empty:
        return ""
    frame, case, notation = of.frame.drop(columns=LEFT_OUT, errors="ignore"), of.case, MATRICES
    if case:
        is_scalar = all(math.prod(shape) == 1 for shape in case.shapes.values())
        notation = Notation(case.depth, scalar=is_scalar)
    return table(frame, of.heading, of.name, of.about, notation)


def table(
    frame: pd.DataFrame, caption: str, label: str, about: str = "", notation: Notation = MATRICES
) -> str:
    """Return a frame as a `longtable` in small type below what it is `about`, with everything in it escaped.

    The label is written after `tab:`, with a hyphen for each sign that a label had better not have.
    """
    cells = frame.reset_index(drop=True).astype(object)
    for name in cells.columns:
        write = partial(quantity, notation=notation) if name in QUANTITIES else escape
        cells[name] = [write(str(value)) for value in cells[name]]
    cells.columns = pd.Index([escape(name) for name in cells.columns])
    text = cells.style.hide(axis="index").to_latex(
        environment="longtable",
        hrules=True,
        column_format="".join(map(_column, frame.columns)),
        caption=escape(caption),
        label="tab:" + re.sub(r"[^A-Za-z0-9:/.]", "-", label),
    )
    return f"{{\\scriptsize\\setlength{{\\tabcolsep}}{{3pt}}\n{escape(about)}\n{text}}}\n"


def quantity(text: str, notation: Notation) -> str:
    """Return a quantity's name as mathematics, and what follows it as text: its element, its step."""
    name = re.split(r"[\[,( ]", text, maxsplit=1)[0]
    rest = text.removeprefix(name)
    symbol, _, kind = notation.name(name).partition(" ")
    written = mathematics(symbol) if _SYMBOLS.fullmatch(symbol) else escape(symbol)
    if notation.scalar:
        rest = re.sub(r"^\[[\d, ]*\]", "", rest)
    return f"{written} {escape(kind)}".strip() + escape(rest)


def _column(name: str) -> str:
    return f">{{\\raggedright\\arraybackslash}}p{{{WIDTHS[name]}\\linewidth}}" if name in WIDTHS else "l"


def escape(text: str) -> str:
    """Return text as LaTeX that prints it, in ASCII.

    A sign that no font of pdflatex's has is written as its number: U+7528. pylatexenc has more signs, but
    writes commands that need packages and encodings which a paper may not load.
    """
    letters = [""]
    for piece in _PIECES.finditer(_LIGATURES.sub("\u2060", text)):
        if piece["sign"] in ACCENTS:
            letters[-1] = f"{ACCENTS[piece['sign']]}{{{letters[-1]}}}"
        else:
            letters.append(_piece(piece))
    return "".join(letters)


def mathematics(text: str) -> str:
    """Return a formula in Unicode, such as ∂L/∂W₂, as one of LaTeX."""
    formula = re.sub("(.)\u0302", r"\\hat{\1}", unicodedata.normalize("NFD", text))
    for sign, command in MATHEMATICS.items():
        formula = formula.replace(sign, f"{command} ")
    formula = _PIECES.sub(lambda piece: _run(piece) or piece[0], formula)
    return _math(" ".join(formula.split()))


def _piece(piece: re.Match[str]) -> str:
    """Return a number with its power of ten, or what is raised or lowered, or a single sign."""
    if run := _run(piece):
        return _math(run)
    if piece["number"] is None:
        return _sign(piece["sign"])
    if piece["power"] is None:
        return _math(piece["number"]) if piece["number"].startswith("-") else piece["number"]
    return _math(f"{piece['number']} \\times 10^{{{int(piece['power'])}}}")


def _run(piece: re.Match[str]) -> str:
    if piece["raised"]:
        return f"^{{{piece['raised'].translate(_RAISED)}}}"
    return f"_{{{piece['lowered'].translate(_LOWERED)}}}" if piece["lowered"] else ""


def _sign(sign: str) -> str:
    if sign in MATHEMATICS:
        return _math(MATHEMATICS[sign])
    if command := MARKS.get(sign) or SIGNS.get(sign):
        return command
    if sign.isascii():
        return sign if sign.isprintable() else " "
    letter = unicodedata.normalize("NFD", sign)
    if letter[0].isascii() and set(letter[1:]) <= set(ACCENTS):
        return escape(letter)
    return f"U+{ord(sign):04X}"


def _math(formula: str) -> str:
    return f"\\ensuremath{{{formula}}}"
