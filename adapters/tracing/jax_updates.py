"""What an optax optimizer does, as rules of the catalog.

Its transformations are closures: their numbers are read from there, the suite's own optimizer is made of them
(`adapters.jax_optimizers`), and both have to give the same updates, bit for bit.
"""

# ruff: noqa: ANN401 - what closures hold may be anything

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import jax
import numpy as np
import optax

from adapters import jax_optimizers
from adapters.jax_optimizers import Update
from adapters.tracing.stated_updates import Updates, stated_rule
from cases import Rule
from cases.catalog import CLIPPING_NUMBERS
from cases.recording import UnreadableError

Tree: TypeAlias = Any

COMPARED: Final = 3  # steps


@dataclass(frozen=True)
class Step:
    """One transformation of a chain: the function of optax that made it, and the numbers it was given."""

    name: str
    given: Mapping[str, Any]


# The rule that a transformation makes, with the catalog's keys by its own.
CORES: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "trace": ("sgd", {"momentum": "decay"}),
    "scale_by_adam": ("adam", {"beta1": "b1", "beta2": "b2", "eps": "eps"}),
    "scale_by_adamax": ("adamax", {"beta1": "b1", "beta2": "b2", "eps": "eps"}),
    "scale_by_rms": ("rmsprop", {"alpha": "decay", "eps": "eps"}),
    "scale_by_stddev": ("rmsprop", {"alpha": "decay", "eps": "eps"}),
    "scale_by_rss": ("adagrad", {"initial_accumulator": "initial_accumulator_value", "eps": "eps"}),
}
OTHER: Final = "the suite knows sgd, adam, adamw, adamax, rmsprop and adagrad of optax, alone or after"
OTHERS: Final = f"{OTHER} clip_by_global_norm and add_decayed_weights"


def updates_of(optimizer: optax.GradientTransformation, parameters: Tree, steps: int) -> Updates:
    """Return what an optimizer does; raises UnreadableError where the catalog has no such rule."""
    every = [step for step in _chain(optimizer.update, optimizer.init) if step.name != "identity"]
    clipping, unclipped = _clipping(every)
    rate, schedule, chain = _rate(unclipped, steps)
    updates = Updates(rate, _rule(chain), schedule, clipping)
    _compare(optimizer, updates, parameters, steps)
    return updates


def _closure(function: Callable[..., Any]) -> dict[str, Any]:
    function = inspect.unwrap(function)
    cells = getattr(function, "__closure__", None) or ()
    return {name: cell.cell_contents for name, cell in zip(function.__code__.co_freevars, cells, strict=True)}


def _made_by(function: Callable[..., Any]) -> str:
    """Return the name of the function of optax in which a closure was made; "" if it is another's."""
    name, _, inner = getattr(function, "__qualname__", "").partition(".")
    return name if inner and function.__module__.partition(".")[0] == "optax" else ""


def _chain(update: Callable[..., Any], init: Callable[..., Any] | None = None) -> Iterator[Step]:
    """Give the transformations that gradients pass, in their order."""
    name = _made_by(update)
    if not name:
        raise UnreadableError(f"the optimizer's update is no transformation of optax: {OTHERS}")
    given = _closure(update)
    if name == "chain":
        for part in given["update_fns"]:
            yield from _chain(part)
    elif name == "with_extra_args_support":
        yield from _chain(given["tx"].update, given["tx"].init)
    else:
        yield Step(name, (_closure(init) if init else {}) | given)


def _clipping(chain: Sequence[Step]) -> tuple[Rule | None, Sequence[Step]]:
    if not chain or chain[0].name != "clip_by_global_norm":
        return None, chain
    numbers = {"max_norm": _number(chain[0], "max_norm"), "eps": 0.0}
    stated = tuple((CLIPPING_NUMBERS[key], number) for key, number in numbers.items())
    return Rule("global_norm", stated), chain[1:]


def _rate(chain: Sequence[Step], steps: int) -> tuple[float, Rule | None, Sequence[Step]]:
    """Return the learning rate, how it changes, and the chain without it."""
    if not chain or chain[-1].name not in {"scale", "scale_by_schedule"}:
        called = " → ".join(step.name for step in chain)
        raise UnreadableError(f"the optimizer is {called}, expected a learning rate last: {OTHERS}")
    last = chain[-1]
    if last.name == "scale":
        return -_number(last, "step_size"), None, chain[:-1]
    schedule = last.given["step_size_fn"]
    while _made_by(schedule) in {"scale_by_learning_rate", ""} and (inner := _function_in(schedule)):
        schedule = inner
    return *_schedule(schedule, steps), chain[:-1]


