"""The measurement as people read it: a section of Markdown, a part of the page, tables for files."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from reports.power import tables
from reports.power.records import records
from reports.power.results import Power
from reports.power.sentences import FAULTS, FIRST, LEGEND, sentences
from reports.writers.markdown_text import Section, item, table_head, table_rows

TITLE = "What this suite catches, beside the usual tools"


def to_frames(power: Power) -> dict[str, pd.DataFrame]:
    """Return every table by name.

    For reading: "tools", "by_kind", "by_mistake", "by_case", "matrix", "by_quantity". In full, a line for
    each measurement: "mistakes", "faults", "false_alarms".
    """
    return {
        "tools": tables.tools(power),
        "by_kind": tables.by_kind(power.faults),
        "by_mistake": tables.by_mistake(power.meetings),
        "by_case": tables.by_case(power.coverage),
        "matrix": tables.matrix(power.meetings),
        "by_quantity": tables.by_quantity(power.faults),
        **records(power),
    }


def to_sections(power: Power) -> Iterator[Section]:
    """Give the sections of the Markdown summary.

    The smallest fault in each quantity of each case is left to the page and to "by_quantity": it is long.
    """
    frames = to_frames(power)
    yield Section(TITLE, lines=tuple(map(item, sentences(power))))
    for title, legend, name in SECTIONS:
        frame = frames[name]
        yield Section(title, legend, table_head(frame), table_rows(frame), level=3)


def to_page(power: Power) -> dict[str, Any]:
    """Return what the page shows: "sentences"; "sections" of title, legend, table; "by_quantity"."""
    frames = to_frames(power)
    by_quantity = frames["by_quantity"].groupby(["case", "dtype"], sort=False)
    return {
        "sentences": list(sentences(power)),
        "sections": [(title, legend, frames[name]) for title, legend, name in SECTIONS],
        "by_quantity": [(" ".join(map(str, group)), frame) for group, frame in by_quantity],
    }


# The title, the legend and the table of each part.
SECTIONS = (
    ("Mistakes caught, and false alarms", LEGEND, "tools"),
    ("The smallest relative fault that is caught", FAULTS, "by_kind"),
    ("Each mistake: in how many cases it is caught", "", "by_mistake"),
    ("Each mistake in each case: where it is caught first", FIRST, "matrix"),
    ("What each case adds", "Mistakes are counted once for each number format.", "by_case"),
)
