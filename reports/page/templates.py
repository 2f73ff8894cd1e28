"""The templates of the page, and what they may call; whatever they show is escaped."""

from collections.abc import Iterable

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reference.parts import FailedPart, counted
from reports.page.anchors import case_anchor, failure_anchor
from reports.page.threads import thread
from reports.page.tints import tint


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
    made.tests["failed"] = lambda one: isinstance(one, FailedPart)
    made.globals.update(
        counted=counted,
        tint=tint,
        thread=thread,
        case_anchor=case_anchor,
        failure_anchor=failure_anchor,
        has_section=set(cases).__contains__,
    )
    return made


def shown(value: object) -> object:
    """Write what no screen can show as escapes: an adapter's message may hold anything.

    A part that failed is told in its place.
    """
    if isinstance(value, FailedPart):
        return Markup('<span class="failed">{}.</span>').format(shown(str(value)))
    if type(value) is not str or value.isprintable():
        return value
    return "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in value)
