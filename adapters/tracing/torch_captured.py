"""Training steps of a PyTorch model of any kind: forward and backward pass line by line, and the update.

The model, the optimizer and the state of the random numbers are afterwards as they were.
"""

# ruff: noqa: ANN401 - what a program takes and returns may be anything

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from adapters.capture.torch_capture import run_torch
from adapters.torch_autograd import to_numpy
from adapters.torch_optimizers import CLIP_EPS, OPTIMIZERS
from adapters.tracing.torch_loss import named_loss, single
from adapters.tracing.torch_module import restored
from adapters.tracing.torch_updates import known_name, rule_of_group
from cases import Rule, names
from cases.captured import Captured, NotCapturedError
from cases.catalog import UpdateRules
from cases.recording import ProgramRecording, ProgramStep, UnreadableError, UpdateGroup


def read_torch_program(  # noqa: PLR0913 - a training step has as many parts
    model: nn.Module,
    x: Any,
    y: Any,
    *,
    loss: Callable[[Any, Any], Tensor] | str,
    optimizer: Optimizer,
    scheduler: LRScheduler | None = None,
    clip_norm: float | None = None,
    steps: int = 1,
) -> ProgramRecording:
    """Run `steps` training steps of a model of any kind on the same data, and return what they computed.

    The arguments are those of `torch_module.read_torch`, but that x and y are whatever the model and the loss
    take. Each parameter group may have settings of its own; of a scheduler the rates are taken as they are.
    Raises UnreadableError where the program cannot be captured.
    """
    of_output = named_loss(loss) if isinstance(loss, str) else loss
    training = _Training(model, x, y, of_output, optimizer, scheduler, clip_norm)
    # The state of an optimizer that is not known might not be restored: it takes no step.
    changes = None if training.unknown() else optimizer
    with torch.enable_grad(), restored(model, changes, scheduler, x):
        taken = [training.step() for _ in range(steps if changes else 1)]
    name = type(model).__name__
    return ProgramRecording(name, f"torch {torch.__version__}", tuple(taken), tuple(training.notes()))


