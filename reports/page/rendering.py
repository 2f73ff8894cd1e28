"""The templates of the page, and what they may call; whatever they show is escaped."""

import base64
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from reference.parts import FailedPart, counted
from reports.outcome import Cell
from reports.page.drawing_address import drawing_address

# Where an expected difference is discussed.
PROJECTS: Final = {"pytorch": "pytorch/pytorch", "jax": "jax-ml/jax", "optax": "google-deepmind/optax"}
_THREAD: Final = re.compile(r"(\w+) #(\d+)")
_NOT_NEEDED: Final = re.compile("</(?:td|th|tr|li|dt|dd|thead|tbody)>")
TEMPLATES: Final = Path(__file__).parent.parent / "templates"
LONG_TEXT: Final = 36  # characters from which on a cell's text is folded


@dataclass(frozen=True)
class Script:
    """The one script of a page, and by what the page's policy allows it and no other: its hash."""

    text: Markup
    source: str


def script() -> Script:
    """Source: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    text = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return Script(Markup(text), f"sha256-{digest}")  # noqa: S704 - a file of this package


def anchor(kind: str, *parts: str) -> str:
    """Return an id, "failure:nets/square:float64:torch": what joins the parts is escaped within each."""
    return ":".join((kind, *(quote(part, safe="/", errors="backslashreplace") for part in parts)))


case_anchor = partial(anchor, "case")
walk_anchor = partial(anchor, "walk")
class_anchor = partial(anchor, "class")  # of a worked example alone on the page
failure_anchor = partial(anchor, "failure")  # of a case, a number format and an adapter


def thread(see: str) -> str:
    """Return the address of "pytorch #31110"; "" of any other text."""
    named = _THREAD.fullmatch(see)
    if named is None or named[1] not in PROJECTS:
        return ""
    return f"https://github.com/{PROJECTS[named[1]]}/issues/{named[2]}"


def templates(cases: Collection[str]) -> Environment:
    """Return the templates; a table links the names of these cases to their sections."""
    made = Environment(
        loader=PackageLoader("reports"), autoescape=True, undefined=StrictUndefined, finalize=shown,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.tests["failed"] = lambda value: isinstance(value, FailedPart)
    made.globals.update(
        counted=counted, td=td, drawing_address=drawing_address,
        case_anchor=case_anchor, failure_anchor=failure_anchor,
        walk_anchor=walk_anchor, class_anchor=class_anchor,
        table_rows=partial(table_rows, cases=cases), case_link=partial(case_link, cases=cases),
    )  # fmt: skip
    return made


def shown(value: object) -> object:
    """Write what no screen can show, in an adapter's message, as escapes; name a part that failed."""
    if isinstance(value, FailedPart):
        return Markup('<span class="failed">{}.</span>').format(shown(str(value)))
    if isinstance(value, Cell):
        return shown(str(value))
    if type(value) is not str or value.isprintable():
        return value
    return "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in value)


def without_end_tags(page: str) -> str:
    """Leave out the end tags that HTML does not need: they are a tenth of a page of tables.

    Source: https://html.spec.whatwg.org/multipage/syntax.html#optional-tags.
    """
    return _NOT_NEEDED.sub("", page)


def table_rows(frame: pd.DataFrame, cases: Collection[str]) -> Markup:
    """Return the rows of a table; they are built here and not by a macro: a page has 50,000 cells."""
    columns, rows = list(frame.columns), []
    for values in frame.itertuples(index=False, name=None):
        pairs = zip(columns, values, strict=True)
        head, *cells = [(value, _content(column, value, cases)) for column, value in pairs]
        rows.append(f'<tr><th scope="row">{head[1]}</th>{"".join(td(*cell) for cell in cells)}</tr>\n')
    return Markup("".join(rows))  # noqa: S704 - escaped cell by cell


def _content(column: str, value: object, cases: Collection[str]) -> Markup:
    if column == "case":
        return case_link(str(value), cases)
    if column == "see" and (address := thread(str(value))):
        return Markup('<a class="out" href="{}" rel="noreferrer">{}</a>').format(address, value)
    return escape(shown(value))


def td(value: object, content: Markup | None = None, link: str = "") -> Markup:
    """Return a table's cell: how a comparison comes out is tinted, which its words say too."""
    content = escape(shown(value)) if content is None else content
    name = "long" if isinstance(value, str) and len(value) > LONG_TEXT else getattr(value, "css_class", "")
    body = f'<a href="#{link}">{content}</a>' if link else content
    attribute = f' class="{name}"' if name else ""
    return Markup(f"<td{attribute}>{body}</td>")  # noqa: S704 - escaped, and no link has a quote


def case_link(name: str, cases: Collection[str]) -> Markup:
    """Return a case's name, which may break after its folder, with a link where the page has the case."""
    text = Markup("/<wbr>").join(str(shown(part)) for part in name.split("/"))
    return Markup('<a href="#{}">{}</a>').format(case_anchor(name), text) if name in cases else text
