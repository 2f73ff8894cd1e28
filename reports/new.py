"""Write a first file that runs, for a program or a case of one's own: `python -m reports.new adapter`.

It then says what to type next. Exit codes: 0 written; 2 bad usage, or there is such a file already.
"""

import argparse
import os.path
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Final

from reports.options import CHECKOUT, command_parser

TEMPLATES: Final = Path(__file__).parent / "templates"
SCHEMA: Final = CHECKOUT / "cases" / "case.schema.json"
FRAMEWORKS: Final = ("numpy", "torch", "jax")


class UnsuitableError(ValueError):
    """No file can be written under a name; the message says why, and what would do."""


def command(arguments: Sequence[str] | None = None) -> int:
    """Write what was asked for, print the next command to type, and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        text, again = (_adapter if options.what == "adapter" else _case)(options)
        with options.file.open("x", encoding="utf-8") as file:  # never over a file that is there
            file.write(text)
    except UnsuitableError as why:
        message = str(why)
    except FileExistsError:
        message = f"{options.file} is there already, and stays as it is: name another file"
    except OSError as error:
        message = f"{options.file} cannot be written: {error.strerror or error}"
    else:
        print(f"{options.file} is written. Judge it:\n\n  {again}")
        return 0
    print(message, file=sys.stderr)
    return 2


def _adapter(options: argparse.Namespace) -> tuple[str, str]:
    """Return the text of an adapter, and the command that judges it."""
    module = _module_of(options.file)
    build = f"{_build()} --adapter {module}:train"
    template = TEMPLATES / f"new_adapter_{options.framework}.py.txt"
    return _filled(template, build=_build(), module=module), build


def _case(options: argparse.Namespace) -> tuple[str, str]:
    """Return the text of a case, and the command that judges it."""
    if options.file.suffix.lower() not in (".yaml", ".yml"):
        raise UnsuitableError(f"{options.file} is no name for a case, expected one that ends in .yaml")
    whole = Path(os.path.abspath(options.file))  # noqa: PTH100 - links are followed by whoever opens it
    is_inside = whole.is_relative_to(CHECKOUT)
    schema = os.path.relpath(SCHEMA, whole.parent) if is_inside else SCHEMA.as_uri()
    again = f"{_build()} --cases {options.file}"
    return _filled(TEMPLATES / "new_case.yaml", build=_build(), file=str(options.file), schema=schema), again


def _module_of(file: Path) -> str:
    """Return the name by which Python imports a file from here, or raise what is wrong with it."""
    parts = (*file.parent.parts, file.stem)
    if file.suffix != ".py" or not all(part.isidentifier() for part in parts):
        raise UnsuitableError(f"{file} cannot be imported from here, expected a name like my_adapter.py")
    if not file.exists() and find_spec(parts[0]) is not None and not Path(parts[0]).is_dir():
        raise UnsuitableError(
            f"there is a module {parts[0]} already, expected another name, as my_{parts[0]}.py"
        )
    return ".".join(parts)


def _filled(template: Path, **values: str) -> str:
    return Template(template.read_text(encoding="utf-8")).substitute(values)


def _build() -> str:
    """Return what a person types for a build."""
    return command_parser("reports.build", "", None).prog


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("reports.new", "Write a first adapter or a first case, which runs.", __doc__)
    kinds = parser.add_subparsers(dest="what", required=True, metavar="adapter|case")
    adapter = kinds.add_parser("adapter", help="a program to be judged: one hidden layer", allow_abbrev=False)
    adapter.add_argument("file", metavar="FILE", type=Path, nargs="?", default=Path("my_adapter.py"))
    written_in = "in what it is written (default: %(default)s)"
    adapter.add_argument("--framework", choices=FRAMEWORKS, default="numpy", help=written_in)
    case = kinds.add_parser("case", help="a case: a small network in YAML", allow_abbrev=False)
    case.add_argument("file", metavar="FILE", type=Path, nargs="?", default=Path("my-case.yaml"))
    return parser


if __name__ == "__main__":
    sys.exit(command())
