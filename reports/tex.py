"""Text for LaTeX, in ASCII: what it would read as a command is escaped, mathematics is written as such."""

import re
import unicodedata
from typing import Final

# What LaTeX reads as a command, or prints as something else.
MARKS: Final = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_",
    "%": r"\%", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}",
    "[": "{[}", "]": "{]}", "*": "{*}",  # after the end of a row, \\[ and \\* are commands
}  # fmt: skip

SIGNS: Final = {
    "–": "--", "—": "---", "…": r"\ldots{}", "“": "``", "”": "''", "‘": "`{}", "’": "'{}",
    "«": r"\textless{}\textless{}", "»": r"\textgreater{}\textgreater{}",
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "œ": r"\oe{}", "ł": r"\l{}",
    "§": r"\S{}", "©": r"\copyright{}", "\u00a0": "~", "\u202f": r"\,", "\u2009": r"\,",
    "\u2060": "{}",
}  # fmt: skip

_LOWER: Final = (
    "α β γ δ ε ζ η θ ι κ λ μ ν ξ π ρ σ τ υ φ χ ψ ω",
    (
        "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
        "upsilon varphi chi psi omega"
    ),
)
_UPPER: Final = "Γ Δ Θ Λ Ξ Π Σ Φ Ψ Ω", "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"

# What stands in mathematics only.
MATHEMATICS: Final = {
    **{
        letter: f"\\{name}"
        for letters, names in (_LOWER, _UPPER)
        for letter, name in zip(letters.split(), names.split(), strict=True)
    },
    "−": "-", "×": r"\times", "·": r"\cdot", "±": r"\pm", "÷": r"\div", "⊙": r"\odot", "⊗": r"\otimes",
    "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "≡": r"\equiv", "∝": r"\propto", "∞": r"\infty",
    "→": r"\to", "←": r"\leftarrow", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow", "∈": r"\in",
    "∂": r"\partial", "∇": r"\nabla", "∑": r"\sum", "∏": r"\prod", "∫": r"\int", "√": r"\surd",
    "∥": r"\parallel", "‖": r"\|",
    "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
    "µ": r"\mu", "ϵ": r"\epsilon", "°": r"^{\circ}",
    "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil", "⟨": r"\langle", "⟩": r"\rangle",
}  # fmt: skip

ACCENTS: Final = {
    "\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0304": r"\=", "\u0306": r"\u",
    "\u0307": r"\.", "\u0308": r"\"", "\u030a": r"\r", "\u030b": r"\H", "\u030c": r"\v", "\u0327": r"\c",
}  # fmt: skip

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


def escape(text: str) -> str:
    """Return text as LaTeX that prints it, in ASCII.

    A sign that no font of pdflatex's has is written as its number: U+7528.
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
    told = unicodedata.normalize("NFD", text)
    told = re.sub("(.)\u0302", r"\\hat{\1}", told)
    for sign, command in MATHEMATICS.items():
        told = told.replace(sign, f"{command} ")
    told = _PIECES.sub(lambda piece: _run(piece) or piece[0], told)
    return _math(" ".join(told.split()))


def _piece(piece: re.Match[str]) -> str:
    """Return a number with its power of ten, or what is raised or lowered, or a single sign."""
    run = _run(piece)
    if run:
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
    """Return one sign; an accented letter as the letter beneath its accent."""
    if sign in MATHEMATICS:
        return _math(MATHEMATICS[sign])
    told = MARKS.get(sign) or SIGNS.get(sign)
    if told is not None:
        return told
    if sign.isascii():
        return sign if sign.isprintable() else " "
    parts = unicodedata.normalize("NFD", sign)
    if parts[0].isascii() and set(parts[1:]) <= set(ACCENTS):
        return escape(parts)
    return f"U+{ord(sign):04X}"


def _math(told: str) -> str:
    return f"\\ensuremath{{{told}}}"
