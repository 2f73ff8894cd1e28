"""Training steps of a Keras model, on its JAX or its PyTorch backend: its own loss and optimizer, recorded.

The model is called as `model(x)`, so that dropout is off. Its variables and its optimizer are afterwards as
they were.
"""

# ruff: noqa: ANN401 - Keras leaves its models and variables without types

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from adapters.tracing.keras_updates import copied, states_of, updates_of
from adapters.tracing.stated_updates import Updates
from cases import names
from cases.recording import Recording, UnreadableError

Array: TypeAlias = NDArray[Any]


def read_keras(
    model: Any,
    x: Any,
    y: Any,
    *,
    loss: Callable[[Any, Any], Any] | str | None = None,
    optimizer: Any = None,
    steps: int = 1,
) -> Recording:
    """Run `steps` training steps of a Keras model on the same data, and return what they computed.

    - `model`: dense layers and activations, one after the other; built
    - `loss`: of the model's output and y, a single number; one of `keras.losses`, a name of
      `cases.catalog.LOSSES`, or the model's own if it is left out
    - `optimizer`: one of `keras.optimizers`, or the model's own; on the PyTorch backend also of torch.optim

    Raises UnreadableError where something is of another kind.
    """
    if not model.built:
        raise UnreadableError("the model is not built: call it once with the data")
    optimizer = optimizer or model.optimizer
    if optimizer is None:
        raise UnreadableError("the model has no optimizer, expected `optimizer` or a compiled model")
    readers = {"jax": _on_jax, "torch": _on_torch}
    if (backend := keras.backend.backend()) not in readers:
        raise UnreadableError(f"Keras computes by {backend}, expected its backend to be jax or torch")
    data, targets = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)
    with _plain_errors():
        recording = readers[backend](model, data, targets, _loss_of(model, loss), optimizer, steps)
    return replace(recording, program=f"keras {keras.__version__}, {recording.program}")


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Let no error that passes a Keras layer be written over by it."""
    is_on = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        if is_on:
            keras.config.enable_traceback_filtering()


def _loss_of(model: Any, loss: Any) -> Any:
    """Return the loss as a function of the output and the targets, which Keras has the other way round."""
    if isinstance(loss, keras.losses.Loss):
        return lambda output, y: loss(y, output)
    if getattr(loss, "__module__", "").startswith("keras."):
        return lambda output, y: loss(y, output)
    if loss is not None:
        return loss
    if model.loss is None:
        raise UnreadableError("the model has no loss, expected `loss` or a compiled model")
    return lambda output, y: model.compute_loss(y=y, y_pred=output)


def _on_jax(model: Any, x: Any, y: Any, loss: Any, optimizer: Any, steps: int) -> Recording:
    from adapters.tracing import jax_forward, jax_models, jax_steps  # noqa: PLC0415 - on this backend alone

    updates = updates_of(optimizer, steps)
    variables, others = model.trainable_variables, [each.value for each in model.non_trainable_variables]
    again = copied(optimizer, variables)
    state = [each.value for each in again.variables]

    def apply(parameters: Any, x: Any) -> Any:
        return model.stateless_call(parameters, others, x)[0]

    def update(parameters: Any, gradients: Any) -> tuple[Any, Mapping[str, Sequence[Any]]]:
        nonlocal state
        parameters, state = again.stateless_apply(state, gradients, parameters)
        return parameters, states_of(again, updates.optimizer, state)

    program = jax_models.Model(
        type(model).__name__,
        jax_models.versions("jax"),
        apply,
        [each.value for each in variables],
        None,
        tuple(each.path for each in variables),
    )
    training = jax_steps.Training(x, y, loss, updates, update, steps)
    return jax_steps.recorded(jax_forward.read_forward(program, x), training)


def _on_torch(model: Any, x: Any, y: Any, loss: Any, optimizer: Any, steps: int) -> Recording:
    import torch  # noqa: PLC0415 - on this backend alone

    from adapters.tracing.torch_module import read_torch  # noqa: PLC0415 - the same

    if isinstance(optimizer, torch.optim.Optimizer):
        return read_torch(model, x, y, loss=loss, optimizer=optimizer, steps=steps)
    updates = updates_of(optimizer, steps)
    with _restored(model.trainable_variables):
        again = copied(optimizer, model.trainable_variables)
        taken = [_torch_step(model, x, y, loss, again, updates) for _ in range(steps)]
    problem = replace(
        taken[0].problem,
        learning_rate=float(np.asarray(updates.rate, taken[0].problem.dtype)),
        optimizer=updates.optimizer,
        steps=steps,
    )
    claims = tuple(recording.claims[0] for recording in taken)
    return replace(taken[0], problem=problem, claims=claims, promises=frozenset(claims[0]))


def _torch_step(model: Any, x: Any, y: Any, loss: Any, optimizer: Any, updates: Updates) -> Recording:
    """Take a training step, whose gradients PyTorch computes and whose update is Keras's."""
    import torch  # noqa: PLC0415 - on this backend alone

    from adapters.tracing.torch_module import read_torch  # noqa: PLC0415 - the same

    not_used = torch.optim.SGD(model.parameters(), updates.rate)
    recording = read_torch(model, x, y, loss=loss, optimizer=not_used)
    (claim,) = recording.claims
    variables, places = model.trainable_variables, _places(model, recording)
    gradients: list[Any] = [None] * len(variables)
    for name, (place, is_turned) in places.items():
        gradient = claim[names.gradient(name)]
        gradients[place] = torch.tensor(gradient.T if is_turned else gradient)
    optimizer.apply(gradients, variables)
    states = states_of(optimizer, updates.optimizer, [each.value for each in optimizer.variables])
    called = {name: variables[place].path for name, (place, _) in places.items()}
    return replace(
        recording,
        claims=({**claim, **dict(_updated(places, variables, states))},),
        names=MappingProxyType({**recording.names, **called}),
    )


@contextmanager
def _restored(variables: Sequence[Any]) -> Iterator[None]:
    kept = [keras.ops.convert_to_numpy(each.value).copy() for each in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)


def _places(model: Any, recording: Recording) -> dict[str, tuple[int, bool]]:
    """Return each trained parameter's place among the variables, and whether it is turned."""
    trained = {id(each.value): place for place, each in enumerate(model.trainable_variables)}
    called = {name: trained[id(tensor)] for name, tensor in model.named_parameters() if id(tensor) in trained}
    places = {}
    for name, own_name in recording.names.items():
        if (place := called.get(own_name)) is not None:
            value = _array(model.trainable_variables[place].value)
            places[name] = place, not np.array_equal(value, recording.problem.parameters[name])
    return places


def _array(value: Any) -> Array:
    return np.array(keras.ops.convert_to_numpy(value))


def _updated(
    places: Mapping[str, tuple[int, bool]], variables: Sequence[Any], states: Mapping[str, Sequence[Any]]
) -> Iterator[tuple[str, Array]]:
    """Give the parameters and the states as Keras updated them."""
    for name, (place, is_turned) in places.items():
        arrays = {name: variables[place].value}
        arrays |= {names.state(kind, name): values[place] for kind, values in states.items()}
        for quantity, value in arrays.items():
            yield names.updated(quantity), _array(value).T if is_turned else _array(value)
