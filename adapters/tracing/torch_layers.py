"""The layers of a PyTorch forward pass: read from the calls that it makes, with every z and a on the way.

It runs as it is, under a `TorchFunctionMode` that sees each function of PyTorch with its arguments. What does
not depend on a parameter is preparation of the data. A product with a parameter, and a bias that is added to
it, begin a layer; the calls that follow, up to the next product, are its activation.
"""

# ruff: noqa: ANN401 - what frameworks' functions take and return may be anything

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from adapters.capture.torch_calls import place_of_caller
from adapters.torch_autograd import to_numpy
from cases.recording import UnreadableError

PRODUCTS: Final = frozenset({"matmul", "__matmul__", "mm"})
SUMS: Final = frozenset({"add", "__add__", "__radd__", "add_", "__iadd__"})
TRANSPOSES: Final = frozenset({"t", "transpose", "permute", "swapaxes", "swapdims", "adjoint"})
SHAPES: Final = frozenset({"squeeze", "unsqueeze", "view", "reshape", "flatten", "view_as"})


def in_either(function: Callable[[Tensor], Tensor], numbers: NDArray[Any]) -> Tensor:
    """Apply a part of a program to numbers in float64, or in float32 where it takes nothing else."""
    try:
        return function(torch.tensor(numbers))
    except RuntimeError:
        return function(torch.tensor(numbers, dtype=torch.float32))


@dataclass(frozen=True)
class Call:
    """One call of a function of PyTorch, and what it returned."""

    function: Callable[..., Any]
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    result: Tensor

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", self.function))


@dataclass
class Layer:
    """One dense layer: its parameters as the program has them, its activation's calls, its values."""

    weight: Tensor
    is_transposed: bool  # whether the program's own array is Wᵀ, (n_in, n_out)
    inputs: Tensor  # what it is applied to: of the first layer the data
    z: Tensor  # as returned, before a later call may write to it
    bias: Tensor | None = None
    calls: list[Call] = field(default_factory=list)
    a: Tensor | None = None  # the same of the last call; None while that is z
    # The values and gradients of z and of a as arrays (N, n), kept when they were computed.
    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    gradients: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return self.weight.shape[1 if self.is_transposed else 0]

    def keep(self, name: str, tensor: Tensor) -> None:
        """Keep the value of z or a, and its gradient once that is computed."""
        self.values[name] = self.rows(tensor)
        if tensor.requires_grad:
            tensor.register_hook(lambda gradient: self._keep_gradient(name, gradient))  # type: ignore[no-untyped-call]

    def _keep_gradient(self, name: str, gradient: Tensor) -> None:
        self.gradients[name] = self.rows(gradient)

    def rows(self, tensor: Tensor) -> NDArray[Any]:
        return to_numpy(tensor.detach()).reshape(-1, self.width)

    def activation(self, grid: NDArray[Any]) -> NDArray[Any]:
        """Evaluate the activation on other numbers, of any shape."""
        return to_numpy(in_either(partial(self.replay, keeps_shape=True), grid))

    def output(self, rows: Tensor) -> Tensor:
        """Return what the calls after z make of numbers (N, n) in place of z."""
        return self.replay(rows.reshape(self.z.shape))

    def in_shape(self, rows: Tensor) -> Tensor:
        """Return numbers (N, n) in the shape that the last call gave to a."""
        return rows.reshape((self.z if self.a is None else self.a).shape)

    def replay(self, z: Tensor, *, keeps_shape: bool = False) -> Tensor:
        """Make the calls after z again, of another z; by `keeps_shape` without those that change a shape."""
        again = {id(self.z): z}
        with torch.no_grad():
            for call in self.calls:
                if keeps_shape and call.name in SHAPES:
                    kept = next(
                        tensor for tensor in _tensors((call.args, call.kwargs)) if id(tensor) in again
                    )
                    again[id(call.result)] = again[id(kept)]
                else:
                    given = _replaced(call.args, again), _replaced(call.kwargs, again)
                    again[id(call.result)] = call.function(*given[0], **given[1])
        return again[id(self.z if self.a is None else self.a)].clone()


def _replaced(given: Any, by: Mapping[int, Tensor]) -> Any:
    if isinstance(given, Tensor):
        return by[id(given)].clone() if id(given) in by else given  # some calls write to what they are given
    if isinstance(given, (list, tuple)):
        return type(given)(_replaced(part, by) for part in given)
    return {key: _replaced(part, by) for key, part in given.items()} if isinstance(given, dict) else given


def _tensors(given: Any) -> Iterator[Tensor]:
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, (list, tuple)):
        for part in given:
            yield from _tensors(part)
    elif isinstance(given, Mapping):
        yield from _tensors(list(given.values()))


