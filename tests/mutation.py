"""The mutation run: each fault of `tests/mutants.py` is planted, and the tests of its own place must see it.

    python tests/mutation.py                    all of them; minutes
    python tests/mutation.py --place bounded    those of one place; may be repeated
    python tests/mutation.py --few              the first of each place

A fault is planted into a copy of the packages and the tests, never here, and the copy's tests run until one
fails. The exit code is 1 where a fault is seen by nobody that is not called harmless, where a harmless one is
seen, and where the text that a fault is to replace does not stand exactly once in its file.
"""

import argparse
import compileall
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants import MUTANTS, TESTS, Mutant

ROOT = Path(__file__).parent.parent
COPIED = ("cases", "reference", "adapters", "reports", "tests", "pyproject.toml", "README.md")


class StaleError(Exception):
    """A fault's text is gone from its file, or stands there twice."""


def stale(mutant: Mutant, root: Path = ROOT) -> str:
    """Say why a fault cannot be planted, or nothing."""
    count = (root / mutant.file).read_text(encoding="utf-8").count(mutant.old)
    return "" if count == 1 else f"{mutant.file}: {mutant.old!r} stands there {count} times, expected once"


def copied(source: Path, target: Path) -> Path:
    """Copy packages and tests, with the times by which Python knows what it has compiled."""
    for name in COPIED:
        if (source / name).is_dir():
            ignored = shutil.ignore_patterns("out", ".hypothesis")
            shutil.copytree(source / name, target / name, ignore=ignored)
        else:
            shutil.copy2(source / name, target / name)
    return target


def plant(mutant: Mutant, root: Path) -> None:
    """Replace the text, which must stand there exactly once, and what Python has compiled of the file."""
    if reason := stale(mutant, root):
        raise StaleError(reason)
    file = root / mutant.file
    file.write_text(file.read_text(encoding="utf-8").replace(mutant.old, mutant.new), encoding="utf-8")
    for compiled in file.parent.glob(f"__pycache__/{file.stem}.*"):
        compiled.unlink()


def pytest_sessionstart():
    """Let hypothesis take no time to make a failure smaller, where pytest has this module as a plugin."""
    from hypothesis import Phase, settings

    settings.register_profile("planted", settings(), phases=[Phase.explicit, Phase.generate])
    settings.load_profile("planted")


def tested(root: Path, files: Sequence[str]) -> str:
    """Run test files of a copy, in a process of its own; return the first that fails, or nothing."""
    options = "-x -q -rfE --tb=no --hypothesis-seed=0 -p no:cacheprovider -p mutation".split()
    command = [sys.executable, "-m", "pytest", *options, *(f"tests/{name}.py" for name in files)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1, 2) or bool(done.returncode) != bool(failed):
        raise RuntimeError(f"pytest ended with {done.returncode} on {files}: {done.stdout}{done.stderr}")
    return failed[1] if failed else ""


def seen(mutant: Mutant, base: Path) -> str:
    """Plant a fault into a copy of its own, and return the test that sees it, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        root = copied(base, Path(folder))
        plant(mutant, root)
        return tested(root, TESTS[mutant.place])


def chosen(places: Sequence[str], *, few: bool) -> list[Mutant]:
    """Return the faults of these places, or of all; the first of each only, if few are asked for."""
    wanted = [mutant for mutant in MUTANTS if mutant.place in (places or TESTS)]
    return list({mutant.place: mutant for mutant in reversed(wanted)}.values()) if few else wanted


def outcome_of(mutant: Mutant, test: str) -> tuple[bool, str]:
    """Say whether it went as expected, and how."""
    if test:
        return not mutant.harmless, f"caught by {test.removeprefix('tests/')}"
    return bool(mutant.harmless), f"survived: {mutant.harmless or 'SEEN BY NOBODY'}"


def run(mutants: Sequence[Mutant], jobs: int) -> int:
    """Plant each, print the table, and return how many did not go as expected."""
    unexpected, caught = 0, 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        base = copied(ROOT, Path(folder))
        compileall.compile_dir(base, quiet=2)
        files = sorted({name for mutant in mutants for name in TESTS[mutant.place]})
        if failed := tested(base, files):
            raise SystemExit(f"{failed} fails with nothing planted")
        for mutant, future in [(mutant, pool.submit(seen, mutant, base)) for mutant in mutants]:
            expected, how = outcome_of(mutant, future.result())
            unexpected, caught = unexpected + (not expected), caught + how.startswith("caught")
            old, new = (" ".join(text.split()) or "nothing" for text in (mutant.old, mutant.new))
            print(f"{'' if expected else '!! '}{mutant.file}: {old}  →  {new}\n    {how}", flush=True)
    harmless = sum(bool(mutant.harmless) for mutant in mutants)
    print(f"{len(mutants)} planted, {caught} caught by the tests of their place, {harmless} without effect.")
    return unexpected


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--place", action="append", default=[], choices=TESTS)
    parser.add_argument("--few", action="store_true", help="the first of each place")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    mutants = chosen(given.place, few=given.few)
    if reasons := [reason for mutant in mutants if (reason := stale(mutant))]:
        print(*reasons, sep="\n")
        return 1
    return 1 if run(mutants, given.jobs) else 0


if __name__ == "__main__":
    sys.exit(main())
