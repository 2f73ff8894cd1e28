"""The implementations: one module for each framework, and the registry that finds them."""

from adapters.choice import Choice
from adapters.registry import UnknownAdapterError, find_adapters
from cases.protocol import Adapter, Claim, Program, Unavailable

__all__ = ["Adapter", "Choice", "Claim", "Program", "Unavailable", "UnknownAdapterError", "find_adapters"]
