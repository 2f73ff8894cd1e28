"""A graph of ATen operations, node by node, as lines.

Where elements are in an order, as the largest are, their places follow from the inputs of this run.
"""

# ruff: noqa: ANN401 - nodes hold values of any kind; PyTorch names operations with an underscore

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import torch
from torch import Tensor
from torch.fx import Interpreter, Node, map_arg, traceback
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from adapters.capture.torch_lines import Line, Lines, name_of
from adapters.capture.torch_operations import RULES
from adapters.capture.torch_order import CHOSEN, ORDERED, in_order
from adapters.capture.torch_writes import WRITES, put
from cases.captured import Builder, NotCapturedError
from cases.protocol import SIXTEEN_BITS

# Operations that only move elements: PyTorch moves their positions.
MOVES: Final = frozenset(
    [
        "select",
        "slice",
        "index",
        "gather",
        "flip",
        "roll",
        "repeat",
        "unfold",
        "diagonal",
        "narrow",
        "take",
        "index_select",
        "masked_select",
    ]
)
PLACED: Final = MOVES | WRITES.keys() | ORDERED | CHOSEN
CONVERSIONS: Final = frozenset(["to", "type", "type_as", "float", "double", "half", "bfloat16"])
NOTHING: Final = frozenset(["clone", "alias", "contiguous", "_to_copy", "lift_fresh_copy", "view_as_real"])


class Reader(Lines):
    """Walks over a graph. A value is the number of a line, or a tensor or a Python value known already."""

    def __init__(self, names: Sequence[str], leaves: Sequence[Tensor]) -> None:
        super().__init__()
        self._leaves = leaves
        self._graph: Any = None
        self.begins: dict[int, int] = {}  # the number of the first line of each call
        self._given = [
            Line(self.b.input(name, tuple(leaf.shape), name_of(leaf.dtype)))
            if leaf.is_floating_point()
            else leaf
            for name, leaf in zip(names, leaves, strict=True)
        ]

    def read(self, graph: Any) -> list[Any]:
        """Return the values that the graph returns."""
        self._graph = graph = _without_writes(graph, self._leaves)
        known: dict[str, Any] = {}
        given = iter(self._given)
        for node in graph.graph.nodes:
            if node.op == "placeholder":
                known[node.name] = next(given)
            elif node.op == "get_attr":
                known[node.name] = getattr(graph, node.target)
            elif node.op == "output":
                results = pytree.tree_leaves(node.args[0])
                return [known[one.name] if isinstance(one, Node) else one for one in results]
            else:
                known[node.name] = self._call(node, known)
                if _writes(node):  # to its operand
                    known[node.args[0].name] = known[node.name]
        raise NotCapturedError("the function returns nothing, expected one tensor")

    def _call(self, node: Any, known: Mapping[str, Any]) -> Any:
        args, kwargs = map_arg((node.args, dict(node.kwargs)), lambda other: known[other.name])
        leaves, _ = pytree.tree_flatten((args, kwargs))
        lines = [leaf for leaf in leaves if isinstance(leaf, Line)]
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            given = [line.number for line in lines]
            return self._unreadable(node, f"{node.target.__name__} draws random numbers", given)
        if node.target.__name__ == "getitem" and args[0][args[1]] is None:
            return self._of_this_run(node)
        if not lines or node.target.__name__ == "getitem":
            return node.target(*args, **kwargs)
        name = node.target.__name__.partition(".")[0].rstrip("_") or node.target.__name__
        name = name if name == "_to_copy" else name.removesuffix("_copy")  # of a view
        notes = [*(node.stack_trace or self.b.place).split("\n"), "", "", "", ""]
        self.b.place, self.b.call, constant, call, called = notes[:5]
        if call:
            self.begins.setdefault(int(call), len(self.b.shapes))
        self.b.source = name
        shape, dtype = _shape(node), _dtype(node)
        self.b.dtype = self._format(dtype, lines, is_asked_for=called in CONVERSIONS)
        try:
            result = self._rule(name, node, args, kwargs, shape)
        except NotCapturedError as error:
            where = f" ({self.b.place})" if self.b.place else ""
            return self._unreadable(node, f"{error}{where}", [line.number for line in lines])
        return _stopped(self.b, result) if constant else result

    def _format(self, dtype: torch.dtype | None, lines: Sequence[Line], *, is_asked_for: bool) -> str:
        """Return the number format of a result.

        In 16 bits a definition by simpler operations converts to float32 first, where the function itself may
        round on the way: only what the program asks for counts.
        """
        given = [self.b.formats[line.number] for line in lines]
        if dtype is None or not dtype.is_floating_point:
            return given[0]
        narrow = next((one for one in given if one in SIXTEEN_BITS), "")
        return name_of(dtype) if is_asked_for or not narrow else narrow

    def _unreadable(self, node: Any, reason: str, inputs: Sequence[int]) -> Any:
        value = node.meta.get("val", node.meta.get("tensor_meta"))
        results = value if isinstance(value, tuple | list) and not hasattr(value, "shape") else [value]
        lines = tuple(
            Line(self.b.unreadable(tuple(result.shape), reason, *inputs))
            if hasattr(result, "shape")
            else None
            for result in results
        )
        return lines if results is value else lines[0]

    def _rule(self, name: str, node: Any, args: Any, kwargs: Any, shape: Any) -> Any:
        if name in {*NOTHING, "view"}:
            args = (self._converted(args[0], _dtype(node)), *args[1:])
        if name in NOTHING:
            return args[0]
        if name in PLACED:
            return self._placed(name, node, args, kwargs)
        rule = RULES.get(name)
        if rule is None:
            raise NotCapturedError(f"{name} is not known")
        result = rule(self, args, kwargs, shape)
        return tuple(map(_line, result)) if isinstance(result, tuple) else _line(result)

    def _converted(self, x: Line, dtype: torch.dtype) -> Line:
        if self.b.is_truth(x.number):
            return x if dtype is torch.bool else Line(self.b.as_number(x.number))
        if not dtype.is_floating_point:
            raise NotCapturedError(f"a conversion to {dtype} is not known")
        return Line(self.b.convert(x.number, self.b.dtype))

    def _placed(self, name: str, node: Any, args: Any, kwargs: Any) -> Any:
        """Return what only puts elements in other places, by indices that are known."""
        if name in CHOSEN:
            return self._of_this_run(node)
        if name in ORDERED:
            return self._ordered(name, node, args, kwargs)
        if name in MOVES:
            return Line(self._moved(node.target, args, kwargs))
        return Line(put(self, name, node.target, args, kwargs))

    @cached_property
    def _run(self) -> Mapping[Any, Any]:
        """What the operations gave for the inputs: which elements are the largest is read off there."""
        interpreter = Interpreter(self._graph, garbage_collect_values=False)
        with torch.no_grad():
            interpreter.run(*(leaf.clone() for leaf in self._leaves))
        return interpreter.env

    def _of_this_run(self, node: Any) -> Any:
        """Return a result that is made of whole numbers, such as places; they are those of this run."""
        result = self._run[node]
        if result.is_floating_point():
            return self._unreadable(node, f"a further result of {node.args[0]} is not known", [])
        return result

    def _ordered(self, name: str, node: Any, args: Any, kwargs: Any) -> Any:
        """Return elements in their order, or of a rank: where they are is read off this run, and checked."""
        given = in_order(name, self._run[node.args[0]], self._run[node], args, kwargs)
        positions = torch.from_numpy(self.b.positions(args[0].number))
        line = Line(self.b.gather(given.take_from(positions).numpy(), args[0].number))
        return line if given.indices is None else (line, given.indices)

    def _moved(self, target: Any, args: Any, kwargs: Any) -> int:
        source = args[0].number
        others = args[1:]
        if any(isinstance(leaf, Line) for leaf in pytree.tree_leaves((others, kwargs))):
            raise NotCapturedError("indices that depend on the inputs are not known")
        positions = torch.from_numpy(self.b.positions(source))
        return self.b.gather(target(positions, *others, **kwargs).numpy(), source)


