"""What `reports.build --list` prints: the cases and programs that would run. No framework is imported."""

import sys
from collections.abc import Sequence
from itertools import chain

from cases import CaseErrors
from cases.errors import counted, printable
from cases.load import asked_for
from cases.selection import UnknownCaseError, selected
from reports.user_programs.program_files import programs_asked_for

WIDTH = 110  # of a line; what a case is about is cut there


def print_all(
    given: Sequence[str], select: Sequence[str], dtypes: Sequence[str], programs: Sequence[str]
) -> int:
    """Print the name of each case and file of programs, and what it is about; return the exit code."""
    try:
        files = programs_asked_for(programs)
        cases = () if files and not given else selected(asked_for(given), select)
    except (CaseErrors, UnknownCaseError) as error:
        print("\n".join(map(printable, str(error).split("\n"))), file=sys.stderr)
        return 2
    of_formats = [case for case in cases if not dtypes or {*dtypes} & {*case.dtypes}]
    listed = [(case.name, case.about) for case in of_formats] + [(file.name, file.about) for file in files]
    width = max((len(name) for name, _ in listed), default=0)
    for name, about in listed:
        line = printable(f"{name:{width}}  {' '.join(about.split())}".rstrip())
        print(line if len(line) <= WIDTH else f"{line[: WIDTH - 1].rstrip()}…")
    formats = ", ".join(dict.fromkeys(chain.from_iterable(case.dtypes for case in of_formats)))
    counts = [f"{counted(len(of_formats), 'case')}, in {formats}"] * bool(of_formats)
    counts += [f"{counted(len(files), 'file')} of programs"] * bool(files)
    print("; ".join(counts) or "no case runs in these formats")
    return 0 if counts else 2
