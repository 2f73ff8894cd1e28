"""What a Keras optimizer does, as a rule of the catalog, and a copy of it that updates parameters.

A momentum's state is left out: Keras has −η m in its place. Keras's Adam adds ε to √v before its correction,
ε̂ of Kingma and Ba, which in the first step is ε / √(1 − β₂) after it, and in later ones another number.
"""

# ruff: noqa: ANN401 - Keras leaves its variables without types

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from adapters.tracing.stated_updates import Updates, stated_rule
from cases import Rule
from cases.recording import UnreadableError


@dataclass(frozen=True)
class KerasOptimizer:
    """A class of `keras.optimizers`: its rule, its own keys by the catalog's, and its states' names."""

    rule: str
    keys: Mapping[str, str]
    states: Mapping[str, str]


_ADAM: Final = {"beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon"}
_MOMENTS: Final = {"m": "momentum", "v": "velocity"}
OPTIMIZERS: Final = {
    "SGD": KerasOptimizer("sgd", {"momentum": "momentum"}, {}),
    "Adam": KerasOptimizer("adam", _ADAM, _MOMENTS),
    "AdamW": KerasOptimizer("adamw", _ADAM | {"weight_decay": "weight_decay"}, _MOMENTS),
    "RMSprop": KerasOptimizer(
        "rmsprop", {"alpha": "rho", "eps": "epsilon"}, {"m": "average_gradient", "v": "velocity"}
    ),
    "Adagrad": KerasOptimizer(
        "adagrad",
        {"initial_accumulator": "initial_accumulator_value", "eps": "epsilon"},
        {"v": "accumulator"},
    ),
}
# Settings that change no number here, and flags that the catalog has.
WITHOUT_EFFECT: Final = frozenset({"name", "learning_rate", "ema_momentum", "ema_overwrite_frequency"})
FLAGS: Final = ("nesterov", "centered")


def updates_of(optimizer: Any, steps: int) -> Updates:
    """Return what an optimizer does; raises UnreadableError where the catalog has no such rule."""
    name = type(optimizer).__name__
    if name not in OPTIMIZERS or not type(optimizer).__module__.startswith("keras."):
        raise UnreadableError(f"the optimizer is {name}, expected one of Keras's {', '.join(OPTIMIZERS)}")
    if int(optimizer.iterations):
        raise UnreadableError("the optimizer has taken steps already, expected one that has taken none")
    kind, config = OPTIMIZERS[name], dict(optimizer.get_config())
    if isinstance(config["learning_rate"], dict):
        raise UnreadableError("the learning rate follows a schedule of Keras, expected a number")
    numbers = {key: float(config.pop(own) or 0) for key, own in kind.keys.items()}
    if kind.rule == "rmsprop" and config.pop("momentum"):
        raise UnreadableError("the suite has no RMSprop with a momentum")
    options = {flag for flag in FLAGS if config.pop(flag, False)}
    excluded = getattr(optimizer, "_exclude_from_weight_decay", None)
    if unknown := [key for key, value in config.items() if value and key not in WITHOUT_EFFECT]:
        raise UnreadableError(f"the optimizer has {', '.join(unknown)} set, which the suite does not know")
    if excluded or getattr(optimizer, "_exclude_from_weight_decay_pattern", None):
        raise UnreadableError("the optimizer excludes variables from its weight decay, expected none")
    return Updates(float(optimizer.learning_rate), _rule(kind.rule, numbers, options, steps))


def _rule(name: str, numbers: dict[str, float], options: set[str], steps: int) -> Rule:
    if name in {"rmsprop", "adagrad"}:
        options.add("eps_in_sqrt")
    elif numbers.get("eps"):
        if steps > 1:
            raise UnreadableError(
                "Keras's Adam adds its epsilon to √v before the correction, which no rule of the suite does "
                "for more than one step: judge one step, or with epsilon=0"
            )
        numbers["eps"] /= sqrt(1 - numbers["beta2"])
    return stated_rule(name, numbers, options)


def copied(optimizer: Any, variables: Sequence[Any]) -> Any:
    """Return another optimizer of the same settings for a model's variables."""
    again = type(optimizer).from_config(optimizer.get_config())
    again.build(variables)
    return again


def states_of(optimizer: Any, rule: Rule, values: Sequence[Any]) -> dict[str, list[Any]]:
    """Return an optimizer's states by kind, of each variable, out of `values` of its own variables."""
    called = OPTIMIZERS[type(optimizer).__name__].states
    return {
        kind: [
            value
            for variable, value in zip(optimizer.variables, values, strict=True)
            if variable.name.endswith(f"_{called[kind]}")
        ]
        for kind in rule.states
        if kind in called
    }