def _writes(node: Any) -> bool:
    name = getattr(node.target, "__name__", "").partition(".")[0]
    return node.op == "call_function" and name.endswith("_") and not name.startswith("__")


def _without_writes(graph: Any, leaves: Sequence[Tensor]) -> Any:
    """Return a graph without writes into parts of others, which a composed function may have left."""
    if not any(_writes(node) and _is_a_view(node.args[0]) for node in graph.graph.nodes):
        return graph
    again = torch.func.functionalize(Interpreter(graph).run, remove="mutations_and_views")
    with traceback.preserve_node_meta():
        graph = make_fx(again)(*leaves)
    graph.graph.eliminate_dead_code()
    return graph


def _is_a_view(node: Any) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and any(result.alias_info is not None for result in schema.returns)


def _stopped(b: Builder, result: Any) -> Any:
    """Return a result that was computed under `no_grad`, as a constant."""
    if isinstance(result, tuple):
        return tuple(_stopped(b, one) for one in result)
    return Line(b.add("stop", result.number)) if isinstance(result, Line) else result


def _line(result: Any) -> Any:
    return Line(result) if isinstance(result, int) else result


def _shape(node: Any) -> Any:
    value = node.meta.get("val", node.meta.get("tensor_meta"))
    return tuple(value.shape) if hasattr(value, "shape") else None


def _dtype(node: Any) -> Any:
    """Return the format of a node's result, or of the first of several."""
    value = node.meta.get("val", node.meta.get("tensor_meta"))
    first = value[0] if isinstance(value, tuple | list) and not hasattr(value, "dtype") else value
    return getattr(first, "dtype", None)
