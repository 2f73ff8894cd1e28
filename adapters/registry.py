"""The adapters: which there are, which of them run, and how each is loaded.

The built-in ones are the rows of one table; a third party's has an entry point, and any function is named
`package.module:function`.
"""

import shutil
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, NamedTuple

from adapters.isolation import UNBOUNDED, Limits, isolated
from cases.errors import well_formed
from cases.program_structure import StructureError, limited, structure_of
from cases.protocol import Adapter, Program, Unavailable, Verdict


class BuiltIn(NamedTuple):
    """A built-in adapter, or a function that looks for it: `runs` says when it does unless it is named.

    With `--device cuda` an adapter that runs "on cuda" takes the place of its `framework`.
    """

    location: str  # module:attribute
    runs: Literal["by default", "with --engines", "on cuda", "when named"] = "by default"
    framework: str = ""


BUILT_IN = {
    "numpy": BuiltIn("adapters.numpy_reference:adapter"),
    "torch": BuiltIn("adapters.torch_autograd:adapter"),
    "jax": BuiltIn("adapters.jax_grad:adapter"),
    "torch-func": BuiltIn("adapters.torch_autograd:FUNC", "with --engines", "torch"),
    # It compiles each structure with a C++ compiler, which takes many seconds.
    "torch-compile": BuiltIn("adapters.torch_autograd:find_compiled", "when named", "torch"),
    "torch-cuda": BuiltIn("adapters.torch_autograd:find_cuda", "on cuda", "torch"),
    "jax-eager": BuiltIn("adapters.jax_grad:EAGER", "with --engines", "jax"),
    "jax-forward": BuiltIn("adapters.jax_grad:FORWARD", "with --engines", "jax"),
    "jax-vmap": BuiltIn("adapters.jax_grad:VMAP", "with --engines", "jax"),
    "jax-cuda": BuiltIn("adapters.jax_grad:find_cuda", "on cuda", "jax"),
    "autograd": BuiltIn("adapters.optional.hips_autograd:adapter", "when named"),
    "sklearn": BuiltIn("adapters.optional.scikit_learn:adapter", "when named"),
    "equinox": BuiltIn("adapters.optional.equinox_modules:adapter", "when named"),
    "keras": BuiltIn("adapters.optional.keras_layers:adapter", "when named"),
    "tinygrad": BuiltIn("adapters.optional.tinygrad_tensors:adapter", "when named"),
}

ENGINES = tuple(name for name, row in BUILT_IN.items() if row.runs == "with --engines")
ON_CUDA = {row.framework: name for name, row in BUILT_IN.items() if row.runs == "on cuda"}

PROGRAM = "exec:"  # before the command of a program in any language

ENTRY_POINT_GROUP = "backprop_parity.adapters"


class UnknownAdapterError(LookupError):
    """No adapter has that name; the message lists those that exist."""


def known_adapters() -> dict[str, str]:
    """Return every adapter's name with its `module:attribute`, the built-in first, which nobody else has."""
    built_in = {name: row.location for name, row in BUILT_IN.items()}
    return built_in | _installed(tuple(sys.path)) | built_in


@cache
def _installed(path: tuple[str, ...]) -> dict[str, str]:  # noqa: ARG001 - what it depends on
    """Return the adapters that other packages bring, by name; to look takes 15 ms."""
    return {entry.name: entry.value for entry in entry_points(group=ENTRY_POINT_GROUP)}


def third_party(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in BUILT_IN)


def default_names() -> tuple[str, ...]:
    """Return the names of the adapters that run unless others are named; third parties' run too."""
    default = tuple(name for name, row in BUILT_IN.items() if row.runs == "by default")
    return default + third_party(tuple(known_adapters()))


@dataclass(frozen=True)
class Choice:
    """What was asked for."""

    wanted: tuple[str, ...] = ()  # names of adapters; none means the default ones
    engines: bool = False  # whether the other engines run too
    device: str = "cpu"  # or "cuda": PyTorch and JAX then run on the first CUDA device alone
    limits: Limits | None = None  # what each may take in a process of its own; None to run all in this one
    apart: tuple[str, ...] = ()  # those that run in a process of their own all the same, without a limit

    @property
    def names(self) -> tuple[str, ...]:
        """The adapters that run, each once."""
        chosen = (*self._on_device(self.wanted or default_names()), *(ENGINES if self.engines else ()))
        return tuple(dict.fromkeys(chosen))

    def load(self, watch: Callable[[str], None] = lambda _: None) -> tuple[Adapter | Unavailable, ...]:
        """Load the adapters that run, as `find_adapters`."""
        return find_adapters(self.names, self.limits, self.apart, watch)

    @property
    def required(self) -> tuple[str, ...]:
        """The adapters that were asked for, whose absence is a failure."""
        return (*self._on_device(self.wanted), *(ON_CUDA.values() if self.device == "cuda" else ()))

    def _on_device(self, names: tuple[str, ...]) -> tuple[str, ...]:
        if self.device == "cpu":
            return names
        parts = (name.partition("@") for name in names)
        return tuple(ON_CUDA.get(name, name) + at + python for name, at, python in parts)


