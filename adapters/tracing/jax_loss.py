"""Which activations and which loss of the catalog a JAX program has, and its targets as rows."""

# ruff: noqa: ANN401 - targets and losses are what the user gives

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal
from numpy.typing import NDArray

from adapters import jax_functions
from adapters.jax_functions import ACTIVATIONS
from adapters.tracing import recognition
from adapters.tracing.jax_equations import evaluated
from adapters.tracing.jax_layers import Layer
from adapters.tracing.recognition import StatedLoss
from cases.catalog import LOSSES as KINDS
from cases.catalog import REDUCED_LOSSES
from cases.protocol import NoEquivalent
from cases.recording import UnreadableError

Array: TypeAlias = NDArray[Any]
Loss: TypeAlias = Callable[[Any, Any], Any]

# Which loss is meant of two that are equal on some data.
PREFERRED: Final = "mean_squared_error"
OF_CLASSES: Final = "softmax_cross_entropy_with_integer_labels"
FAR: Final = 1e300  # a value that no loss has


def _with_defaults(name: str, reduction: str) -> StatedLoss:
    """Return a loss whose numbers are 1 where it needs any."""
    needed = [key for key, about in KINDS[name].keys.items() if about.default is ...]
    return StatedLoss(name, reduction, tuple((key, 1.0) for key in needed))


USUAL: Final = tuple(_with_defaults(name, reduction) for name, reduction in REDUCED_LOSSES)


def named_loss(name: str, targets: Array) -> Loss:
    """Return optax's own function of a loss of the catalog, a mean where there are several reductions."""
    if name not in KINDS:
        raise UnreadableError(f"there is no loss {name!r}, expected one of {', '.join(KINDS)}")
    stated = _with_defaults(name, KINDS[name].reductions[-1])
    key = stated.name, stated.reduction, stated.numbers
    return lambda output, _: jax_functions.loss_of(key, output.reshape(targets.shape), jnp.asarray(targets))


def activations_of(
    layers: Sequence[Layer], values: Mapping[int, Any], *, is_random: bool
) -> tuple[tuple[str, ...], bool]:
    """Return each layer's activation, and whether the last one's goes element by element.

    If not, as with log-softmax, it belongs to the loss, and the layer's own is the identity. `values` are
    those of the program, by number; `is_random` says whether it draws random numbers.
    """
    read = []
    for k, layer in enumerate(layers, start=1):
        try:
            read.append(recognition.activation_of(_on_grid(layer, values), _known()))
        except UnreadableError as error:
            if k == len(layers) and isinstance(error, recognition.NotElementwiseError):
                return (*read, "identity"), False
            on = "; random numbers are drawn, and dropout has to be off" if is_random else ""
            raise UnreadableError(_no_activation(k, layer, f"{error}{on}")) from None
    return tuple(read), True


def _no_activation(k: int, layer: Layer, what: str) -> str:
    called = " → ".join(operation.name for operation in layer.activation)
    place = next((operation.place for operation in layer.activation if operation.place), "")
    return f"what follows layer {k} ({called}) {what}{place}"