def _function_in(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return the only function that a closure holds."""
    held = [value for value in _closure(function).values() if callable(value)]
    return held[0] if len(held) == 1 else None


def _number(step: Step, name: str) -> float:
    value = step.given[name]
    if callable(value) or np.ndim(value):
        raise UnreadableError(f"{name} of {step.name} is no single number: {OTHERS}")
    return float(value)


def _schedule(schedule: Callable[..., Any], steps: int) -> tuple[float, Rule]:
    name, given = _made_by(schedule), _closure(schedule)
    if name == "cosine_decay_schedule" and given["exponent"] == 1:
        numbers = (("over", float(given["decay_steps"])), ("final", float(given["alpha"])))
        return float(given["init_value"]), Rule("cosine", numbers)
    falls = given.get("boundaries_and_scales") or {}
    every, factors = min(falls, default=1), {float(factor) for factor in falls.values()}
    is_regular = not any(at % every for at in falls) and {*range(every, steps, every)} <= {*falls}
    if name == "piecewise_constant_schedule" and len(factors) == 1 and is_regular:
        return float(given["init_value"]), Rule("step", (("every", float(every)), ("factor", factors.pop())))
    raise UnreadableError(
        f"the learning rate follows {name or 'a schedule of your own'}, expected a number, optax's "
        "cosine_decay_schedule, or piecewise_constant_schedule with one factor after every k steps"
    )


def _rule(chain: Sequence[Step]) -> Rule:
    """Return the rule that is left once the clipping and the rate are taken off."""
    called = [step.name for step in chain]
    decays = [i for i, name in enumerate(called) if name == "add_decayed_weights"]
    cores = [step for step in chain if step.name != "add_decayed_weights"]
    if len(decays) > 1 or len(cores) > 1 or any(step.name not in CORES for step in cores):
        raise UnreadableError(f"the optimizer is {' → '.join(called)}: {OTHERS}")
    name, numbers, options = _core(cores[0]) if cores else ("sgd", {}, frozenset[str]())
    if decays:
        numbers["weight_decay"] = _number(chain[decays[0]], "weight_decay")
        if decays[0] and name == "adam":
            name = "adamw"
        elif decays[0]:
            raise UnreadableError(f"the weight decay stands after {cores[0].name}: {OTHERS}")
    return stated_rule(name, numbers, options)


def _core(step: Step) -> tuple[str, dict[str, float], frozenset[str]]:
    name, keys = CORES[step.name]
    numbers = {key: _number(step, own) for key, own in keys.items()}
    flags = {"eps_in_sqrt": name == "adagrad" or bool(step.given.get("eps_in_sqrt"))}
    flags["nesterov"], flags["centered"] = bool(step.given.get("nesterov")), step.name == "scale_by_stddev"
    if root := float(step.given.get("eps_root", 0)):  # added inside the root, and ε to it
        if numbers["eps"]:
            raise UnreadableError("adam has both eps and eps_root set, expected one of them to be 0")
        numbers["eps"], flags["eps_in_sqrt"] = root, True
    return name, numbers, frozenset(flag for flag, is_set in flags.items() if is_set)


def _compare(optimizer: optax.GradientTransformation, updates: Updates, parameters: Tree, steps: int) -> None:
    """Raise UnreadableError unless the suite's own optimizer gives the same updates, bit for bit."""
    own = _own(updates, max(steps, COMPARED))
    states = [each.init(parameters) for each in (optimizer, own)]
    random = np.random.default_rng(0)
    for _ in range(COMPARED):
        gradients = jax.tree.map(lambda leaf: _like(random, leaf), parameters)
        results = [
            each.update(gradients, state, parameters)
            for each, state in zip((optimizer, own), states, strict=True)
        ]
        states = [state for _, state in results]
        pairs = zip(*(jax.tree.leaves(given) for given, _ in results), strict=True)
        if not all(np.array_equal(one, other, equal_nan=True) for one, other in pairs):
            raise UnreadableError(
                f"the optimizer was read as {updates.optimizer.name}, whose updates are others: it has "
                f"what the suite does not know, such as a mask, a number that changes, or jax.jit; {OTHERS}"
            )


def _like(random: np.random.Generator, leaf: Any) -> Any:
    return jax.numpy.asarray(random.normal(size=leaf.shape), leaf.dtype)


def _own(updates: Updates, steps: int) -> optax.GradientTransformationExtraArgs:
    """Make the suite's own optimizer of what was read."""
    first = updates.rate if updates.schedule else 0.0
    update = Update(updates.optimizer, updates.schedule, updates.clipping, "stated", first, steps)
    made = jax_optimizers.optimizer_of(update, updates.rate)
    if updates.clipping is None:
        return made
    return optax.chain(optax.clip_by_global_norm(updates.clipping["max_norm"]), made)


def states_of(state: Tree, rule: Rule) -> Iterator[tuple[str, list[Any]]]:
    """Give the optimizer's states by kind, of each parameter in the order of the tree's leaves."""
    called = jax_optimizers.OPTIMIZERS[rule.name].states
    for kind in rule.states:
        yield kind, jax.tree.leaves(optax.tree.get(state, called[kind]))


def steps_in(state: Tree) -> int:
    """Return how many steps a state has counted; of one without a count whether it has any."""
    counts = {int(count) for _, count in optax.tree.get_all_with_path(state, "count")}
    if len(counts) > 1:
        listed = " and ".join(map(str, sorted(counts)))
        raise UnreadableError(f"the optimizer's state has counted {listed} steps, expected one count")
    return counts.pop() if counts else int(any(np.any(leaf) for leaf in jax.tree.leaves(state)))
