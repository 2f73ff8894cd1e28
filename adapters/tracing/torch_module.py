"""Training steps of a PyTorch model: its own forward pass, loss, backward pass and optimizer, recorded.

The model, the optimizer and the state of the random numbers are afterwards as they were.
"""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from adapters.torch_autograd import to_numpy
from adapters.torch_optimizers import OPTIMIZERS
from adapters.tracing.torch_layers import Layer, Layers
from adapters.tracing.torch_loss import activations_of, loss_of, named_loss, single, targets_of
from adapters.tracing.torch_updates import Updating
from cases import Problem, names
from cases.protocol import DTYPES
from cases.recording import Recording, UnreadableError

Array: TypeAlias = NDArray[Any]


def read_torch(  # noqa: PLR0913 - a training step has as many parts
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    loss: Callable[[Any, Any], Tensor] | str,
    optimizer: Optimizer,
    scheduler: LRScheduler | None = None,
    clip_norm: float | None = None,
    steps: int = 1,
) -> Recording:
    """Run `steps` training steps of a model on the same data, and return what they computed.

    - `model`: any whose forward pass is dense layers and activations, one after the other
    - `x`, `y`: tensors as the model and the loss take them; each row is an example
    - `loss`: of the model's output and y, a single number; or a name of `cases.catalog.LOSSES`
    - `optimizer`: of torch.optim, with the model's parameters; it may have taken steps before
    - `scheduler`: of its rate, stepped after it; `clip_norm`: of `clip_grad_norm_` before, None not to clip

    Raises UnreadableError where something is of another kind, with its place in the program.
    """
    updating = _updating(x, optimizer, scheduler, clip_norm)
    _check_tensors(model, x)
    of_output = named_loss(loss) if isinstance(loss, str) else loss
    with torch.enable_grad(), restored(model, optimizer, scheduler, x):
        layers = _layers(model, x)
        problem, ends_at_z = _problem(layers, of_output, y, updating)
        claims = [_step(model, x, y, of_output, updating) for _ in range(steps)]
        notes = _notes(layers, optimizer, _called(model, layers))
    if ends_at_z:
        last = names.a(len(layers))
        claims = [_without(claim, {last, names.gradient(last)}) for claim in claims]
    return Recording(
        replace(problem, case=type(model).__name__, steps=steps),
        tuple(claims),
        f"torch {torch.__version__}",
        frozenset(claims[0]),
        MappingProxyType(_called(model, layers)),
        notes,
    )


def _updating(
    x: object, optimizer: Optimizer, scheduler: LRScheduler | None, clip_norm: float | None
) -> Updating:
    """Return how parameters are updated; raises UnreadableError where that or the inputs are not known.

    It is asked first: the state of an optimizer that is not known might not be restored.
    """
    if not isinstance(x, Tensor):
        raise UnreadableError(f"the inputs are {type(x).__name__}, expected a tensor")
    is_clipped = bool(clip_norm) and clip_norm != math.inf
    updating = Updating(optimizer, scheduler, clip_norm if is_clipped else None)
    updating.check()
    return updating


def _check_tensors(model: nn.Module, x: Tensor) -> None:
    """Raise UnreadableError where autograd cannot take the tensors."""
    named = [("the inputs", x), *model.named_parameters()]
    inference = [name for name, tensor in named if tensor.is_inference()]
    if inference or torch.is_inference_mode_enabled():
        verb = "are" if inference[:1] == ["the inputs"] else "is"
        which = f"{inference[0]} {verb} made" if inference else "the step is judged"
        raise UnreadableError(
            f"{which} in torch.inference_mode(), which has no gradients, expected outside of it"
        )


def _called(model: nn.Module, layers: list[Layer]) -> dict[str, str]:
    called = {id(own): name for name, own in model.named_parameters()}
    return {name: called[id(own)] for name, own, _ in _own(layers)}


def _problem(
    layers: list[Layer], loss: Callable[[Any, Any], Tensor], y: Tensor, updating: Updating
) -> tuple[Problem, bool]:
    """Return what a program computes, and whether its last activation belongs to the loss."""
    start, dtype = dict(_parameters(layers)), _dtype_of(layers)
    activations, last, ends_at_z = activations_of(layers)
    targets = targets_of(y, layers[-1].width, len(layers[-1].values["z"]), dtype)
    stated = loss_of(loss, last, targets, y)
    steps_before = _steps_before(layers, updating)
    state = {name.removesuffix("_new"): array for name, array in _states(layers, updating)}
    problem = Problem(
        case="",
        dtype=dtype,
        activations=activations,
        parameters=MappingProxyType(_with_biases(layers, start)),
        x=to_numpy(layers[0].inputs.detach()).reshape(-1, start[names.W(1)].shape[1]).astype(dtype),
        y=targets,
        loss=stated.name,
        reduction=stated.reduction,
        learning_rate=float(np.asarray(updating.rate, dtype)),
        loss_numbers=stated.numbers,
        optimizer=updating.rule,
        schedule=updating.schedule,
        clipping=updating.clipping,
        not_trained=_not_trained(layers, updating.optimizer),
        steps_before=steps_before,
        state_before=MappingProxyType(state if steps_before else {}),
    )
    return problem, ends_at_z


