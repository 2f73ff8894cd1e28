"""Any program, judged: `certify_gradients` and `same_function`, from the user's own code.

A program is a PyTorch or JAX function that returns a single number, with its arguments. It is captured as a
list of operations, and never changed.
"""

# ruff: noqa: ANN401 - what frameworks' functions take and return may be anything

from __future__ import annotations

import inspect
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Final

import numpy as np

from cases.captured import Captured, CustomCall, NotCapturedError
from cases.errors import describe_exception
from cases.protocol import Verdict
from reference import Finding
from reference.agreement import compare
from reference.arithmetic import format_of
from reference.programs.evaluation import Forms, bounded, certified
from reference.programs.judgement import OUTPUT, Judged, judge_run
from reference.programs.matching import Difference, agreeing_digits, first_difference
from reports.outcome import plural

# Who captures a program, and who finds its calls of custom derivatives, by the framework.
CAPTURES: Final = {"torch": "adapters.capture.torch_capture", "jax": "adapters.capture.jax_capture"}
CUSTOM: Final = {"torch": "adapters.capture.torch_custom", "jax": "adapters.capture.jax_custom"}
MAX_KINKS: Final = 3  # lines that are named


def certify_gradients(function: Callable[..., Any], *args: Any) -> GradientVerdict:
    """Judge a framework's gradient of a function against the exact derivative of what the function computes.

    - `function`: of PyTorch tensors and modules, or of trees of JAX arrays; it returns a single number
    - `args`: its arguments; gradients are taken with respect to every floating-point array and parameter

    Raises NotCapturedError where the function cannot be read at all; what cannot be read of it is in the
    verdict, which says how much was judged. A custom derivative that is wrong is found by its own calls.
    """
    run = _run(function, args)
    return verdict_of(run, _wrong_calls(function, args, run))


def verdict_of(run: Captured, wrong: tuple[CustomCall, ...] = ()) -> GradientVerdict:
    """Judge a run; `wrong` are the calls of custom derivatives that are wrong by themselves."""
    whole = None if run.apart is None else judge_run(run)
    return GradientVerdict(run, judge_run(run.apart or run), whole, wrong)


def assert_gradients_certified(function: Callable[..., Any], *args: Any) -> None:
    """Raise AssertionError, with the verdict of `certify_gradients` of the same, unless all agree."""
    verdict = certify_gradients(function, *args)
    if not verdict.agrees:
        raise AssertionError(str(verdict))


def same_function(
    left: tuple[Callable[..., Any], Sequence[Any]], right: tuple[Callable[..., Any], Sequence[Any]]
) -> FunctionVerdict:
    """Say whether two programs, each a function with its own arguments, compute one function there.

    The arguments hold the same numbers in each program's own layout, as the weights of a port do. Both are
    evaluated in balls, to about forty digits, so that no rounding is taken for a difference.
    """
    for pair in (left, right):
        if not (isinstance(pair, tuple) and len(pair) == 2 and callable(pair[0])):  # noqa: PLR2004 - as said
            raise TypeError("same_function takes two programs, expected (f, args), (g, args)")
    return same_runs(_run(left[0], left[1]), _run(right[0], right[1]))


def same_runs(left: Captured, right: Captured) -> FunctionVerdict:
    """Say of two runs whether their programs compute one function, as `same_function` does."""
    runs = left, right
    values = [certified(run.program, run.inputs) for run in runs]
    programs = [run.program for run in runs]
    if missing := [why for program in programs for why in program.unknown_reasons()]:
        raise NotCapturedError(f"the output depends on what cannot be read: {missing[0]}")
    outputs = [one[program.output] for one, program in zip(values, programs, strict=True)]
    digits = agreeing_digits(*outputs)
    form = format_of(runs[0].dtype)
    is_same = 10.0**-digits <= form.unit_roundoff
    difference = None if is_same else first_difference(programs, values, form.unit_roundoff)
    return FunctionVerdict(runs, digits, is_same, difference, tuple(map(_forward, runs, values)))


def assert_derived_close(actual: Any, *, of: Callable[..., Any], args: Sequence[Any]) -> None:
    """Raise AssertionError unless an array is what a function computes, within the bound of its own graph.

    - `actual`: an array, as another program computed it in the number format of the arguments
    - `of`: a function of PyTorch tensors or JAX arrays that returns one array; it says what is right

    So a test needs no rtol and no atol: each element has the bound of the operations that lead to it. Raises
    NotCapturedError where the function cannot be read.
    """
    framework = _framework(args)
    read = getattr(import_module(CAPTURES[framework]), f"read_{framework}")
    program, inputs, dtype = _captured(read, of, args)
    if missing := program.unknown_reasons():
        raise NotCapturedError(f"the result depends on what cannot be read: {missing[0]}")
    claim = np.asarray(actual.detach().cpu() if hasattr(actual, "detach") else actual)
    derived = bounded(program, inputs, Forms(dtype), certified(program, inputs))[program.output]
    if claim.shape != derived.shape:
        raise AssertionError(f"the result has shape {claim.shape}, expected {derived.shape}")
    finding = compare(1, "the result", claim, derived)
    if not finding.passes:
        raise AssertionError(sentence_of(finding))


