"""Options that the command lines and pytest share, and where a report goes; --help answers at once.

So nothing but the standard library is imported here before the options are read.
"""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

DTYPES = ("float64", "float32", "bfloat16", "float16")

CASES = (
    "a folder of YAML cases, or one file, in place of those that come with the suite; may be repeated, "
    "and 'shipped' stands for those"
)
SELECT = (
    "only the case of this name, or those that fit a pattern like 'nets/*', or else have this in their name; "
    "may be repeated"
)
PROGRAMS = (
    "a folder of Python files, or one file, each with a function original() that returns (function, "
    "arguments), and perhaps one called port(); without --cases nothing else is judged; may be repeated"
)
LIST = "print the cases that would run, and what each is there for; run nothing"
ADAPTERS = (
    "only this one: numpy, torch, jax, package.module:function, or exec:COMMAND; @PATH behind it runs it "
    "under another interpreter; may be repeated"
)
ENGINES = "also run torch-func, jax-eager, jax-forward and jax-vmap; torch-compile runs only by --adapter"
DEVICE = "where PyTorch and JAX run: cuda is the first such device, and its absence a failure"
ISOLATE = "run each adapter in a process of its own: a crash or a hang costs its own rows and nothing else"
SECONDS = "isolate, and end what takes longer for one training step (default: 120)"
MEMORY = "isolate, and limit the memory of each, on top of its framework's; on Linux only (default: 4)"

NO_ISOLATE = "run adapters in the workers themselves: a little faster, and a crash or a hang costs its task"
SWEEP_SECONDS = "end what takes longer for one training step of a stack (default: 120)"
SWEEP_MEMORY = "limit the memory of each, on top of its framework's; on Linux only (default: 4)"


CONSOLE = "backprop-parity"  # the command of reports/cli.py


def typed(module: str) -> tuple[str, ...]:
    """Return what a person types for a command: `python -m reports.build`, or `backprop-parity build`.

    The latter where that was typed, and wherever these packages are installed under one name.
    """
    if Path(sys.argv[0]).stem == CONSOLE or __package__ != "reports":
        return CONSOLE, module.rpartition(".")[2]
    return "python", "-m", module


def command_parser(module: str, description: str, doc: str | None) -> argparse.ArgumentParser:
    """Return a parser without options for a command; the end of its `doc` is that of --help."""
    epilog, words = (doc or "").partition("\n\n")[2], " ".join(typed(module))
    return argparse.ArgumentParser(prog=words, description=description, epilog=epilog, allow_abbrev=False)


def add_common(add: Callable[..., object], *, rows: str = "rows") -> None:
    """Add what says by which adapters, where and in which formats to run, by argparse's `add` or pytest's.

    A crash costs its own `rows`, or tests.
    """
    add("--adapter", metavar="NAME", action="append", default=[], help=ADAPTERS)
    add("--engines", action="store_true", help=ENGINES)
    add("--device", choices=("cpu", "cuda"), default="cpu", help=DEVICE)
    add("--isolate", action="store_true", help=ISOLATE.replace("rows", rows))
    add("--time-limit", metavar="SECONDS", type=above_zero, help=SECONDS)
    add("--memory-limit", metavar="GIB", type=above_zero, help=MEMORY)
    add("--dtype", choices=DTYPES, action="append", default=[], help="only this number format")


def add_cases(add: Callable[..., object], *, also: str = "", lists: bool = False) -> None:
    """Add what says which cases to take, by argparse's `add` or pytest's; `also` is added to the help."""
    add("--cases", metavar="PATH", action="append", default=[], help=CASES + also)
    add("--select", metavar="NAME", action="append", default=[], help=SELECT)
    if lists:
        add("--list", action="store_true", dest="lists", help=LIST)


def add_programs(add: Callable[..., object], *, also: str = "") -> None:
    """Add what says which programs to judge, likewise."""
    add("--programs", metavar="PATH", action="append", default=[], help=PROGRAMS + also)


def above_zero(text: str) -> float:
    """Return the number that is written, or raise argparse's error if it is not finite or not above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0")
    return number


def positive(text: str) -> int:
    """Return the whole number that is written, or raise argparse's error if it is not above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def limits_of(options: argparse.Namespace) -> Any:  # noqa: ANN401 - its type would load NumPy
    """Return the `adapters.isolation.Limits` of each adapter, or None to run them all in this process."""
    from adapters.isolation import Limits  # noqa: PLC0415 - heavy, and --help answers at once

    given = stated(options)
    return Limits(**given) if options.isolate or given else None


def stated(options: argparse.Namespace) -> dict[str, Any]:
    """Return the limits that were typed, by their names in `adapters.isolation.Limits`."""
    typed = {"seconds": options.time_limit, "gib": options.memory_limit}
    return {name: number for name, number in typed.items() if number is not None}


def flags_of(limits: Any) -> tuple[str, ...]:  # noqa: ANN401 - the same
    """Return what a person types for these `adapters.isolation.Limits`, or for None."""
    if limits is None:
        return ()
    usual, flags = type(limits)(), {"seconds": "--time-limit", "gib": "--memory-limit"}
    changed = {name: getattr(limits, name) for name in flags if getattr(limits, name) != getattr(usual, name)}
    return ("--isolate", *(f"{flags[name]}={number:g}" for name, number in changed.items()))


# Where these packages lie; a checkout, if its pyproject.toml lies there too.
CHECKOUT = Path(__file__).resolve().parent.parent


def out_folder(*, narrows: object = False, again: object = False) -> Path:
    """Return where a report goes: `reports/out` of the checkout that this is run in, or here `parity-report`.

    A run that `narrows`, so leaves something out, goes to a folder below it, and so does the report of a run
    that was kept (`again`): none of them replaces the report of the whole, nor lies among installed modules.
    """
    is_checkout = (CHECKOUT / "pyproject.toml").exists() and Path.cwd().is_relative_to(CHECKOUT)
    folder = CHECKOUT / "reports" / "out" if is_checkout else Path("parity-report")
    return folder / "again" if again else folder / "narrowed" if narrows else folder
