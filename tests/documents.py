"""The documents that people read, taken apart: blocks, headings and links, and what their commands print."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest

from reports import build

ROOT = Path(__file__).parent.parent
ROOMS = ("cases", "reference", "adapters", "reports", "tests")
BUILD, PYTEST = ".venv/bin/python -m reports.build", ".venv/bin/pytest"
# In what a command prints: the rest of a line or, alone on a line, any lines.
ANY = "…"
# How far a build is, which depends on the machine.
PROGRESS = r"^[\d,]+ of [\d,]+ after \d+ s.*\n"


@dataclass(frozen=True)
class Block:
    """What stands between two fences: where the first is, the word behind it, and what follows."""

    document: str  # its path below the project
    line: int
    language: str
    text: str

    @property
    def file(self) -> str:
        """The path that its first line gives it: "my-cases/mine.yaml"."""
        named = re.match(r"# ([\w./-]+\.\w+)\n", self.text)
        return named[1] if named else ""

    @property
    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command that is typed, and what is shown to be printed by it."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed

    def __str__(self) -> str:
        return f"{self.document}:{self.line}: ```{self.language}"


def documents() -> dict[str, str]:
    """Return every document of the project by its path."""
    inside = chain.from_iterable((ROOT / room).rglob("*.md") for room in ROOMS)
    paths = [ROOT / "README.md", *sorted(path for path in inside if {"out", "golden"}.isdisjoint(path.parts))]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def blocks(document: str, text: str) -> list[Block]:
    fenced = re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(document, text.count("\n", 0, one.start()) + 1, one[1], one[2]) for one in fenced]


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[tuple[int, str]]:
    """Return the level and the words of each heading."""
    lines = re.findall(r"^(#{1,6}) (.+)$", without_blocks(text), re.MULTILINE)
    return [(len(marks), words) for marks, words in lines]


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings: words in small letters with hyphens between them."""
    return {re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-") for _, words in headings(text)}


def links(text: str) -> list[str]:
    """Return where links lead, but for those that leave the project."""
    targets = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", without_blocks(text))
    elsewhere = ("http:", "https:", "mailto:", "reports/out/")  # the last is made by a build
    return [target for target in targets if not target.startswith(elsewhere)]


def inline_commands(text: str) -> list[str]:
    """Return the commands that stand in running text."""
    return re.findall(r"`(\.venv/bin/[^`]+)`", without_blocks(text))


def printed(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command in a folder with a reader's files, and return what it prints.

    A build runs in this process, where the frameworks are imported once for all.
    """
    if command.startswith(f"{BUILD} "):
        capsys.readouterr()
        build.main(shlex.split(command.removeprefix(BUILD)))
        output, progress = capsys.readouterr()
        return output + re.sub(PROGRESS, "", progress, flags=re.MULTILINE)
    if command.startswith("cc "):
        if not shutil.which("cc"):
            pytest.skip("there is no C compiler")
        words = [re.sub("^adapters/", f"{ROOT}/adapters/", word) for word in shlex.split(command)]
        return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout
    if command.startswith(f"{PYTEST} "):
        words = [re.sub(r"^--cases=", f"--cases={folder}/", word) for word in shlex.split(command)[1:]]
        run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
        return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if command.startswith(".venv/bin/python "):
        run = [sys.executable, *shlex.split(command)[1:]]
        return subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False).stdout
    raise AssertionError(f"nobody knows how to run {command!r}")


NUMBER = r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
# As a table has it, and as a sentence.
SHARE = r"\d(?:\.\d+)?(?:e-\d+)?"
DIGITS = r"\d+\.\d (?:decimal digits|digits certified)"
USED = rf"(?:agrees {SHARE} \(\d+\.\d\)|✓ \d+\.\d|(?:larger than|uses) {SHARE}|{DIGITS})"
# What may differ, and by which pattern: any lines, the rest of a line, a share of a bound, a number.
OPEN = {f"^{ANY}\n": "(?:.*\n)*?", ANY: ".*?", USED: USED, NUMBER: f"({NUMBER})"}


def is_shown(shown: str, output: str) -> bool:
    """Whether a command's output is what a document shows of it.

    Spaces and empty lines are not compared. Numbers may differ in what roundings leave open: another
    processor orders its sums in another way.
    """
    pattern, numbers, end, text = "", [], 0, _squeezed(shown)
    for part in re.finditer("|".join(f"({kind})" for kind in OPEN), text, re.MULTILINE):
        kind = list(OPEN)[part.lastindex - 1]
        pattern += re.escape(text[end : part.start()]) + OPEN[kind]
        numbers += [part[0]] if kind == NUMBER else []
        end = part.end()
    match = re.fullmatch(pattern + re.escape(text[end:]), _squeezed(output))
    return match is not None and all(map(_close, numbers, match.groups()))


def _squeezed(text: str) -> str:
    lines = (re.sub("─+", "─", " ".join(line.split())) for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def _close(one: str, other: str) -> bool:
    many = 1e-3 if "," in one else 1e-6  # how many steps a training takes may hang on a rounding
    left, right = (float(number.replace(",", "")) for number in (one, other))
    return abs(left - right) <= many * max(abs(left), abs(right))
