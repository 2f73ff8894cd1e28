"""PyTorch's programs: eager autograd, one case at a time and over a stack."""

import torch

from adapters.torch_autograd import train
from adapters.torch_stacks import train_stack
from cases import names
from cases.protocol import Adapter, Program, Stacked

adapter = Adapter(
    name="torch",
    title="PyTorch",
    version=torch.__version__,
    programs=(
        Program(
            "",
            train,
            names.observable,
            stacked=Stacked("torch.vmap of the forward pass, autograd", train_stack),
        ),
    ),
)
