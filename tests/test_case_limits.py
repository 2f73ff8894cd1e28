"""What reading a hostile file of up to 1 MiB may take: it gives a case or its defects, and is not ended."""

import json
import subprocess
import sys
from pathlib import Path

from hostile_files import CHEAP, COSTLY

# Of the costly ones those that are read without --slow; and one with less memory than any file needs.
SOME = ("unknown keys", "layers of misspelt keys")
TOO_LITTLE = "formats that are none@1000000"


def test_a_hostile_file_is_read_or_refused_and_one_that_takes_too_much_is_ended(pytestconfig):
    """Each is ended at 20 s or 500 MB, far more than any of them needs."""
    names = [TOO_LITTLE, *(COSTLY if pytestconfig.getoption("--slow") else SOME), *CHEAP]
    read = [sys.executable, Path(__file__).with_name("hostile_files.py"), *names]
    done = subprocess.run(read, capture_output=True, text=True, check=True)
    ended, *measured = map(json.loads, done.stdout.splitlines())
    assert "raised MemoryError" in ended["message"]
    assert len(measured) == len(names) - 1
    for one in measured:
        assert one["status"] == 0, one
        assert one["bytes"] <= 2**20, one
        assert one["message"] == "a case" or ", expected " in one["message"], one
