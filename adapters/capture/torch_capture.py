"""A PyTorch function as a captured program, from the graph of its ATen operations (`make_fx`).

A module among the arguments stands for its parameters. What depends on no floating-point input is evaluated
by PyTorch. Every operation has the line of the user's program that asked for it.
"""

# ruff: noqa: ANN401, SLF001 - nodes hold values of any kind; PyTorch names operations with an underscore

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions, get_decompositions
from torch.fx import traceback
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.utils import stateless
from torch.utils import _pytree as pytree

from adapters.capture.torch_calls import Places, Shown
from adapters.capture.torch_lines import Line, name_of
from adapters.capture.torch_operations import RULES
from adapters.capture.torch_reader import Reader
from cases.captured import Captured, CapturedProgram, NotCapturedError, ShownValue


def capture_torch(
    function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]
) -> tuple[CapturedProgram, dict[int, int]]:
    """Capture a function of trees of tensors and of modules; `names` are those of the arguments.

    Each floating-point leaf, and each parameter, is an input: "model.0.weight". With it are returned the
    lines of the calls' results, each by the number of its call (`torch_calls.Calls`). Raises NotCapturedError
    where the function returns no single tensor.
    """
    flat, rebuild = flattened(args, names)
    leaves = [leaf.detach() for leaf in flat.values()]
    dtype = _format_of(leaves)
    calls: list[int] = []  # those of the last run, as it may begin again

    def functional(*given: Tensor) -> Any:
        with rebuild(given) as own, Places(dtype) as places:
            results = pytree.tree_leaves(function(*own))
        if len(results) != 1:
            raise NotCapturedError(f"the function returns {len(results)} values, expected one tensor")
        calls[:] = places.kept
        return results[0], *places.kept.values()

    table = _decompositions()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about TF32, which is neither asked for nor changed
        # Whose operations have no definition by simpler ones.
        with torch.backends.mkldnn.flags(enabled=False), traceback.preserve_node_meta():
            graph = _graph(functional, table, leaves)
    reader = Reader(list(flat), leaves)
    output, *results = reader.read(graph)
    made = {
        call: result.number
        for call, result in zip(calls, results, strict=True)
        if isinstance(result, Line) and result.number >= reader.begins.get(call, math.inf)
    }
    return reader.b.program(reader.number(output)), made


def _format_of(leaves: Iterable[Tensor]) -> torch.dtype:
    return next((leaf.dtype for leaf in leaves if leaf.is_floating_point()), torch.get_default_dtype())


def _graph(functional: Callable[..., Any], table: Any, leaves: Sequence[Tensor]) -> Any:
    """Trace without writes in place, where that can be: an old form of `autograd.Function` cannot."""
    try:
        graph = make_fx(torch.func.functionalize(functional, remove="mutations_and_views"), table)(*leaves)
    except RuntimeError as error:
        if "functorch" not in str(error):
            raise
        graph = make_fx(functional, table)(*leaves)
    graph.graph.eliminate_dead_code()
    return graph


# What is called with the tensors of arguments, in their order, and gives the arguments again.
Rebuild: TypeAlias = Callable[[Sequence[Any]], AbstractContextManager[list[Any]]]


def flattened(args: Sequence[Any], names: Sequence[str]) -> tuple[dict[str, Tensor], Rebuild]:
    """Return the tensors of arguments by name, and what makes the arguments again of others in their place.

    While it is entered, a module among them has these others for parameters; its buffers stay as they are.
    What is no tensor is handed on.
    """
    flat: dict[str, Tensor] = {}
    makers: list[tuple[int, Callable[[ExitStack, Sequence[Any]], Any]]] = []
    for name, value in zip(names, args, strict=True):
        if isinstance(value, nn.Module):
            own = dict(value.named_parameters())
            flat |= {f"{name}.{key}": parameter for key, parameter in own.items()}
            makers.append((len(own), partial(_swapped, value, list(own))))
            continue
        leaves, tree = pytree.tree_flatten_with_path(value)
        flat |= {name + pytree.keystr(path): leaf for path, leaf in leaves if isinstance(leaf, Tensor)}
        every = [leaf for _, leaf in leaves]
        makers.append((sum(isinstance(leaf, Tensor) for leaf in every), partial(_unflattened, tree, every)))

    @contextmanager
    def rebuild(given: Sequence[Any]) -> Iterator[list[Any]]:
        made, begin = [], 0
        with ExitStack() as stack:
            for count, make in makers:
                made.append(make(stack, given[begin : begin + count]))
                begin += count
            yield made

    return flat, rebuild


def _unflattened(tree: Any, every: Sequence[Any], _: ExitStack, given: Sequence[Any]) -> Any:
    tensors = iter(given)
    return pytree.tree_unflatten([next(tensors) if isinstance(one, Tensor) else one for one in every], tree)


