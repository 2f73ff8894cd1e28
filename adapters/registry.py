"""Finding the adapters: the built-in ones, third parties' by entry point, and any by `module:function`."""

import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from adapters.isolation import UNBOUNDED, Limits, isolated
from cases.errors import well_formed
from cases.protocol import Adapter, Program, Stacked, Unavailable
from cases.verdict import Verdict

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

# The built-in adapters that run unless others are named; third parties' run too.
DEFAULT = ("numpy", "torch", "jax")

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


def of_ones_own(names: Sequence[str]) -> tuple[str, ...]:
    """Return those of some adapters' names that are not built in."""
    return tuple(name for name in names if name not in BUILT_IN)


def find_adapters(
    wanted: Sequence[str] = (),
    limits: Limits | None = None,
    apart: Collection[str] = (),
    watch: Callable[[str], None] = lambda _: None,
) -> tuple[Adapter | Unavailable, ...]:
    """Load the adapters named, or the default three and third parties'.

    Parameters
    ----------
    wanted
        Names, or `package.module:function` for one that is not registered; each with `@PATH` behind it to run
        under another interpreter.
    limits
        What each may take in a process of its own; if None, they run in this one, but for those `@PATH`.
    apart
        Names of those that run in a process of their own all the same, without a limit.
    watch
        Called with each name before that adapter is loaded.

    Raises
    ------
    UnknownAdapterError
        As `check`.
    """
    check(wanted)
    known = known_adapters()
    asked = {one: split(one) for one in wanted or default_names()}
    found: dict[str, Adapter | Unavailable] = {}
    for one, (name, python) in asked.items():
        watch(one)
        location, bounds = known.get(name, name), limits or (UNBOUNDED if one in apart else None)
        if python or bounds:
            found[one] = load_isolated(name, location, bounds or Limits(), _expanded(python))
        else:
            found[one] = load_adapter(name, location)
    names = [adapter.name for adapter in found.values()]
    return tuple(
        _called(adapter, one, is_unique=names.count(adapter.name) == 1) for one, adapter in found.items()
    )


def _called(adapter: Adapter | Unavailable, asked: str, *, is_unique: bool) -> Adapter | Unavailable:
    """Call an adapter what was asked for, but for one that has a shorter name to itself."""
    if isinstance(adapter, Unavailable):
        return replace(adapter, name=asked)
    if not is_unique:
        return replace(adapter, name=asked)
    return adapter if adapter.name == asked else replace(adapter, asked=asked)


def split(asked: str) -> tuple[str, str]:
    """Return an adapter's name and the interpreter it is to run under, "" for this one.

    Raises
    ------
    UnknownAdapterError
        If there is nothing behind an @.
    """
    name, at, python = asked.partition("@")
    if at and not python:
        raise UnknownAdapterError(f"{asked!r} names no interpreter, expected one behind the @: {asked}PATH")
    return name, python


def check(wanted: Sequence[str]) -> None:
    """Check names of adapters, before anything is loaded.

    Raises
    ------
    UnknownAdapterError
        A name that is neither registered nor of the form `package.module:function`, or an interpreter that
        there is none of.
    """
    known = known_adapters()
    for name, python in map(split, wanted):
        if ":" not in name and name not in known:
            expected = f"one of {', '.join(known)}, or package.module:function"
            raise UnknownAdapterError(f"unknown adapter {name!r}, expected {expected}")
        if python and shutil.which(_expanded(python)) is None:
            expected = "the path of another Python, as ../old/bin/python"
            raise UnknownAdapterError(f"{name}@{python}: there is no program {python!r}, expected {expected}")


def _expanded(python: str) -> str:
    """Write out a home folder, which a shell does only where a word begins with it."""
    return str(Path(python).expanduser()) if python.startswith("~") else python


# As `isolated`: one process for each adapter and interpreter, however often it is asked for.
load_isolated = cache(isolated)


@cache
def load_adapter(name: str, location: str) -> Adapter | Unavailable:
    """Import an adapter; whatever prevents it becomes the reason that is shown."""
    found = _imported(name, location)
    if isinstance(found, Adapter):
        return _well_formed(found)
    if isinstance(found, Unavailable):
        return replace(found, name=well_formed(found.name), reason=well_formed(found.reason))
    if callable(found):
        return Adapter(name, title=name, version="", programs=(Program("", found),))
    told = f"is of type {type(found).__name__}, expected an Adapter or a function"
    return Unavailable(name, Verdict.ERROR, told)


def _imported(name: str, location: str) -> object:
    module, _, attribute = location.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as missing:
        if f"{module}.".startswith(f"{missing.name}."):
            return Unavailable(name, Verdict.ERROR, f"there is no module {missing.name}")
        return Unavailable(name, Verdict.NOT_RUN, f"{missing.name} is not installed")
    except Exception as broken:  # noqa: BLE001 - a broken framework costs its own rows and nothing else
        return Unavailable(name, Verdict.ERROR, f"could not be imported: {type(broken).__name__}: {broken}")


def _well_formed_stack(stacked: Stacked) -> Stacked:
    return replace(stacked, how=well_formed(str(stacked.how)))


def _well_formed(adapter: Adapter) -> Adapter:
    """Return an adapter with texts that any file can hold."""
    programs = tuple(
        replace(one, name=well_formed(one.name), stacked=one.stacked and _well_formed_stack(one.stacked))
        for one in adapter.programs
    )
    texts = (adapter.name, adapter.title, adapter.version)
    name, title, version = map(well_formed, map(str, texts))
    return replace(adapter, name=name, title=title, version=version, programs=programs)
