"""What has changed between two runs: `python -m reports.diff OLD NEW`.

Exit codes: 0 nothing is worse; 1 something fails that did not, or is compared no longer; 2 bad usage or a
file that cannot be read; 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare two runs, tell what has changed, and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        from reports.changes.make import make  # noqa: PLC0415 - after parsing, so that --help answers at once

        return make(options.old, options.new, options.out)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reports.diff",
        description="Tell what has changed between two runs: new failures and fixed ones, quantities whose "
        "bits have moved and by how many ulps, headroom lost, cases and adapters added or gone, versions.",
        epilog="Exit code 0: nothing is worse. 1: something fails that did not, or is compared no longer. "
        "2: bad usage, or a file that cannot be read.",
        allow_abbrev=False,
    )
    run = "a results.json, or the folder of a report: the {} run"
    parser.add_argument("old", metavar="OLD", type=Path, help=run.format("earlier"))
    parser.add_argument("new", metavar="NEW", type=Path, help=run.format("later"))
    out = "also write diff.md and diff.html there"
    parser.add_argument("--out", metavar="DIR", type=Path, help=out)
    return parser


if __name__ == "__main__":
    sys.exit(main())