def _swapped(module: nn.Module, names: Sequence[str], stack: ExitStack, given: Sequence[Any]) -> nn.Module:
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    state = {**dict(zip(names, given, strict=True)), **buffers}
    stack.enter_context(stateless._reparametrize_module(module, state, tie_weights=True))
    return module


def _decompositions() -> dict[Any, Callable[..., Any]]:
    """Return PyTorch's own definitions by simpler operations, of those that have no rule here."""
    table = dict(core_aten_decompositions())
    table[torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default] = get_decompositions(
        [torch.ops.aten._scaled_dot_product_flash_attention_for_cpu]
    )[torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default]
    kept = RULES.keys() | {"linspace", "logspace"}
    return {
        operation: made
        for operation, made in table.items()
        if operation.__name__.partition(".")[0] not in kept
    }


def read_torch(
    function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]
) -> tuple[CapturedProgram, dict[str, Any], str]:
    """Capture a function; return it, its inputs by their names, and the number format of the first."""
    return _read(function, args, names)[:3]


def _read(
    function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]
) -> tuple[CapturedProgram, dict[str, Any], str, dict[int, int]]:
    program, calls = capture_torch(function, args, names)
    flat, _ = flattened(args, names)
    if not program.inputs:
        raise NotCapturedError("the arguments hold no floating-point tensor, expected one")
    values = {name: _numpy(flat[name]) for name in program.inputs}
    return program, values, name_of(_format_of(flat.values())), calls


# A run: the output, and its gradients of the inputs.
Run: TypeAlias = tuple[NDArray[Any], list[NDArray[Any]]]


def run_torch(function: Callable[..., Any], args: Sequence[Any], names: Sequence[str]) -> Captured:
    """Capture a function, and run it and autograd, with respect to every float leaf and parameter."""
    eager = getattr(function, "_torchdynamo_orig_callable", function)  # of what torch.compile made
    program, values, dtype, calls = _read(eager, args, names)
    program.is_scalar()

    def run(watching: AbstractContextManager[Any], of: Callable[..., Any] = eager) -> Run:
        return _differentiated(of, flattened(args, names), [*program.inputs], watching)

    def captured(ends: Run, shown: Mapping[int, ShownValue], apart: Captured | None = None) -> Captured:
        made = dict(zip(program.inputs, ends[1], strict=True))
        framework = f"torch {torch.__version__}"
        return Captured(program, values, dtype, framework, ends[0], made, shown, apart=apart)

    ends = run(nullcontext())
    apart = captured(ends, _shown(run, ends, calls, program, dtype))
    return apart if eager is function else captured(run(nullcontext(), function), {}, apart)


def _differentiated(
    function: Callable[..., Any],
    given: tuple[dict[str, Tensor], Rebuild],
    wanted: Sequence[str],
    watching: AbstractContextManager[Any],
) -> Run:
    flat, rebuild = given
    copies = {name: leaf.detach().clone() for name, leaf in flat.items()}
    own = {name: leaf.requires_grad_(leaf.is_floating_point()) for name, leaf in copies.items()}
    with rebuild(list(own.values())) as operands, watching:
        output = function(*operands)
    if not isinstance(output, Tensor):
        raise NotCapturedError(f"the function returns {type(output).__name__}, expected one tensor")
    inputs = [own[name] for name in wanted]
    gradients = torch.autograd.grad(output.reshape(()), inputs, allow_unused=True, materialize_grads=True)
    return _numpy(output), [*map(_numpy, gradients)]


def _shown(
    run: Callable[[AbstractContextManager[Any]], Run],
    expected: Run,
    calls: Mapping[int, int],
    program: CapturedProgram,
    dtype: str,
) -> dict[int, ShownValue]:
    """Run a program again and return what its calls gave, by line; nothing if the numbers are others then."""
    seen = Shown(getattr(torch, dtype))
    try:
        output, gradients = run(seen)
    except Exception:  # noqa: BLE001 - it does not bear to be watched, and is judged by its ends
        return {}
    pairs = zip((expected[0], *expected[1]), (output, *gradients), strict=True)
    if not all(np.array_equal(left, right, equal_nan=True) for left, right in pairs):
        return {}
    slopes, shown = seen.slopes(), {}
    for call, line in calls.items():
        is_line = call in seen.values and tuple(seen.values[call].shape) == program.shapes[line]
        if is_line and line not in shown:  # a copy of a line has a part of its gradient
            slope = _numpy(slopes[call]) if call in slopes else None
            shown[line] = ShownValue(seen.names[call], _numpy(seen.values[call]), slope)
    return shown


def _numpy(tensor: Tensor) -> Any:
    """Copy a tensor, whose memory a program may write over; 16 bits into a float32 that holds them."""
    array = tensor.detach()
    array = array.float() if array.dtype in {torch.bfloat16, torch.float16} else array
    return array.numpy(force=True).copy()
