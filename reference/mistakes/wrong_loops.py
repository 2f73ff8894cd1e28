"""Mistakes in the loop: how often, and after how many examples, the parameters are updated in a step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cases import Problem, names
from reference.line import Line, evaluate
from reference.mistakes.mistake import ONE_EXAMPLE, Lines, constant, examples, mistake, next_count
from reference.mistakes.wrong_updates import NONE_TRAINED, gradient_used, lines_of_update
from reference.training import advance, tape

# What is computed, and what is known, by name: arrays or bounded numbers.
Values: TypeAlias = Mapping[str, Any]


@dataclass(eq=False)
class _Loop:
    """A part of a program that runs lines of the tape several times, as one function of `inputs`.

    Each line that it makes is one result of it. All have the same inputs, so it runs once for all of them.
    """

    inputs: tuple[str, ...]
    run: Callable[[Values], Values]
    last: tuple[tuple[Any, ...], Values] = field(default=((), {}), repr=False)

    def line(self, name: str, equation: str) -> Line:
        return Line(name, lambda *given: self._results(given)[name], self.inputs, equation)

    def _results(self, given: tuple[Any, ...]) -> Values:
        before, results = self.last
        if len(before) != len(given) or any(a is not b for a, b in zip(before, given, strict=True)):
            results = self.run(dict(zip(self.inputs, given, strict=True)))
            self.last = given, results
        return results


def _rates(problem: Problem) -> tuple[str, ...]:
    """Return the names of all numbers that an update takes, besides the state."""
    return (*problem.constants, names.STEP, *((names.RATE,) if problem.schedule else ()))


@mistake(
    "the parameters were updated after each example, not once for the batch",
    source="mattm/simple-neural-network; Keras' `fit`, whose batches are smaller than the data",
)
def updates_after_each_example(problem: Problem) -> Lines:
    """A step for each example in order, w = w − η ∂Lᵢ/∂w; the loss is the sum or the mean of those met."""
    return _after_each_example(problem, "loss")


@mistake("the parameters were updated after each example, once the loss of the whole batch was computed")
def updates_after_each_example_but_for_the_loss(problem: Problem) -> Lines:
    return _after_each_example(problem)


def _after_each_example(problem: Problem, *others: str) -> Lines:
    """Return the lines of all that is updated, and `others`, as they are after the last example.

    The optimizer counts each update as a step; a schedule counts the passes over all examples.
    """
    count = len(problem.x)
    if count == 1:
        return ONE_EXAMPLE
    lines = [line for line in tape(problem) if line.name != names.RATE]

    def run(known: Values) -> Values:
        first = constant(known[names.STEP], lambda t: (t - 1) * count + 1)
        state, losses, values = {**known, names.STEP: first}, [], dict[str, Any]()
        for i in range(count):
            example = {name: examples(known[name], i, i + 1) for name in ("x", "y")}
            values = evaluate(lines, {**state, **example})
            losses.append(values["loss"])
            state = advance(state, values, problem)
        total = sum(losses[1:], losses[0])
        return {**values, "loss": total / count if problem.reduction == "mean" else total}

    loop = _Loop(("x", "y", *problem.state, *_rates(problem)), run)
    updated = [names.updated(name) for name in problem.state if name not in problem.not_trained]
    equation = "{0} and {1}, one example after another"
    return (
        [loop.line(name, f"{name} of {equation}") for name in (*others, *updated)]
        if updated
        else NONE_TRAINED
    )


@mistake(
    "the update was made twice, with the same gradients",
    source="mzolfaghari/ECO-pytorch #1; nntrainer/nntrainer #219, of the biases",
)
def update_made_twice(problem: Problem) -> Lines:
    """w = w − η d, and again with the same ∂L/∂w; so are the state updated and the steps counted."""
    return [line for name in problem.trained for line in _updated_twice(problem, name)] or NONE_TRAINED


def _updated_twice(problem: Problem, name: str) -> list[Line]:
    own = [name, *(names.state(kind, name) for kind in problem.optimizer.states)]
    lines = lines_of_update(problem, name)

    def run(known: Values) -> Values:
        state = {**known, names.STEP: constant(known[names.STEP], lambda t: 2 * t - 1)}
        for _ in range(2):
            values = evaluate(lines, state)
            moved = {old: values[names.updated(old)] for old in own}
            state = {**state, **moved, names.STEP: next_count(state[names.STEP])}
        return values

    loop = _Loop((gradient_used(problem, name), *own, *_rates(problem)), run)
    return [loop.line(names.updated(old), f"{old}, updated twice with {{0}}") for old in own]
