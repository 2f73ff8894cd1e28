"""Search: `python -m reports.sweep`.

Exit codes: 0 nothing was found but expected differences; 1 something was, or nothing was compared, or an
adapter that was asked for did not run, or fewer than two ran and none was asked for; 2 bad usage; 130
interrupted.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from reports import options as shared


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if shared.stated(options) and not options.isolate:
        parser.error("--no-isolate leaves nothing to limit, expected no --time-limit and no --memory-limit")
    try:
        from reports.sweep.command import sweep  # noqa: PLC0415 - after parsing, so that --help answers at once

        return sweep(options, shared.limits_of(options))
    except KeyboardInterrupt:
        print("Interrupted; --resume goes on from here.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    description = "Draw networks from a seed, run them through NumPy, PyTorch and JAX, and judge them."
    parser = shared.command_parser("reports.sweep", description, __doc__)
    add = parser.add_argument
    add("--count", type=shared.positive, default=10_000, help="how many cases (default: 10000)")
    seed = "which ones: case i of a seed is the same everywhere (default: 0)"
    add("--seed", type=int, default=0, help=seed)
    adapters = "only this one: numpy, torch, jax, package.module:function, or exec:COMMAND; may be repeated"
    add("--adapter", metavar="NAME", action="append", default=[], help=adapters)
    dtypes = "only this number format; may be repeated"
    add("--dtype", choices=shared.DTYPES, action="append", default=[], help=dtypes)
    widths = "networks of these widths, in place of small ones"
    add("--widths", type=_widths, metavar="784-100-10", help=widths)
    add("--minutes", type=float, default=math.inf, help="begin no task after this time; --resume goes on")
    add("--out", metavar="DIR", type=Path, default=Path("sweep"), help="where to write (default: sweep)")
    minimized = "reduce each distinct finding to a smallest case, and write it here as a YAML file"
    add("--found", metavar="DIR", type=Path, help=minimized)
    add("--resume", action="store_true", help="go on with the sweep that is there")
    engine = "workers: processes of this machine, or a Dask cluster, local if no scheduler is given"
    add("--engine", choices=("local", "dask"), default="local", help=engine)
    add("--scheduler", metavar="ADDRESS", default="", help="with --engine dask: an existing scheduler")
    workers = "processes (default: one for each core)"
    add("--workers", type=shared.positive, metavar="N", help=workers)
    add("--no-isolate", action="store_false", dest="isolate", help=shared.NO_ISOLATE)
    add("--time-limit", metavar="SECONDS", type=shared.above_zero, help=shared.SWEEP_SECONDS)
    add("--memory-limit", metavar="GIB", type=shared.above_zero, help=shared.SWEEP_MEMORY)
    return parser


def _widths(text: str) -> tuple[int, ...]:
    widths = tuple(map(shared.positive, text.split("-")))
    if len(widths) < 2:  # noqa: PLR2004 - an input and an output
        raise argparse.ArgumentTypeError(f"{text} has no layer; expected for instance 784-100-10")
    return widths


if __name__ == "__main__":
    sys.exit(main())
