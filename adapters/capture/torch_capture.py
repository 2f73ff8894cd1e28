"""A PyTorch function as a captured program, from the graph of its ATen operations (`make_fx`).

A module among the arguments stands for its parameters. What depends on no floating-point input is evaluated
by PyTorch. Every operation has the line of the user's program that asked for it.
"""

# ruff: noqa: ANN401, SLF001 - nodes hold values of any kind; PyTorch names operations with an underscore

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions, get_decompositions
from torch.fx import map_arg, traceback
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from adapters.capture.torch_operations import RULES, Line, Lines
from cases.captured import Captured, CapturedProgram, NotCapturedError

LIBRARIES: Final = frozenset({"site-packages", "dist-packages"})
HERE: Final = Path(__file__).parent

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
        "as_strided",
        "unfold",
        "diagonal",
        "narrow",
        "take",
        "index_select",
    ]
)
# Functions with a derivative of their own, which may be in any form.
LIBRARY: Final = {
    "gelu", "softplus", "elu", "elu_", "selu", "celu", "silu", "mish", "logsigmoid", "log_sigmoid",
    "softmax", "log_softmax", "cross_entropy", "nll_loss", "binary_cross_entropy_with_logits",
    "binary_cross_entropy", "smooth_l1_loss", "huber_loss", "mse_loss", "l1_loss", "softsign",
    "tanhshrink", "hardtanh", "hardswish", "hardsigmoid", "relu6", "leaky_relu", "softmin", "logsumexp",
    "layer_norm", "batch_norm", "group_norm", "scaled_dot_product_attention",
    "multi_head_attention_forward",
}  # fmt: skip
NOTHING: Final = frozenset(["clone", "alias", "contiguous", "_to_copy", "lift_fresh_copy", "view_as_real"])


def capture_torch(function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]) -> CapturedProgram:
    """Capture a function of trees of tensors and of modules; `names` are those of the arguments.

    Each floating-point leaf, and each parameter, is an input: "model.0.weight". Raises NotCapturedError where
    the function returns no single tensor.
    """
    flat, rebuild = flattened(args, names)
    leaves = [leaf.detach() for leaf in flat.values()]

    def functional(*given: Tensor) -> Any:
        with _Places():
            return function(*rebuild(given))

    table = _decompositions()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about TF32, which is neither asked for nor changed
        # Whose operations have no definition by simpler ones.
        with torch.backends.mkldnn.flags(enabled=False), traceback.preserve_node_meta():
            graph = make_fx(functional, table)(*leaves)
    return _Reader(list(flat), leaves).read(graph)


def flattened(
    args: Sequence[Any], names: Sequence[str]
) -> tuple[dict[str, Tensor], Callable[[Sequence[Any]], list[Any]]]:
    """Return the tensors of arguments by name, and what makes the arguments again of others in their place.

    A module that is made again has these others for parameters while the function runs.
    """
    flat: dict[str, Tensor] = {}
    makers: list[tuple[int, Callable[[Sequence[Any]], Any]]] = []
    for name, value in zip(names, args, strict=True):
        if isinstance(value, nn.Module):
            own = dict(value.named_parameters())
            flat |= {f"{name}.{key}": parameter for key, parameter in own.items()}
            makers.append((len(own), _swapped(value, list(own))))
            continue
        leaves, tree = pytree.tree_flatten_with_path(value)
        flat |= {name + pytree.keystr(path): torch.as_tensor(leaf) for path, leaf in leaves}
        makers.append((len(leaves), partial(_unflattened, tree)))

    def rebuild(given: Sequence[Any]) -> list[Any]:
        made, begin = [], 0
        for count, make in makers:
            made.append(make(given[begin : begin + count]))
            begin += count
        return made

    return flat, rebuild


class _Places(TorchFunctionMode):
    """Notes where in the user's program each call of PyTorch stands, and what call it is a part of.

    The graph keeps both.
    """

    def __init__(self) -> None:
        super().__init__()
        self._call, self._count = "", 0

    def __torch_function__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        begins = not self._call and getattr(func, "__name__", "") in LIBRARY
        if begins:
            self._count += 1
            self._call = f"{func.__name__} {self._count}"
        if place := place_of_caller():
            traceback.set_stack_trace([f"{place}\n{self._call}"])
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self._call = "" if begins else self._call


def place_of_caller() -> str:
    """Return the innermost line of a user's own file that is running: "model.py:12"; "" if there is none."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.parent != HERE and not {*path.parts} & LIBRARIES:
            return f"{path.name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _decompositions() -> dict[Any, Callable[..., Any]]:
    """Return PyTorch's own definitions by simpler operations, of those that have no rule here."""
    table = dict(core_aten_decompositions())
    table[torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default] = get_decompositions(
        [torch.ops.aten._scaled_dot_product_flash_attention_for_cpu]
    )[torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default]
    return {
        operation: made
        for operation, made in table.items()
        if operation.__name__.partition(".")[0] not in RULES
    }


def _unflattened(tree: Any, given: Sequence[Any]) -> Any:
    return pytree.tree_unflatten(list(given), tree)


