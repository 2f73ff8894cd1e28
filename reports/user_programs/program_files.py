"""Files of programs: which there are, and what each of them names. They are read here, and not run.

A file has a function `original()` that returns a function and its arguments, and for each port a function
`port()`, or `port_flax()`, that does so too. Files and folders whose names begin with _ or a dot are passed
over: they may hold what several files share.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cases.errors import START, CaseErrors, Defect, Mark, Report, printable, quoted
from reports.user_programs.program_results import ORIGINAL, PAIR

PORT: Final = "port"
SUFFIX: Final = ".py"
EXPECTED: Final = (
    "a function of this name that returns (function, arguments), or a file to be passed over, whose name "
    "begins with _"
)


@dataclass(frozen=True)
class ProgramFile:
    """A file, by its path under the folder; `functions` have their lines, and `original` is first."""

    name: str
    path: Path
    functions: Mapping[str, int]
    about: str = ""  # the first line of its docstring

    @property
    def ports(self) -> tuple[str, ...]:
        return tuple(name for name in self.functions if name != ORIGINAL)

    @property
    def pairs(self) -> tuple[str, ...]:
        return tuple(f"{ORIGINAL}{PAIR}{port}" for port in self.ports)

    @property
    def judged(self) -> tuple[str, ...]:
        """What there is a verdict on, in this order: each program, and each pair."""
        return (*self.functions, *self.pairs)


def programs_asked_for(given: Sequence[str | Path]) -> tuple[ProgramFile, ...]:
    """Read what stands behind `--programs`: folders, with all files below them, and files; sorted by name.

    Raises `CaseErrors` with every defect of every file; also for a folder that is missing or has no file.
    """
    defects: list[Defect] = []
    files: dict[str, ProgramFile] = {}
    for path in dict.fromkeys(map(Path, given)):
        report = Report(path)
        for name, each in _paths(path, report):
            own = Report(each)
            file = _read(name, each, own)
            defects += own.defects
            if file is not None and files.setdefault(name, file).path.resolve() != each.resolve():
                wrong = f"the program {quoted(name)} is also in {printable(str(files[name].path))}"
                defects.append(Defect(each, *START, f"{wrong}, expected different names"))
        defects += report.defects
    if defects:
        raise CaseErrors(defects)
    return tuple(files[name] for name in sorted(files))


def _paths(given: Path, report: Report) -> Iterator[tuple[str, Path]]:
    """Give each file with its name: of one that is given itself its own, else its path under the folder."""
    if given.is_dir():
        paths = [path for path in sorted(given.rglob(f"*{SUFFIX}")) if _is_taken(path.relative_to(given))]
        if not paths:
            report.add(
                START, "no program in this folder", f"files named *{SUFFIX}, of which no name begins with _"
            )
        yield from ((path.relative_to(given).with_suffix("").as_posix(), path) for path in paths)
    elif not given.exists():
        report.add(START, "no such file or folder", "a folder of programs, or a Python file")
    elif given.suffix != SUFFIX:
        report.add(START, "this is no Python file", f"a name that ends in {SUFFIX}")
    else:
        yield given.stem, given


def _is_taken(path: Path) -> bool:
    return not any(part.startswith(("_", ".")) for part in path.parts)


def _read(name: str, path: Path, report: Report) -> ProgramFile | None:
    """Read which functions a file has, or say what is wrong with it."""
    if not name.isprintable():
        report.add(START, f"the name {name!a}", "a file name that can be printed")
        return None
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        report.add(START, f"the file cannot be read: {error.strerror}", "a readable file")
        return None
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        report.add(Mark(line, max(column, 1)), f"this is no Python: {getattr(error, 'msg', error)}", "Python")
        return None
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    named = {key: node for key, node in defined.items() if key == ORIGINAL or _is_port(key)}
    for key, node in named.items():
        if asked := _asked(node.args):
            wrong = f"{key}() takes {', '.join(asked)}"
            report.add(
                Mark(node.lineno, node.col_offset + 1),
                wrong,
                "no argument, as it returns (function, arguments)",
            )
    if ORIGINAL not in named:
        others = [key for key in defined if key not in named]
        report.add(START, f"no function {ORIGINAL}()", EXPECTED, ORIGINAL, others)
        return None
    first = {ORIGINAL: named[ORIGINAL].lineno}
    about = (ast.get_docstring(tree) or "").partition("\n")[0]
    return ProgramFile(name, path, first | {key: node.lineno for key, node in named.items()}, about)


def _is_port(name: str) -> bool:
    return name == PORT or name.startswith(f"{PORT}_")


def _asked(given: ast.arguments) -> list[str]:
    """Return the arguments that have no default."""
    places = [*given.posonlyargs, *given.args]
    needed = places[: len(places) - len(given.defaults)]
    pairs = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return [each.arg for each in (*needed, *(each for each, default in pairs if default is None))]
