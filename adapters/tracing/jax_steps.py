"""Training steps of a JAX program that was read: its own loss, derivatives and update, recorded.

Each step is taken as the program takes it. It is taken once more by its equations, with every z and a kept,
and zeros added to these to differentiate by them; what that shows is stated if both are equal bit for bit.
"""

# ruff: noqa: ANN401 - a program's trees and functions may be anything

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import jax
import numpy as np
from numpy.typing import NDArray

from adapters.jax_grad import ACCUMULATORS
from adapters.tracing.jax_forward import Read
from adapters.tracing.jax_layers import Layer, parameters_of
from adapters.tracing.jax_loss import Loss, loss_of, named_loss, targets_of
from adapters.tracing.recognition import StatedLoss
from adapters.tracing.stated_updates import Updates
from cases import Problem, names
from cases.recording import Recording, UnreadableError

Array: TypeAlias = NDArray[Any]
Tree: TypeAlias = Any
# An optimizer's states by kind, of each parameter in the order of the tree's leaves.
States: TypeAlias = Mapping[str, Sequence[Any]]
# From the parameters and their gradients the new ones, and the states after the update.
Update: TypeAlias = Callable[[Tree, Tree], tuple[Tree, States]]

COMPILED: Final = (
    "z, a and their gradients are left out: compiled by jax.jit, the program gives other last bits than "
    "equation by equation; without jax.jit they are judged, too."
)


@dataclass(frozen=True)
class Training:
    """How a program trains, on the same data in every step."""

    x: Any
    y: Any
    loss: Loss | str
    updates: Updates
    update: Update
    steps: int
    states_before: States = field(default_factory=lambda: MappingProxyType({}))

    def value(self, output: Any) -> Any:
        assert not isinstance(self.loss, str)  # noqa: S101 - `recorded` takes the function in its place
        return self.loss(output, self.y)


def recorded(read: Read, training: Training) -> Recording:
    """Run training steps of what was read, and return what they computed, in the suite's layout.

    Raises UnreadableError where the loss or the targets are of no kind that the suite knows.
    """
    targets = targets_of(training.y, read.layers[-1].width, read.rows, read.dtype)
    loss = named_loss(training.loss, targets) if isinstance(training.loss, str) else training.loss
    _check_scalar(loss, read.output, training.y)
    stated = loss_of(loss, read.last, targets, training.y)
    claims, notes = _claims(read, replace(training, loss=loss))
    called = {name: read.model.called[place] for name, (place, _) in parameters_of(read.layers).items()}
    return Recording(
        _problem(read, targets, stated, training),
        tuple(claims),
        read.model.program,
        frozenset(claims[0]),
        MappingProxyType(called),
        (*notes, *_unused(read)),
        ACCUMULATORS,
    )


def _check_scalar(loss: Loss, output: Any, y: Any) -> None:
    value = jax.eval_shape(loss, output, y)
    if not isinstance(value, jax.ShapeDtypeStruct) or value.shape:
        of = f"an array of shape {value.shape}" if hasattr(value, "shape") else f"a {type(value).__name__}"
        raise UnreadableError(f"the loss is {of}, expected a single number: take its mean or its sum")


def _problem(read: Read, targets: Array, stated: StatedLoss, training: Training) -> Problem:
    data = np.asarray(read.values[read.layers[0].inputs])
    updates = training.updates
    return Problem(
        case=read.model.name,
        dtype=read.dtype,
        activations=read.activations,
        parameters=MappingProxyType(_with_biases(read, dict(_oriented(read.layers, read.model.parameters)))),
        x=data.reshape(-1, data.shape[-1]).astype(read.dtype),
        y=targets,
        loss=stated.name,
        reduction=stated.reduction,
        learning_rate=float(np.asarray(updates.rate, read.dtype)),
        loss_numbers=stated.numbers,
        optimizer=updates.optimizer,
        schedule=updates.schedule,
        clipping=updates.clipping,
        steps=training.steps,
        steps_before=updates.steps_before,
        state_before=MappingProxyType(dict(_states(read, training.states_before))),
        not_trained=frozenset(
            names.b(k) for k, layer in enumerate(read.layers, start=1) if layer.bias is None
        ),
    )