class Layers(TorchFunctionMode):
    """A mode in which a model's forward pass is read into `layers`; `parameters` are its own, by name.

    Raises UnreadableError, with its place in the program, at what is no dense layer and no activation.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        self._names = {id(tensor): name for name, tensor in parameters.items()}
        # A parameter or a view of it, with the parameter and whether it is transposed.
        self._views = {id(tensor): (tensor, False) for tensor in parameters.values()}
        self._inside: dict[int, Layer] = {}  # what is computed in a layer, from its z on
        self._alive: list[Call] = []  # so that no id is given twice

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        del types
        call = Call(func, args, kwargs or {}, func(*args, **(kwargs or {})))
        if isinstance(call.result, Tensor):
            self._alive.append(call)
            if call.name != "to" or call.result is not call.args[0]:  # there is nothing to convert
                self._take(call)
        return call.result

    def end(self, output: Any) -> None:
        """End the last layer, whose activation is the model's output; raises UnreadableError if it is not."""
        if not isinstance(output, Tensor):
            kind = type(output).__name__
            raise UnreadableError(f"the model's output is of type {kind}, expected one tensor")
        if not self.layers:
            raise UnreadableError("the model applies no parameter to its inputs, expected dense layers")
        self._end_layer(output, "the model's output")

    def _take(self, call: Call) -> None:
        given = list(_tensors((call.args, call.kwargs)))
        inside = [tensor for tensor in given if id(tensor) in self._inside]
        views = [tensor for tensor in given if id(tensor) in self._views]
        product = _product(call) if views else None
        if product and id(product[1]) in self._views:
            self._begin_layer(call, *product)
        elif views and inside and self._is_bias(call, inside, views):
            self._add_bias(call, views[0])
        elif views and not inside and self._is_view(call, views):
            parameter, flipped = self._views[id(views[0])]
            self._views[id(call.result)] = (parameter, flipped ^ (call.result.ndim > 1))
        elif views:
            name = self._names[id(self._views[id(views[0])][0])]
            self._refuse(call, f"{call.name} is applied to the parameter {name}")
        elif inside:
            self._extend(call, inside)

    def _begin_layer(self, call: Call, inputs: Tensor, view: Tensor, bias: Tensor | None) -> None:
        weight, is_transposed = self._views[id(view)]
        if call.name != "linear" and inputs is not call.args[-1]:  # x @ W, not W @ x
            is_transposed = not is_transposed
        if any(weight is layer.weight for layer in self.layers):
            self._refuse(call, f"{self._names[id(weight)]} is the weight of two layers")
        if self.layers:
            self._end_layer(inputs, f"what {call.name} is applied to")
        elif id(inputs) in self._views:
            self._refuse(call, "two parameters are multiplied")
        layer = Layer(weight, is_transposed, inputs, call.result, bias)
        if bias is not None and bias.ndim != 1:
            self._refuse(call, f"a bias of shape {tuple(bias.shape)}, expected one number for each unit")
        self.layers.append(layer)
        self._inside[id(call.result)] = layer
        layer.keep("z", call.result)

    def _end_layer(self, output: Tensor, what: str) -> None:
        layer = self.layers[-1]
        last = layer.z if layer.a is None else layer.a
        if output is not last:
            raise UnreadableError(f"{what} is not the result of layer {len(self.layers)}: {CHAIN}{_place()}")
        layer.keep("a", last)

    def _is_bias(self, call: Call, inside: list[Tensor], views: list[Tensor]) -> bool:
        layer = self._inside[id(inside[0])]
        parameter = self._views[id(views[0])][0]
        is_first = layer.bias is None and not layer.calls and inside == [layer.z]
        return call.name in SUMS and is_first and parameter.numel() == layer.width and len(views) == 1

    def _add_bias(self, call: Call, view: Tensor) -> None:
        layer = self.layers[-1]
        layer.bias, layer.z = self._views[id(view)][0], call.result
        self._inside[id(call.result)] = layer
        layer.keep("z", call.result)

    def _is_view(self, call: Call, views: list[Tensor]) -> bool:
        if len(views) != 1:
            return False
        old, new = views[0], call.result
        if old.ndim == 2:  # noqa: PLR2004 - a weight: turned round, and nothing else
            is_property = getattr(call.function, "__self__", None) in (torch.Tensor.T, torch.Tensor.mT)
            return (call.name in TRANSPOSES or is_property) and new.shape == old.shape[::-1]
        return call.name in SHAPES and new.numel() == old.numel()

    def _extend(self, call: Call, inside: list[Tensor]) -> None:
        if any(self._inside[id(tensor)] is not self.layers[-1] for tensor in inside):
            self._refuse(call, f"{call.name} is applied to the result of an earlier layer, too")
        if call.name == "dropout" and call.kwargs.get("training", True) and call.kwargs.get("p", 0.5):
            self._refuse(call, "dropout is on, so no two runs are the same (model.eval() turns it off)")
        layer = self.layers[-1]
        layer.calls.append(call)
        layer.a = call.result
        self._inside[id(call.result)] = layer

    def _refuse(self, call: Call, what: str) -> None:
        del call
        raise UnreadableError(f"{what}: {CHAIN}{_place()}")


CHAIN: Final = "the suite reads dense layers, each followed by an activation, one after the other"


def _product(call: Call) -> tuple[Tensor, Tensor, Tensor | None] | None:
    """Return the inputs, the weight and the bias of a product of matrices; None if it is none."""
    if call.name == "linear":
        bias = call.args[2] if len(call.args) > 2 else call.kwargs.get("bias")  # noqa: PLR2004 - input, weight
        weight = call.args[1] if len(call.args) > 1 else call.kwargs["weight"]
        return call.args[0], weight, bias
    if call.name == "addmm":
        return call.args[1], call.args[2], call.args[0]
    if call.name in PRODUCTS:
        left, right = call.args
        is_column = right.ndim == 1 and isinstance(left, Tensor) and left.is_leaf and left.requires_grad
        return (right, left, None) if is_column else (left, right, None)
    return None


def _place() -> str:
    place = place_of_caller()
    return f" ({place})" if place else ""
