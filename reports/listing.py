"""What `reports.build --list` prints: the cases that would run. No framework is imported."""

import sys
from collections.abc import Sequence
from itertools import chain

from cases import CaseErrors
from cases.errors import counted, printable
from cases.load import asked_for
from cases.selection import UnknownCaseError, selected

WIDTH = 110  # of a line; what a case is about is cut there


def print_cases(given: Sequence[str], select: Sequence[str], dtypes: Sequence[str]) -> int:
    """Print the name of each case, and in the rest of the line what it is about; return the exit code."""
    try:
        cases = selected(asked_for(given), select)
    except (CaseErrors, UnknownCaseError) as error:
        print("\n".join(map(printable, str(error).split("\n"))), file=sys.stderr)
        return 2
    of_formats = [case for case in cases if not dtypes or {*dtypes} & {*case.dtypes}]
    width = max((len(case.name) for case in of_formats), default=0)
    for case in of_formats:
        line = printable(f"{case.name:{width}}  {' '.join(case.about.split())}")
        print(line if len(line) <= WIDTH else f"{line[: WIDTH - 1].rstrip()}…")
    formats = ", ".join(dict.fromkeys(chain.from_iterable(case.dtypes for case in of_formats)))
    print(
        f"{counted(len(of_formats), 'case')}, in {formats}" if of_formats else "no case runs in these formats"
    )
    return 0 if of_formats else 2