def _with_biases(read: Read, given: Mapping[str, Array]) -> dict[str, Array]:
    """Return every parameter; a layer without a bias has one of zeros."""
    zeros = {names.b(k): np.zeros(layer.width, read.dtype) for k, layer in enumerate(read.layers, start=1)}
    every = {**zeros, **given}
    return {name: every[name] for name in names.parameters(len(read.layers))}


def _oriented(layers: Sequence[Layer], tree: Tree) -> Iterator[tuple[str, Array]]:
    """Give what belongs to each parameter in the suite's layout: Wk (n_out, n_in), bk (n_out,)."""
    leaves = jax.tree.leaves(tree)
    for name, (place, is_transposed) in parameters_of(layers).items():
        own = np.asarray(leaves[place])
        if name.startswith(names.DENSE[1]):
            yield name, own.reshape(-1)
        else:
            yield name, own.T if is_transposed else own.reshape(-1, own.shape[-1])


def _claims(read: Read, training: Training) -> tuple[list[dict[str, Array]], tuple[str, ...]]:
    """Take training steps, and return what each computed, and what there is to say of that."""
    parameters = read.model.parameters
    claims: list[dict[str, Array]] = []
    insides: list[dict[str, Array] | None] = []
    for _ in range(training.steps):
        own = jax.value_and_grad(lambda tree: training.value(read.model.apply(tree, training.x)))(parameters)
        value, gradients = own
        insides.append(_inside(read, training, parameters, own))
        parameters, states = training.update(parameters, gradients)
        claims.append(
            {
                "loss": np.asarray(value).reshape(()),
                **{names.gradient(name): array for name, array in _oriented(read.layers, gradients)},
                **{names.updated(name): array for name, array in _oriented(read.layers, parameters)},
                **{names.updated(name): array for name, array in _states(read, states)},
            }
        )
    if any(inside is None for inside in insides):
        return claims, (COMPILED,)
    return [claim | (inside or {}) for claim, inside in zip(claims, insides, strict=True)], ()


def _inside(
    read: Read, training: Training, parameters: Tree, own: tuple[Any, Tree]
) -> dict[str, Array] | None:
    """Return each z and a and the gradients at them; None if the loss and its gradients are not the own."""
    seen = [(name, number, rows) for name, number, rows in read.inside() if number in read.equations.visible]
    added = {number: jax.numpy.zeros_like(read.values[number]) for _, number, _ in seen}

    def of(leaves: Sequence[Any], added: Mapping[int, Any]) -> tuple[Any, Mapping[int, Any]]:
        values = read.equations.run(leaves, training.x, added)
        return training.value(values[read.equations.output]), {number: values[number] for number in added}

    differentiated = jax.value_and_grad(of, argnums=(0, 1), has_aux=True)
    (value, values), (gradients, inside) = differentiated(jax.tree.leaves(parameters), added)
    pairs = zip((value, *gradients), (own[0], *jax.tree.leaves(own[1])), strict=True)
    if not all(np.array_equal(one, other, equal_nan=True) for one, other in pairs):
        return None
    return {
        quantity: rows(np.asarray(arrays[number]))
        for name, number, rows in seen
        for quantity, arrays in ((name, values), (names.gradient(name), inside))
    }


def _states(read: Read, states: States) -> Iterator[tuple[str, Array]]:
    for kind, leaves in states.items():
        for name, array in _oriented(read.layers, leaves):
            yield names.state(kind, name), array


def _unused(read: Read) -> tuple[str, ...]:
    """Say which parameters belong to no layer."""
    used = {place for place, _ in parameters_of(read.layers).values()}
    return tuple(
        f"The parameter {name} is used by no layer, and not judged."
        for place, name in enumerate(read.model.called)
        if place not in used
    )
