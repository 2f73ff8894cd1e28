"""Adapters in processes of their own: a crash or a hang affects only that adapter's results.

The pipe is our own and not execnet's, which reads without end what a faulty process writes, waits without end
for a stopped one, does not say what is wrong with a damaged reply, and gives no process its own session.
"""

from adapters.isolation.child import UNBOUNDED, Limits
from adapters.isolation.remote import isolated

__all__ = ["UNBOUNDED", "Limits", "isolated"]
