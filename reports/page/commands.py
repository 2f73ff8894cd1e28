"""The command that repeats one comparison alone."""

import shlex

from cases import SHIPPED, Case
from reports.environment import Environment
from reports.runs.comparison import REFERENCE
from reports.runs.rows import PUBLISHED


def repeat(case: Case, dtype: str, adapter: str, made: Environment | None = None) -> str:
    """Return the build of one case in one number format by one adapter, quoted for a shell.

    What a person types for the adapter, and for the limits of its process, is taken from `made`.

    Printed numbers are judged in every build of their case, so any adapter will do.
    """
    words = ["python", "-m", "reports.build"]
    folder = case.path.parents[case.name.count("/")]
    if folder.resolve() != SHIPPED.resolve():
        words += ["--cases", str(folder)]
    words += ["--select", case.name]
    if adapter == PUBLISHED:
        return shlex.join([*words, "--adapter", REFERENCE])
    if made is not None and adapter in made.others:
        adapter = made.others[adapter].asked
    return shlex.join([*words, "--dtype", dtype, "--adapter", adapter, *(made.flags if made else ())])
