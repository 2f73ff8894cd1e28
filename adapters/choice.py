"""Which adapters run: those named or the default ones, the other engines, and on which device."""

from collections.abc import Callable
from dataclasses import dataclass

from adapters.isolation import Limits
from adapters.registry import default_names, find_adapters
from cases.protocol import Adapter, Unavailable

# What `--engines` adds: other ways in which the same frameworks compute the same step.
#
# torch-compile is left out: it compiles each structure with a C++ compiler, which takes many seconds.
ENGINES = ("torch-func", "jax-eager", "jax-forward", "jax-vmap")

# Who runs in whose place on a CUDA device.
ON_CUDA = {"torch": "torch-cuda", "jax": "jax-cuda"}


@dataclass(frozen=True)
class Choice:
    """What was asked for.

    Attributes
    ----------
    wanted
        Names of adapters; none means the default ones.
    engines
        Whether the other engines run too.
    device
        "cpu", or "cuda": PyTorch and JAX then run on the first CUDA device, and not on the processor.
    limits
        What each may take in a process of its own, or None to run them all in this one.
    apart
        Names of those that run in a process of their own all the same, without a limit.
    """

    wanted: tuple[str, ...] = ()
    engines: bool = False
    device: str = "cpu"
    limits: Limits | None = None
    apart: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The adapters that run, each once."""
        chosen = (*self._on_device(self.wanted or default_names()), *(ENGINES if self.engines else ()))
        return tuple(dict.fromkeys(chosen))

    @property
    def found(self) -> tuple[Adapter | Unavailable, ...]:
        """The adapters that run, loaded.

        Raises
        ------
        UnknownAdapterError
            If there is none of a name.
        """
        return self.load()

    def load(self, watch: Callable[[str], None] = lambda _: None) -> tuple[Adapter | Unavailable, ...]:
        """Load the adapters that run; `watch` is called with each name before."""
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
