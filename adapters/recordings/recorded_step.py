"""A recorded training step: arrays by name, in the suite's layout, with the problem that they are of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from adapters.recordings.layout import Layout, layout_of
from adapters.recordings.names_of_arrays import STEP, quantities_of
from adapters.tracing.recognition import one_hot
from cases import Problem, Rule, names
from cases.catalog import ACTIVATIONS, LOSSES, OPTIMIZERS, Key
from cases.protocol import DTYPES
from cases.recording import Recording, UnreadableError

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = dict[str, Array]

WHOLE: Final = "iub"  # kinds of dtypes that are whole numbers


@dataclass(frozen=True)
class Description:
    """What a file of arrays does not say: the network, its loss, its update; and what is not clear in it."""

    activations: tuple[str, ...] = ()  # one for each layer
    loss: str = ""
    reduction: str = ""
    optimizer: str = "sgd"
    learning_rate: float | None = None
    numbers: Mapping[str, float] = field(
        default_factory=dict
    )  # of the loss and of the optimizer, by their keys
    options: frozenset[str] = frozenset()  # its flags
    not_trained: frozenset[str] = frozenset()
    called: Mapping[str, str] = field(default_factory=dict)  # by our names the file's
    ignored: frozenset[str] = frozenset()  # names of the file
    kernels: str = ""  # "in-out" or "out-in": the axes of a square weight
    computed_in: str = ""  # the number format; that of the weights if not given
    steps_before: int = 0


def read_recording(
    arrays: Mapping[str, Array], described: Description, program: str, known: Problem | None = None
) -> Recording:
    """Return the training steps that arrays are, by their names, with the problem as it is described.

    `known` is the problem where that is known already: then nothing of it need be recorded. Raises
    `UnreadableError`.
    """
    steps, called = _steps(arrays, described)
    layout = _layout(steps, called, described, known)
    problem = replace(known, steps=len(steps)) if known else _problem(layout, steps, described)
    claims = [_claim(step, layout, problem, described.computed_in) for step in _with_next_parameters(steps)]
    if not claims[0]:
        raise UnreadableError("it holds what a step starts from, and nothing that was computed from it")
    own = {ours: STEP.sub("", name) for ours, name in called.items() if ours in problem.inputs}
    inputs = {ours: name for ours, name in own.items() if ours != name}
    return Recording(
        problem, tuple(claims), program, frozenset(claims[0]), MappingProxyType(inputs), tuple(_notes(layout))
    )


@dataclass(frozen=True)
class PrintedStep:
    """Training steps whose numbers were printed, each number as its text, in the suite's layout."""

    problem: Problem
    start: Mapping[str, NDArray[np.str_]]  # what the first step starts from, as far as it is printed
    claims: tuple[Mapping[str, NDArray[np.str_]], ...]


def read_printed(
    texts: Mapping[str, NDArray[np.str_]], described: Description, program: str, known: Problem | None = None
) -> PrintedStep:
    """Return the steps that printed numbers are, by their names, as `read_recording`."""
    numbers = {name: _plain(array) for name, array in texts.items()}
    problem = read_recording(numbers, described, program, known).problem
    layout = _layout(*_steps(numbers, described), described, known)
    steps, _ = _steps(texts, described)
    inputs = {*problem.inputs, *problem.optimizer_state}
    oriented = [
        {name: layout.of(name, array) for name, array in step.items()}
        for step in _with_next_parameters(steps)
    ]
    start = {name: array for name, array in oriented[0].items() if name in inputs}
    claims = ({name: step[name] for name in step if name not in inputs} for step in oriented)
    fitting = {name: array for name, array in start.items() if array.shape == problem.inputs[name].shape}
    return PrintedStep(problem, fitting, tuple(claims))


def _plain(texts: NDArray[np.str_]) -> Array:
    """Return printed numbers as whole ones, if they are, or else in float64."""
    try:
        return texts.astype(np.int64)
    except ValueError:
        return texts.astype(float)


def _layout(
    steps: Sequence[Arrays], called: Mapping[str, str], described: Description, known: Problem | None
) -> Layout:
    if known is not None:
        return _layout_like(known, steps)
    _check_present(steps[0])
    return layout_of(steps[0], called, described.kernels)


