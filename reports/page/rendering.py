"""The templates of the page, and what they may call; whatever they show is escaped."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reference.parts import FailedPart, counted
from reports.outcome import Cell

# Where an expected difference is discussed.
PROJECTS: Final = {"pytorch": "pytorch/pytorch", "jax": "jax-ml/jax", "optax": "google-deepmind/optax"}
_THREAD: Final = re.compile(r"(\w+) #(\d+)")


def anchor(kind: str, *parts: str) -> str:
    """Return an id, which is its link after "#" too: "failure:nets/square:float64:torch".

    Different parts give different ids, because what joins them is escaped within each.
    """
    return ":".join((kind, *(quote(part, safe="/", errors="backslashreplace") for part in parts)))


def case_anchor(name: str) -> str:
    return anchor("case", name)


def failure_anchor(case: str, dtype: str, adapter: str) -> str:
    """Return the id of a failure's section: there is one for each case, number format and adapter."""
    return anchor("failure", case, dtype, adapter)


def thread(see: str) -> str:
    """Return the address of "pytorch #31110"; "" of any other text."""
    named = _THREAD.fullmatch(see)
    if named is None or named[1] not in PROJECTS:
        return ""
    return f"https://github.com/{PROJECTS[named[1]]}/issues/{named[2]}"


def css_class(value: object) -> str:
    """Return the class of a table's cell, which repeats what its words say: no cell needs it to be read."""
    return value.css_class if isinstance(value, Cell) else ""


def templates(cases: Iterable[str]) -> Environment:
    """Return the templates; a table links the names of these cases to their sections."""
    made = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests["failed"] = lambda value: isinstance(value, FailedPart)
    made.globals.update(
        counted=counted,
        css_class=css_class,
        thread=thread,
        case_anchor=case_anchor,
        failure_anchor=failure_anchor,
        has_section=set(cases).__contains__,
    )
    return made


def shown(value: object) -> object:
    """Write what no screen can show as escapes: an adapter's message may hold anything.

    A part that failed is named in its place.
    """
    if isinstance(value, FailedPart):
        return Markup('<span class="failed">{}.</span>').format(shown(str(value)))
    if isinstance(value, Cell):
        return shown(str(value))
    if type(value) is not str or value.isprintable():
        return value
    return "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in value)
