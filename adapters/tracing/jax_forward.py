"""The forward pass of a JAX program as it was read: its layers, their activations and every value."""

# ruff: noqa: ANN401 - a program's trees and functions may be anything

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from adapters.tracing.jax_equations import Equations, equations_of
from adapters.tracing.jax_layers import Layer, layers_of, parameters_of
from adapters.tracing.jax_loss import activations_of, first_line, following
from adapters.tracing.jax_models import Model
from cases import names
from cases.protocol import DTYPES, SIXTEEN_BITS
from cases.recording import UnreadableError

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Read:
    """What a program was read to compute."""

    model: Model
    equations: Equations
    layers: list[Layer]
    values: Mapping[int, Any]  # of every number, before the first step
    activations: tuple[str, ...]
    ends_at_a: bool  # whether the last activation goes element by element; otherwise it is the loss's
    dtype: str

    @property
    def output(self) -> Any:
        return self.values[self.equations.output]

    @property
    def rows(self) -> int:
        return int(self.layers[-1].z_of(self.values[self.layers[-1].z]).shape[0])

    def inside(self) -> Iterator[tuple[str, int, Callable[[Array], Array]]]:
        """Give each z and a by name that can be seen: its number, and how it is turned into rows."""
        for k, layer in enumerate(self.layers, start=1):
            yield names.z(k), layer.z, layer.z_of
            if k < len(self.layers) or self.ends_at_a:
                yield names.a(k), layer.a, layer.a_of

    def last(self, rows: Array) -> Any:
        """Return what the loss is given for a last activation (N, n)."""
        if self.ends_at_a:
            return jax.numpy.asarray(rows.reshape(self.output.shape))
        layer = self.layers[-1]
        z = self.values[layer.z]
        return following(layer, self.values, jax.numpy.asarray(layer.in_shape(rows, z.shape), z.dtype))


def read_forward(program: Model, x: Any) -> Read:
    leaves = jax.tree.leaves(program.parameters)
    equations = _traced(program, leaves, x)
    layers = layers_of(equations, program.called)
    values = equations.run(leaves, x, opened=True)
    dtype = _dtype_of(layers, values, leaves, program.called)
    if dtype in SIXTEEN_BITS:
        activations, ends_at_a = _in_float64(program, leaves, x)
    else:
        activations, ends_at_a = activations_of(layers, values, is_random=equations.is_random)
    return Read(program, equations, layers, values, activations, ends_at_a, dtype)


def _in_float64(program: Model, leaves: Sequence[Any], x: Any) -> tuple[tuple[str, ...], bool]:
    """Read the activations of the same program in float64, whose numbers are not rounded to 16 bits."""
    with jax.enable_x64(True):
        wide = [np.asarray(leaf, np.float64) for leaf in leaves]
        data = x.astype(np.float64) if jax.numpy.issubdtype(x.dtype, np.floating) else x
        equations = _traced(program, wide, data)
        layers = layers_of(equations, program.called)
        values = equations.run(wide, data, opened=True)
        return activations_of(layers, values, is_random=equations.is_random)


def _traced(program: Model, leaves: Sequence[Any], x: Any) -> Equations:
    form = jax.tree.structure(program.parameters)
    try:
        return equations_of(lambda leaves, x: program.apply(jax.tree.unflatten(form, leaves), x), leaves, x)
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError) as error:
        raise UnreadableError(f"JAX cannot trace the model: {first_line(error)}") from None


def _dtype_of(
    layers: Sequence[Layer], values: Mapping[int, Any], leaves: Sequence[Any], called: Sequence[str]
) -> str:
    places = [place for place, _ in parameters_of(layers).values()]
    kinds = {str(leaves[place].dtype): called[place] for place in places}
    if len(kinds) > 1 or not kinds.keys() <= {*DTYPES}:
        listed = " and ".join(f"{dtype} ({name})" for dtype, name in sorted(kinds.items()))
        raise UnreadableError(f"the parameters are {listed}, expected one of {', '.join(DTYPES)}")
    (dtype,) = kinds
    for k, layer in enumerate(layers, start=1):
        if values[layer.z].dtype != dtype:
            raise UnreadableError(
                f"layer {k} computes in {values[layer.z].dtype}, and its parameters are {dtype}: "
                "expected one format"
            )
    return dtype