def _steps(arrays: Mapping[str, Array], described: Description) -> tuple[list[Arrays], dict[str, str]]:
    """Return the arrays of each step by our names, and what those of the first are called in the file."""
    kept = {name: array for name, array in arrays.items() if name not in described.ignored}
    if missing := [name for name in described.called.values() if name not in kept]:
        raise UnreadableError(f"it holds no {missing[0]!r}{_nearest(missing[0], kept)}")
    meant = quantities_of(kept, described.called)
    by_step: dict[int, dict[str, str]] = {}
    for name, (step, quantity) in meant.items():
        by_step.setdefault(step, {})[quantity] = name
    numbers = sorted(by_step)
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise UnreadableError(f"it holds the steps {', '.join(map(str, numbers))}, expected none left out")
    steps = [{quantity: kept[name] for quantity, name in by_step[step].items()} for step in numbers]
    return steps, by_step[numbers[0]]


def _check_present(start: Mapping[str, Array]) -> None:
    needed = ("x", "y", names.W(1))
    if missing := [name for name in needed if name not in start]:
        raise UnreadableError(
            f"it does not hold {' and '.join(missing)}, which a step starts from; say what they are called, "
            f"as in --name {missing[0]}=THEIRS, or name a case that has them by --case"
        )


def _problem(layout: Layout, steps: Sequence[Arrays], described: Description) -> Problem:
    start = {name: layout.of(name, array) for name, array in steps[0].items()}
    depth = max(k for k in range(1, len(start) + 1) if names.W(k) in start)
    if missing := [names.W(k) for k in range(1, depth) if names.W(k) not in start]:
        raise UnreadableError(f"it does not hold {missing[0]}, and {names.W(depth)} it does")
    dtype = described.computed_in or _dtype_of(start[names.W(1)])
    loss = _known(described.loss, LOSSES, "loss")
    rule = _rule(described)
    parameters, biasless = _parameters(start, depth, dtype)
    return Problem(
        case="recorded",
        dtype=dtype,
        activations=_activations(described.activations, depth),
        parameters=MappingProxyType(parameters),
        x=start["x"].astype(dtype),
        y=_targets(steps[0]["y"], layout, start, depth, dtype),
        loss=loss,
        reduction=_reduction(loss, described.reduction),
        learning_rate=float(np.asarray(_rate(described), dtype)),
        loss_numbers=tuple(
            (key, float(np.asarray(number, dtype)))
            for key, number in _numbers(LOSSES[loss].keys, described.numbers, loss)
        ),
        optimizer=rule,
        steps=len(steps),
        not_trained=described.not_trained | biasless,
        steps_before=described.steps_before,
        state_before=MappingProxyType(
            {
                name: array.astype(dtype)
                for name, array in start.items()
                if name[:2] in ("m_", "v_", "u_") and not name.endswith("_new")
            }
        ),
    )


def _parameters(start: Mapping[str, Array], depth: int, dtype: str) -> tuple[Arrays, frozenset[str]]:
    """Return every parameter; a bias that is not recorded is one of zeros, and named."""
    parameters, zeros = {}, set()
    for k in range(1, depth + 1):
        parameters[names.W(k)] = start[names.W(k)].astype(dtype)
        if names.b(k) not in start:
            zeros.add(names.b(k))
        width = len(start[names.W(k)])
        parameters[names.b(k)] = start.get(names.b(k), np.zeros(width)).astype(dtype)
        if parameters[names.b(k)].shape != (width,):
            raise UnreadableError(
                f"{names.b(k)} has shape {parameters[names.b(k)].shape}, expected ({width},)"
            )
    return parameters, frozenset(zeros)


def _dtype_of(weight: Array) -> str:
    return weight.dtype.name if weight.dtype.name in DTYPES else DTYPES[0]


def _targets(y: Array, layout: Layout, start: Mapping[str, Array], depth: int, dtype: str) -> Array:
    width, rows = len(start[names.W(depth)]), len(start["x"])
    if width > 1 and y.size == rows and y.dtype.kind in WHOLE:
        return one_hot(y, width, dtype)
    targets = layout.of("y", y)
    if targets.size != rows * width:
        raise UnreadableError(f"y has shape {y.shape}, and the predictions are {rows} rows of {width}")
    return targets.reshape(rows, width).astype(dtype)


