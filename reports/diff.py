"""What has changed between two runs: `python -m reports.diff OLD NEW`.

Exit codes: 0 nothing is worse; 1 something fails that did not, or is compared no longer; 2 bad usage or a
file that cannot be read; 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from reports.options import command_parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _compare(options.old, options.new, options.out)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def _compare(old: Path, new: Path, out: Path | None) -> int:
    # Imported after parsing, so that --help answers at once.
    from reports import regression, regression_text, results_file  # noqa: PLC0415
    from reports.page import diff  # noqa: PLC0415
    from reports.writers import terminal  # noqa: PLC0415
    from reports.writers.publish import publish  # noqa: PLC0415

    try:
        changes = regression.compare(results_file.read(old), results_file.read(new))
    except results_file.UnreadableError as error:
        print(error, file=sys.stderr)
        return 2
    console = terminal.console()
    regression_text.show(changes, console)
    if out is not None:
        try:
            files = {"diff.md": regression_text.markdown(changes), "diff.html": diff(changes)}
            publish(files, out, "diff")
        except OSError as error:
            print(f"the comparison cannot be written to {out}: {error.strerror or error}", file=sys.stderr)
            return 2
        console.print(f"Written: {terminal.shown(out / 'diff.html')}", soft_wrap=True)
    return int(changes.regressed)


def _parser() -> argparse.ArgumentParser:
    description = (
        "Tell what has changed between two runs: new failures and fixed ones, quantities whose "
        "bits have moved and by how many ulps, headroom lost, cases and adapters added or gone, versions."
    )
    parser = command_parser("reports.diff", description, __doc__)
    run = "a results.json, or the folder of a report: the {} run"
    parser.add_argument("old", metavar="OLD", type=Path, help=run.format("earlier"))
    parser.add_argument("new", metavar="NEW", type=Path, help=run.format("later"))
    out = "also write diff.md and diff.html there"
    parser.add_argument("--out", metavar="DIR", type=Path, help=out)
    return parser


if __name__ == "__main__":
    sys.exit(main())