def _on_grid(layer: Layer, values: Mapping[int, Any]) -> Callable[[Array], Array]:
    """Return the activation as a function of points of any number, which are put in arrays of z's shape."""
    shape, dtype, size = values[layer.z].shape, values[layer.z].dtype, values[layer.z].size

    def of_points(points: Array) -> Array:
        rows = -(-points.size // size)
        padded = np.resize(points, rows * size).reshape(rows, *shape).astype(dtype)
        try:
            results = jax.vmap(lambda z: following(layer, values, z))(padded)
        except (TypeError, ValueError) as error:
            raise UnreadableError(f"cannot be evaluated apart: {first_line(error)}") from None
        if results.size != padded.size:
            return np.empty(0)
        # Of a program that turns z, the units are along another axis of a.
        if layer.axis is not None and layer.a_axis is not None and layer.axis != layer.a_axis:
            results = np.moveaxis(results, layer.a_axis + 1, layer.axis + 1)
        return np.asarray(results, np.float64).reshape(-1)[: points.size].reshape(points.shape)

    return of_points


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def following(layer: Layer, values: Mapping[int, Any], z: Any) -> Any:
    """Return what the program makes of another z in place of a layer's, up to a."""
    return evaluated(layer.activation, {**values, layer.z: z})[layer.a]


def _known() -> dict[str, Callable[[Array], Array]]:
    return {name: _on_arrays(name) for name in ACTIVATIONS if name != "gelu"}


def _on_arrays(name: str) -> Callable[[Array], Array]:
    return lambda points: _values(points.shape, points.tobytes())[name]


@cache
def _values(shape: tuple[int, ...], points: bytes) -> dict[str, Array]:
    """Return every activation's values at some points, from a single compilation."""
    grid = np.frombuffer(points).reshape(shape)
    with jax.enable_x64(True):
        every = jax.jit(lambda z: {name: function(z) for name, function in ACTIVATIONS.items()})(grid)
        return {name: np.asarray(values) for name, values in every.items()}


def targets_of(y: Any, width: int, rows: int, dtype: str) -> Array:
    """Return the targets as rows (N, n): whole numbers are classes where there are several outputs."""
    given = np.asarray(y)
    if width > 1 and given.size == rows and given.dtype.kind in "iu":
        return recognition.one_hot(given, width, dtype)
    if given.size != rows * width or given.dtype.kind not in "biufV":  # V: of 16 bits
        raise UnreadableError(
            f"the targets are {given.dtype} of shape {given.shape}, and predictions {rows} rows of {width}"
        )
    return given.reshape(rows, width).astype(dtype)


def loss_of(loss: Loss, last: Callable[[Array], Any], targets: Array, y: Any) -> StatedLoss:
    """Return the loss of the catalog that `loss` computes of what `last` gives for a last activation (N, n).

    It is given the program's own targets y and, where these only have another shape than the output, then in
    that shape: where broadcasting makes a matrix of the two, that is a mistake, and no other loss.
    """
    with jax.enable_x64(True):
        given = np.asarray(y)
        given = given if given.dtype.kind in "iub" else given.astype(np.float64)
        output = last(targets.astype(np.float64))
        try:
            return _loss_with(loss, last, targets, given)
        except UnreadableError:
            if given.size != output.size or given.shape == output.shape:
                raise
        return _loss_with(loss, last, targets, given.reshape(output.shape))


def _loss_with(loss: Loss, last: Callable[[Array], Any], targets: Array, given: Array) -> StatedLoss:
    def of_predictions(predictions: Array) -> float:
        return float(loss(last(predictions), jnp.asarray(given)))

    preferred = OF_CLASSES if given.dtype.kind in "iu" and targets.shape[1] > 1 else PREFERRED
    rows = targets.astype(np.float64)
    every = [{}, *_numbers(loss, last(rows), given)]
    for numbers in every:
        try:
            return recognition.loss_of(of_predictions, _of_catalog(), rows, numbers, preferred)
        except UnreadableError as error:
            refused = error
    raise refused


def _of_catalog() -> Callable[[StatedLoss, Array, Array], float]:
    """Return optax's values of the losses of the catalog, which are computed for all at once."""
    values: dict[int, tuple[jax.Array, ...]] = {}  # by the predictions, which the caller keeps

    def of(stated: StatedLoss, predictions: Array, targets: Array) -> float:
        if stated not in USUAL:
            return float(_alone(stated, predictions, targets))
        if id(predictions) not in values:
            values[id(predictions)] = _usual(predictions, targets)
        return float(values[id(predictions)][USUAL.index(stated)])

    return of


def _alone(stated: StatedLoss, predictions: Any, targets: Any) -> Any:
    try:
        return jax_functions.loss_of(
            (stated.name, stated.reduction, stated.numbers), jnp.asarray(predictions), jnp.asarray(targets)
        )
    except NoEquivalent:
        return FAR


@jax.jit
def _usual(predictions: jax.Array, targets: jax.Array) -> tuple[jax.Array, ...]:
    return tuple(_alone(stated, predictions, targets) for stated in USUAL)


def _numbers(loss: Loss, output: Any, y: Array) -> Iterator[dict[str, float]]:
    """Give what each number that stands in a loss may be: δ or β, or what the share of a smoothing is."""
    closed = jax.make_jaxpr(loss)(output, jnp.asarray(y))
    for number in sorted({*_written(closed.jaxpr)}):
        if number > 0:
            yield {"delta": number, "beta": number}
        if 0 < number < 1:
            yield {"label_smoothing": float(f"{1 - number:.12g}")}


def _written(jaxpr: Jaxpr) -> Iterator[float]:
    for equation in jaxpr.eqns:
        for atom in equation.invars:
            if isinstance(atom, Literal) and np.ndim(atom.val) == 0 and np.isfinite(atom.val):
                yield float(atom.val)
        for inner in equation.params.values():
            if isinstance(inner, ClosedJaxpr):
                yield from _written(inner.jaxpr)
