"""Training steps of a JAX program: its own function, loss, derivatives and optimizer, recorded.

The function is traced, its equations are evaluated with every z and a kept, and zeros are added to these to
differentiate by them. Nothing of the program is changed, and nothing is compiled that it does not compile.
"""

# ruff: noqa: ANN401 - a program's trees and functions may be anything

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import jax
import numpy as np
import optax
from numpy.typing import NDArray

from adapters.tracing.jax_equations import Equations, equations_of
from adapters.tracing.jax_layers import Layer, layers_of, parameters_of
from adapters.tracing.jax_loss import (
    Loss,
    activations_of,
    first_line,
    following,
    loss_of,
    named_loss,
    targets_of,
)
from adapters.tracing.jax_models import Model, model_of
from adapters.tracing.jax_updates import states_of, updates_of
from adapters.tracing.recognition import StatedLoss
from adapters.tracing.stated_updates import Updates
from cases import Problem, names
from cases.protocol import DTYPES, SIXTEEN_BITS
from cases.recording import Recording, UnreadableError

Array: TypeAlias = NDArray[Any]
Tree: TypeAlias = Any
# From the parameters, the number of the step from 0 and their gradients: the new ones, and the optimizer's
# state by kind, of each parameter in the order of the tree's leaves.
Update: TypeAlias = Callable[[Tree, Tree], tuple[Tree, Mapping[str, Sequence[Any]]]]

COMPILED: Final = (
    "z, a and their gradients are left out: compiled by jax.jit, the program gives other last bits than "
    "equation by equation; without jax.jit they are judged, too."
)


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
        turned = tuple(np.delete(z.shape, layer.axis)) if layer.axis is not None else z.shape
        array = rows.reshape(*turned, layer.width) if layer.axis is not None else rows.reshape(z.shape)
        array = array if layer.axis is None else np.moveaxis(array, -1, layer.axis)
        return following(layer, self.values, jax.numpy.asarray(array, z.dtype))


def read_jax(
    model: Any,
    x: Any,
    y: Any,
    *,
    loss: Loss | str,
    optimizer: Any,
    parameters: Tree = None,
    steps: int = 1,
) -> Recording:
    """Run `steps` training steps of a JAX program on the same data, and return what they computed.

    - `model`: a function of `parameters`, a tree of arrays, and x; or a Flax NNX or an Equinox module. Its
      forward pass is dense layers and activations, one after the other
    - `x`, `y`: as the model and the loss take them; each row is an example
    - `loss`: of the model's output and y, a single number; or a name of `cases.catalog.LOSSES`
    - `optimizer`: of optax, or an `nnx.Optimizer` before its first step

    Raises UnreadableError where something is of another kind, with its place in the program.
    """
    x, y = jax.numpy.asarray(x), jax.numpy.asarray(y)
    program = model_of(model, parameters, optimizer)
    updates = updates_of(program.optimizer, program.parameters, steps)
    read = _read(program, x)
    return recorded(read, x, y, loss, updates, _of_optax(program, updates), steps)


def _of_optax(program: Model, updates: Updates) -> Update:
    state = program.optimizer.init(program.parameters)

    def update(parameters: Tree, gradients: Tree) -> tuple[Tree, Mapping[str, Sequence[Any]]]:
        nonlocal state
        changes, state = program.optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, changes), dict(states_of(state, updates.optimizer))

    return update


def _read(program: Model, x: Any) -> Read:
    """Read a model as it is; or, where it takes one example and not rows of them, mapped over rows."""
    try:
        return read_forward(program, x)
    except (UnreadableError, TypeError, ValueError):
        if program.of_example is None:
            raise
    return read_forward(program.of_example, x)


