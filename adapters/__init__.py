"""The claimants: one module for each framework, and the registry that finds them."""

from __future__ import annotations

from adapters.adapter import Adapter, Claim, Program
from adapters.registry import Unavailable, UnknownAdapterError, find_adapters

__all__ = ["Adapter", "Claim", "Program", "Unavailable", "UnknownAdapterError", "find_adapters"]
