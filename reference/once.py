"""Attributes that are computed once, when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 - written as a decorator, like property
    """`functools.cached_property` without Python 3.11's lock: judging a step asks a hundred times."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.name, self.__doc__ = compute, compute.__name__, compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> once[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | once[T]:
        """Compute the attribute; it then stands in the instance itself, and this is not called again."""
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value
