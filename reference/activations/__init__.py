"""The activations, one room each: the function beside its derivative, its accuracy contract beside both."""

from reference.activations.elu import ELU
from reference.activations.gelu_erf import GELU_ERF
from reference.activations.gelu_tanh import GELU_TANH
from reference.activations.hardtanh import HARDTANH
from reference.activations.identity import IDENTITY
from reference.activations.leaky_relu import LEAKY_RELU
from reference.activations.log_sigmoid import LOG_SIGMOID
from reference.activations.relu import RELU
from reference.activations.relu6 import RELU6
from reference.activations.selu import SELU
from reference.activations.sigmoid import SIGMOID
from reference.activations.silu import SILU
from reference.activations.softplus import SOFTPLUS
from reference.activations.softsign import SOFTSIGN
from reference.activations.tanh import TANH

# Every activation by the name a case gives it.
ACTIVATIONS = {
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "relu": RELU,
    "identity": IDENTITY,
    "softplus": SOFTPLUS,
    "gelu_erf": GELU_ERF,
    "gelu_tanh": GELU_TANH,
    "silu": SILU,
    "leaky_relu": LEAKY_RELU,
    "elu": ELU,
    "selu": SELU,
    "hardtanh": HARDTANH,
    "relu6": RELU6,
    "softsign": SOFTSIGN,
    "log_sigmoid": LOG_SIGMOID,
}