@contextmanager
def restored(
    model: nn.Module, optimizer: Optimizer | None, scheduler: LRScheduler | None, x: object
) -> Iterator[None]:
    """Leave parameters, buffers, the gradient at x, an optimizer, its scheduler and random numbers alone."""
    tensors = [*model.parameters(), *model.buffers()]
    kept = [(tensor, tensor.detach().clone(), tensor.grad) for tensor in tensors]
    state, random = copy.deepcopy(optimizer.state_dict()) if optimizer else {}, torch.get_rng_state()
    schedule = copy.deepcopy(scheduler.state_dict()) if scheduler else {}
    leaf = x if isinstance(x, Tensor) and x.is_leaf else None
    at_x = leaf.grad.clone() if leaf is not None and leaf.grad is not None else None
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value, gradient in kept:
                tensor.copy_(value)
                tensor.grad = gradient
            if leaf is not None:
                leaf.grad = at_x
        if optimizer:
            optimizer.load_state_dict(state)
        if scheduler:
            scheduler.load_state_dict(schedule)
        torch.set_rng_state(random)


def _forward(model: nn.Module, x: Tensor) -> tuple[list[Layer], Tensor]:
    with Layers(dict(model.named_parameters())) as reading:
        output = model(x)
        reading.end(output)
    return reading.layers, output


def _layers(model: nn.Module, x: Tensor) -> list[Layer]:
    """Return the layers; raises UnreadableError where inputs of another format than the parameters' fail."""
    try:
        return _forward(model, x)[0]
    except RuntimeError as error:
        formats = {parameter.dtype for parameter in model.parameters()}
        if len(formats) != 1 or not x.is_floating_point() or x.dtype in formats:
            raise
        own = formats.pop()
        raise UnreadableError(
            f"the inputs are {x.dtype} and the parameters {own}, expected one format: x.to({own}) has theirs"
        ) from error


def _step(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    loss: Callable[[Any, Any], Tensor],
    updating: Updating,
) -> dict[str, Array]:
    """Take one training step, and return what it computed, in the suite's layout."""
    updating.optimizer.zero_grad()
    layers, output = _forward(model, x)
    value = single(loss(output, y))
    if not value.requires_grad:
        raise UnreadableError("the loss has no gradient: no parameter that requires one reaches it")
    value.backward()  # type: ignore[no-untyped-call] # PyTorch leaves this method without annotations
    claim = {
        "loss": to_numpy(value.detach()).reshape(()),
        **dict(_inside(layers)),
        **dict(_gradients(layers)),
    }
    return claim | _update(layers, updating)


def _update(layers: list[Layer], updating: Updating) -> dict[str, Array]:
    """Update the parameters by their gradients, and return what is seen of it."""
    optimizer, scheduler, clip_norm = updating
    seen: dict[str, Array] = {}
    if clip_norm:
        own = [own for _, own, _ in _own(layers) if own.grad is not None and _is_given(own, optimizer)]
        seen["norm"] = to_numpy(torch.nn.utils.clip_grad_norm_(own, clip_norm))
        clipped = (name.removeprefix("dL/d") for name, _ in _gradients(layers))
        seen |= {
            names.clipped(name): array for name, (_, array) in zip(clipped, _gradients(layers), strict=True)
        }
    if scheduler:
        seen[names.RATE] = np.asarray(optimizer.param_groups[0]["lr"], _dtype_of(layers))
    optimizer.step()
    if scheduler:
        scheduler.step()
    updated = {names.updated(name): array for name, array in _parameters(layers)}
    return {**seen, **updated, **dict(_states(layers, updating))}


def _without(claim: dict[str, Array], left_out: set[str]) -> dict[str, Array]:
    return {name: array for name, array in claim.items() if name not in left_out}


def _own(layers: list[Layer]) -> Iterator[tuple[str, Tensor, bool]]:
    """Give each parameter by the suite's name: the program's own, and whether that is transposed."""
    for k, layer in enumerate(layers, start=1):
        yield names.W(k), layer.weight, layer.is_transposed
        if layer.bias is not None:
            yield names.b(k), layer.bias, False


