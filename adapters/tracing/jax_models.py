"""The models that JAX programs have, each as a function of its parameters, a tree of arrays, and of x."""

# ruff: noqa: ANN401 - a program's trees and functions may be anything

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import jax
import numpy as np
import optax

from cases.recording import UnreadableError

Tree: TypeAlias = Any


@dataclass(frozen=True)
class Model:
    """A function with its parameters and its optimizer."""

    name: str
    program: str  # the packages that run it, with their versions
    apply: Callable[[Tree, Any], Any]
    parameters: Tree
    optimizer: Any  # of optax; None if it is of another kind, known to who made this
    called: tuple[str, ...]  # what the program calls each parameter, in the order of the tree's leaves
    state: Tree = None  # the optimizer's, if it has taken steps before
    of_example: "Model | None" = None  # the same mapped over rows, where it may be one of a single example


def model_of(model: Any, parameters: Tree, optimizer: Any, state: Tree = None) -> Model:
    """Return a model of any kind; raises UnreadableError where it or its optimizer is of no kind known."""
    packages = {ancestor.__module__.partition(".")[0] for ancestor in type(model).__mro__}
    if parameters is not None:
        function = model.apply if "flax" in packages and hasattr(model, "apply") else model
        made = _made(_name_of(function), _packages(function), function, parameters, optimizer)
        return replace(made, state=state)
    if "flax" in packages and hasattr(model, "apply"):
        raise UnreadableError("a Flax linen module has no parameters of its own, expected `parameters`")
    if "flax" in packages:
        return _of_nnx(model, optimizer, state)
    if "equinox" in packages:
        return _of_equinox(model, optimizer, state)
    raise UnreadableError("a function has no parameters of its own, expected `parameters`, a tree of arrays")


def _made(
    name: str, packages: tuple[str, ...], apply: Callable[[Tree, Any], Any], parameters: Tree, optimizer: Any
) -> Model:
    if not isinstance(optimizer, optax.GradientTransformation):
        raise UnreadableError(f"the optimizer is {type(optimizer).__name__}, expected one of optax")
    leaves = jax.tree_util.tree_flatten_with_path(parameters)[0]
    called = tuple(jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves)
    for name_of, (_, leaf) in zip(called, leaves, strict=True):
        if not jax.numpy.issubdtype(getattr(leaf, "dtype", np.asarray(leaf).dtype), np.floating):
            raise UnreadableError(f"the parameter {name_of} is {np.asarray(leaf).dtype}, expected floats")
    arrays = jax.tree.map(jax.numpy.asarray, parameters)
    return Model(name, versions(*packages), apply, arrays, optimizer, called)


def versions(*packages: str) -> str:
    """Return the names and versions of packages: "flax 0.12.8, jax 0.10.2"."""
    return ", ".join(f"{package} {sys.modules[package].__version__}" for package in packages)


def _name_of(function: Callable[..., Any]) -> str:
    owner = getattr(function, "__self__", None)
    name = type(owner).__name__ if owner is not None else getattr(function, "__name__", "")
    return name if name.isidentifier() else "program"


def _packages(function: Callable[..., Any]) -> tuple[str, ...]:
    owner = type(getattr(function, "__self__", None))
    is_flax = any(ancestor.__module__.startswith("flax.") for ancestor in owner.__mro__)
    return ("flax", "jax") if is_flax else ("jax",)


def _of_nnx(model: Any, optimizer: Any, state: Tree) -> Model:
    """Return a Flax NNX module; its parameters are what an `nnx.Optimizer` has, or every `nnx.Param`."""
    from flax import nnx  # noqa: PLC0415 - only a program that has loaded it comes here

    given = optimizer if isinstance(optimizer, nnx.Optimizer) else None
    definition, parameters, others = nnx.split(model, given.wrt if given else nnx.Param, ...)
    optimizer = given.tx if given else optimizer
    if given and int(given.step[...]):  # its arrays, in the tree that optax makes for these parameters
        form = jax.tree.structure(optimizer.init(parameters))
        state = jax.tree.unflatten(form, jax.tree.leaves(given.opt_state))

    def apply(parameters: Tree, x: Any) -> Any:
        return nnx.merge(definition, parameters, others)(x)

    made = _made(type(model).__name__, ("flax", "jax"), apply, parameters, optimizer)
    return replace(made, state=state, called=tuple(name.removesuffix("/value") for name in made.called))


def _of_equinox(model: Any, optimizer: Any, state: Tree) -> Model:
    import equinox  # noqa: PLC0415 - only a program that has loaded it comes here

    parameters, others = equinox.partition(model, equinox.is_inexact_array)

    def apply(parameters: Tree, x: Any) -> Any:
        return equinox.combine(parameters, others)(x)

    made = _made(type(model).__name__, ("equinox", "jax"), apply, parameters, optimizer)
    made = replace(made, state=state)
    return replace(made, of_example=replace(made, apply=jax.vmap(apply, in_axes=(None, 0))))
