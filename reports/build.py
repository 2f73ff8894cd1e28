"""Build the report: `python -m reports.build`.

Exit codes: 0 all agree, but for what their cases expect; 1 something differs, is undecided or is in error,
or is not as its case expects, or an adapter that was asked for did not run, or fewer than two ran and none
was asked for, or something is worse than in the baseline, or something ended the process, or a part of the
report failed; 2 bad usage or bad input; 130 interrupted.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from reports.limits import ISOLATE, MEMORY, SECONDS, above_zero, limits_of
from reports.places import out_folder
from reports.running import Ended
from reports.supervision import supervised
from reports.writers import FORMATS

DTYPES = ("float64", "float32", "bfloat16", "float16")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the report in this process, and return the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return _build(_parser().parse_args(given), given)


def command() -> int:
    """Build the report in a child process, so that what ends it costs its own row; return the exit code."""
    given = sys.argv[1:]
    options = _parser().parse_args(given)
    return supervised(partial(_build, options, given), _give_up)


def _give_up(ended: Ended) -> int:
    from reports.ended import told  # noqa: PLC0415 - heavy, and seldom wanted

    print(f"{told(ended)} It did so again, so the last report is as it was.", file=sys.stderr)
    return 1


def _build(
    options: argparse.Namespace,
    given: Sequence[str],
    ended: tuple[Ended, ...] = (),
    parent: int | None = None,
) -> int:
    """Build, and end with the process that waits for it, if there is one."""
    try:
        from adapters.isolation.resource_limits import end_with_parent  # noqa: PLC0415 - the same

        if parent is not None:
            end_with_parent(parent, with_thread=sys.platform == "linux")
        from adapters.registry import Choice  # noqa: PLC0415 - after parsing, so that --help answers at once
        from reports.ended import again, apart  # noqa: PLC0415 - the same
        from reports.make import Wanted, make  # noqa: PLC0415 - the same

        folders, adapters, dtypes = map(tuple, (options.cases, options.adapter, options.dtype))
        choice = Choice(adapters, options.engines, options.device, limits_of(options))
        if ended:
            print(again(ended[-1], "The build"), file=sys.stderr)
            choice = replace(choice, apart=apart(ended, choice.names))
        formats = tuple(options.format)
        wanted = Wanted(
            *(folders, choice, dtypes, options.select, _folder(options), options.power, formats),
            baseline=options.baseline,
            kept=options.kept,
            workers=options.workers or os.cpu_count() or 1,
            ended=ended,
        )
        return make(wanted, shlex.join(["python", "-m", "reports.build", *given]))
    except KeyboardInterrupt:
        print("Interrupted; the last report is as it was.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reports.build",
        description="Run every case through NumPy, PyTorch and JAX, judge each quantity, and write a report.",
        epilog="Exit code 0: all agree, but for what their cases expect. "
        "1: something else differs, is undecided or is in error, or is worse than in the baseline, or fewer "
        "than two implementations ran and none was asked for, or a part of the report failed. "
        "2: bad usage or bad input.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--cases", metavar="DIR", type=Path, action="append", default=[], help="add a folder of YAML cases")
    adapters = "only this one: numpy, torch, jax, or package.module:function; @PATH behind it runs it under "
    adapters += "another interpreter; may be repeated"
    add("--adapter", metavar="NAME", action="append", default=[], help=adapters)
    engines = "also run torch-func, jax-eager, jax-forward and jax-vmap; torch-compile runs only by --adapter"
    add("--engines", action="store_true", help=engines)
    device = "where PyTorch and JAX run: cuda is the first such device, and its absence a failure"
    add("--device", choices=("cpu", "cuda"), default="cpu", help=device)
    add("--isolate", action="store_true", help=ISOLATE)
    add("--time-limit", metavar="SECONDS", type=above_zero, help=SECONDS)
    add("--memory-limit", metavar="GIB", type=above_zero, help=MEMORY)
    add("--dtype", choices=DTYPES, action="append", default=[], help="only this number format")
    add("--select", metavar="TEXT", default="", help="only the cases that have TEXT in their name")
    workers = "processes that run cases at once, where there are many (default: one for each core)"
    add("--workers", type=positive, metavar="N", help=workers)
    power = "also measure what the suite would catch, beside the usual tools (takes minutes)"
    add("--power", action="store_true", help=power)
    formats = "write only this format; may be repeated (default: all but latex)"
    add("--format", choices=FORMATS, action="append", default=[], help=formats)
    baseline = "a results.json that was kept, or the folder of a report: also tell what has changed since"
    kept = "run nothing, and make the report of a results.json again, or of the one in a report's folder"
    add("--from", metavar="FILE", type=Path, dest="kept", help=kept)
    add("--baseline", metavar="FILE", type=Path, help=baseline)
    out = (
        "where to write it (default: reports/out in a checkout, else parity-report; there in narrowed/ where "
    )
    out += "--select, --adapter, --dtype or --device leave something out, and in again/ with --from)"
    add("--out", metavar="DIR", type=Path, help=out)
    return parser


def _folder(options: argparse.Namespace) -> Path:
    """Return where the report goes."""
    narrows = options.select or options.adapter or options.dtype or options.device != "cpu"
    return options.out or out_folder(narrows=narrows, again=options.kept)


def positive(text: str) -> int:
    """Return a number of things, at least one.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


if __name__ == "__main__":
    sys.exit(command())
