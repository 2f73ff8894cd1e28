"""Loading case files: all of them valid, or one exception that lists every defect of every file."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cases.case import Case
from cases.errors import START, CaseErrors, Defect, Report, printable, quoted
from cases.validation import check
from cases.yaml_reader import mark_at

# The folder of the cases that come with the suite.
SHIPPED: Final = Path(__file__).parent
SHIPPED_WORD: Final = "shipped"  # how that is typed; a folder of this name is ./shipped

MAX_FILE_BYTES: Final = 2**20
SUFFIXES: Final = (".yaml", ".yml")


def asked_for(given: Sequence[str | Path]) -> tuple[Case, ...]:
    """Load what stands behind `--cases`: folders, files and the word `shipped`; without any, what is shipped.

    Raises `CaseErrors` as `load_cases` does.
    """
    return load_cases(
        *(SHIPPED if str(one) == SHIPPED_WORD else Path(one) for one in given or [SHIPPED_WORD])
    )


def leaves_out_shipped(given: Sequence[str | Path]) -> bool:
    """Whether what stands behind `--cases` is without the cases that come with the suite."""
    return bool(given) and SHIPPED_WORD not in map(str, given)


def load_cases(*given: Path) -> tuple[Case, ...]:
    """Load every *.yaml and *.yml file below each folder, and each file that is given, sorted by name.

    Raises `CaseErrors` with every defect of every file; also for a folder that is missing or holds no case,
    and for two files that give one case name.
    """
    defects: list[Defect] = []
    named: dict[str, Path] = {}
    for folder in dict.fromkeys(map(Path, given)):
        report = Report(folder)
        is_file = folder.suffix.lower() in SUFFIXES and not folder.is_dir()
        found = [(_name_of(folder), folder)] if is_file else _find(folder, report, closed=folder != SHIPPED)
        for name, path in found:
            first = named.setdefault(name, path)
            if os.path.realpath(first) != os.path.realpath(path):
                wrong = f"the case {quoted(name)} is also in {printable(str(first))}"
                defects.append(Defect(path, *START, f"{wrong}, expected different names"))
        defects += report.defects
    cases: list[Case] = []
    for name, path in sorted(named.items()):
        try:
            cases.append(_load(path, name))
        except CaseErrors as errors:
            defects += errors.defects
    if defects:
        raise CaseErrors(sorted(defects, key=lambda defect: (str(defect.path), defect.line, defect.column)))
    return tuple(cases)


def load_case(name: str | Path) -> Case:
    """Load one case: a shipped one by name ("worked/document"), or a YAML file by its path.

    Raises `CaseErrors` with every defect of the file, or because there is no such case.
    """
    path, report = Path(name), Report(SHIPPED)
    if path.suffix.lower() not in SUFFIXES:
        shipped = dict(_find(SHIPPED, report, closed=False))
        if str(name) not in shipped:
            expected = "a name like 'worked/document' or the path of a YAML file"
            report.add(START, f"no shipped case {quoted(str(name))}", expected, str(name), shipped)
            raise CaseErrors(report.defects)
        path = shipped[str(name)]
    return _load(path, _name_of(path))


def _name_of(path: Path) -> str:
    """Return the name of the case in one file: its own, unless it is a shipped one."""
    whole = path.absolute()
    inside = whole.relative_to(SHIPPED) if whole.is_relative_to(SHIPPED) else Path(path.name)
    return inside.with_suffix("").as_posix()


def _load(path: Path, name: str) -> Case:
    report = Report(path)
    if not name.isprintable():
        report.add(START, f"the name {name!a}", "a file name that can be printed")
    return _checked(name, path, _read_text(path, report), report)


def case_of(name: str, path: Path, text: str) -> Case:
    """Return the case that a file's text states; raises `CaseErrors` with every defect of the text."""
    return _checked(name, path, text, Report(path))


def _checked(name: str, path: Path, text: str | None, report: Report) -> Case:
    checked = None if text is None else check(text, report)
    if text is None or checked is None or report.pending:
        raise CaseErrors(report.defects)
    return Case(name, path, checked.shapes, checked.file, text)


def _find(folder: Path, report: Report, *, closed: bool) -> Iterator[tuple[str, Path]]:
    """Give the YAML files below a folder by case name: the path under the folder, without the suffix.

    Hidden files and folders (editors' own) are passed over. Two files may have one name: a.yaml and a.yml.
    Links to folders are not followed. With `closed`, a link to a file outside the folder is a defect:
    otherwise the messages of its defects would disclose what that file says.
    """
    if not folder.is_dir():
        report.add(START, "no such folder", "a folder of YAML files")
        return
    is_empty = True
    for path in _walk(folder, report):
        is_empty = False
        target = Path(os.path.realpath(path)) if closed and path.is_symlink() else None
        if target and not target.is_relative_to(os.path.realpath(folder)):
            report.add(START, f"the link {printable(str(path))} leads out of the folder", "a file within")
        else:
            yield path.relative_to(folder).with_suffix("").as_posix(), path
    if is_empty and not report.pending:
        report.add(START, "no case in this folder", f"files named *{' or *'.join(SUFFIXES)}")


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
    try:
        content = _read_bytes(path, report)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        report.add(START, f"the file cannot be read: {reason}", "a readable file")
        return None
    try:
        return None if content is None else content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8").removeprefix("\ufeff")
        wrong = f"the byte 0x{error.object[error.start]:02x} is not UTF-8"
        report.add(mark_at(before, len(before)), wrong, "text in UTF-8")
        return None


def _read_bytes(path: Path, report: Report) -> bytes | None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would never end
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        report.add(START, f"this is {what}", "a regular file")
        return None
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        size = max(status.st_size, len(content))  # a file may grow while it is read
        report.add(START, f"the file has {size} bytes", f"at most {MAX_FILE_BYTES} bytes (1 MiB)")
        return None
    return content