def _forward(run: Captured, values: Mapping[int, Any]) -> Finding:
    """Judge the number that a program itself returned."""
    derived = bounded(run.program, run.inputs, Forms(run.dtype, run.accumulators), values)
    return compare(1, OUTPUT, run.output, derived[run.program.output])


# Running.


def _framework(args: Sequence[Any]) -> str:
    """Tell a framework by the arguments' types; JAX's trees hold anything, so PyTorch is asked first."""
    if "torch" in sys.modules:
        import torch  # noqa: PLC0415 - only where it is loaded already
        from torch.utils import _pytree  # noqa: PLC0415 - the same

        kinds = torch.Tensor | torch.nn.Module
        if any(isinstance(leaf, kinds) for leaf in _pytree.tree_leaves(list(args))):
            return "torch"
    if "jax" in sys.modules:
        return "jax"
    raise NotCapturedError("the arguments hold no PyTorch tensor or module, and JAX is not loaded")


def _names(function: Callable[..., Any], count: int) -> list[str]:
    try:
        given = [*inspect.signature(function).parameters]
    except (TypeError, ValueError):
        given = []
    return [*given[:count], *(f"argument {i}" for i in range(len(given), count))]


def _run(function: Callable[..., Any], args: Sequence[Any]) -> Captured:
    framework = _framework(args)
    module = import_module(CAPTURES[framework])
    run: Callable[..., Captured] = getattr(module, f"run_{framework}")
    return _captured(run, function, args)


def _captured(read: Callable[..., Any], function: Callable[..., Any], args: Sequence[Any]) -> Any:
    """Capture a function; whatever that meets in it and does not know is one line."""
    try:
        return read(function, args, _names(function, len(args)))
    except NotCapturedError:
        raise
    except Exception as error:
        raise NotCapturedError(f"the program cannot be read: {describe_exception(error)}") from error


# Verdicts.


def _wrong_calls(function: Callable[..., Any], args: Sequence[Any], run: Captured) -> tuple[CustomCall, ...]:
    """Return the calls of custom derivatives that are wrong by themselves."""
    framework = run.framework.partition(" ")[0]
    module = import_module(CUSTOM[framework])
    if framework == "jax":
        calls = module.custom_calls_jax(function, args)
    else:
        calls = module.custom_calls_torch(function, args, _names(function, len(args)))
    return tuple(call for call in calls if not _is_right(call))


def _is_right(call: CustomCall) -> bool:
    try:
        findings = judge_run(_run(call.function, call.operands)).findings
    except NotCapturedError:
        return True  # nothing is known of it, and nothing is said
    return not any(one.verdict is Verdict.DIFFERS for one in findings)


