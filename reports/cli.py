"""The command `backprop-parity`: its first word runs a module, as `python -m` does in a checkout."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from reports.options import CONSOLE

# What is typed -> module:function. The function takes its arguments from `sys.argv`.
COMMANDS: Final = {
    "build": "reports.build:command",
    "judge": "reports.judge:command",
    "diff": "reports.diff:main",
    "sweep": "reports.sweep.__main__:main",
    "vectors": "reports.vectors:main",
    "new": "reports.new:command",
}
ABOUT: Final = """\
  build    run every case through NumPy, PyTorch, JAX or a program of yours, and write a report
  judge    judge every number of a training step that was recorded in a file
  diff     tell what has changed between two runs
  sweep    draw networks without end, and find the smallest that fails
  vectors  write the cases with their right values, for a test in any language
  new      write a first adapter, or a first case, that runs

COMMAND --help says more of each."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command with the arguments behind it, and return its exit code."""
    options = _parser().parse_args(arguments)
    module, _, function = COMMANDS[options.command].partition(":")
    if find_spec(module) is None:
        print(f"{CONSOLE} {options.command} is not available in this version", file=sys.stderr)
        return 2
    sys.argv[1:] = options.arguments
    if not sys.flags.safe_path:  # as with `python -m`, so that package.module:function is found here
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as Python itself has it
    code: int = getattr(import_module(module), function)()
    return code


def _parser() -> argparse.ArgumentParser:
    description = "Checks that a training step computed by any program is right."
    parser = argparse.ArgumentParser(
        prog=CONSOLE,
        description=description,
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, help="one of those below")
    parser.add_argument("arguments", metavar="…", nargs=argparse.REMAINDER, help="its own")
    return parser


if __name__ == "__main__":
    sys.exit(main())
