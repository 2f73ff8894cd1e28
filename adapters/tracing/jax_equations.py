"""A JAX program as the list of its equations, which can be evaluated with every value on the way.

What is compiled or checkpointed inside and takes parameters is opened, and so are functions with derivatives
of their own, to be read: evaluated they stay closed, since differentiated they would follow other rules.
"""

# ruff: noqa: ANN401 - equations hold values of any kind

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import jax
from jax import Array
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from cases.recording import UnreadableError

# Calls of a function that is only written elsewhere, by what different versions of JAX call them.
CALLS: Final = frozenset({"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"})
# Calls of a function that has a derivative of its own.
CUSTOM: Final = frozenset({"custom_jvp_call", "custom_vjp_call"})

# How what draws random numbers begins, apart from an underscore.
RANDOM: Final = ("random_", "threefry", "bernoulli")

NONE: Final[Mapping[int, Array]] = MappingProxyType({})


@dataclass(frozen=True)
class Operation:
    """One equation, with numbers in place of its variables."""

    equation: JaxprEqn | None  # None: each output is the input in its place, by another number
    operands: tuple[int | None, ...]  # in the equation's order; None for a number that stands in it
    outputs: tuple[int, ...]
    where: Jaxpr | None = field(default=None, repr=False)  # what the equation stands in

    @property
    def name(self) -> str:
        """What JAX calls it; of a call the function's own name."""
        if self.equation is None:
            return "copy"
        called = self.equation.params.get("name") if self.equation.primitive.name in CALLS else None
        return str(called or self.equation.primitive.name)

    @property
    def inputs(self) -> list[int]:
        return [operand for operand in self.operands if operand is not None]

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {} if self.equation is None else self.equation.params

    def shape(self, output: int = 0) -> tuple[int, ...]:
        aval: Any = None if self.equation is None else self.equation.outvars[output].aval
        return () if aval is None else tuple(aval.shape)

    def apply(self, values: Mapping[int, Any]) -> Sequence[Any]:
        given = [values[number] for number in self.inputs]
        return given if self.equation is None else self._function(*given)

    @cached_property
    def _function(self) -> Callable[..., Sequence[Any]]:
        """The equation as a function: its own primitive, with its own derivative."""
        return as_function(self.equation, self.where)

    @property
    def place(self) -> str:
        """Where in the user's program it stands: " (model.py:12)"; "" where that is not known."""
        trace: Any = None if self.equation is None else self.equation.source_info.traceback
        for frame in trace.frames if trace is not None else ():
            path = Path(frame.file_name)
            if path.parent == Path(__file__).parent:  # from here on outwards it is who called this
                break
            if not {*path.parts} & LIBRARIES:
                return f" ({path.name}:{frame.line_num})"
        return ""


def as_function(equation: Any, where: Any) -> Callable[..., Sequence[Any]]:
    """Return an equation of `where` as a function of its variables, numbers that stand in it left out."""
    # A variable that stands in it twice is given twice: each place has a variable of its own.
    places = [Var(atom.aval) for atom in equation.invars if isinstance(atom, Var)]
    given = iter(places)
    atoms = [next(given) if isinstance(atom, Var) else atom for atom in equation.invars]
    parts = {"constvars": [], "invars": places, "outvars": equation.outvars}
    alone = where.replace(**parts, eqns=[equation.replace(invars=atoms)])
    return jaxpr_as_fun(ClosedJaxpr(alone, ()))


# What is in these folders is not the user's own.
LIBRARIES: Final = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True)
class Equations:
    """A function of parameters and data as operations; its values are numbered."""

    parameters: tuple[int, ...]
    data: int
    output: int
    constants: Mapping[int, Any]
    operations: tuple[Operation, ...]  # all that there is to read
    closed: tuple[Operation, ...]  # what is evaluated: functions with derivatives of their own are closed
    shapes: Mapping[int, tuple[int, ...]] = field(repr=False)

    def run(
        self,
        parameters: Sequence[Any],
        data: Any,
        added: Mapping[int, Array] = NONE,
        *,
        opened: bool = False,
    ) -> dict[int, Any]:
        """Evaluate every value, adding to each what `added` has for it; `opened` those inside, too."""
        values = dict(zip((*self.parameters, self.data), (*parameters, data), strict=True))
        return evaluated(self.operations if opened else self.closed, {**self.constants, **values}, added)

    @property
    def is_random(self) -> bool:
        """Whether random numbers are drawn."""
        return any(operation.name.lstrip("_").startswith(RANDOM) for operation in self.operations)

    @cached_property
    def visible(self) -> frozenset[int]:
        """What is evaluated under no derivative of the program's own."""
        return frozenset(output for operation in self.closed for output in operation.outputs)