def read_forward(program: Model, x: Any) -> Read:
    leaves = jax.tree.leaves(program.parameters)
    equations = _traced(program, leaves, x)
    layers = layers_of(equations, program.called)
    values = equations.run(leaves, x, opened=True)
    dtype = _dtype_of(layers, values, leaves, program.called)
    if dtype in SIXTEEN_BITS:
        activations, ends_at_a = _in_float64(program, leaves, x)
    else:
        activations, ends_at_a = activations_of(layers, values)
    return Read(program, equations, layers, values, activations, ends_at_a, dtype)


def _in_float64(program: Model, leaves: Sequence[Any], x: Any) -> tuple[tuple[str, ...], bool]:
    """Read the activations of the same program in float64, whose numbers are not rounded to 16 bits."""
    with jax.enable_x64(True):
        wide = [np.asarray(leaf, np.float64) for leaf in leaves]
        data = x.astype(np.float64) if jax.numpy.issubdtype(x.dtype, np.floating) else x
        equations = _traced(program, wide, data)
        layers = layers_of(equations, program.called)
        return activations_of(layers, equations.run(wide, data, opened=True))


def _traced(program: Model, leaves: Sequence[Any], x: Any) -> Equations:
    form = jax.tree.structure(program.parameters)
    try:
        output = jax.eval_shape(lambda leaves: program.apply(jax.tree.unflatten(form, leaves), x), leaves)
        if not isinstance(output, jax.ShapeDtypeStruct):
            raise UnreadableError(f"the model returns {type(output).__name__}, expected one array")
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
                f"layer {k} computes in {values[layer.z].dtype}, and its parameters are {dtype}, expected one format"
            )
    return dtype


def recorded(  # noqa: PLR0913, PLR0917 - a training step has as many parts
    read: Read, x: Any, y: Any, loss: Loss | str, updates: Updates, update: Update, steps: int
) -> Recording:
    """Run training steps of what was read, and return what they computed, in the suite's layout."""
    targets = targets_of(y, read.layers[-1].width, read.rows, read.dtype)
    of_output: Loss = named_loss(loss, targets) if isinstance(loss, str) else loss
    _check_scalar(of_output, read.output, y)
    stated = loss_of(of_output, read.last, targets, y)
    claims, note = _claims(read, x, y, of_output, update, steps)
    problem = _problem(read, targets, stated, updates, steps)
    called = {name: read.model.called[place] for name, (place, _) in parameters_of(read.layers).items()}
    return Recording(
        problem,
        tuple(claims),
        read.model.program,
        frozenset(claims[0]),
        MappingProxyType(called),
        (*note, *_unused(read)),
    )


def _check_scalar(loss: Loss, output: Any, y: Any) -> None:
    value = jax.eval_shape(loss, output, y)
    if not isinstance(value, jax.ShapeDtypeStruct) or value.shape:
        of = f"an array of shape {value.shape}" if hasattr(value, "shape") else f"a {type(value).__name__}"
        raise UnreadableError(f"the loss is {of}, expected a single number: take its mean or its sum")


def _problem(read: Read, targets: Array, stated: StatedLoss, updates: Updates, steps: int) -> Problem:
    first = read.layers[0]
    data = np.asarray(read.values[first.inputs])
    leaves = jax.tree.leaves(read.model.parameters)
    return Problem(
        case=read.model.name,
        dtype=read.dtype,
        activations=read.activations,
        parameters=MappingProxyType(_with_biases(read, dict(_oriented(read.layers, leaves)))),
        x=data.reshape(-1, data.shape[-1]).astype(read.dtype),
        y=targets,
        loss=stated.name,
        reduction=stated.reduction,
        learning_rate=float(np.asarray(updates.rate, read.dtype)),
        loss_numbers=stated.numbers,
        optimizer=updates.optimizer,
        schedule=updates.schedule,
        clipping=updates.clipping,
        steps=steps,
        not_trained=frozenset(
            names.b(k) for k, layer in enumerate(read.layers, start=1) if layer.bias is None
        ),
    )


