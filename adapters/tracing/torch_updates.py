"""What a `torch.optim` optimizer does, as a rule of the catalog: read from its class and its settings."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, StepLR

from adapters.torch_optimizers import CLIP_EPS, OPTIMIZERS
from adapters.tracing.stated_updates import LEFT_OUT, stated_rule
from cases import Rule
from cases.catalog import OPTIMIZERS as KINDS
from cases.recording import UnreadableError

# Settings that change no number.
ONLY_SPEED: Final = frozenset({"params", "foreach", "fused", "capturable", "differentiable", "initial_lr"})
# Settings that the catalog does not have, with the value at which they do nothing.
OFF: Final = {"amsgrad": False, "maximize": False, "lr_decay": 0}
NAMES: Final = {"initial_accumulator_value": "initial_accumulator"}
FLAGS: Final = ("nesterov", "centered")


class Updating(NamedTuple):
    """How a program updates its parameters."""

    optimizer: Optimizer
    scheduler: LRScheduler | None = None
    clip_norm: float | None = None

    @property
    def rule(self) -> Rule:
        return rule_of(self.optimizer)[1]

    def check(self) -> None:
        """Raise UnreadableError where the optimizer or the scheduler is none that the suite knows."""
        _ = self.rule, self.schedule

    @property
    def rate(self) -> float:
        """The learning rate of the first step."""
        return float(self.scheduler.base_lrs[0]) if self.scheduler else rule_of(self.optimizer)[0]

    @property
    def schedule(self) -> Rule | None:
        return schedule_of(self.scheduler) if self.scheduler else None

    @property
    def clipping(self) -> Rule | None:
        if not self.clip_norm:
            return None
        return Rule("global_norm", (("max_norm", float(self.clip_norm)), ("clip_eps", CLIP_EPS)))


def rule_of(optimizer: Optimizer) -> tuple[float, Rule]:
    """Return the learning rate and the rule; raises UnreadableError where the catalog has no such rule."""
    known_name(optimizer)
    groups = [_settings(group) for group in optimizer.param_groups]
    unlike = [key for key in groups[0] if any(group.get(key) != groups[0][key] for group in groups)]
    if unlike:
        values = " and ".join(str(group.get(unlike[0])) for group in groups)
        raise UnreadableError(
            f"parameter groups have {unlike[0]} = {values}, expected the same in all groups"
        )
    return rule_of_group(optimizer, optimizer.param_groups[0])


def rule_of_group(optimizer: Optimizer, group: Mapping[str, Any]) -> tuple[float, Rule]:
    """Return the learning rate and the rule of one parameter group; raises as `rule_of`."""
    settings = _settings(group)
    rate = settings.pop("lr")
    return float(rate), _rule(known_name(optimizer), settings)


def known_name(optimizer: Optimizer) -> str:
    """Return what the catalog calls an optimizer; raises UnreadableError if it has none such."""
    name = next((name for name, row in OPTIMIZERS.items() if type(optimizer) is row.make), None)
    if name is None:
        known = ", ".join(row.make.__name__ for row in OPTIMIZERS.values())
        raise UnreadableError(
            f"the optimizer is {type(optimizer).__name__}, expected one of torch.optim's {known}"
        )
    return name


def schedule_of(scheduler: LRScheduler) -> Rule:
    """Return how a scheduler changes the rate; raises UnreadableError where the catalog has no such."""
    first = float(scheduler.base_lrs[0])
    if not first:
        raise UnreadableError("the scheduler starts from the learning rate 0, expected a positive one")
    if isinstance(scheduler, StepLR):
        return Rule("step", (("every", float(scheduler.step_size)), ("factor", float(scheduler.gamma))))
    if isinstance(scheduler, CosineAnnealingLR):
        final = float(scheduler.eta_min) / first
        return Rule("cosine", (("over", float(scheduler.T_max)), ("final", final)))
    name = type(scheduler).__name__
    raise UnreadableError(f"the scheduler is {name}, expected StepLR or CosineAnnealingLR")


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a parameter group states, without what changes no number."""
    return {key: value for key, value in group.items() if key not in ONLY_SPEED}


def _rule(name: str, settings: Mapping[str, Any]) -> Rule:
    given = {NAMES.get(key, key): value for key, value in settings.items()}
    beta1, beta2 = given.pop("betas", (None, None))
    given |= {"beta1": beta1, "beta2": beta2} if beta1 is not None else {}
    if name == "rmsprop" and given.pop("momentum"):
        raise UnreadableError("the suite has no RMSprop with a momentum")
    if given.pop("decoupled_weight_decay", None) not in (None, KINDS[name].is_decay_decoupled):
        raise UnreadableError(f"{name} has decoupled_weight_decay set, expected torch.optim.AdamW for that")
    for key, off in OFF.items():
        if given.pop(key, off) != off:
            raise UnreadableError(f"the optimizer has {key} set, which the suite does not know")
    if not given.get("momentum"):  # what belongs to it does nothing
        given.pop("dampening", None)
    options = frozenset(flag for flag in FLAGS if given.pop(flag, False))
    numbers = {key: float(value) for key, value in given.items() if value or key not in LEFT_OUT}
    if unknown := numbers.keys() - KINDS[name].keys.keys():
        raise UnreadableError(
            f"the optimizer has {', '.join(sorted(unknown))}, which the suite does not know"
        )
    return stated_rule(name, numbers, options)
