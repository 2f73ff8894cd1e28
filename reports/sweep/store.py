"""A sweep's folder: what was asked for, and a Parquet dataset with a file for each task that is done.

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

# Of the columns; it grows whenever their meaning changes.
SCHEMA: Final = 1


class OtherSweepError(Exception):
    """The folder holds another sweep, or something that is none; the message says what to do."""


@dataclass(frozen=True)
class Store:
    """A sweep's folder."""

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
        found = self._described()
        if found is None:
            self.rows.mkdir(parents=True, exist_ok=True)
            _write_whole(self.folder / "sweep.json", (json.dumps(asked, indent=2) + "\n").encode())
        elif not resume:
            raise OtherSweepError(f"{self.folder} holds a sweep already; --resume goes on with it")
        elif found != asked:
            raise OtherSweepError(f"{self.folder} holds another sweep: {_difference(found, asked)}")

    def _described(self) -> dict[str, Any] | None:
        """Return what the sweep in this folder was asked for, or None where there is none."""
        try:
            found = json.loads((self.folder / "sweep.json").read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise OtherSweepError(f"{self.folder / 'sweep.json'} is not of a sweep")
        return found

    @property
    def done(self) -> frozenset[str]:
        """The names of the tasks that are done."""
        return frozenset(path.stem for path in self.rows.glob("*.parquet"))

    def write(self, task: Task, table: pd.DataFrame) -> None:
        """Add what a task gave."""
        unfinished = self.rows / f".{task.name}-{os.getpid()}"
        table.to_parquet(unfinished, index=False)
        unfinished.replace(self.rows / f"{task.name}.parquet")

    def tables(self) -> Iterator[pd.DataFrame]:
        """Give the tables of all tasks that are done, in the order of their cases."""
        for path in sorted(self.rows.glob("*.parquet")):
            yield pd.read_parquet(path)


def _write_whole(path: Path, data: bytes) -> None:
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    unfinished.write_bytes(data)
    unfinished.replace(path)


def _difference(found: dict[str, Any], asked: dict[str, Any]) -> str:
    """Say in which entries two descriptions differ."""
    one, other = ({**given.get("plan", {}), **given, "plan": None} for given in (found, asked))
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return "; ".join(f"its {name} is {one.get(name)}, asked for is {other.get(name)}" for name in names)