def _with_biases(read: Read, given: Mapping[str, Array]) -> dict[str, Array]:
    """Return every parameter; a layer without a bias has one of zeros."""
    zeros = {names.b(k): np.zeros(layer.width, read.dtype) for k, layer in enumerate(read.layers, start=1)}
    every = {**zeros, **given}
    return {name: every[name] for name in names.parameters(len(read.layers))}


def _oriented(layers: Sequence[Layer], leaves: Sequence[Any]) -> Iterator[tuple[str, Array]]:
    """Give what belongs to each parameter in the suite's layout: Wk (n_out, n_in), bk (n_out,)."""
    for name, (place, is_transposed) in parameters_of(layers).items():
        own = np.asarray(leaves[place])
        if name.startswith(names.DENSE[1]):
            yield name, own.reshape(-1)
        else:
            yield name, own.T if is_transposed else own.reshape(-1, own.shape[-1])


def _claims(
    read: Read, x: Any, y: Any, loss: Loss, update: Update, steps: int
) -> tuple[list[dict[str, Array]], tuple[str, ...]]:
    """Take training steps, and return what each computed, and what there is to say of that."""
    parameters = read.model.parameters
    claims, insides = [], []
    for _ in range(steps):
        value, gradients = jax.value_and_grad(lambda tree: loss(read.model.apply(tree, x), y))(parameters)
        insides.append(_inside(read, parameters, x, y, loss, (value, gradients)))
        parameters, states = update(parameters, gradients)
        claims.append({"loss": np.asarray(value).reshape(()), **_stated(read, gradients, parameters, states)})
    if any(inside is None for inside in insides):
        return claims, (COMPILED,)
    return [claim | (inside or {}) for claim, inside in zip(claims, insides, strict=True)], ()


def _inside(  # noqa: PLR0913, PLR0917 - a training step has as many parts
    read: Read, parameters: Tree, x: Any, y: Any, loss: Loss, own: tuple[Any, Tree]
) -> dict[str, Array] | None:
    """Return each z and a and the gradients at them; None if the loss and its gradients are not the own."""
    seen = [(name, number, rows) for name, number, rows in read.inside() if number in read.equations.visible]
    leaves = jax.tree.leaves(parameters)
    added = {number: jax.numpy.zeros_like(read.values[number]) for _, number, _ in seen}

    def of(leaves: Sequence[Any], added: Mapping[int, Any]) -> tuple[Any, Mapping[int, Any]]:
        values = read.equations.run(leaves, x, added)
        return loss(values[read.equations.output], y), {number: values[number] for number in added}

    (value, values), (gradients, inside) = jax.value_and_grad(of, argnums=(0, 1), has_aux=True)(leaves, added)
    pairs = zip((value, *gradients), (own[0], *jax.tree.leaves(own[1])), strict=True)
    if not all(np.array_equal(one, other, equal_nan=True) for one, other in pairs):
        return None
    return {
        quantity: rows(np.asarray(arrays[number]))
        for name, number, rows in seen
        for quantity, arrays in ((name, values), (names.gradient(name), inside))
    }


def _stated(
    read: Read, gradients: Tree, parameters: Tree, states: Mapping[str, Sequence[Any]]
) -> dict[str, Array]:
    """Return what a step shows of each parameter, in the suite's layout."""
    shown: dict[str, Array] = {}
    for name, array in _oriented(read.layers, jax.tree.leaves(gradients)):
        shown[names.gradient(name)] = array
    for name, array in _oriented(read.layers, jax.tree.leaves(parameters)):
        shown[names.updated(name)] = array
    for kind, leaves in states.items():
        for name, array in _oriented(read.layers, leaves):
            shown[names.updated(names.state(kind, name))] = array
    return shown


def _unused(read: Read) -> tuple[str, ...]:
    """Say which parameters belong to no layer."""
    used = {place for place, _ in parameters_of(read.layers).values()}
    return tuple(
        f"{name} is used by no layer, and not judged."
        for place, name in enumerate(read.model.called)
        if place not in used
    )


