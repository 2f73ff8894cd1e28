"""Which activations and which loss of the catalog a PyTorch program has, and its targets as rows."""

# ruff: noqa: ANN401 - what frameworks' functions take and return may be anything

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from adapters.torch_autograd import to_numpy
from adapters.torch_functions import ACTIVATIONS, LOSSES
from adapters.tracing import recognition
from adapters.tracing.recognition import NotElementwiseError, StatedLoss
from adapters.tracing.torch_layers import Layer, in_either
from cases.catalog import LOSSES as KINDS
from cases.recording import UnreadableError

Array: TypeAlias = NDArray[Any]

# What the catalog calls what PyTorch's own losses take.
NUMBERS: Final = ("delta", "beta", "label_smoothing")
# Which loss is meant of two that are equal on some data, by the function that is called.
PREFERRED: Final = {"mse_loss": "mean_squared_error", "l1_loss": "l1"}
OF_CLASSES: Final = "softmax_cross_entropy_with_integer_labels"


def named_loss(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Return PyTorch's own function of a loss of the catalog, a mean where there are several reductions."""
    if name not in KINDS:
        raise UnreadableError(f"there is no loss {name!r}, expected one of {', '.join(KINDS)}")
    reduction = KINDS[name].reductions[-1]

    def loss(output: Tensor, y: Tensor) -> Tensor:
        classes = y.ndim < output.ndim and not y.is_floating_point()
        rows = functional.one_hot(y, output.shape[-1]).to(output.dtype) if classes else y
        return LOSSES[name](output, rows, reduction=reduction)

    return loss


def single(loss: Any) -> Tensor:
    """Return a loss as it is; raises UnreadableError if it is not a single number."""
    if isinstance(loss, Tensor) and loss.numel() == 1:
        return loss
    kind = f"of type {type(loss).__name__}"
    shape = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else kind
    raise UnreadableError(f"the loss is {shape}, expected a single number: take its mean or its sum")


def activations_of(layers: Sequence[Layer]) -> tuple[tuple[str, ...], Callable[[Tensor], Tensor], bool]:
    """Return each layer's activation, what the last one passes on its way to the loss, and whether it is z.

    That is the shape alone; but a last activation that goes by rows, such as log-softmax, belongs to the
    loss, and the layer's own is then the identity.
    """
    known = {name: _on_arrays(function) for name, function in ACTIVATIONS.items() if name != "gelu"}
    read = []
    for k, layer in enumerate(layers, start=1):
        try:
            read.append(recognition.activation_of(layer.activation, known))
        except UnreadableError as error:
            if k < len(layers) or not isinstance(error, NotElementwiseError):
                named = " → ".join(call.name for call in layer.calls)
                raise UnreadableError(f"what follows layer {k} ({named}) {error}") from None
            return (*read, "identity"), layer.output, True
    return tuple(read), layers[-1].in_shape, False


def _on_arrays(function: Callable[[Tensor], Tensor]) -> Callable[[Array], Array]:
    return lambda array: to_numpy(function(torch.tensor(array)))


def targets_of(y: Tensor, width: int, rows: int, dtype: str) -> Array:
    """Return the targets as rows (N, n): whole numbers are classes where there are several outputs."""
    if not isinstance(y, Tensor):
        raise UnreadableError(f"the targets are {type(y).__name__}, expected a tensor")
    if width > 1 and y.numel() == rows and not y.is_floating_point():
        return recognition.one_hot(y.numpy(force=True), width, dtype)
    if y.numel() != rows * width:
        shape = tuple(y.shape)
        raise UnreadableError(
            f"the targets have shape {shape}, and the predictions are {rows} rows of {width}"
        )
    return to_numpy(y.detach()).reshape(rows, width).astype(dtype)


def loss_of(
    loss: Callable[[Tensor, Tensor], Tensor],
    last: Callable[[Tensor], Tensor],
    targets: Array,
    y: Tensor,
) -> StatedLoss:
    """Return the loss of the catalog that `loss` computes of what `last` gives for a last activation (N, n).

    It is given the program's own targets y and, where these only have another shape than the output, then in
    that shape: where broadcasting makes a matrix of the two, that is a mistake, and no other loss.
    """
    given = y.double() if y.is_floating_point() else y
    output = last(torch.tensor(targets.astype(float)))
    try:
        return _loss_with(loss, last, targets, given)
    except UnreadableError:
        if given.numel() != output.numel() or given.shape == output.shape:
            raise
    return _loss_with(loss, last, targets, given.reshape(output.shape))


def _loss_with(
    loss: Callable[[Tensor, Tensor], Tensor],
    last: Callable[[Tensor], Tensor],
    targets: Array,
    given: Tensor,
) -> StatedLoss:
    def of_predictions(predictions: Array) -> float:
        try:
            return float(in_either(lambda rows: single(loss(last(rows), given)), predictions))
        except RuntimeError as error:
            why = str(error).partition("\n")[0]
            raise UnreadableError(f"the loss cannot be computed of other predictions: {why}") from None

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # what is worth saying was said when the program itself ran
        with _Numbers() as stated:
            of_predictions(targets.astype(float))
        preferred = stated.preferred(given)
        return recognition.loss_of(
            of_predictions, _of_catalog, targets.astype(float), stated.numbers, preferred
        )


def _of_catalog(stated: StatedLoss, predictions: Array, targets: Array) -> float:
    pair = torch.tensor(predictions), torch.tensor(targets)
    return float(LOSSES[stated.name](*pair, reduction=stated.reduction, **dict(stated.numbers)))


class _Numbers(TorchFunctionMode):
    """A mode that keeps which losses of PyTorch are called, and the numbers that they are given."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[str, float] = {}
        self._called: list[str] = []

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        del types
        self._called.append(getattr(func, "__name__", ""))
        self.numbers |= {
            key: float(value) for key, value in _arguments(func, args, kwargs or {}).items() if key in NUMBERS
        }
        return func(*args, **(kwargs or {}))

    def preferred(self, y: Tensor) -> str:
        if not y.is_floating_point():
            return OF_CLASSES
        return next((PREFERRED[name] for name in self._called if name in PREFERRED), "")


def _arguments(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        return inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):  # a function of C++ may have no signature
        return kwargs
