"""The dense layers of a JAX program, read from its equations.

What depends on no parameter is preparation of the data. A product with a parameter, and a bias that is added
to it, begin a layer; the equations that follow, up to the next product, are its activation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adapters.tracing.jax_equations import Equations, Operation, operations_between
from cases import names
from cases.recording import UnreadableError

Array: TypeAlias = NDArray[Any]

CHAIN: Final = "the suite reads dense layers, each followed by an activation, one after the other"
# What changes no number of a parameter.
COPIES: Final = frozenset({"copy", "copy_p", "convert_element_type"})
RESHAPES: Final = frozenset({"reshape", "squeeze", "expand_dims"})
SUMS: Final = frozenset({"add", "add_any"})
MATRIX: Final = 2  # axes


@dataclass(frozen=True)
class View:
    """A parameter as a program uses it: turned, or with axes more."""

    parameter: int  # its place among the parameters
    axes: tuple[int | None, ...]  # of each axis, the parameter's own; None where it is another


@dataclass
class Layer:
    """One dense layer: its parameters' places, and its values' numbers."""

    weight: int
    is_transposed: bool  # whether the program's own array is Wᵀ, (n_in, n_out)
    width: int
    inputs: int  # what it is applied to: of the first layer the data
    z: int
    axis: int | None  # of z, that of the units; None where it has none, of a single unit
    bias: int | None = None
    operations: list[Operation] = field(default_factory=list)  # after z
    a: int = -1
    a_axis: int | None = None

    def rows(self, array: Array, axis: int | None) -> Array:
        """Return an array whose units are along an axis as rows (N, n)."""
        return (array if axis is None else np.moveaxis(array, axis, -1)).reshape(-1, self.width)

    def in_shape(self, rows: Array, shape: tuple[int, ...]) -> Array:
        """Return rows (N, n) as z has them, in its shape."""
        if self.axis is None:
            return rows.reshape(shape)
        others = (*shape[: self.axis], *shape[self.axis + 1 :])
        return np.moveaxis(rows.reshape(*others, self.width), -1, self.axis)

    def z_of(self, array: Array) -> Array:
        return self.rows(array, self.axis)

    def a_of(self, array: Array) -> Array:
        return self.rows(array, self.a_axis)

    @property
    def activation(self) -> list[Operation]:
        """The operations that lead from z to a."""
        return list(operations_between(self.operations, self.z, self.a))


def layers_of(equations: Equations, called: Sequence[str]) -> list[Layer]:
    """Return the layers; `called` is what the program calls its parameters.

    Raises UnreadableError, with its place in the program, at what is no dense layer and no activation.
    """
    reading = _Reading(equations, called)
    for operation in equations.operations:
        reading.take(operation)
    return reading.end()


class _Reading:
    def __init__(self, equations: Equations, called: Sequence[str]) -> None:
        self.layers: list[Layer] = []
        self._equations, self._called = equations, called
        self._views = {
            number: View(i, tuple(range(len(equations.shapes[number]))))
            for i, number in enumerate(equations.parameters)
        }
        # What is computed in a layer from its product on: the layer, and the axis of its units.
        self._inside: dict[int, tuple[Layer, int | None]] = {}

    def take(self, operation: Operation) -> None:
        views = [number for number in operation.inputs if number in self._views]
        inside = [number for number in operation.inputs if number in self._inside]
        if views and operation.name == "dot_general":
            self._begin_layer(operation, views)
        elif views and inside and self._is_bias(operation, views, inside):
            self._add_bias(operation, self._views[views[0]])
        elif views and (inside or not self._follow(operation, views[0])):
            self._refuse(operation, f"{operation.name} is applied to the parameter {self._name(views[0])}")
        elif inside:
            self._extend(operation, inside)

    def end(self) -> list[Layer]:
        """End the last layer, whose activation is the function's output."""
        if not self.layers:
            raise UnreadableError("the model applies no parameter to its inputs, expected dense layers")
        layer, output = self.layers[-1], self._equations.output
        belongs, axis = self._inside.get(output, (None, None))
        if belongs is not layer:
            raise UnreadableError(f"the model's output is not that of layer {len(self.layers)}: {CHAIN}")
        shape = self._equations.shapes[output]
        if layer.width > 1 and prod(shape[:-1]) * layer.width == prod(shape) and axis != len(shape) - 1:
            raise UnreadableError(f"the model's output has the shape {shape}, expected examples as rows")
        layer.a, layer.a_axis = output, axis
        return self.layers

    def _begin_layer(self, operation: Operation, views: list[int]) -> None:
        (left, right), _ = operation.parameters["dimension_numbers"]
        is_right = operation.operands[1] in self._views
        weight, inputs = operation.operands if not is_right else operation.operands[::-1]
        if len(views) > 1 or weight is None or inputs is None:
            self._refuse(operation, "two parameters are multiplied")
        along, of_inputs = (right, left) if is_right else (left, right)
        view = self._views[weight]
        own = self._own_axis(operation, view, along)
        if any(view.parameter == layer.weight for layer in self.layers):
            self._refuse(operation, f"the parameter {self._name(weight)} is the weight of two layers")
        self._end_layer(operation, inputs, of_inputs[0])
        shape = self._equations.shapes[self._equations.parameters[view.parameter]]
        is_transposed = len(shape) == MATRIX and own == 0
        axis = None if len(view.axes) < MATRIX else len(operation.shape()) - 1 if is_right else 0
        width = shape[1 - own] if len(shape) == MATRIX else 1
        layer = Layer(view.parameter, is_transposed, width, inputs, operation.outputs[0], axis)
        self.layers.append(layer)
        self._inside[layer.z] = layer, axis

    def _own_axis(self, operation: Operation, view: View, along: tuple[int, ...]) -> int:
        """Return the parameter's own axis over which a product sums."""
        _, batched = operation.parameters["dimension_numbers"]
        own = view.axes[along[0]] if len(along) == 1 else None
        if own is None or any(map(len, batched)) or len(view.axes) > MATRIX:
            name = self._called[view.parameter]
            self._refuse(operation, f"{name} is applied by a product that is not one of matrices")
        return own

    def _end_layer(self, operation: Operation, inputs: int, along: int) -> None:
        """End the layer before one whose product sums over an axis of `inputs`."""
        if not self.layers:
            if inputs in self._views or along != len(self._equations.shapes[inputs]) - 1:
                self._refuse(operation, "the first product is not one of rows of data")
            return
        layer, axis = self._inside.get(inputs, (None, None))
        last = self.layers[-1]
        if layer is not last or (axis != along and last.width > 1):
            what = f"what {operation.name} is applied to is not the result of layer {len(self.layers)}"
            self._refuse(operation, what)
        last.a, last.a_axis = inputs, along

    def _is_bias(self, operation: Operation, views: list[int], inside: list[int]) -> bool:
        layer, axis = self._inside[inside[0]]
        view, shape = self._views[views[0]], operation.shape()
        if operation.name not in SUMS or layer is not self.layers[-1] or layer.bias is not None:
            return False
        own = self._equations.shapes[self._equations.parameters[view.parameter]]
        is_whole = shape == self._equations.shapes[inside[0]] and prod(own) == layer.width
        axes = dict(enumerate(view.axes))  # none of a single number
        is_along = layer.width == 1 or (axis is not None and axes.get(axis) is not None)
        only_turned = all(step.name in COPIES | RESHAPES | {"transpose"} for step in layer.operations)
        return is_whole and is_along and only_turned and len(views) == len(inside) == 1

    def _add_bias(self, operation: Operation, view: View) -> None:
        (inside,) = (number for number in operation.inputs if number in self._inside)
        layer, axis = self._inside[inside]
        layer.bias, layer.z, layer.axis = view.parameter, operation.outputs[0], axis
        layer.operations.clear()
        self._inside[layer.z] = layer, axis

    def _follow(self, operation: Operation, number: int) -> bool:
        """Take over what only turns or spreads a parameter; say whether it does."""
        if len(operation.inputs) != 1 or len(operation.outputs) != 1:
            return False
        view = self._views[number]
        axes = _axes_after(operation, view.axes, self._equations.shapes[number])
        if axes is not None:
            self._views[operation.outputs[0]] = View(view.parameter, axes)
        return axes is not None

    def _extend(self, operation: Operation, inside: list[int]) -> None:
        layer = self.layers[-1]
        if any(self._inside[number][0] is not layer for number in inside):
            self._refuse(operation, f"{operation.name} is applied to the result of an earlier layer, too")
        if operation.equation is None and inside == [layer.z] and not layer.operations:
            layer.z = operation.outputs[0]  # the same, seen from outside
            self._inside[layer.z] = layer, layer.axis
            return
        layer.operations.append(operation)
        for i, number in enumerate(operation.outputs):
            self._inside[number] = layer, self._axis_after(operation, inside, operation.shape(i))

    def _axis_after(self, operation: Operation, inside: list[int], shape: tuple[int, ...]) -> int | None:
        """Return the axis of the units in a result; None if there is none."""
        known = [(self._inside[number][1], self._equations.shapes[number]) for number in inside]
        axis, before = known[0]
        if operation.equation is None:
            return axis
        if operation.name == "transpose" and axis is not None:
            return tuple(operation.parameters["permutation"]).index(axis)
        if operation.name in RESHAPES and axis is not None:
            moved = _axes_reshaped(tuple(range(len(before))), before, shape)
            ends = axis == len(before) - 1 and shape[-1:] == before[-1:]
            return len(shape) - 1 if ends else moved.index(axis) if moved and axis in moved else None
        return next((axis for axis, other in known if other == shape and axis is not None), None)

    def _name(self, number: int) -> str:
        return self._called[self._views[number].parameter]

    def _refuse(self, operation: Operation, what: str) -> NoReturn:
        raise UnreadableError(f"{what}: {CHAIN}{operation.place}")