@dataclass(frozen=True)
class _Training:
    model: nn.Module
    x: Any
    y: Any
    loss: Callable[[Any, Any], Tensor]
    optimizer: Optimizer
    scheduler: LRScheduler | None
    clip_norm: float | None

    def step(self) -> ProgramStep:
        run = self._captured()
        self.optimizer.zero_grad()
        value = single(self.loss(self.model(self.x), self.y))
        value.backward()  # type: ignore[no-untyped-call] # PyTorch leaves this method without annotations
        run = _with_own(run, value, dict(self._gradients()))
        number = 1 + max(self._counts(), default=0)
        if self.unknown():
            return ProgramStep(run, {}, {}, (), number)
        groups = tuple(self._groups())
        before = {**dict(self._values()), **dict(self._states(groups))}
        claim = {**dict(self._claims(groups)), **self._updated(groups)}
        return ProgramStep(run, before, claim, groups, number)

    def _captured(self) -> Captured:
        def program(model: Any, x: Any, y: Any) -> Any:
            return self.loss(model(x), y)

        try:
            return run_torch(program, (self.model, self.x, self.y), MODEL)
        except NotCapturedError as error:
            raise UnreadableError(str(error)) from error

    def _named(self) -> dict[str, nn.Parameter]:
        return dict(self.model.named_parameters())

    def _values(self) -> Iterator[tuple[str, NDArray[Any]]]:
        yield from ((name, to_numpy(own.detach())) for name, own in self._named().items())

    def _gradients(self) -> Iterator[tuple[str, NDArray[Any]]]:
        yield from ((name, to_numpy(own.grad)) for name, own in self._named().items() if own.grad is not None)

    def _groups(self) -> Iterator[UpdateGroup]:
        """Give what is updated alike; what the optimizer was not given stays, and what has no gradient."""
        called = {id(own): name for name, own in self._named().items()}
        left = set(called.values())
        for group in self.optimizer.param_groups:
            own = {called[id(one)]: one for one in group["params"] if id(one) in called}
            left -= own.keys()
            if own:
                rate, rule = rule_of_group(self.optimizer, group)
                still = frozenset(name for name, one in own.items() if one.grad is None)
                yield UpdateGroup(tuple(own), rate, UpdateRules(rule, None, self._clipping(), still))
        if left:
            rules = UpdateRules(Rule("sgd"), not_trained=frozenset(left))
            yield UpdateGroup(tuple(sorted(left)), 0.0, rules)

    def _clipping(self) -> Rule | None:
        if not self.clip_norm or np.isinf(self.clip_norm):
            return None
        return Rule("global_norm", (("max_norm", float(self.clip_norm)), ("clip_eps", CLIP_EPS)))

    def _states(self, groups: tuple[UpdateGroup, ...]) -> Iterator[tuple[str, NDArray[Any]]]:
        """Give the optimizer's states of each parameter; what it has not made yet is as it will begin."""
        own = self._named()
        for group in groups:
            rule = group.rules.optimizer
            for name in group.parameters:
                kept = self.optimizer.state.get(own[name], {})
                for kind in () if name in group.rules.not_trained else rule.states:
                    state = kept.get(OPTIMIZERS[known_name(self.optimizer)].states[kind])
                    start = np.full_like(to_numpy(own[name].detach()), rule.initial_state)
                    yield names.state(kind, name), start if state is None else to_numpy(state)

    def _counts(self) -> Iterator[int]:
        """Give how many steps the optimizer has taken; of a momentum it is known whether it has any."""
        for state in self.optimizer.state.values():
            yield int(state.get("step", state.get("momentum_buffer") is not None))

    def _claims(self, groups: tuple[UpdateGroup, ...]) -> Iterator[tuple[str, NDArray[Any]]]:
        """Give the gradients and, where these are clipped together, what that makes of them."""
        yield from ((names.gradient(name), array) for name, array in self._gradients())
        if self._clipping():
            given = [one for group in self.optimizer.param_groups for one in group["params"]]
            yield "norm", to_numpy(nn.utils.clip_grad_norm_(given, float(self.clip_norm or 0.0)))
            trained = {name for group in groups for name in group.parameters if group.rules.clipping}
            for name, array in self._gradients():
                if name in trained:
                    yield names.clipped(name), array

    def _updated(self, groups: tuple[UpdateGroup, ...]) -> dict[str, NDArray[Any]]:
        self.optimizer.step()
        if self.scheduler:
            self.scheduler.step()
        after = {**dict(self._values()), **dict(self._states(groups))}
        return {names.updated(name): array for name, array in after.items()}

    def unknown(self) -> str:
        """Say why the update cannot be judged; "" if it can."""
        try:
            for group in self.optimizer.param_groups:
                rule_of_group(self.optimizer, group)
        except UnreadableError as error:
            return str(error)
        if len({*self._counts()}) > 1:
            return "its parameters have taken different numbers of steps"
        return ""

    def notes(self) -> Iterator[str]:
        if reason := self.unknown():
            yield f"The update is not judged: {reason}."
        own = self._named()
        given = {id(one) for group in self.optimizer.param_groups for one in group["params"]}
        for name, parameter in own.items():
            if parameter.requires_grad and id(parameter) not in given:
                yield f"{name} is not updated: the optimizer was not given it."


MODEL = ("model", "x", "y")


def _with_own(run: Captured, value: Tensor, gradients: Mapping[str, NDArray[Any]]) -> Captured:
    """Return a run with the numbers of the program's own step; values on the way belong to the same ones."""
    own = {f"{MODEL[0]}.{name}": np.asarray(array, run.gradients[f"{MODEL[0]}.{name}"].dtype)
           for name, array in gradients.items()}  # fmt: skip
    output = np.asarray(to_numpy(value.detach()), run.output.dtype).reshape(run.output.shape)
    whole = replace(run, output=output, gradients={**run.gradients, **own})
    return whole if run.has_ends_of(whole) else replace(whole, shown={})
