"""The claimants: one module for each framework, and the registry that finds them."""

from __future__ import annotations

from adapters.adapter import Adapter, Claim, Program, Unavailable
from adapters.choice import Choice
from adapters.registry import UnknownAdapterError, find_adapters

__all__ = ["Adapter", "Choice", "Claim", "Program", "Unavailable", "UnknownAdapterError", "find_adapters"]
