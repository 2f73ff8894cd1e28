"""tinygrad: its tensors, its automatic differentiation, its optimizers, on its default device."""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

from tinygrad import Context, Tensor, dtypes
from tinygrad.nn import optim

from cases import Problem, Rule, names
from cases.protocol import Adapter, Claim, NoEquivalent, Program, activations_of

ACTIVATIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "sigmoid": lambda z: z.sigmoid(),
    "tanh": lambda z: z.tanh(),
    "relu": lambda z: z.relu(),
    "identity": lambda z: z,
    "softplus": lambda z: z.softplus(),
    "gelu_erf": lambda z: z.gelu(approximate="none"),
    "gelu_tanh": lambda z: z.gelu(approximate="tanh"),
    "gelu": lambda z: z.gelu(),
    "silu": lambda z: z.silu(),
    "leaky_relu": lambda z: z.leaky_relu(0.01),
    "elu": lambda z: z.elu(1.0),
    "selu": lambda z: z.selu(),
    "hardtanh": lambda z: z.hardtanh(-1, 1),
    "relu6": lambda z: z.relu6(),
    "softsign": lambda z: z.softsign(),
    "log_sigmoid": lambda z: z.logsigmoid(),
}


def _half_squares(a: Tensor, y: Tensor, reduction: str) -> Tensor:
    total = (a - y).square().sum() / 2
    return total / y.shape[0] if reduction == "mean" else total


LOSSES: Final[Mapping[str, Callable[..., Tensor]]] = {
    "half_squared_error": _half_squares,
    "mean_squared_error": lambda a, y, reduction: (a - y).square().mean(),  # noqa: ARG005 - it has one alone
    "softmax_cross_entropy": lambda a, y, reduction: a.cross_entropy(y, reduction=reduction),
    "binary_cross_entropy": lambda a, y, reduction: a.binary_crossentropy(y, reduction=reduction),
    "binary_cross_entropy_with_logits": lambda a, y, reduction: a.binary_crossentropy_logits(y, reduction),
}


def _optimizer(rule: Rule, parameters: list[Tensor], rate: float) -> Any:  # noqa: ANN401 - tinygrad's own classes
    decay = rule.get("weight_decay")
    if rule.name == "sgd" and not rule.has("dampening"):
        return optim.SGD(parameters, rate, rule.get("momentum"), decay, "nesterov" in rule.options)
    if rule.name in ("adam", "adamw") and not (rule.name == "adam" and decay) and not rule.options:
        return optim.AdamW(parameters, rate, rule["beta1"], rule["beta2"], rule["eps"], decay)
    raise NoEquivalent(f"tinygrad has no such {rule.name}")


def train(problem: Problem) -> Iterator[Claim]:
    named = activations_of(problem)
    if problem.loss not in LOSSES or problem.loss_numbers or not {*named} <= {*ACTIVATIONS}:
        raise NoEquivalent("tinygrad has no such activation or loss")
    if problem.schedule or problem.clipping or problem.dtype != "float32":
        raise NoEquivalent(
            "tinygrad keeps its rates and its optimizers' states in float32, and has no schedules"
        )
    parameters = {name: Tensor(array, dtype=dtypes.float32) for name, array in problem.parameters.items()}
    x, y = (Tensor(array, dtype=dtypes.float32).is_param_(False) for array in (problem.x, problem.y))
    trained = [parameters[name] for name in problem.trained]
    optimizer = _optimizer(problem.optimizer, trained, problem.learning_rate)
    for _ in range(problem.steps):
        with Context(TRAINING=1, PARALLEL=0):  # its pool of compiling processes would outlive the run
            claim = _step(problem, parameters, x, y, named)
            optimizer.step()
            updated = {names.updated(name): tensor.numpy().copy() for name, tensor in parameters.items()}
        yield claim | updated


def _step(
    problem: Problem, parameters: Mapping[str, Tensor], x: Tensor, y: Tensor, activations: tuple[str, ...]
) -> dict[str, Any]:
    a, seen = x, dict[str, Tensor]()
    for k, name in enumerate(activations, start=1):
        z = a.linear(parameters[names.W(k)].T, parameters[names.b(k)])
        a = ACTIVATIONS[name](z)
        seen |= {names.z(k): z, names.a(k): a}
    loss = LOSSES[problem.loss](a, y, reduction=problem.reduction)
    for tensor in parameters.values():
        tensor.grad = None
    loss.backward()
    shown = {"loss": loss, **seen}
    shown |= {
        names.gradient(name): tensor.grad for name, tensor in parameters.items() if tensor.grad is not None
    }
    return {name: tensor.numpy().copy() for name, tensor in shown.items()}


adapter = Adapter("tinygrad", "tinygrad", version("tinygrad"), (Program("", train),))
