"""From a figure to an `<svg>` element that stands in a page beside others, in its colours and in its font."""

import re
import warnings
from collections import Counter
from html import escape
from io import StringIO
from typing import Final

from matplotlib.figure import Figure

from cases.errors import printable
from reports.pictures.style import INK

# How many times its own size a picture is shown at most, on a wide screen.
LARGEST: Final = 1.6

NO_METADATA: Final = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def inline(drawn: Figure, name: str, title: str, alternative: str) -> str:
    """Return a drawing as an element; every id in it begins with `name`.

    matplotlib's own text would do as a file. In a page its style would reach all other drawings, its ids
    would clash with theirs, and black would be unreadable in dark mode. What no screen can show, as in a
    case's name, is written as an escape.
    """
    file = StringIO()
    with warnings.catch_warnings():  # the page's font has letters that the one which measures here has not
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        drawn.savefig(file, format="svg", metadata=NO_METADATA)
    text = file.getvalue()
    inside = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    whole = _opened(text, name, title, alternative) + _in_classes(_own_ids(_shorter(inside), name), name)
    return printable(f"{whole}</svg>")


def _opened(text: str, name: str, title: str, alternative: str) -> str:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    if found is None:
        raise ValueError("matplotlib wrote no viewBox")
    width, height = (float(size) for size in found.groups())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-labelledby="{name}-svg-title {name}-svg-desc" stroke-linejoin="round" '
        f'style="width:100%;max-width:{LARGEST * width:.0f}px;height:auto;color:inherit">'
        f'<title id="{name}-svg-title">{escape(title)}</title>'
        f'<desc id="{name}-svg-desc">{escape(alternative)}</desc>'
    )


def _shorter(text: str) -> str:
    """Leave out what the page has or nobody sees, and let the page's font and colour through."""
    for unwanted in (r"<metadata>.*?</metadata>", r'<style type="text/css">.*?</style>', r"<!--.*?-->"):
        text = re.sub(unwanted, "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", lambda found: _shorter_tag(found[0]), text)
    text = re.sub(r">\s+<", "><", text).strip()
    single = r'<g(?: id="[^"]*")?>(<(?:path|use|text) [^>]*(?:/>|>[^<]*</text>))</g>'
    for _ in range(3):  # the groups are nested
        text = re.sub(single, r"\1", text)
    return text


def _shorter_tag(tag: str) -> str:
    """Shorten what stands in one tag's attributes; between the tags stands text, which is left as it is."""
    tag = " ".join(tag.split()).replace("xlink:href", "href").replace(INK, "currentColor")
    tag = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", tag)
    tag = re.sub(r' (?:d|x|y|transform)="[^"]*"', lambda found: _rounded(found[0]), tag)
    tag = re.sub(r"font-family: [^;]*;", "", tag)
    return re.sub(r'style="[^"]*"', lambda found: re.sub(r"([:;]) ", r"\1", found[0]), tag)


def _rounded(attribute: str) -> str:
    """Round its numbers to a tenth of a point, and leave out the spaces that no reader of paths needs."""
    rounded = re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), attribute)
    return re.sub(r'(?<=[\d"MLCz]) ?([MLCz]) ?(?=["\dMLCz-])', r"\1", rounded).replace(' "', '"')


def _in_classes(text: str, name: str) -> str:
    """Say once what several parts have in common; the classes' names begin with the picture's."""
    counts = Counter(re.findall(r'style="([^"]*)"', text))
    classes = {
        style: f"{name}-{place}"
        for place, (style, count) in enumerate(counts.items())
        if count > 2  # noqa: PLR2004 - from three on it is shorter
    }
    text = re.sub(
        r'style="([^"]*)"',
        lambda found: f'class="{classes[found[1]]}"' if found[1] in classes else found[0],
        text,
    )
    return f"<style>{''.join(f'.{word}{{{style}}}' for style, word in classes.items())}</style>{text}"


def _own_ids(text: str, name: str) -> str:
    """Drop the ids that nothing refers to, and begin the others with the picture's name."""
    used = set(re.findall(r"#([\w.-]+)\)|href=\"#([\w.-]+)\"", text))
    wanted = {one or other for one, other in used}

    def renamed(found: re.Match[str]) -> str:
        return f' id="{name}-{found[1]}"' if found[1] in wanted else ""

    text = re.sub(r' id="([^"]*)"', renamed, text)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
