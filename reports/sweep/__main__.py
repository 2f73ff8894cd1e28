"""Search: `python -m reports.sweep`.

Exit codes: 0 nothing was found but expected differences; 1 something was, or nothing was compared, or an
adapter that was asked for did not run, or fewer than two ran and none was asked for; 2 bad usage; 130
interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from reports.options import NO_ISOLATE, SWEEP_MEMORY, SWEEP_SECONDS, above_zero, limits_of, stated

DTYPES = ("float64", "float32", "bfloat16", "float16")


def main(arguments: Sequence[str] | None = None) -> int:
    """Sweep, and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if stated(options) and not options.isolate:
        parser.error("--no-isolate leaves nothing to limit, expected no --time-limit and no --memory-limit")
    try:
        from reports.sweep.command import sweep  # noqa: PLC0415 - after parsing, so that --help answers at once

        return sweep(options, limits_of(options))
    except KeyboardInterrupt:
        print("Interrupted; --resume goes on from here.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reports.sweep",
        description="Draw networks from a seed, run them through NumPy, PyTorch and JAX, and judge them.",
        epilog="Exit code 0: nothing was found but expected differences. 1: something was, or nothing was "
        "compared. 2: bad usage.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--count", type=_positive, default=10_000, help="how many cases (default: 10000)")
    seed = "which ones: case i of a seed is the same everywhere (default: 0)"
    add("--seed", type=int, default=0, help=seed)
    adapters = "only this one: numpy, torch, jax, or package.module:function; may be repeated"
    add("--adapter", metavar="NAME", action="append", default=[], help=adapters)
    dtypes = "only this number format; may be repeated"
    add("--dtype", choices=DTYPES, action="append", default=[], help=dtypes)
    widths = "networks of these widths, in place of small ones"
    add("--widths", type=_widths, metavar="784-100-10", help=widths)
    add("--minutes", type=float, help="begin no task after this time; --resume goes on")
    add("--out", metavar="DIR", type=Path, default=Path("sweep"), help="where to write (default: sweep)")
    found = "reduce each distinct finding to a smallest case, and write it here as a YAML file"
    add("--found", metavar="DIR", type=Path, help=found)
    add("--resume", action="store_true", help="go on with the sweep that is there")
    engine = "workers: processes of this machine, or a Dask cluster, local if no scheduler is given"
    add("--engine", choices=("local", "dask"), default="local", help=engine)
    add("--scheduler", metavar="ADDRESS", default="", help="with --engine dask: an existing scheduler")
    add("--workers", type=_positive, metavar="N", help="processes (default: one for each core)")
    add("--no-isolate", action="store_false", dest="isolate", help=NO_ISOLATE)
    add("--time-limit", metavar="SECONDS", type=above_zero, help=SWEEP_SECONDS)
    add("--memory-limit", metavar="GIB", type=above_zero, help=SWEEP_MEMORY)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number


def _widths(text: str) -> tuple[int, ...]:
    widths = tuple(_positive(part) for part in text.split("-"))
    if len(widths) < 2:  # noqa: PLR2004 - an input and an output
        raise argparse.ArgumentTypeError(f"{text} has no layer; expected for instance 784-100-10")
    return widths


if __name__ == "__main__":
    sys.exit(main())
