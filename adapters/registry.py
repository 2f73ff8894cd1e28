"""Finding the adapters: the built-in ones, third parties' by entry point, and any by `module:function`."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from adapters.adapter import Adapter, Program, Unavailable
from adapters.isolation import Limits, isolated
from reference.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

BUILT_IN = {
    "numpy": "adapters.numpy_reference:adapter",
    "torch": "adapters.torch_programs:adapter",
    "jax": "adapters.jax_programs:adapter",
    "torch-func": "adapters.torch_func:adapter",
    "torch-compile": "adapters.torch_compile:adapter",
    "torch-cuda": "adapters.torch_cuda:adapter",
    "jax-eager": "adapters.jax_engines:eager",
    "jax-forward": "adapters.jax_engines:forward",
    "jax-vmap": "adapters.jax_engines:vmap",
    "jax-cuda": "adapters.jax_cuda:adapter",
}

DEFAULT = ("numpy", "torch", "jax")
"""The built-in adapters that run unless others are named; third parties' run too."""

ENTRY_POINT_GROUP = "backprop_parity.adapters"


class UnknownAdapterError(LookupError):
    """No adapter has that name; the message lists those that exist."""


def known_adapters() -> dict[str, str]:
    """Return every adapter's name with the object it is loaded from, `module:attribute`.

    The built-in names cannot be taken by anyone else, and come first.
    """
    third_party = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINT_GROUP)}
    return BUILT_IN | third_party | BUILT_IN


def default_names() -> tuple[str, ...]:
    """Return the names of the adapters that run unless others are named."""
    return tuple(name for name in known_adapters() if name in DEFAULT or name not in BUILT_IN)


def find_adapters(
    wanted: Sequence[str] = (), limits: Limits | None = None
) -> tuple[Adapter | Unavailable, ...]:
    """Load the adapters named, or the default three and third parties'.

    Parameters
    ----------
    wanted
        Names, or `package.module:function` for one that is not registered; each with `@PATH` behind it to run
        under another interpreter.
    limits
        What each may take in a process of its own; if None, they run in this one, but for those `@PATH`.

    Raises
    ------
    UnknownAdapterError
        A name that is neither registered nor of the form `package.module:function`.
    """
    known = known_adapters()
    asked = {one: split(one) for one in wanted or default_names()}
    found = {
        one: load_isolated(name, _location(name, known), limits or Limits(), python)
        if python or limits
        else load_adapter(name, _location(name, known))
        for one, (name, python) in asked.items()
    }
    names = [adapter.name for adapter in found.values()]
    return tuple(
        adapter if names.count(adapter.name) == 1 else replace(adapter, name=one)
        for one, adapter in found.items()
    )


def split(asked: str) -> tuple[str, str]:
    """Return an adapter's name and the interpreter it is to run under, "" for this one."""
    name, _, python = asked.partition("@")
    return name, python


def _location(name: str, known: dict[str, str]) -> str:
    if ":" in name:
        return name
    if name not in known:
        raise UnknownAdapterError(
            f"unknown adapter {name!r}, expected one of {', '.join(known)}, or package.module:function"
        )
    return known[name]


load_isolated = cache(isolated)
"""As `isolated`: one process for each adapter and interpreter, however often it is asked for."""


@cache
def load_adapter(name: str, location: str) -> Adapter | Unavailable:
    """Import an adapter; whatever prevents it becomes the reason that is shown."""
    module, _, attribute = location.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as missing:
        if f"{module}.".startswith(f"{missing.name}."):
            return Unavailable(name, Verdict.ERROR, f"there is no module {missing.name}")
        return Unavailable(name, Verdict.NOT_RUN, f"{missing.name} is not installed")
    except Exception as broken:  # noqa: BLE001 - a broken framework costs its own rows and nothing else
        return Unavailable(name, Verdict.ERROR, f"could not be imported: {type(broken).__name__}: {broken}")
    if isinstance(found, Adapter | Unavailable):
        return found
    if callable(found):
        return Adapter(name, title=name, version="", programs=(Program("", found),))
    return Unavailable(
        name, Verdict.ERROR, f"is of type {type(found).__name__}, expected an Adapter or a function"
    )