def _activations(given: Sequence[str], depth: int) -> tuple[str, ...]:
    for name in given:
        _known(name, ACTIVATIONS, "activation")
    if len(given) != depth:
        raise UnreadableError(
            f"{len(given)} activations are stated, expected {depth}: --activations A,B,… for each layer"
        )
    return tuple(given)


def _known(name: str, known: Collection[str], what: str) -> str:
    if not name:
        raise UnreadableError(f"no {what} is stated, expected --{what} with one of {', '.join(known)}")
    if name not in known:
        raise UnreadableError(
            f"there is no {what} {name!r}{_nearest(name, known)}, expected one of {', '.join(known)}"
        )
    return name


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _reduction(loss: str, given: str) -> str:
    reductions = LOSSES[loss].reductions
    if not given and len(reductions) > 1:
        raise UnreadableError(
            f"no reduction is stated, expected --reduction {' or --reduction '.join(reductions)}"
        )
    if given and given not in reductions:
        raise UnreadableError(f"{loss} has no reduction {given!r}, expected {' or '.join(reductions)}")
    return given or reductions[0]


def _rate(described: Description) -> float:
    if described.learning_rate is None:
        raise UnreadableError("no learning rate is stated, expected --learning-rate NUMBER")
    return described.learning_rate


def _rule(described: Description) -> Rule:
    name = _known(described.optimizer, OPTIMIZERS, "optimizer")
    keys = OPTIMIZERS[name].keys
    every = {*keys, *LOSSES[described.loss].keys}
    if unknown := [key for key in (*described.numbers, *described.options) if key not in every]:
        raise UnreadableError(
            f"{name} has no {unknown[0]!r}{_nearest(unknown[0], every)}, expected {', '.join(keys)}"
        )
    return Rule(name, tuple(_numbers(keys, described.numbers, name)), described.options)


def _numbers(keys: Mapping[str, Key], given: Mapping[str, float], of: str) -> Iterable[tuple[str, float]]:
    for key, about in keys.items():
        if key in given:
            yield key, float(given[key])
        elif about.default is ...:
            raise UnreadableError(f"{of} needs {key}, expected --set {key}=NUMBER: {about.about}")
        elif isinstance(about.default, str):
            yield key, float(about.default)


def _layout_like(known: Problem, steps: Sequence[Arrays]) -> Layout:
    """Return the layout of arrays of a known problem: a weight is turned round where only that fits."""
    turned = set()
    for k in range(1, known.depth + 1):
        shape = known.parameters[names.W(k)].shape
        of_weight = (array for step in steps for name, array in step.items() if names.W(k) in name)
        if any(array.shape == shape[::-1] != shape for array in of_weight):
            turned.add(k)
    return Layout(frozenset(turned))


def _with_next_parameters(steps: Sequence[Arrays]) -> Iterable[Arrays]:
    """Give each step with the updated parameters, where only the next step states what it starts from."""
    for i, step in enumerate(steps):
        following = steps[i + 1] if i + 1 < len(steps) else {}
        after = {
            names.updated(name): array
            for name, array in following.items()
            if name[0] in "Wb" and name.isalnum()
        }
        yield {**after, **step}


def _claim(step: Arrays, layout: Layout, problem: Problem, computed_in: str) -> Arrays:
    """Return what was computed in a step; what it starts from is the problem's, and no claim."""
    start = {*problem.inputs, *problem.optimizer_state}
    return {
        name: _in_format(layout.of(name, array), problem.dtype, is_stated=bool(computed_in))
        for name, array in step.items()
        if name not in start
    }


def _in_format(array: Array, dtype: str, *, is_stated: bool) -> Array:
    """Return an array in a format if it was computed there by what is stated, or has only numbers of it."""
    with np.errstate(over="ignore"):
        rounded = array.astype(dtype)
    is_exact = np.array_equal(rounded.astype(float), array.astype(float), equal_nan=True)
    return rounded if is_stated or is_exact else array


def _notes(layout: Layout) -> Iterable[str]:
    if layout.turned:
        turned = ", ".join(names.W(k) for k in sorted(layout.turned))
        yield f"recorded as (n_in, n_out), and turned round: {turned}."
    if layout.by_columns:
        yield "each column was read as an example."
