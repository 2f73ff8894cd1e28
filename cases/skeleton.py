"""The skeleton of a training step: which quantities there are, of what inputs, in the order computed.

It holds no arithmetic. The reference attaches a formula to each line (`reference.training.tape`); shapes, the
names that a file may publish or expect, and what is common to a batch of cases follow from it too.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, TypeAlias

from cases import names
from cases.catalog import DENSE, OPTIMIZERS, SCHEDULES, LayerKind, Rule, UpdateRules
from cases.names import LEARNING_RATE, RATE, STEP, Axis, Quantity

Size: TypeAlias = int | None  # None where the file does not let it be known
Shape: TypeAlias = tuple[Size, ...]

# Numbers computed from numbers alone: the same for every case of a batch.
FROM_NUMBERS: Final = frozenset({RATE, *(line.name for kind in OPTIMIZERS.values() for line in kind.scalars)})


def training_step(
    activations: Sequence[str], rules: UpdateRules, layers: Sequence[LayerKind] = ()
) -> tuple[Quantity, ...]:
    """Return the lines of one training step, in the order in which they are computed.

    There is one activation for each layer, and one kind in `layers`, if they are not all dense.
    """
    kinds = dict(enumerate(layers or (DENSE,) * len(activations), start=1))
    depth, named = len(activations), dict(enumerate(activations, start=1))
    parameters = {name: axes for k in range(depth, 0, -1) for name, axes in kinds[k].parameters(k).items()}
    return (
        *chain.from_iterable(_forward(k, kinds[k], named[k]) for k in range(1, depth + 1)),
        *_loss(depth),
        *chain.from_iterable(_backward(k, kinds[k], named[k]) for k in range(depth, 0, -1)),
        *_update(parameters, rules),
    )


def _forward(k: int, kind: LayerKind, activation: str) -> Iterator[Quantity]:
    yield from kind.forward(k)
    yield Quantity(names.a(k), activation, (names.z(k),), ("N", k))


def _loss(depth: int) -> Iterator[Quantity]:
    output = names.a(depth)
    yield Quantity("loss", "loss", (output, "y"))
    yield Quantity(names.gradient(output), "loss gradient", (output, "y"), ("N", depth))


def _backward(k: int, kind: LayerKind, activation: str) -> Iterator[Quantity]:
    z, a, slope = names.z(k), names.a(k), names.slope(k)
    yield Quantity(slope, f"{activation}'", (z, a), ("N", k))
    yield Quantity(names.gradient(z), "through activation", (names.gradient(a), slope), ("N", k))
    yield from kind.backward(k)


def _update(parameters: Mapping[str, tuple[Axis, ...]], rules: UpdateRules) -> Iterator[Quantity]:
    trained = {name: axes for name, axes in parameters.items() if name not in rules.not_trained}
    yield from rate(rules)
    if rules.clipping and trained:
        yield from clipping(trained)
    yield from update(parameters, rules)


def rate(rules: UpdateRules) -> Iterator[Quantity]:
    """Give the line of the learning rate of this step, where a schedule changes it."""
    if rules.schedule:
        inputs = (LEARNING_RATE, STEP, *SCHEDULES[rules.schedule.name].keys)
        yield Quantity(RATE, f"{rules.schedule.name} schedule", inputs)


def clipping(trained: Mapping[str, tuple[Axis, ...]]) -> Iterator[Quantity]:
    """Give the lines by which the gradients of all trained parameters are clipped together."""
    yield Quantity("norm", "norm", tuple(map(names.gradient, trained)))
    yield Quantity("clip", "clipping factor", ("norm", "max_norm", "clip_eps"))
    for name, axes in trained.items():
        yield Quantity(names.clipped(name), "clip", (names.gradient(name), "clip"), axes)


def update(parameters: Mapping[str, tuple[Axis, ...]], rules: UpdateRules) -> Iterator[Quantity]:
    """Give the lines that update parameters, once the rate is known and the gradients are clipped."""
    if any(name not in rules.not_trained for name in parameters):
        yield from OPTIMIZERS[rules.optimizer.name].scalars
    for name, axes in parameters.items():
        if name in rules.not_trained:
            yield Quantity(names.updated(name), "unchanged", (name,), axes)
        else:
            yield from (line._replace(axes=axes) for line in _updated(name, rules))


def _updated(parameter: str, rules: UpdateRules) -> Iterator[Quantity]:
    """Give the lines of one parameter; where a schedule makes the rate of this step, they take that."""
    gradient = names.clipped(parameter) if rules.clipping else names.gradient(parameter)
    if rules.optimizer.adds_decay_to_gradient:
        yield Quantity(names.decayed(parameter), "add decay", (gradient, parameter, "weight_decay"))
        gradient = names.decayed(parameter)
    taken = RATE if rules.schedule else LEARNING_RATE
    for line in OPTIMIZERS[rules.optimizer.name].lines(parameter, gradient, rules.optimizer):
        yield line._replace(inputs=tuple(taken if name == LEARNING_RATE else name for name in line.inputs))


def quantity_shapes(batch: Size, widths: Sequence[Size], rules: UpdateRules) -> dict[str, Shape]:
    """Return the shape of every quantity of one training step of N examples by dense layers.

    The widths are those of the input and of every layer: n_0, n_1, …, n_depth.
    """
    lines = training_step([""] * (len(widths) - 1), rules)
    lengths: dict[Axis, Size] = {"N": batch, **dict(enumerate(widths))}
    return {line.name: tuple(lengths[axis] for axis in line.axes) for line in lines}


def _pattern() -> str:
    """Return the names of some layer k, updated by each optimizer with all its parts, for any k."""
    k = 987_654_321
    lines = [*_forward(k, DENSE, ""), *_loss(k), *_backward(k, DENSE, "")]
    parameters = DENSE.parameters(k)
    schedule, clipping = Rule(next(iter(SCHEDULES))), Rule("global_norm")
    for name, kind in OPTIMIZERS.items():
        everything = Rule(name, tuple((key, 0.0) for key in kind.keys), frozenset(kind.keys))
        lines += _update(parameters, UpdateRules(everything, schedule, clipping))
    every = dict.fromkeys(line.name for line in lines if str(k - 1) not in line.name)
    return "|".join(every).replace(str(k), "[1-9][0-9]*")


# For editors; which names there are depends on the depth and on the rules.
PATTERN: Final = _pattern()
