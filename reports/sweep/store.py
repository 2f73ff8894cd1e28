"""A sweep's folder: what was asked for, and a Parquet dataset with a file for each finished task.

A file appears whole or not at all, so a sweep can be killed at any moment and read while it runs:

>>> import pandas
>>> frame = pandas.read_parquet("sweep/rows")  # doctest: +SKIP
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from reports.sweep.plan import Plan, Task

# The version of the columns; it grows whenever their meaning changes.
SCHEMA: Final = 1


class OtherSweepError(Exception):
    """The folder holds another sweep, or something that is none; the message says what to do."""


@dataclass(frozen=True)
class Store:
    folder: Path

    @property
    def rows(self) -> Path:
        """The Parquet dataset."""
        return self.folder / "rows"

    def open(self, plan: Plan, versions: dict[str, str], *, resume: bool) -> None:
        """Begin a sweep, or go on with the one that is here.

        Raises
        ------
        OtherSweepError
            If there is one already and it is not to be resumed, or it was asked for something else.
        """
        asked = json.loads(json.dumps({"schema": SCHEMA, "plan": asdict(plan), "versions": versions}))
        present = self._description()
        if present is None:
            self.rows.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / "sweep.json", json.dumps(asked, indent=2) + "\n")
        elif not resume:
            raise OtherSweepError(f"{self.folder} holds a sweep already; --resume goes on with it")
        elif present != asked:
            raise OtherSweepError(f"{self.folder} holds another sweep: {_difference(present, asked)}")

    def _description(self) -> dict[str, Any] | None:
        """Return what the sweep in this folder was asked for, or None where there is none."""
        try:
            description = json.loads((self.folder / "sweep.json").read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            description = None
        if not isinstance(description, dict):
            raise OtherSweepError(f"{self.folder / 'sweep.json'} is not of a sweep")
        return description

    @property
    def done(self) -> frozenset[str]:
        """The names of the finished tasks."""
        return frozenset(path.stem for path in self.rows.glob("*.parquet"))

    def write(self, task: Task, table: pd.DataFrame) -> None:
        """Add the rows of a task."""
        unfinished = self.rows / f".{task.name}-{os.getpid()}"
        table.to_parquet(unfinished, index=False)
        unfinished.replace(self.rows / f"{task.name}.parquet")

    def tables(self) -> Iterator[pd.DataFrame]:
        """Give the tables of all finished tasks, in the order of their cases."""
        for path in sorted(self.rows.glob("*.parquet")):
            yield pd.read_parquet(path)


def write_whole(path: Path, text: str) -> None:
    """Write a temporary file in the same folder, and move it to `path`."""
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    unfinished.replace(path)


def _difference(present: dict[str, Any], asked: dict[str, Any]) -> str:
    """Say in which entries two descriptions differ."""
    old, new = ({**given.get("plan", {}), **given, "plan": None} for given in (present, asked))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return "; ".join(f"its {name} is {old.get(name)}, asked for is {new.get(name)}" for name in names)