@dataclass(frozen=True)
class GradientVerdict:
    """What `certify_gradients` found; printed, it says it in a few lines.

    `whole` is what was found of a program that is compiled, whose values on the way nobody sees: `judged` is
    then of the same operations one by one.
    """

    run: Captured
    judged: Judged
    whole: Judged | None
    wrong: tuple[CustomCall, ...]

    @property
    def agrees(self) -> bool:
        """Whether every number was judged, and agrees."""
        judged = {finding.quantity for finding in self.judged.findings}
        is_whole = self.ends <= judged and not self.judged.unknown
        return is_whole and self.judged.agrees and not self.wrong and not self._differing

    @cached_property
    def _differing(self) -> tuple[Finding, ...]:
        """What is wrong of the program as it is compiled."""
        findings = () if self.whole is None else self.whole.findings
        return tuple(one for one in findings if one.verdict is Verdict.DIFFERS)

    @cached_property
    def ends(self) -> frozenset[str]:
        """The quantities that were asked for: the output and its gradients; others are on the way."""
        return frozenset([OUTPUT, *(f"∂/∂{name}" for name in self.run.gradients)])

    @cached_property
    def digits(self) -> float:
        """The fewest decimal digits that a comparison certifies."""
        return min((one.digits for one in self.judged.findings), default=-math.inf)

    @cached_property
    def used(self) -> float:
        """The largest error, as a part of what rounding may cause."""
        return max((one.used for one in self.judged.findings), default=math.nan)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        judged = self.judged
        lines = [self._headline(), *self.failures()]
        lines += [f"The derivative of {call} is not that of what it computes." for call in self.wrong]
        lines += self._as_compiled()
        if judged.kinks:
            named = ", ".join(
                f"{name}: {plural(count, 'element')}" for name, count in judged.kinks[:MAX_KINKS]
            )
            more = f", and {len(judged.kinks) - MAX_KINKS} more" if len(judged.kinks) > MAX_KINKS else ""
            accepted = "where each derivative between those of both sides is right"
            lines.append(f"At a kink, {accepted}: {named}{more}.")
        lines.append(
            f"Judged: {judged.known} of {plural(judged.lines, 'line')}, read from {self.run.framework}."
        )
        lines += [f"Not judged: {reason}." for reason in judged.unknown]
        return "\n".join(lines)

    def failures(self) -> Iterator[str]:
        """Give a sentence for each number that fails, in the order of the lines."""
        for number, finding in self.judged.judged:
            if not finding.passes:
                place = self.judged.place(number, finding)
                yield sentence_of(finding, f" ({place})" if place else "")

    def _as_compiled(self) -> Iterator[str]:
        if self.whole is None:
            return
        findings, ends = self.whole.findings, f"the output and {plural(len(self.run.gradients), 'gradient')}"
        yield from (f"Compiled, {sentence_of(one)}" for one in self._differing)
        if not self._differing:
            digits = min((one.digits for one in findings), default=0.0)
            certified = f"{digits:.1f} digits" if digits >= 1 else "less than one digit is"
            yield f"Compiled, {ends} are within what rounding may cause: {certified} certified."

    def _headline(self) -> str:
        judged, who, dtype = self.judged, self.run.framework, self.run.dtype
        if not judged.findings:
            return f"{who}: nothing was compared, so nothing is known to agree."
        on_the_way = sum(one.quantity not in self.ends for one in judged.findings)
        gradients = plural(len(self.run.gradients), "gradient")
        between = f", {gradients} and {plural(on_the_way, 'value')} on the way"
        how = ", operation by operation" if self.whole else ""
        compared = f"the output{between if on_the_way else f' and {gradients}'} in {dtype}{how}"
        if self.agrees:
            return (
                f"{who} agrees: {compared}; no error is larger than {self.used:.2g} of what rounding may "
                f"cause, and {self.digits:.1f} decimal digits are certified."
            )
        if judged.agrees and not self.wrong and not self._differing:
            ends = len(judged.findings) - on_the_way
            return f"{who} agrees as far as it was judged: {ends} of {compared}."
        counted = Counter(one.verdict for one in judged.findings)
        said = ", ".join(f"{count} × {verdict}" for verdict, count in counted.items())
        differs = self.wrong or self._differing or Verdict.DIFFERS in counted
        return f"{who} {'does not agree' if differs else 'is undecided'}: {said}, of {compared}."


def sentence_of(finding: Finding, place: str = "") -> str:
    claimed, derived = finding.claimed, finding.derived
    if finding.verdict is Verdict.UNDECIDED:
        return f"{finding.element}{place} is undecided: {finding.reason}."
    return (
        f"{finding.element}{place} is {claimed:.17g}, but follows from the inputs as {derived:.17g} ± "
        f"{finding.tolerance:.2g}: off by {finding.error:.2g}."
    )


@dataclass(frozen=True)
class FunctionVerdict:
    """What `same_function` found; printed, it says it in a few lines."""

    runs: tuple[Captured, Captured]
    digits: float  # to which both outputs are equal, exactly evaluated
    is_same: bool
    difference: Difference | None
    forward: tuple[Finding, ...]

    @property
    def agrees(self) -> bool:
        """Whether both are one function, and each computed it within its own bound."""
        return self.is_same and all(one.verdict is Verdict.AGREES for one in self.forward)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        names = [run.framework for run in self.runs]
        if self.is_same:
            equal = f"evaluated exactly they are equal to {self.digits:.0f} digits"
            lines = [f"One function: {names[0]} and {names[1]} differ by rounding only; {equal}."]
        else:
            equal = f"equal to {max(self.digits, 0):.1f} digits only"
            lines = [f"Two functions: {names[0]} and {names[1]} are {equal}."]
            lines += [str(self.difference)] if self.difference else []
        for name, finding in zip(names, self.forward, strict=True):
            used = (
                f"uses {finding.used:.2g} of what rounding may cause; {finding.digits:.1f} digits certified"
            )
            lines.append(f"{name}: {used}." if finding.passes else f"{name}: {sentence_of(finding)}")
        return "\n".join(lines)
