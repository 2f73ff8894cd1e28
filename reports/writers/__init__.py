"""The formats that a report is written in; each has one module here. This file is imported by `--help`."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

# How the files of each format end.
FORMATS: Final = {
    "html": ".html", "markdown": ".md", "csv": ".csv", "json": ".json", "svg": ".svg", "latex": ".tex",
}  # fmt: skip
USUAL: Final = tuple(name for name in FORMATS if name != "latex")  # a paper's tables are wanted by few

Writer = TypeVar("Writer")


def chosen(writers: Mapping[str, Writer], formats: Sequence[str] = ()) -> dict[str, Writer]:
    """Return those of the files, by name, that belong to the formats; by default to the usual ones."""
    ends = tuple(FORMATS[name] for name in formats or USUAL)
    return {name: writer for name, writer in writers.items() if name.endswith(ends)}