def _axes_after(
    operation: Operation, axes: tuple[int | None, ...], shape: tuple[int, ...]
) -> tuple[int | None, ...] | None:
    """Return a parameter's axes after an operation; None if that changes its numbers or their order."""
    new, parameters = operation.shape(), operation.parameters
    if operation.name in COPIES:
        return axes
    if operation.name == "transpose":
        return tuple(axes[old] for old in parameters["permutation"])
    if operation.name == "broadcast_in_dim":
        places = dict(zip(parameters["broadcast_dimensions"], axes, strict=True))
        kept = {i: own for i, own in places.items() if new[i] == shape[list(places).index(i)]}
        return tuple(kept.get(i) for i in range(len(new)))
    return _axes_reshaped(axes, shape, new) if operation.name in RESHAPES else None


def _axes_reshaped(
    axes: tuple[int | None, ...], old: tuple[int, ...], new: tuple[int, ...]
) -> tuple[int | None, ...] | None:
    """Return the axes after axes of length 1 came or went; None if anything else changed."""
    if old == new:
        return axes
    longer = [own for own, length in zip(axes, old, strict=True) if length > 1]
    if [length for length in old if length > 1] != [length for length in new if length > 1]:
        return None
    if not longer and new:  # a single number: it stands along the last axis
        return (*(None for _ in new[1:]), axes[-1] if axes else None)
    following = iter(longer)
    return tuple(next(following) if length > 1 else None for length in new)


def parameters_of(layers: Sequence[Layer]) -> Mapping[str, tuple[int, bool]]:
    """Return each parameter's place by the suite's name, and whether the program's own is turned."""
    places = {}
    for k, layer in enumerate(layers, start=1):
        places[names.W(k)] = layer.weight, layer.is_transposed
        if layer.bias is not None:
            places[names.b(k)] = layer.bias, False
    return places
