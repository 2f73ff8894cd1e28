"""Training steps of a JAX program of any kind: forward and backward pass by equations, and the update."""

# ruff: noqa: ANN401 - a program's trees and functions may be anything

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import jax
import numpy as np
import optax
from numpy.typing import NDArray

from adapters.capture.jax_capture import run_jax
from adapters.tracing.jax_models import Model, model_of
from adapters.tracing.jax_updates import states_of, steps_in, updates_of
from adapters.tracing.stated_updates import Updates
from cases import names
from cases.captured import Captured, NotCapturedError
from cases.catalog import UpdateRules
from cases.recording import ProgramRecording, ProgramStep, UnreadableError, UpdateGroup

Tree: TypeAlias = Any
Array: TypeAlias = NDArray[Any]


def read_jax_program(  # noqa: PLR0913 - a training step has as many parts
    model: Any,
    x: Any,
    y: Any,
    *,
    loss: Callable[[Any, Any], Any] | str,
    optimizer: Any,
    parameters: Tree = None,
    state: Tree = None,
    steps: int = 1,
) -> ProgramRecording:
    """Run `steps` training steps of a JAX program of any kind on the same data; return what they computed.

    The arguments are those of `jax_program.read_jax`, but that x and y are whatever the model and the loss
    take. Raises UnreadableError where the program cannot be captured.
    """
    if isinstance(loss, str):
        raise UnreadableError(f"the loss is {loss!r}, expected a function of the model's output and y")
    program = model_of(model, parameters, optimizer, state)
    if program.of_example is not None and not _takes_rows(program, x, y, loss):
        program = program.of_example
    updates, why = _updates(program, steps)
    before = program.optimizer.init(program.parameters) if program.state is None else program.state
    first = 1 + (0 if program.state is None or why else steps_in(program.state))
    taken, tree = [], program.parameters
    for number in range(first, first + (steps if updates else 1)):
        step, tree, before = _step(program, (tree, before), (x, y, loss), updates, number)
        taken.append(step)
    notes = (f"The update is not judged: {why}.",) if why else ()
    return ProgramRecording(program.name, program.program, tuple(taken), notes)


def _takes_rows(program: Model, x: Any, y: Any, loss: Callable[[Any, Any], Any]) -> bool:
    try:
        return jax.eval_shape(lambda tree: loss(program.apply(tree, x), y), program.parameters).shape == ()
    except (TypeError, ValueError):
        return False


def _updates(program: Model, steps: int) -> tuple[Updates | None, str]:
    """Return what the optimizer does, or why that is not known."""
    try:
        taken = 0 if program.state is None else steps_in(program.state)
        return updates_of(program.optimizer, program.parameters, taken + steps), ""
    except UnreadableError as error:
        return None, str(error)


def _step(
    program: Model, start: tuple[Tree, Tree], data: tuple[Any, ...], updates: Updates | None, number: int
) -> tuple[ProgramStep, Tree, Tree]:
    (tree, state), (x, y, loss) = start, data

    def function(parameters: Tree, x: Any, y: Any) -> Any:
        return loss(program.apply(parameters, x), y)

    try:
        run = run_jax(function, (tree, x, y), ["parameters", "x", "y"])
    except NotCapturedError as error:
        raise UnreadableError(str(error)) from error
    value, gradients = jax.value_and_grad(lambda own: function(own, x, y))(tree)
    run = _with_own(run, value, jax.tree.leaves(gradients))
    if updates is None:
        return ProgramStep(run, {}, {}, (), number), tree, state
    changes, after = program.optimizer.update(gradients, state, tree)
    new = optax.apply_updates(tree, changes)
    rules = UpdateRules(updates.optimizer, updates.schedule, updates.clipping)
    group = UpdateGroup(program.called, updates.rate, rules)
    claim = {names.gradient(name): array for name, array in _named(program, gradients)}
    claim |= {names.updated(name): array for name, array in _all(program, new, after, updates).items()}
    before = _all(program, tree, state, updates)
    return ProgramStep(run, before, claim, (group,), number), new, after


def _with_own(run: Captured, value: Any, gradients: list[Any]) -> Captured:
    """Return a run with the numbers of the program's own step."""
    named = {name: np.asarray(array) for name, array in zip(run.gradients, gradients, strict=False)}
    output = np.asarray(value).reshape(run.output.shape)
    own = replace(run, output=output, gradients={**run.gradients, **named})
    if run.has_ends_of(own):
        return own
    apart = run.apart or run
    return replace(own, shown={}, apart=apart if apart.shown else None)


def _named(program: Model, tree: Tree) -> Iterator[tuple[str, Array]]:
    yield from zip(program.called, map(np.asarray, jax.tree.leaves(tree)), strict=True)


def _all(program: Model, tree: Tree, state: Tree, updates: Updates) -> Mapping[str, Array]:
    states = {
        names.state(kind, name): np.asarray(leaf)
        for kind, leaves in states_of(state, updates.optimizer)
        for name, leaf in zip(program.called, leaves, strict=True)
    }
    return {**dict(_named(program, tree)), **states}
