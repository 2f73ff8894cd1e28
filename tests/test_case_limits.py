"""What reading a hostile file of up to 1 MiB may take: it gives a case or its defects, and is not ended."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_files import CHEAP, COSTLY

# Of the costly ones those that are read without --slow.
SOME = (
    "too many values",
    "numbers at infinity",
    "unknown keys",
    "layers of misspelt keys",
    "formats that are none",
    "printed steps without values",
)


def measured(*names, **environment):
    """Return what reading each takes: it is ended at 20 s or 500 MB, far more than any of them needs."""
    read = [sys.executable, Path(__file__).with_name("hostile_files.py"), *names]
    done = subprocess.run(read, capture_output=True, text=True, check=True, env=os.environ | environment)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_hostile_file_is_read_or_refused(pytestconfig: pytest.Config) -> None:
    names = [*(COSTLY if pytestconfig.getoption("--slow") else SOME), *CHEAP]
    for one in measured(*names):
        assert one["status"] == 0, one
        assert one["bytes"] <= 2**20, one
        assert one["message"] == "a case" or ", expected " in one["message"], one


def test_a_file_that_takes_too_much_would_be_ended() -> None:
    """The guard itself: with less than any file needs it trips."""
    (one,) = measured("formats that are none", MEMORY="1000000")
    assert "raised MemoryError" in one["message"]
