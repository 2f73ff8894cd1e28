"""Training steps of a JAX program: its own function, loss, derivatives and optimizer, recorded.

The function is traced and read from its equations. Nothing of the program is changed, and its steps compile
nothing that it does not compile.
"""

# ruff: noqa: ANN401 - a program's trees and functions may be anything

from dataclasses import replace
from typing import Any, TypeAlias

import jax
import optax

from adapters.tracing.jax_forward import Read, read_forward
from adapters.tracing.jax_loss import Loss
from adapters.tracing.jax_models import Model, model_of
from adapters.tracing.jax_steps import States, Training, recorded
from adapters.tracing.jax_updates import states_of, steps_in, updates_of
from cases.recording import Recording, UnreadableError

Tree: TypeAlias = Any


def read_jax(  # noqa: PLR0913 - a training step has as many parts
    model: Any,
    x: Any,
    y: Any,
    *,
    loss: Loss | str,
    optimizer: Any,
    parameters: Tree = None,
    state: Tree = None,
    steps: int = 1,
) -> Recording:
    """Run `steps` training steps of a JAX program on the same data, and return what they computed.

    - `model`: a function of `parameters`, a tree of arrays, and x; or a Flax NNX or an Equinox module. Its
      forward pass is dense layers and activations, one after the other
    - `x`, `y`: as the model and the loss take them; each row is an example
    - `loss`: of the model's output and y, a single number; or a name of `cases.catalog.LOSSES`
    - `optimizer`: of optax, or an `nnx.Optimizer`
    - `state`: that of the optimizer, if it has taken steps before

    Raises UnreadableError where something is of another kind, with its place in the program.
    """
    x, y = jax.numpy.asarray(x), jax.numpy.asarray(y)
    program = model_of(model, parameters, optimizer, state)
    return recorded(_read(program, x), _training(program, x, y, loss, steps))


def _read(program: Model, x: Any) -> Read:
    """Read a model as it is; or, where it takes one example and not rows of them, mapped over rows."""
    try:
        return read_forward(program, x)
    except (UnreadableError, TypeError, ValueError):
        if program.of_example is None:
            raise
    return read_forward(program.of_example, x)


def _training(program: Model, x: Any, y: Any, loss: Loss | str, steps: int) -> Training:
    optimizer, state = program.optimizer, program.state
    taken = 0 if state is None else steps_in(state)
    updates = replace(updates_of(optimizer, program.parameters, taken + steps), steps_before=taken)
    before = {} if state is None else dict(states_of(state, updates.optimizer))
    if state is None:
        state = optimizer.init(program.parameters)

    def update(parameters: Tree, gradients: Tree) -> tuple[Tree, States]:
        nonlocal state
        changes, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, changes), dict(states_of(state, updates.optimizer))

    return Training(x, y, loss, updates, update, steps, before)
