"""Loading cases: all of them valid, or one exception that lists every defect of every file."""

from pathlib import Path
from typing import Final

from cases.case import Case
from cases.check import check
from cases.defects import START, CaseErrors, Defect, Report, printable, quoted
from cases.files import SUFFIXES, find, read_text

# The folder of the cases that come with the suite.
SHIPPED: Final = Path(__file__).parent


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
        for name, paths in find(folder, report, closed=folder != SHIPPED).items():
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
    known = find(SHIPPED, Report(SHIPPED), closed=False)
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
    text = read_text(path, report)
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
