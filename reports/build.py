"""Build the report: `python -m reports.build`.

Exit codes: 0 all agree, but for what their cases expect; 1 something differs, is undecided or is in error,
or is not as its case expects, or an adapter that was asked for did not run, or fewer than two ran and none
was asked for, or something is worse than in the baseline, or something ended the process, or a part of the
report failed; 2 bad usage or bad input; 130 interrupted.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from reports.options import add_cases, add_common, add_programs, command_parser, out_folder, positive, typed
from reports.supervision import EarlyEnd, supervised
from reports.writers import FORMATS


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the report in this process, and return the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(given)
    return _list(options) if options.lists else _build(options, given)


def command() -> int:
    """Build the report in a child process, so that what ends it costs its own row; return the exit code."""
    given = sys.argv[1:]
    options = _parser().parse_args(given)
    return _list(options) if options.lists else supervised(partial(_build, options, given), _give_up)


def _list(options: argparse.Namespace) -> int:
    from reports.listing import print_all  # noqa: PLC0415 - after parsing, as the rest

    return print_all(options.cases, options.select, options.dtype, options.programs)


def _give_up(ended: EarlyEnd) -> int:
    from reports.runs.parallel import describe  # noqa: PLC0415 - heavy, and seldom wanted

    print(f"{describe(ended)} It did so again, so the last report is as it was.", file=sys.stderr)
    return 1


def _build(
    options: argparse.Namespace,
    given: Sequence[str],
    ended: tuple[EarlyEnd, ...] = (),
    parent: int | None = None,
) -> int:
    """Build, and end with the process that waits for it (`parent`), if there is one."""
    began = time.monotonic()
    try:
        from reports.runs.pool_server import begin_early  # noqa: PLC0415 - before all that takes longer

        begin_early(given)
        from adapters.isolation.worker import end_with_parent  # noqa: PLC0415 - after parsing, as the rest

        if parent is not None:
            end_with_parent(parent, with_thread=sys.platform == "linux")
        from cases.load import leaves_out_shipped  # noqa: PLC0415 - so that --help answers at once
        from reports.build_report import make  # noqa: PLC0415 - the same

        narrows = options.select or options.adapter or options.dtype or options.device != "cpu"
        narrows = narrows or leaves_out_shipped(options.cases) or (options.programs and not options.cases)
        options.out = options.out or out_folder(narrows=narrows, again=options.kept)
        options.began = began
        return make(options, ended, shlex.join([*typed("reports.build"), *given]))
    except KeyboardInterrupt:
        print("Interrupted; the last report is as it was.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    description = "Run every case through NumPy, PyTorch and JAX, judge each quantity, and write a report."
    parser = command_parser("reports.build", description, __doc__)
    add = parser.add_argument
    add_cases(add, lists=True)
    add_programs(add)
    add_common(add)
    workers = "processes that run cases at once, where there are many (default: one for each core)"
    add("--workers", type=positive, metavar="N", help=workers)
    power = "also measure what the suite would catch, compared with the usual tools (takes minutes)"
    add("--power", action="store_true", help=power)
    formats = "write only this format; may be repeated (default: all but latex)"
    add("--format", choices=FORMATS, action="append", default=[], help=formats)
    baseline = "a results.json that was kept, or the folder of a report: also tell what has changed since"
    kept = "run nothing, and make the report of a results.json again, or of the one in a report's folder"
    add("--from", metavar="FILE", type=Path, dest="kept", help=kept)
    add("--baseline", metavar="FILE", type=Path, help=baseline)
    verbose = "print each case by each adapter, and all that is known or fails, not one screen of it"
    add("-v", "--verbose", action="store_true", help=verbose)
    out = "where to write it (default: reports/out in a checkout, else parity-report; there in narrowed/ "
    out += "where --cases, --select, --adapter, --dtype or --device leave something out, and in again/ "
    out += "with --from)"
    add("--out", metavar="DIR", type=Path, help=out)
    return parser


if __name__ == "__main__":
    sys.exit(command())