def evaluated(
    operations: Sequence[Operation], values: Mapping[int, Any], added: Mapping[int, Array] = NONE
) -> dict[int, Any]:
    """Apply operations in their order to values by number, and return these with the results."""
    every = dict(values)
    for operation in operations:
        for number, value in zip(operation.outputs, operation.apply(every), strict=True):
            every[number] = value + added[number] if number in added else value
    return every


def equations_of(function: Callable[..., Any], parameters: Sequence[Any], data: Any) -> Equations:
    """Trace a function of parameters, a list of arrays, and data; UnreadableError if it returns no array."""
    closed, result = jax.make_jaxpr(function, return_shape=True)(list(parameters), data)
    if not isinstance(result, jax.ShapeDtypeStruct):
        raise UnreadableError(f"the model returns {type(result).__name__}, expected one array")
    opening = _Opening()
    given = [opening.new(variable) for variable in closed.jaxpr.invars]
    opening.depend |= {*given[:-1]}
    (output,) = opening.take(closed.jaxpr, closed.consts, given, is_evaluated=True)
    return Equations(
        tuple(given[:-1]),
        given[-1],
        output,
        MappingProxyType(opening.constants),
        tuple(opening.operations),
        tuple(opening.closed),
        MappingProxyType(opening.shapes),
    )


class _Opening:
    """What the equations of a program are, with those inside calls that take parameters."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.closed: list[Operation] = []
        self.constants: dict[int, Any] = {}
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.depend: set[int] = set()  # what depends on parameters and on nothing else
        self._numbers = count()

    def new(self, atom: Any) -> int:
        number = next(self._numbers)
        self.shapes[number] = tuple(atom.aval.shape)
        return number

    def take(
        self, jaxpr: Jaxpr, constants: Sequence[Any], given: Sequence[int], *, is_evaluated: bool
    ) -> list[int]:
        """Take over the equations of a function of what has the numbers `given`; return its results'."""
        numbers = dict(zip(jaxpr.invars, given, strict=True))
        for variable, value in zip(jaxpr.constvars, constants, strict=True):
            numbers[variable] = self.new(variable)
            self.constants[numbers[variable]] = value
        for equation in jaxpr.eqns:
            operands = tuple(None if isinstance(atom, Literal) else numbers[atom] for atom in equation.invars)
            outputs = self._take_equation(jaxpr, equation, operands, is_evaluated=is_evaluated)
            numbers |= zip(equation.outvars, outputs, strict=True)
        return [self._number(atom, numbers) for atom in jaxpr.outvars]

    def _number(self, atom: Any, numbers: Mapping[Any, int]) -> int:
        if not isinstance(atom, Literal):
            return numbers[atom]
        number = self.new(atom)
        self.constants[number] = atom.val
        return number

    def _take_equation(
        self, where: Jaxpr, equation: JaxprEqn, operands: tuple[int | None, ...], *, is_evaluated: bool
    ) -> Sequence[int]:
        name, inputs = equation.primitive.name, [operand for operand in operands if operand is not None]
        takes_parameters = any(number in self.depend for number in inputs)
        if takes_parameters and name in CALLS:
            return self._opened(equation, operands, is_evaluated=is_evaluated)
        outputs = [self.new(variable) for variable in equation.outvars]
        if takes_parameters and all(number in self.depend for number in inputs):
            self.depend |= {*outputs}
        operation = Operation(equation, operands, tuple(outputs), where)
        if is_evaluated:
            self.closed.append(operation)
        if takes_parameters and name in CUSTOM:
            results = self._opened(equation, operands, is_evaluated=False)
            operation = Operation(None, tuple(results), tuple(outputs))
        self.operations.append(operation)
        return outputs

    def _opened(
        self, equation: JaxprEqn, operands: tuple[int | None, ...], *, is_evaluated: bool
    ) -> list[int]:
        inner: Any = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
        jaxpr, constants = (inner.jaxpr, inner.consts) if isinstance(inner, ClosedJaxpr) else (inner, ())
        given = [
            self._number(atom, {}) if operand is None else operand
            for atom, operand in zip(equation.invars, operands, strict=True)
        ]
        return self.take(jaxpr, constants, given, is_evaluated=is_evaluated)


def operations_between(operations: Sequence[Operation], start: int, end: int) -> Iterator[Operation]:
    """Give the operations that lead from one value to another, in their order."""
    after, before = {start}, {end}
    for operation in operations:
        if after & {*operation.inputs}:
            after |= {*operation.outputs}
    needed = []
    for operation in reversed(operations):
        if before & {*operation.outputs}:
            before |= {*operation.inputs}
            needed.append(operation)
    return (operation for operation in reversed(needed) if after & {*operation.inputs})
