"""A PyTorch model's own training step, read from its calls and judged."""

import math
import re

import pytest

from cases import load_case
from cases.recording import UnreadableError
from reports.judge_step import assert_step_agrees, judge_step, read_step

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402 - where PyTorch is installed
from torch.nn import functional as F  # noqa: E402, N812

X = torch.tensor([[0.3, -1.2, 0.8], [1.1, 0.4, -0.5], [-0.7, 0.9, 0.2], [0.1, -0.3, 1.4]])
CLASSES = torch.tensor([0, 1, 1, 0])
NUMBERS = torch.tensor([[0.2], [0.9], [0.4], [0.1]])


def model(*parts, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(*(part() for part in parts))


def small(last=2):
    return model(lambda: nn.Linear(3, 4), nn.Tanh, lambda: nn.Linear(4, last))


def sgd(of, rate=0.1, **given):
    return torch.optim.SGD(of.parameters(), rate, **given)


class ByHand(nn.Module):
    """Parameters as (n_in, n_out), functions written out."""

    def __init__(self, of, activation):
        super().__init__()
        self.kernel = nn.Parameter(of[0].weight.detach().T.clone())
        self.bias = nn.Parameter(of[0].bias.detach().clone())
        self.last, self.activation = nn.Linear(4, of[2].out_features), activation
        self.last.load_state_dict(of[2].state_dict())

    def forward(self, x):
        return self.last(self.activation(x @ self.kernel + self.bias))


ACTIVATIONS = {
    "relu": lambda: nn.ReLU(inplace=True),
    "sigmoid": nn.Sigmoid,
    "gelu_erf": nn.GELU,
    "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "log_sigmoid": nn.LogSigmoid,
    "identity": nn.Identity,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_module_is_read_and_agrees(name):
    net = model(
        lambda: nn.Linear(3, 4), ACTIVATIONS[name], nn.Dropout, lambda: nn.Linear(4, 2, bias=False)
    ).eval()
    verdict = judge_step(
        net, X, CLASSES, loss=nn.CrossEntropyLoss(), optimizer=sgd(net, momentum=0.9), steps=3
    )
    assert verdict.problem.activations == (name, "identity")
    assert verdict.agrees, str(verdict)
    shown = {"z1", "a1", "dL/dz1", "dL/da1", "dL/dW1", "m_W1_new", "W1_new", "dL/db1"}
    assert shown <= verdict.recordings[next(iter(verdict.recordings))].promises


FUNCTIONS = {
    "sigmoid": lambda z: 1 / (1 + torch.exp(-z)),
    "relu": lambda z: z * (z > 0),
    "silu": lambda z: z * torch.sigmoid(z),
    "leaky_relu": lambda z: torch.where(z > 0, z, 0.01 * z),
    "hardtanh": lambda z: z.clamp(-1, 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_written_out_and_kernels_the_other_way_round_are_recognized(name):
    net = ByHand(small(), FUNCTIONS[name])
    recording = read_step(net, X, CLASSES, loss=F.cross_entropy, optimizer=sgd(net))
    assert recording.problem.activations == (name, "identity")
    assert recording.problem.parameters["W1"].tolist() == net.kernel.T.tolist()
    assert recording.called("W1_new") == "kernel_new (W1_new)"
    assert judge_step(recording).agrees


LOSSES = {
    ("mean_squared_error", "mean"): nn.MSELoss(),
    ("half_squared_error", "sum"): lambda output, y: ((output - y) ** 2).sum() / 2,
    ("half_squared_error", "mean"): lambda output, y: 0.5 * (output - y).square().sum(1).mean(),
    ("huber", "mean"): nn.HuberLoss(delta=0.3),
    ("smooth_l1", "sum"): nn.SmoothL1Loss(reduction="sum", beta=0.7),
    ("l1", "mean"): nn.L1Loss(),
    ("binary_cross_entropy_with_logits", "mean"): nn.BCEWithLogitsLoss(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_read(name):
    net = small(1)
    verdict = judge_step(net, X, NUMBERS, loss=LOSSES[name], optimizer=sgd(net))
    assert (verdict.problem.loss, verdict.problem.reduction) == name
    assert verdict.agrees, str(verdict)


def test_log_softmax_at_the_end_belongs_to_the_loss():
    net = model(lambda: nn.Linear(3, 4), nn.Tanh, lambda: nn.Linear(4, 2), lambda: nn.LogSoftmax(dim=1))
    verdict = judge_step(net, X, CLASSES, loss=nn.NLLLoss(), optimizer=sgd(net))
    assert verdict.problem.loss == "softmax_cross_entropy_with_integer_labels"
    assert verdict.agrees, str(verdict)


OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, 0.01, betas=(0.8, 0.95), weight_decay=0.1),
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "rmsprop": lambda p: torch.optim.RMSprop(p, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, initial_accumulator_value=0.5),
    "sgd": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, dampening=0.5, weight_decay=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_read(name):
    net = small()
    verdict = judge_step(
        net, X, CLASSES, loss=F.cross_entropy, optimizer=OPTIMIZERS[name](net.parameters()), steps=3
    )
    assert verdict.problem.optimizer.name == name
    assert verdict.agrees, str(verdict)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_may_have_taken_steps_before(name):
    net = small()
    optimizer = OPTIMIZERS[name](net.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(net(X), CLASSES).backward()
        optimizer.step()
    verdict = judge_step(net, X, CLASSES, loss=F.cross_entropy, optimizer=optimizer, steps=2)
    assert verdict.agrees, str(verdict)
    assert verdict.problem.steps_before == (1 if name == "sgd" else 3)


SCHEDULERS = {
    "step": lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5),
    "cosine": lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5, eta_min=0.01),
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_and_clipping_are_read_and_left_as_they_were(name):
    net = small()
    optimizer = sgd(net, momentum=0.9)
    scheduler = SCHEDULERS[name](optimizer)
    given = {"scheduler": scheduler, "clip_norm": 0.1, "steps": 4}
    verdict = judge_step(net, X, CLASSES, loss=F.cross_entropy, optimizer=optimizer, **given)
    assert verdict.agrees, str(verdict)
    assert verdict.problem.schedule.name == name
    shown = verdict.to_frame()["line"].tolist()
    assert {"norm", "rate"} <= {*shown}
    assert (scheduler.last_epoch, optimizer.param_groups[0]["lr"]) == (0, 0.1)


def test_nothing_of_the_program_is_changed():
    net = small()
    optimizer = torch.optim.Adam(net.parameters())
    before = [parameter.clone() for parameter in net.parameters()]
    judge_step(net, X, CLASSES, loss=F.cross_entropy, optimizer=optimizer, steps=2)
    assert all(torch.equal(*pair) for pair in zip(before, net.parameters(), strict=True))
    assert not optimizer.state
    assert all(parameter.grad is None for parameter in net.parameters())


class Doubled(torch.autograd.Function):
    """A tanh whose backward pass forgets to square."""

    @staticmethod
    def forward(context, z):
        a = torch.tanh(z)
        context.save_for_backward(a)
        return a

    @staticmethod
    def backward(context, gradient):
        (a,) = context.saved_tensors
        return gradient * (1 - a)


def test_a_wrong_derivative_is_located():
    net = ByHand(small(), Doubled.apply)
    verdict = judge_step(net, X, CLASSES, loss=F.cross_entropy, optimizer=sgd(net))
    assert [row.finding.quantity for row in verdict.failures] == ["dL/dz1"]
    with pytest.raises(AssertionError, match=r"dL/dz1\["):
        assert_step_agrees(net, X, CLASSES, loss=F.cross_entropy, optimizer=sgd(net))


def test_a_port_is_judged_by_its_original():
    net = model(lambda: nn.Linear(3, 4), nn.GELU, lambda: nn.Linear(4, 2)).double()
    port = ByHand(net, lambda z: F.gelu(z, approximate="tanh")).double()
    original = read_step(
        net, X.double(), CLASSES, loss=F.cross_entropy, optimizer=torch.optim.AdamW(net.parameters())
    )
    optimizer = torch.optim.AdamW(port.parameters(), weight_decay=1e-4)
    verdict = judge_step(
        port, X.double(), CLASSES, loss=F.cross_entropy, optimizer=optimizer, against=original
    )
    (row,) = verdict.failures
    assert row.finding.quantity == "a1"
    assert "gelu_tanh" in row.explanation
    assert "W2_new" in row.explanation
    assert "weight_decay is 0.0001 in port" in str(verdict)


def test_targets_of_another_shape_are_a_mistake_and_no_other_loss():
    net = small(1)
    with pytest.warns(UserWarning, match="broadcast"):
        verdict = judge_step(net, X, NUMBERS[:, 0], loss=nn.MSELoss(), optimizer=sgd(net))
    (row,) = verdict.failures
    assert row.finding.quantity == "loss"
    assert "(N, 1)" in row.explanation or "broadcast" in row.explanation


REFUSED = {
    "batch_norm": (
        lambda: model(lambda: nn.Linear(3, 4), lambda: nn.BatchNorm1d(4), lambda: nn.Linear(4, 2)),
        "batch_norm",
    ),
    "dropout": (
        lambda: model(lambda: nn.Linear(3, 4), nn.Dropout, lambda: nn.Linear(4, 2)),
        r"model.eval\(\)",
    ),
    "unknown": (
        lambda: model(lambda: nn.Linear(3, 4), lambda: nn.LeakyReLU(0.2), lambda: nn.Linear(4, 2)),
        "leaky_relu",
    ),
    "unknown at the end": (
        lambda: model(lambda: nn.Linear(3, 4), nn.Tanh, lambda: nn.Linear(4, 2), nn.Hardsigmoid),
        "what follows layer 2 .* is no activation",
    ),
    "convolution": (lambda: model(lambda: nn.Conv1d(4, 4, 1), lambda: nn.Linear(3, 2)), "conv1d"),
    "empty": (nn.Identity, "no parameter"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(name):
    make, words = REFUSED[name]
    net = make()
    optimizer = torch.optim.SGD([*net.parameters(), nn.Parameter(torch.zeros(1))], 0.1)
    with pytest.raises(UnreadableError, match=words) as error:
        judge_step(net, X, CLASSES, loss=F.cross_entropy, optimizer=optimizer, any_program=False)
    assert "\n" not in str(error.value)


def test_a_case_file_of_the_same(tmp_path):
    net = small()
    path = judge_step(net, X, CLASSES, loss=F.cross_entropy, optimizer=sgd(net)).to_case(
        tmp_path / "mine.yaml"
    )
    problem = load_case(path).problem("float32")
    assert problem.parameters["W1"].tolist() == net[0].weight.tolist()


def after(steps, optimizer, net, scheduler=None):
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(X), CLASSES).backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
    return {"optimizer": optimizer, **({"scheduler": scheduler} if scheduler else {})}


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_a_schedule_is_read_in_its_middle(momentum):
    net = small()
    optimizer = sgd(net, momentum=momentum)
    given = after(3, optimizer, net, torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5))
    assert_step_agrees(net, X, CLASSES, loss=nn.CrossEntropyLoss(), steps=2, **given)


def test_a_schedule_of_other_steps_than_the_optimizers_is_refused():
    net = small()
    optimizer = torch.optim.Adam(net.parameters())
    given = after(3, optimizer, net) | {"scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)}
    with pytest.raises(UnreadableError, match="scheduler has taken 0 steps and the optimizer 3"):
        read_step(net, X, CLASSES, loss=nn.CrossEntropyLoss(), any_program=False, **given)


def test_a_square_that_becomes_a_line_further_away_is_no_square():
    net = small(last=1)
    of_huber = judge_step(net, X, NUMBERS, loss=nn.HuberLoss(), optimizer=sgd(net))
    assert of_huber.agrees
    assert of_huber.problem.loss == "huber"


def test_adamw_without_a_decay_and_adagrad_beside_what_is_not_trained():
    net = small()
    net[0].requires_grad_(False)
    given = after(2, torch.optim.Adagrad(net.parameters()), net)
    assert_step_agrees(net, X, CLASSES, loss=nn.CrossEntropyLoss(), **given)
    undecayed = torch.optim.AdamW(net.parameters(), weight_decay=0)
    assert_step_agrees(net, X, CLASSES, loss=nn.CrossEntropyLoss(), optimizer=undecayed, steps=2)


def test_a_loss_without_a_gradient_is_refused():
    net = small().requires_grad_(False)
    with pytest.raises(UnreadableError, match="the loss has no gradient"):
        read_step(net, X, CLASSES, loss=nn.CrossEntropyLoss(), optimizer=sgd(net))


def test_an_optimizer_that_is_not_known_is_left_as_it_is():
    net = small().double()
    optimizer = torch.optim.NAdam(net.parameters())
    F.cross_entropy(net(X.double()), CLASSES).backward()
    optimizer.step()
    kept = [state["mu_product"] for state in optimizer.state.values()]
    verdict = judge_step(net, X.double(), CLASSES, loss=nn.CrossEntropyLoss(), optimizer=optimizer)
    assert re.search(
        "agrees as far as it was judged: .*\n.*\nNote: The update is not judged: .* NAdam", str(verdict)
    )
    assert not verdict.agrees
    states = optimizer.state.values()
    assert all(state["mu_product"] is own for state, own in zip(states, kept, strict=True))


def test_the_inputs_gradient_is_left_alone_and_gradients_may_be_off():
    net, x = small(), X.clone().requires_grad_()
    with torch.no_grad():
        assert_step_agrees(
            net, x, CLASSES, loss=nn.CrossEntropyLoss(), optimizer=sgd(net), clip_norm=math.inf
        )
    assert x.grad is None


def test_a_schedule_of_the_rate_0_is_refused():
    net = small()
    optimizer = sgd(net, rate=0.0)
    given = {"optimizer": optimizer, "scheduler": torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)}
    with pytest.raises(UnreadableError, match="learning rate 0"):
        read_step(net, X, CLASSES, loss=F.cross_entropy, any_program=False, **given)


def test_inputs_of_numpy_are_refused():
    net = small()
    with pytest.raises(UnreadableError, match="the inputs are ndarray"):
        read_step(net, X.numpy(), CLASSES, loss=nn.CrossEntropyLoss(), optimizer=sgd(net))


def in_inference_mode(make):
    with torch.inference_mode():
        return make()


NO_GRADIENTS = {
    "the inputs": (small, lambda: in_inference_mode(lambda: X + 0)),
    "0.weight": (lambda: in_inference_mode(small), lambda: X),
}


@pytest.mark.parametrize("name", NO_GRADIENTS)
def test_tensors_of_inference_mode_are_refused_in_one_line(name):
    net, x = (make() for make in NO_GRADIENTS[name])
    with pytest.raises(UnreadableError, match=rf"^{name} \w+ made in torch.inference_mode"):
        read_step(net, x, CLASSES, loss=F.cross_entropy, optimizer=sgd(net))


def test_inputs_of_another_format_are_refused_in_one_line():
    net = small()
    with pytest.raises(UnreadableError, match=r"torch.float64 .* torch.float32, .* x.to\(torch.float32\)"):
        read_step(net, X.double(), CLASSES, loss=F.cross_entropy, optimizer=sgd(net))


def test_what_may_overflow_is_undecided_and_may_be_accepted():
    net = model(lambda: nn.Linear(3, 4), nn.Tanh, lambda: nn.Linear(4, 2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([0.9, -0.9, 0.0]).expand(4, 3))
    huge = torch.tensor([[3e38, 2.5e38, 1.0]])  # z1 is 4.5e37, but the sum of its terms is no float32
    program = {"loss": F.cross_entropy, "optimizer": sgd(net)}
    with pytest.raises(AssertionError, match=r"(?s)accept_undecided=True") as error:
        assert_step_agrees(net, huge, CLASSES[:1], **program)
    assert "Nothing is known to be wrong" in str(error.value)
    assert_step_agrees(net, huge, CLASSES[:1], **program, accept_undecided=True)


def test_what_differs_is_never_accepted_as_undecided():
    net = ByHand(small(), Doubled.apply)
    program = {"loss": F.cross_entropy, "optimizer": sgd(net)}
    with pytest.raises(AssertionError, match="differs at"):
        assert_step_agrees(net, X, CLASSES, **program, accept_undecided=True)
