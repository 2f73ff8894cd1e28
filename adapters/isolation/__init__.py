"""Implementations in processes of their own: whatever one does costs its own rows, and the rest goes on."""

from adapters.isolation.isolated import isolated
from adapters.isolation.limits import UNBOUNDED, Limits

__all__ = ["UNBOUNDED", "Limits", "isolated"]
