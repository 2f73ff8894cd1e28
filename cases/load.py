"""Loading case files: all of them valid, or one exception that lists every defect of every file."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cases.case import Case
from cases.errors import START, CaseErrors, Defect, Report, printable, quoted
from cases.validation import check
from cases.yaml_reader import mark_at

# The folder of the cases that come with the suite.
SHIPPED: Final = Path(__file__).parent

MAX_FILE_BYTES: Final = 2**20
SUFFIXES: Final = (".yaml", ".yml")


def load_cases(*folders: Path) -> tuple[Case, ...]:
    """Load every *.yaml and *.yml file below each folder.

    Returns
    -------
    tuple[Case, ...]
        Sorted by name.

    Raises
    ------
    CaseErrors
        With every defect of every file; also for a folder that is missing or holds no case, and for two files
        that give one case name.
    """
    defects: list[Defect] = []
    named: dict[str, Path] = {}
    for folder in dict.fromkeys(map(Path, folders)):
        report = Report(folder)
        for name, paths in _find(folder, report, closed=folder != SHIPPED).items():
            for path in paths:
                defects += _clash(name, path, named)
                named.setdefault(name, path)
        defects += report.defects
    cases = [_load(path, name, defects) for name, path in sorted(named.items())]
    if defects:
        raise CaseErrors(sorted(defects, key=lambda defect: (str(defect.path), defect.line, defect.column)))
    return tuple(case for case in cases if case is not None)


def load_case(name: str | Path) -> Case:
    """Load one case: a shipped one by name ("worked/document"), or a YAML file by its path.

    Raises
    ------
    CaseErrors
        With every defect of the file, or because there is no such case.
    """
    defects: list[Defect] = []
    path = Path(name)
    if path.suffix.lower() in SUFFIXES:
        inside = path.is_relative_to(SHIPPED)
        named = path.relative_to(SHIPPED) if inside else Path(path.name)
        case = _load(path, named.with_suffix("").as_posix(), defects)
    else:
        case = _load_shipped(str(name), defects)
    if case is None:
        raise CaseErrors(defects)
    return case


def _load_shipped(name: str, defects: list[Defect]) -> Case | None:
    known = _find(SHIPPED, Report(SHIPPED), closed=False)
    if name in known:
        return _load(known[name][0], name, defects)
    report = Report(SHIPPED)
    expected = "a name like 'worked/document' or the path of a YAML file"
    report.add(START, f"no shipped case {quoted(name)}", expected, name, known)
    defects += report.defects
    return None


def _load(path: Path, name: str, defects: list[Defect]) -> Case | None:
    report = Report(path)
    if not name.isprintable():
        report.add(START, f"the name {name!a}", "a file name that can be printed")
    text = _read_text(path, report)
    case = None if text is None else _checked(name, path, text, report)
    defects += report.defects
    return case


def case_of(name: str, path: Path, text: str) -> Case:
    """Return the case that a file's text states; the file itself need not be there any more.

    Raises
    ------
    CaseErrors
        With every defect of the text.
    """
    report = Report(path)
    case = _checked(name, path, text, report)
    if case is None:
        raise CaseErrors(report.defects)
    return case


def _checked(name: str, path: Path, text: str, report: Report) -> Case | None:
    checked = check(text, report)
    return Case(name, path, checked.shapes, checked.file, text) if checked else None


def _clash(name: str, path: Path, named: dict[str, Path]) -> list[Defect]:
    first = named.get(name)
    if first is None or _same(first, path):
        return []
    wrong = f"the case {quoted(name)} is also in {printable(str(first))}"
    return [Defect(path, *START, f"{wrong}, expected different names")]


def _same(first: Path, second: Path) -> bool:
    try:
        return first.resolve() == second.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return False


def _find(folder: Path, report: Report, *, closed: bool = True) -> dict[str, list[Path]]:
    """Return the YAML files below a folder by case name: the path under the folder, without the suffix.

    Hidden files and folders (editors' own) are passed over. Two files may have one name: a.yaml and a.yml.
    Links to folders are not followed. With `closed`, a link to a file outside the folder is a defect:
    otherwise the messages of its defects would disclose what that file says.
    """
    if not folder.is_dir():
        report.add(START, "no such folder", "a folder of YAML files")
        return {}
    files: dict[str, list[Path]] = {}
    for path in _walk(folder, report):
        if closed and path.is_symlink() and not _is_within(path, folder):
            report.add(START, f"the link {printable(str(path))} leads out of the folder", "a file within")
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        files.setdefault(name, []).append(path)
    if not files and not report.pending:
        report.add(START, "no case in this folder", f"files named *{' or *'.join(SUFFIXES)}")
    return files


def _is_within(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links, which reading reports
        return True


def _walk(folder: Path, report: Report) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        wrong = f"the folder {printable(str(error.filename))} cannot be read: {error.strerror}"
        report.add(START, wrong, "a readable folder")

    for here, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(folders + files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(here, name)


def _read_text(path: Path, report: Report) -> str | None:
    """Return the text of a file, or None after reporting why it cannot be read."""
    try:
        content = _read_bytes(path, report)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        report.add(START, f"the file cannot be read: {reason}", "a readable file")
        return None
    return None if content is None else _decode(content, report)


def _read_bytes(path: Path, report: Report) -> bytes | None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would never end
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        report.add(START, f"this is {what}", "a regular file")
    elif status.st_size > MAX_FILE_BYTES:
        report.add(START, f"the file has {status.st_size} bytes", f"at most {MAX_FILE_BYTES} bytes (1 MiB)")
    else:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) <= MAX_FILE_BYTES:
            return content
        report.add(START, "the file grows while it is read", f"at most {MAX_FILE_BYTES} bytes (1 MiB)")
    return None


def _decode(content: bytes, report: Report) -> str | None:
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8").removeprefix("\ufeff")
        byte = content[error.start]
        report.add(mark_at(before, len(before)), f"the byte 0x{byte:02x} is not UTF-8", "text in UTF-8")
        return None
