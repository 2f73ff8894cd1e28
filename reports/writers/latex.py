r"""tables.tex: the tables of a paper, each as a `longtable` that pdflatex sets, as wide as the page.

Put `\usepackage{amssymb,array,booktabs,CJKutf8,longtable,pdflscape}` into the preamble, and `\input{tables}`
where they are to be. What LaTeX would read as a command is escaped, mathematics is written as such, and
Chinese is set in a font that has it; all else is ASCII. Columns share the width by the length of their words,
and a table that has no room across the page is turned.
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
% In the preamble: \\usepackage{{amssymb,array,booktabs,CJKutf8,longtable,pdflscape}}; set it three times.
"""

# In points, of an article in 10 pt on letter paper, upright and turned; of A4 it is a little more and less.
UPRIGHT, TURNED = 345.0, 550.0
LETTER: Final = 4.5  # the widest letters that are usual, in \\scriptsize
GAP: Final = 6.0  # on both sides of a column
USUAL_LENGTH: Final = 40  # letters of a cell, from which on it may as well take more lines

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
# Unified ideographs, of which the font gbsn has those in use in mainland China.
CHINESE: Final = re.compile(r"([\u4e00-\u9fa5]+)")
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
        write = partial(quantity, notation=notation) if name in QUANTITIES else broken
        cells[name] = [write(str(value)) for value in cells[name]]
    cells.columns = pd.Index([broken(name) for name in cells.columns])
    turned, columns = layout(frame)
    text = cells.style.hide(axis="index").to_latex(
        environment="longtable",
        hrules=True,
        column_format="".join(map(_column, columns)),
        caption=escape(caption),
        label="tab:" + re.sub(r"[^A-Za-z0-9:/.]", "-", label),
    )
    said = f"{{\\raggedright {broken(about)}\\par}}"
    set_small = f"{{\\scriptsize\\setlength{{\\tabcolsep}}{{3pt}}\n{said}\n{text}}}\n"
    return f"\\begin{{landscape}}\n{set_small}\\end{{landscape}}\n" if turned else set_small


def quantity(text: str, notation: Notation) -> str:
    """Return a quantity's name as mathematics, and what follows it as text: its element, its step."""
    name = re.split(r"[\[,( ]", text, maxsplit=1)[0]
    rest = text.removeprefix(name)
    symbol, _, kind = notation.name(name).partition(" ")
    written = mathematics(symbol) if _SYMBOLS.fullmatch(symbol) else escape(symbol)
    if notation.scalar:
        rest = re.sub(r"^\[[\d, ]*\]", "", rest)
    return f"{written} {escape(kind)}".strip() + escape(rest)


def layout(frame: pd.DataFrame) -> tuple[bool, list[float]]:
    """Return whether a table is turned, and each column's part of the line.

    A column has room for its longest word, and of what is left as much as its texts ask for.
    """
    texts = [[name, *map(str, frame.iloc[:, i])] for i, name in enumerate(frame.columns)]
    least = [LETTER * max(map(_longest_word, column)) for column in texts]
    wanted = [LETTER * min(USUAL_LENGTH, max(map(len, column))) for column in texts]
    gaps = GAP * len(texts)
    turned = sum(least) + gaps > UPRIGHT
    room = (TURNED if turned else UPRIGHT) - gaps
    asked = [max(want - need, 0.0) for want, need in zip(wanted, least, strict=True)]
    spare = max(room - sum(least), 0.0)
    part = min(1.0, spare / (sum(asked) or 1.0))
    widths = [need + part * more for need, more in zip(least, asked, strict=True)]
    shrunk = min(1.0, room / sum(widths))
    return turned, [math.floor(1000 * width * shrunk / (room + gaps)) / 1000 for width in widths]


def _longest_word(text: str) -> int:
    return max(map(len, re.split(r"[\s/]+|(?<=[\w)])-(?=\w)", text)), default=0)


def broken(text: str) -> str:
    """Escape text that may be broken behind each slash."""
    return "/\\allowbreak{}".join(map(escape, text.split("/")))


def _column(width: float) -> str:
    return f">{{\\raggedright\\arraybackslash}}p{{{width:.3f}\\linewidth}}"


def escape(text: str) -> str:
    """Return text as LaTeX that prints it, in ASCII but for Chinese.

    A sign that no font here has is written as its number: U+1F41B. pylatexenc has more signs, but writes
    commands that need packages and encodings which a paper may not load.
    """
    parts_of = CHINESE.split(text)  # each second one is Chinese
    return "".join(_chinese(part) if i % 2 else _escaped(part) for i, part in enumerate(parts_of))


def _chinese(text: str) -> str:
    return f"\\begin{{CJK*}}{{UTF8}}{{gbsn}}{text}\\end{{CJK*}}"


def _escaped(text: str) -> str:
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