def _oriented(array: Tensor, *, is_transposed: bool) -> Array:
    """Return what belongs to a parameter in the suite's layout: Wk (n_out, n_in), bk (n_out,)."""
    return to_numpy(array.detach().T if is_transposed else array.detach().reshape(-1, *array.shape[1:]))


def _parameters(layers: list[Layer]) -> Iterator[tuple[str, Array]]:
    for name, own, is_transposed in _own(layers):
        yield name, _oriented(own, is_transposed=is_transposed)


def _gradients(layers: list[Layer]) -> Iterator[tuple[str, Array]]:
    for name, own, is_transposed in _own(layers):
        if own.grad is not None:
            yield names.gradient(name), _oriented(own.grad, is_transposed=is_transposed)


def _inside(layers: list[Layer]) -> Iterator[tuple[str, Array]]:
    """Give every z and a, and the gradients at them."""
    for k, layer in enumerate(layers, start=1):
        for kind, name in (("z", names.z(k)), ("a", names.a(k))):
            yield name, layer.values[kind]
            if kind in layer.gradients:
                yield names.gradient(name), layer.gradients[kind]


def _states(layers: list[Layer], updating: Updating) -> Iterator[tuple[str, Array]]:
    optimizer, rule = updating.optimizer, updating.rule
    called = OPTIMIZERS[rule.name].states
    for name, own, is_transposed in _own(layers):
        # Adagrad has states from the start, of what is not trained, too.
        for kind in rule.states if own.requires_grad and own in optimizer.state else ():
            if (state := optimizer.state[own].get(called[kind])) is not None:
                yield names.updated(names.state(kind, name)), _oriented(state, is_transposed=is_transposed)


def _steps_before(layers: list[Layer], updating: Updating) -> int:
    """Return how many steps the optimizer has taken; of SGD with momentum it is known whether it has any."""
    kept = updating.optimizer.state
    states = [kept[own] for _, own, _ in _own(layers) if own.requires_grad and own in kept]
    counts = {int(state.get("step", state.get("momentum_buffer") is not None)) for state in states}
    if len(counts) > 1:
        raise UnreadableError(
            f"the optimizer has taken {' and '.join(map(str, sorted(counts)))} steps, expected one count"
        )
    return _steps_of_both(counts.pop() if counts else 0, updating)


def _steps_of_both(taken: int, updating: Updating) -> int:
    """Return how many steps the optimizer and its scheduler have taken; of SGD the scheduler alone knows."""
    if updating.scheduler is None:
        return taken
    scheduled = int(updating.scheduler.last_epoch)
    if scheduled == taken or (
        updating.rule.name == "sgd" and (taken or not updating.rule.states) and scheduled
    ):
        return scheduled
    raise UnreadableError(
        f"the scheduler has taken {scheduled} steps and the optimizer {taken}, expected as many, "
        "because it is stepped after each update; leave it out to judge steps at the rate that there is now"
    )


def _dtype_of(layers: list[Layer]) -> str:
    kinds = {str(own.dtype).removeprefix("torch.") for _, own, _ in _own(layers)}
    if len(kinds) > 1 or not kinds <= {*DTYPES}:
        raise UnreadableError(
            f"the parameters are of {' and '.join(sorted(kinds))}, expected one of {', '.join(DTYPES)}"
        )
    return kinds.pop()


def _with_biases(layers: list[Layer], start: dict[str, Array]) -> dict[str, Array]:
    """Return every parameter; a layer without a bias has one of zeros."""
    zeros = {
        names.b(k): np.zeros(layer.width, start[names.W(k)].dtype) for k, layer in enumerate(layers, start=1)
    }
    every = {**zeros, **start}
    return {name: every[name] for name in names.parameters(len(layers))}


def _not_trained(layers: list[Layer], optimizer: Optimizer) -> frozenset[str]:
    trained = {name for name, own, _ in _own(layers) if own.requires_grad and _is_given(own, optimizer)}
    return frozenset(names.parameters(len(layers))) - trained


def _is_given(own: Tensor, optimizer: Optimizer) -> bool:
    return any(own is parameter for group in optimizer.param_groups for parameter in group["params"])


def _notes(layers: list[Layer], optimizer: Optimizer, called: dict[str, str]) -> tuple[str, ...]:
    """Say of what a reader may be unaware: a parameter that the optimizer or the loss does not reach."""
    own = [(called[name], own) for name, own, _ in _own(layers) if own.requires_grad]
    left = [name for name, parameter in own if not _is_given(parameter, optimizer)]
    unreached = [name for name, parameter in own if parameter.grad is None]
    return (
        *(f"{name} is not updated: the optimizer was not given it." for name in left),
        *(f"{name} has no gradient: the backward pass does not reach it." for name in unreached),
    )
