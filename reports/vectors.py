"""Write vectors.json, the cases with correctly rounded values: `python -m reports.vectors`.

Exit codes: 0 written; 2 bad usage or bad input; 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from reports.options import DTYPES, add_cases, command_parser, out_folder, positive

NAME = "vectors.json"

# The defaults of the limits: a case with more parameters is left out, and so are later steps.
MAX_PARAMETERS, MAX_STEPS = 1_000, 3


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        from cases.load import leaves_out_shipped  # noqa: PLC0415 - after parsing, so that --help answers at once
        from reports.vector_file import make, release_name  # noqa: PLC0415 - the same

        limits = options.parameters, options.steps
        narrows = options.select or options.dtype or leaves_out_shipped(options.cases)
        name = release_name() if options.release else NAME
        out = options.out or out_folder(narrows=narrows) / name
        return make(options.cases, options.select, tuple(options.dtype), limits, out)
    except KeyboardInterrupt:
        print("Interrupted; the last file is as it was.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    description = (
        "Write the cases with correctly rounded values of every quantity, as a JSON file that a "
        "test in any language can use. reports/README.md describes it."
    )
    parser = command_parser("reports.vectors", description, __doc__)
    add = parser.add_argument
    place = f"default: {NAME} where a report of these cases would go: reports/out in a checkout"
    out = f"{place}; .txt has a number in each line, and .gz behind either is compressed"
    add("--out", metavar="FILE", type=Path, help=out)
    release = "give the file the name of a release, with versions, and compress it"
    add("--release", action="store_true", help=release)
    add_cases(add)
    add("--dtype", choices=DTYPES, action="append", default=[], help="only this number format")
    most = "leave out cases with more parameters (default: %(default)s)"
    add("--parameters", metavar="COUNT", type=int, default=MAX_PARAMETERS, help=most)
    steps = "how many training steps of each case (default: %(default)s)"
    add("--steps", metavar="COUNT", type=positive, default=MAX_STEPS, help=steps)
    return parser


if __name__ == "__main__":
    sys.exit(main())
