"""The drawing of a tape as a figure of HTML: an inline SVG without scripts, and a caption in words."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from markupsafe import Markup, escape

from cases import Problem
from cases.defects import printable
from reference import tape
from reports.drawing.layout import HEIGHT, WIDTH, Box, Edge, Layout, layout
from reports.drawing.told import all_who, by_quantity, first_wrong, sentence, told
from reports.runs.rows import Row

LEGEND: Final = (
    "The number in each box is the largest part of its tolerance that anybody used, over all steps and "
    "number formats; at most 1 agrees."
)

FIGURE: Final = Markup(
    '<figure class="tape"><div role="group" aria-label="{title}" tabindex="0">'
    '<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
    'aria-labelledby="{name}-t {name}-d">{parts}</svg></div>'
    "<figcaption>{words} {legend}</figcaption></figure>"
)

# Names of more characters are written smaller.
LONG: Final = 12


def tape_drawing(problem: Problem, rows: Sequence[Row]) -> Markup:
    """Draw one training step of a case as its tape, each line with the worst that was found there.

    Parameters
    ----------
    problem
        The case in any of its number formats.
    rows
        What was found on this case, by all implementations in all steps and formats.
    """
    drawn, first, found = layout(problem), first_wrong(rows), by_quantity(rows)
    name = f"tape-{quote(problem.case, safe='')}"
    wrong = first.finding.quantity if first else ""
    words = printable(sentence(rows))
    parts = [
        Markup('<title id="{0}-t">{1}</title><desc id="{0}-d">{2} {3} {4}</desc>').format(
            name, _title(problem), words, LEGEND, _lines(problem, drawn, found)
        ),
        *_labels(drawn, problem),
        Markup('<path class="wires" d="{}"/><path class="heads" d="{}"/>').format(
            "".join(map(_path, drawn.edges)), "".join(map(_head, drawn.edges))
        ),
        *(_box(box, drawn, _rows(box, found), wrong) for box in drawn.boxes),
    ]
    if first is not None:
        parts += [_who(box, all_who(rows, first)) for box in drawn.boxes if wrong in box.names]
    return FIGURE.format(
        name=name,
        title=_title(problem),
        width=drawn.width,
        height=drawn.height,
        parts=Markup("").join(parts),
        words=words,
        legend=LEGEND,
    )


def _title(problem: Problem) -> str:
    return f"The training step of {printable(problem.case)} as its tape"


def _lines(problem: Problem, drawn: Layout, found: Mapping[str, Sequence[Row]]) -> str:
    """Tell the same in words: each line that is shown with its equation and the worst there."""
    equations = {line.name: f"{line.name} = {line.equation}" for line in tape(problem)}
    told_of = [
        f"{_name(box, drawn) if box.is_tall else equations[box.names[0]]}: {told(_rows(box, found)).word}"
        for box in drawn.boxes
        if box.is_line
    ]
    return f"{'; '.join(told_of)}."


def _name(box: Box, drawn: Layout) -> str:
    return f"… {drawn.hidden} more layers" if box.is_tall else box.names[0]


def _rows(box: Box, found: Mapping[str, Sequence[Row]]) -> list[Row]:
    return [row for name in box.names for row in found.get(name, ())]


def _labels(drawn: Layout, problem: Problem) -> list[Markup]:
    """Name the layers above their columns, and the three parts beside their rows."""
    write = Markup('<text class="l" x="{}" y="{}">{}</text>')
    parts = zip(("forward →", "← backward", "update"), drawn.bands, strict=True)
    units = {k: len(problem.parameters[f"b{k}"]) for k, _ in drawn.layers}
    above = [
        write.format(x, 14, f"layer {k}: {problem.activations[k - 1]}, {units[k]} unit{'s' * (units[k] > 1)}")
        for k, x in drawn.layers
    ]
    return above + [write.format(0, y + HEIGHT // 2 + 4, part) for part, y in parts]


def _path(edge: Edge) -> str:
    """Return a wire as the commands of an SVG path: M, then H and V by turns."""
    (x, y), *others = edge.points
    told = f"M{x} {y}"
    for to_x, to_y in others:
        told += (f"H{to_x}" if to_x != x else "") + (f"V{to_y}" if to_y != y else "")
        x, y = to_x, to_y
    return told


def _head(edge: Edge) -> str:
    """Return the head of a wire's arrow, as the commands of an SVG path."""
    (before_x, before_y), (x, y) = edge.points[-2:]
    if before_y == y:
        back = -6 if before_x < x else 6
        return f"M{x} {y}l{back}-3v6z"
    back = -6 if before_y < y else 6
    return f"M{x} {y}l-3 {back}h6z"


def _box(box: Box, drawn: Layout, rows: Sequence[Row], wrong: str) -> Markup:
    found, name = told(rows), _name(box, drawn)
    is_first = bool(wrong) and wrong in box.names
    classes = " ".join(filter(None, (found.tint, "first" * is_first, "given" * (not box.is_line))))
    middle, half = box.x + box.width // 2, box.y + box.height // 2
    size = Markup(' class="s"') if len(name) > LONG else ""
    label = Markup('<text{} x="{}" y="{}">{}</text>').format(
        size, middle, half - 3 if box.is_line else half + 4, name
    )
    word = Markup('<text class="w" x="{}" y="{}">{}</text>').format(middle, half + 12, found.word)
    shown = printable(f"{found.word} ({found.who})") if found.who else ""
    title = Markup("<title>{}: {}</title>").format(name, shown) if shown else ""
    return Markup('<g class="{}">{}<rect x="{}" y="{}" width="{}" height="{}"/>{}{}</g>').format(
        classes, title, box.x, box.y, box.width, box.height, label, word if box.is_line else ""
    )


def _who(box: Box, who: str) -> Markup:
    write = Markup('<text class="who" x="{}" y="{}">first: {}</text>')
    return write.format(box.x + WIDTH // 2, box.y + box.height + 14, escape(printable(who)))
