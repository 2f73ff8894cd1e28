"""The options that bound adapters in processes of their own; the build, pytest and the sweep share them."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # NumPy would be loaded for --help
    from adapters.isolation import Limits

ISOLATE = "run each adapter in a process of its own: a crash or a hang costs its own rows and nothing else"
OWN = "run adapters that are not built in in pytest's process too, which they may end; so does --pdb"
SECONDS = "isolate, and end what takes longer for one training step (default: 120)"
MEMORY = "isolate, and let each take no more memory beside its framework; on Linux only (default: 4)"


NO_ISOLATE = "run adapters in the workers themselves: a little faster, and a crash or a hang costs its task"
SWEEP_SECONDS = "end what takes longer for one training step of a stack (default: 120)"
SWEEP_MEMORY = "let each take no more memory beside its framework; on Linux only (default: 4)"


def above_zero(text: str) -> float:
    """Return the number that is written.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none, or not finite, or not above 0.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0")
    return number


def limits_of(options: argparse.Namespace) -> Limits | None:
    """Return what each adapter may take in a process of its own, or None to run them all in this one."""
    from adapters.isolation import Limits  # noqa: PLC0415 - heavy, and --help answers at once

    given = stated(options)
    return Limits(**given) if options.isolate or given else None


def stated(options: argparse.Namespace) -> dict[str, Any]:
    """Return the limits that were typed, by their names in `adapters.isolation.Limits`."""
    typed = {"seconds": options.time_limit, "gib": options.memory_limit}
    return {name: number for name, number in typed.items() if number is not None}


def flags_of(limits: Limits | None) -> tuple[str, ...]:
    """Return what a person types for these limits."""
    if limits is None:
        return ()
    chosen = {"--time-limit": limits.seconds, "--memory-limit": limits.gib}
    usual = {"--time-limit": type(limits)().seconds, "--memory-limit": type(limits)().gib}
    return ("--isolate", *(f"{flag}={number:g}" for flag, number in chosen.items() if number != usual[flag]))
