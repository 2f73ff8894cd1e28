"""The implementations: modules for each framework, and the registry that finds them."""

from adapters.registry import Choice, UnknownAdapterError, find_adapters
from cases.protocol import Adapter, Claim, Program, Unavailable

__all__ = ["Adapter", "Choice", "Claim", "Program", "Unavailable", "UnknownAdapterError", "find_adapters"]