def find_adapters(
    wanted: Sequence[str] = (),
    limits: Limits | None = None,
    apart: Collection[str] = (),
    watch: Callable[[str], None] = lambda _: None,
) -> tuple[Adapter | Unavailable, ...]:
    """Load the adapters named, or the default ones; `watch` is called with each name before it is loaded.

    `wanted` are names, or `package.module:function` for one that is not registered; each with `@PATH` behind
    it to run under another interpreter, in a process of its own. `limits` and `apart` are as in `Choice`.
    `exec:COMMAND` is a program in any language, which always runs within limits.
    """
    check(wanted)
    known = known_adapters()
    loaded: dict[str, Adapter | Unavailable] = {}
    for asked in wanted or default_names():
        watch(asked)
        name, python = split(asked)
        location, bounds = known.get(name, name), limits or (UNBOUNDED if asked in apart else None)
        if asked.startswith(PROGRAM):
            loaded[asked] = _load_program(asked, limits or Limits())
        elif python or bounds:
            loaded[asked] = load_isolated(name, location, bounds or Limits(), _expanded(python))
        else:
            loaded[asked] = load_adapter(name, location)
    names = [adapter.name for adapter in loaded.values()]
    for asked, adapter in loaded.items():  # named as asked for, but for one that has a shorter name to itself
        if isinstance(adapter, Unavailable) or names.count(adapter.name) > 1:
            loaded[asked] = replace(adapter, name=asked)
        elif adapter.name != asked:
            loaded[asked] = replace(adapter, asked=asked)
    return tuple(loaded.values())


def split(asked: str) -> tuple[str, str]:
    """Return an adapter's name and the interpreter after its @, "" for this one."""
    if asked.startswith(PROGRAM):  # whose command may have an @
        return asked, ""
    name, at, python = asked.partition("@")
    if at and not python:
        raise UnknownAdapterError(f"{asked!r} names no interpreter, expected one behind the @: {asked}PATH")
    return name, python


def check(wanted: Sequence[str]) -> None:
    """Raise UnknownAdapterError for a name of no adapter, or an interpreter that does not exist."""
    known = known_adapters()
    for name, python in map(split, wanted):
        if name.startswith(PROGRAM):
            _check_command(name)
        if ":" not in name and name not in known:
            expected = f"one of {', '.join(known)}, package.module:function, or {PROGRAM}COMMAND"
            raise UnknownAdapterError(f"unknown adapter {name!r}, expected {expected}")
        if python and shutil.which(_expanded(python)) is None:
            expected = "the path of another Python, as ../old/bin/python"
            raise UnknownAdapterError(f"{name}@{python}: there is no program {python!r}, expected {expected}")


def _check_command(asked: str) -> None:
    from adapters.exec_program import command_of  # noqa: PLC0415 - it needs more than other interpreters have

    try:
        command_of(asked)
    except ValueError as error:
        raise UnknownAdapterError(str(error)) from None


def _expanded(python: str) -> str:
    """Write out a home folder, which a shell does only where a word begins with it."""
    return str(Path(python).expanduser()) if python.startswith("~") else python


# As `isolated`: one process for each adapter and interpreter, however often it is asked for.
load_isolated = cache(isolated)


@cache
def _load_program(asked: str, limits: Limits) -> Adapter | Unavailable:
    """Load a program in any language; it keeps the name that it was asked by if that is another adapter's."""
    from adapters.exec_program import load_program  # noqa: PLC0415 - the same

    program = load_program(asked, limits)
    is_taken = program.name in known_adapters()
    return replace(program, name=asked) if is_taken else program


@cache
def load_adapter(name: str, location: str) -> Adapter | Unavailable:
    """Import an adapter; whatever prevents it becomes the reason that is shown."""
    loaded = _imported(name, location)
    if isinstance(loaded, Adapter):
        return _well_formed(loaded)
    if isinstance(loaded, Unavailable):
        return replace(loaded, name=well_formed(loaded.name), reason=well_formed(loaded.reason))
    if callable(loaded):
        given = getattr(loaded, "structure", None)
        return _well_formed(Adapter(name, name, "", (Program("", loaded),), structure=given))
    kind = type(loaded).__name__
    return Unavailable(name, Verdict.ERROR, f"is of type {kind}, expected an Adapter or a function")


def _imported(name: str, location: str) -> object:
    module, _, attribute = location.partition(":")
    try:
        loaded = getattr(import_module(module), attribute)
        return loaded() if name in BUILT_IN and callable(loaded) else loaded
    except ModuleNotFoundError as missing:
        if f"{module}.".startswith(f"{missing.name}."):
            return Unavailable(name, Verdict.ERROR, f"there is no module {missing.name}")
        return Unavailable(name, Verdict.NOT_RUN, f"{missing.name} is not installed")
    except Exception as broken:  # noqa: BLE001 - a broken framework costs its own rows and nothing else
        return Unavailable(name, Verdict.ERROR, f"could not be imported: {type(broken).__name__}: {broken}")


def _well_formed(adapter: Adapter) -> Adapter | Unavailable:
    """Return an adapter whose texts can be written, and whose programs decline what they do not do."""
    programs = []
    try:
        structure = structure_of(adapter.structure)
        for program in adapter.programs:
            stacked = program.stacked and replace(program.stacked, how=well_formed(str(program.stacked.how)))
            named = replace(program, name=well_formed(program.name), stacked=stacked)
            programs.append(limited(replace(named, structure=structure_of(program.structure)), structure))
    except StructureError as wrong:
        return Unavailable(adapter.name, Verdict.ERROR, well_formed(str(wrong)))
    texts = {field: well_formed(str(getattr(adapter, field))) for field in ("name", "title", "version")}
    return replace(adapter, programs=tuple(programs), structure=structure, **texts)
