"""What reading a hostile file of up to 1 MiB may take: it gives a case or its defects, and is not ended."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_files import CHEAP, COSTLY

MEASURE = Path(__file__).with_name("hostile_files.py")
# Of the costly ones those that are read without --slow.
SOME = (
    "too many values",
    "numbers at infinity",
    "unknown keys",
    "layers of misspelt keys",
    "formats that are none",
    "printed steps without values",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", chosen(metafunc.config))


def chosen(config: pytest.Config) -> list[str]:
    return [*(COSTLY if config.getoption("--slow") else SOME), *CHEAP]


@pytest.fixture(scope="module")
def measured(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """Return what reading each takes: it is ended at 20 s or 500 MB, far more than any of them needs."""
    read = [sys.executable, MEASURE, *chosen(request.config)]
    done = subprocess.run(read, capture_output=True, text=True, check=True)
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


def test_a_hostile_file_is_read_or_refused(name: str, measured: dict[str, dict[str, Any]]) -> None:
    assert measured[name]["status"] == 0
    assert measured[name]["bytes"] <= 2**20
    message = measured[name]["message"]
    assert message == "a case" or ", expected " in message


def test_a_file_that_takes_too_much_would_be_ended() -> None:
    """The guard itself: with less than any file needs it trips."""
    code = (
        "import hostile_files as h, pathlib, sys, tempfile\n"
        "h.MEMORY = 2**20; sys.path.insert(0, str(h.ROOT)); import cases\n"
        "print(h.measured('formats that are none', pathlib.Path(tempfile.mkdtemp())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=MEASURE.parent, capture_output=True, text=True, check=True
    )
    assert "raised MemoryError" in done.stdout
