"""The activations, one room each: the function beside its derivative, its accuracy contract beside both."""

from __future__ import annotations

from reference.activations.identity import IDENTITY
from reference.activations.relu import RELU
from reference.activations.sigmoid import SIGMOID
from reference.activations.tanh import TANH

ACTIVATIONS = {"sigmoid": SIGMOID, "tanh": TANH, "relu": RELU, "identity": IDENTITY}
"""Every activation by the name a case gives it."""