def _swapped(module: nn.Module, names: Sequence[str]) -> Callable[[Sequence[Any]], Callable[..., Any]]:
    """Return what makes a module of other parameters; its buffers stay as they are."""

    def with_others(given: Sequence[Any]) -> Callable[..., Any]:
        buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
        state = {**dict(zip(names, given, strict=True)), **buffers}
        return lambda *args, **kwargs: torch.func.functional_call(module, state, args, kwargs)

    return with_others


class _Reader(Lines):
    """Walks over a graph. A value is the number of a line, or a tensor or a Python value known already."""

    def __init__(self, names: Sequence[str], leaves: Sequence[Tensor]) -> None:
        super().__init__()
        self._given = [
            Line(self.b.input(name, tuple(leaf.shape))) if leaf.is_floating_point() else leaf
            for name, leaf in zip(names, leaves, strict=True)
        ]

    def read(self, graph: Any) -> CapturedProgram:
        known: dict[str, Any] = {}
        given = iter(self._given)
        for node in graph.graph.nodes:
            if node.op == "placeholder":
                known[node.name] = next(given)
            elif node.op == "get_attr":
                known[node.name] = getattr(graph, node.target)
            elif node.op == "output":
                results, _ = pytree.tree_flatten(node.args[0])
                if len(results) != 1:
                    raise NotCapturedError(f"the function returns {len(results)} values, expected one tensor")
                return self.b.program(self.number(known[results[0].name]))
            else:
                known[node.name] = self._call(node, known)
                if node.target.__name__.partition(".")[0].endswith("_"):  # it has written to its operand
                    known[node.args[0].name] = known[node.name]
        raise NotCapturedError("the function returns nothing, expected one tensor")

    def _call(self, node: Any, known: Mapping[str, Any]) -> Any:
        args, kwargs = map_arg((node.args, dict(node.kwargs)), lambda other: known[other.name])
        leaves, _ = pytree.tree_flatten((args, kwargs))
        lines = [leaf for leaf in leaves if isinstance(leaf, Line)]
        if not lines or node.target.__name__ == "getitem":
            return node.target(*args, **kwargs)
        name = node.target.__name__.partition(".")[0].rstrip("_") or node.target.__name__
        place, _, self.b.call = (node.stack_trace or self.b.place).partition("\n")
        self.b.place, self.b.source = place, name
        shape = _shape(node)
        try:
            result = self._rule(name, node, args, kwargs, shape)
        except NotCapturedError as error:
            where = f" ({self.b.place})" if self.b.place else ""
            return self._unreadable(node, f"{error}{where}", [line.number for line in lines])
        return result

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
        if name in NOTHING:
            return args[0]
        if name in MOVES:
            return Line(self._moved(node.target, args, kwargs))
        rule = RULES.get(name)
        if rule is None:
            raise NotCapturedError(f"{name} is not known")
        result = rule(self, args, kwargs, shape)
        return tuple(map(_line, result)) if isinstance(result, tuple) else _line(result)

    def _moved(self, target: Any, args: Any, kwargs: Any) -> int:
        source = args[0].number
        others = args[1:]
        if any(isinstance(leaf, Line) for leaf in pytree.tree_leaves((others, kwargs))):
            raise NotCapturedError("indices that depend on the inputs are not known")
        positions = torch.from_numpy(self.b.positions(source))
        return self.b.gather(target(positions, *others, **kwargs).numpy(), source)


def _line(result: Any) -> Any:
    return Line(result) if isinstance(result, int) else result


def _shape(node: Any) -> Any:
    value = node.meta.get("val", node.meta.get("tensor_meta"))
    return tuple(value.shape) if hasattr(value, "shape") else None


def read_torch(
    function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]
) -> tuple[CapturedProgram, dict[str, Any], str]:
    """Capture a function; return it, its inputs by their names, and their widest number format."""
    program = capture_torch(function, args, names)
    flat, _ = flattened(args, names)
    dtype = reduce(torch.promote_types, (flat[name].dtype for name in program.inputs))
    values = {name: _numpy(flat[name]) for name in program.inputs}
    return program, values, str(dtype).removeprefix("torch.")


def run_torch(function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]) -> Captured:
    """Capture a function, and run it and autograd, with respect to every float leaf and parameter."""
    program, values, dtype = read_torch(function, args, names)
    program.is_scalar()
    flat, rebuild = flattened(args, names)
    copies = {name: leaf.detach().clone() for name, leaf in flat.items()}
    own = {name: leaf.requires_grad_(leaf.is_floating_point()) for name, leaf in copies.items()}
    output = function(*rebuild(list(own.values())))
    wanted = [own[name] for name in program.inputs]
    gradients = torch.autograd.grad(output.reshape(()), wanted, allow_unused=True, materialize_grads=True)
    made = dict(zip(program.inputs, map(_numpy, gradients), strict=True))
    return Captured(program, values, dtype, f"torch {torch.__version__}", _numpy(output), made)


def _numpy(tensor: Tensor) -> Any:
    array = tensor.detach().cpu()
    return array.float().numpy() if array.dtype in {torch.bfloat16, torch.float16} else array.numpy()
