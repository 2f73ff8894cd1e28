"""The calls of PyTorch that a program makes, in their order: where each stands, and what it returns."""

# ruff: noqa: ANN401, SLF001 - functions take and return anything; PyTorch's levels begin with an underscore

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.fx import traceback
from torch.overrides import TorchFunctionMode

from cases.captured import ASKED, NotCapturedError

LIBRARIES: Final = frozenset({"site-packages", "dist-packages"})
HERE: Final = Path(__file__).parent
REPORTS: Final = HERE.parent.parent / "reports"
OURS: Final = frozenset({HERE, HERE.parent / "tracing", REPORTS, REPORTS / "user_programs"})

# Functions with a derivative of their own, which may be in any form.
LIBRARY: Final = {
    "gelu", "softplus", "elu", "elu_", "selu", "celu", "silu", "mish", "logsigmoid", "log_sigmoid",
    "softmax", "log_softmax", "cross_entropy", "nll_loss", "binary_cross_entropy_with_logits",
    "binary_cross_entropy", "smooth_l1_loss", "huber_loss", "mse_loss", "l1_loss", "softsign",
    "tanhshrink", "hardtanh", "hardswish", "hardsigmoid", "relu6", "leaky_relu", "softmin", "logsumexp",
    "layer_norm", "batch_norm", "group_norm", "scaled_dot_product_attention",
    "multi_head_attention_forward",
}  # fmt: skip


TO_NUMPY: Final = frozenset(["numpy", "__array__", "tolist"])


class Calls(TorchFunctionMode):
    """Sees each call that returns a tensor of one number format, by its number from 1.

    Inside `vmap` or a derivative of the program's own a tensor stands for many, and is not kept.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.count, self._level, self._dtype = 0, _level(), dtype

    def __torch_function__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        self.begin(func)
        result = self.call(func, args, kwargs or {})
        if isinstance(result, Tensor) and result.dtype is self._dtype and _level() == self._level:
            self.keep(func, result)
        return result

    def begin(self, func: Any) -> None:
        pass

    def call(self, func: Any, args: Any, kwargs: Any) -> Any:
        return func(*args, **kwargs)

    def keep(self, func: Any, result: Tensor) -> None:
        raise NotImplementedError


class Places(Calls):
    """Notes in a graph, for each call, where it stands, what call it is a part of, its number and its name.

    `kept` has a copy of each result, by the number of its call: a line of the graph.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__(dtype)
        self.kept: dict[int, Tensor] = {}

    def begin(self, func: Any) -> None:
        name = getattr(func, "__name__", "")
        call = f"{name} {self.count}" if name in LIBRARY else ""
        is_forward = torch.is_grad_enabled() or _is_in_custom_function()
        parts = place_of_caller(), call, "" if is_forward else "constant", str(self.count), name
        traceback.set_stack_trace(["\n".join(parts)])

    def call(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Call it. Raises NotCapturedError where it asks what the numbers are, as `if x.sum() > 0`."""
        if getattr(func, "__name__", "") in TO_NUMPY and args[0].is_floating_point():
            raise _asked()
        try:
            return func(*args, **kwargs)
        except RuntimeError as error:
            if "value out of a tracing tensor" not in str(error):
                raise
            raise _asked() from error

    def keep(self, func: Any, result: Tensor) -> None:  # noqa: ARG002 - as the method that it fills in
        self.kept[self.count] = result.clone()


class Shown(Calls):
    """Keeps what each call returned, by its number, and later the gradient of it."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__(dtype)
        self.names: dict[int, str] = {}
        self.values: dict[int, Tensor] = {}
        self._slopes: dict[int, Tensor] = {}
        self._results: dict[int, tuple[Tensor, int]] = {}

    def keep(self, func: Any, result: Tensor) -> None:
        self.names[self.count] = getattr(func, "__name__", "").strip("_")
        self.values[self.count] = result.detach().clone()
        self._results[self.count] = result, result._version
        if result.requires_grad:
            result.register_hook(partial(self._store, self.count))  # type: ignore[no-untyped-call]

    def _store(self, number: int, gradient: Tensor) -> None:
        self._slopes[number] = gradient.detach().clone()

    def slopes(self) -> dict[int, Tensor]:
        """Return the gradients, after the backward pass; not of what was written over since."""
        current = {
            number for number, (result, version) in self._results.items() if result._version == version
        }
        return {number: gradient for number, gradient in self._slopes.items() if number in current}


def _asked() -> NotCapturedError:
    place = place_of_caller()
    return NotCapturedError(f"{ASKED} ({place})" if place else ASKED)


def _level() -> int:
    """Return how many of `vmap`, `grad` and the like are under way."""
    interpreter = torch._C._functorch.peek_interpreter_stack()
    return interpreter.level() if interpreter is not None else 0


def _is_in_custom_function() -> bool:
    """Whether the forward pass of an `autograd.Function` runs, which has no gradient of its own."""
    forwards = _forwards()
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code in forwards:
            return True
        frame = frame.f_back
    return False


def _forwards() -> set[Any]:
    """Return the code of each `autograd.Function`'s forward pass: from 2.14 on `apply` has no frame."""
    classes: list[Any] = [torch.autograd.Function]
    for each in classes:
        classes += each.__subclasses__()
    return {getattr(each.forward, "__code__", None) for each in classes} - {None}


def place_of_caller() -> str:
    """Return the innermost line of a user's own file that is running: "model.py:12"; "" if there is none."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        is_own = path.parent not in OURS and not {*path.parts} & LIBRARIES
        if is_own and path.name != "<string>":  # where PyTorch writes code of its own
            return f"{path.name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
