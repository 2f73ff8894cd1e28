"""Adapters in processes of their own: a crash or a hang affects only that adapter's results.

The pipe is our own and not execnet's, whose receiver thread reads without end what a faulty process writes,
whose sending to a stopped process has no timeout, and which neither names what is wrong with a damaged reply
nor gives a process a session and a standard error of its own.
"""

from adapters.isolation.child import UNBOUNDED, Limits
from adapters.isolation.remote import isolated

__all__ = ["UNBOUNDED", "Limits", "isolated"]
