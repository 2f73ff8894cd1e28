"""A training step of a program of any kind: forward, backward and update, unchanged user code."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from zoo import numbers

from cases.protocol import Verdict
from cases.recording import ProgramRecording, UnreadableError
from reports.judge_step import assert_step_agrees, judge_step, read_step
from reports.program_step import judge_programs


class Block(nn.Module):
    """Embeddings that are tied to the head, attention, residuals, layer norm."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.norm = nn.Embedding(7, 4), nn.LayerNorm(4)
        self.attend = nn.MultiheadAttention(4, 2, batch_first=True)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        h = self.embed(tokens)
        h = h + self.attend(h, h, h, need_weights=False)[0]
        return self.head(self.norm(h)).flatten(0, 1)


TOKENS, NEXT = torch.tensor([[0, 3, 5], [6, 2, 1]]), torch.tensor([3, 5, 0, 2, 1, 6])


def groups(model):
    """Weight decay for matrices alone, as people train transformers."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0, "lr": 3e-3}]


def test_a_transformer_is_judged_from_its_tokens_to_its_updated_weights_and_left_as_it_was():
    model = Block()
    optimizer = torch.optim.AdamW(groups(model), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    given = {"loss": F.cross_entropy, "optimizer": optimizer, "scheduler": scheduler, "clip_norm": 0.5}
    verdict = judge_step(model, TOKENS, NEXT, steps=3, **given)
    assert verdict.agrees, str(verdict)
    (steps,) = verdict.steps.values()
    quantities = {one.quantity for one in steps[2].findings}
    assert {"layer_norm", "∂/∂layer_norm", "∂/∂model.embed.weight", "norm"} <= quantities
    assert {"embed.weight_new", "m_norm.bias_new", "dL/dnorm.weight_clipped"} <= quantities
    assert [len(verdict.to_frame())] == [sum(len(step.findings) for step in steps)]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not optimizer.state
    assert scheduler.last_epoch == 0


OPTIMIZERS = {
    "sgd": lambda model: torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True),
    "adagrad": lambda model: torch.optim.Adagrad(model.parameters(), initial_accumulator_value=0.1),
    "adamax": lambda model: torch.optim.Adamax(model.parameters(), weight_decay=0.01),
    "rmsprop": lambda model: torch.optim.RMSprop(model.parameters(), centered=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_goes_on_from_the_state_that_it_has(name):
    model = nn.Sequential(nn.Conv1d(2, 3, 2), nn.GELU(), nn.Flatten(), nn.Linear(9, 1, bias=False)).double()
    x, y = torch.from_numpy(numbers(5, 2, 4)), torch.from_numpy(numbers(5, 1, seed=1))
    optimizer = OPTIMIZERS[name](model)
    F.mse_loss(model(x), y).backward()
    optimizer.step()
    assert_step_agrees(model, x, y, loss=F.mse_loss, optimizer=optimizer, steps=2)


def test_a_wrong_update_is_named_and_what_the_optimizer_was_not_given_stays():
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model[0].parameters(), 0.1)
    x, y = torch.from_numpy(numbers(5, 3)).float(), torch.tensor([0, 1, 1, 0, 1])
    recording = read_step(model, x, y, loss=F.cross_entropy, optimizer=optimizer)
    right = judge_programs({"mine": recording})
    assert right.agrees, str(right)
    assert "\nNote: 2.bias is not updated: the optimizer was not given it." in str(right)
    (step,) = recording.steps
    for name, factor in (("0.bias_new", 1 + 1e-5), ("2.bias_new", 1 + 1e-6)):
        claim = {**step.claim, name: step.claim[name] * np.float32(factor)}
        wrong = judge_programs({"mine": replace(recording, steps=(replace(step, claim=claim),))})
        failing = [one.quantity for one in wrong.steps["mine"][0].findings if one.verdict is Verdict.DIFFERS]
        assert failing == [name]
        assert f"\nStep 1: {name}[" in str(wrong)
        assert not wrong.agrees


def test_what_is_not_known_costs_only_itself():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    x, y = torch.from_numpy(numbers(5, 3)).float(), torch.tensor([0, 1, 1, 0, 1])
    verdict = judge_step(
        model, x, y, loss=F.cross_entropy, optimizer=torch.optim.SGD(model.parameters(), 0.1)
    )
    assert not verdict.agrees
    assert "agrees as far as it was judged" in str(verdict)
    assert "draws random numbers" in str(verdict)


def loss(output, y):
    return optax.softmax_cross_entropy_with_integer_labels(output, y).mean()


def port(p, x, eps=1e-5):
    h = jax.nn.gelu(x @ p["0.weight"].T + p["0.bias"], approximate=False)
    centred = h - h.mean(-1, keepdims=True)
    h = centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + eps) * p["2.weight"] + p["2.bias"]
    return h @ p["3.weight"].T + p["3.bias"]


def test_a_port_is_judged_against_its_original_and_a_wrong_epsilon_is_where_they_part():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 3)).double()
    x, y = numbers(5, 6), np.array([0, 1, 2, 1, 0])
    original = read_step(
        model, torch.from_numpy(x), torch.from_numpy(y), loss=F.cross_entropy,
        optimizer=torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.1),
    )  # fmt: skip
    assert isinstance(original, ProgramRecording)
    with jax.enable_x64(True):
        p = {name: jnp.asarray(own.detach().numpy()) for name, own in model.named_parameters()}
        given = {"parameters": p, "loss": loss, "optimizer": optax.adamw(1e-3, weight_decay=0.1)}
        data = jnp.asarray(x), jnp.asarray(y)
        right = judge_step(port, *data, against=original, **given)
        wrong = judge_step(lambda p, x: port(p, x, 1e-6), *data, against=original, **given)
    assert right.agrees, str(right)
    assert "\nOne function: " in str(right)
    assert all(step.agrees for steps in wrong.steps.values() for step in steps)
    assert not wrong.agrees
    assert "\nTwo functions: " in str(wrong)
    assert "and at add 1e-06 (" in str(wrong)


def test_two_programs_are_read_alike():
    model = nn.Sequential(nn.Linear(3, 2))
    x, y = torch.from_numpy(numbers(5, 3)).float(), torch.tensor([0, 1, 1, 0, 1])
    given = {"loss": F.cross_entropy, "optimizer": torch.optim.SGD(model.parameters(), 0.1)}
    dense, whole = (read_step(model, x, y, any_program=how, **given) for how in (None, True))
    said = f"<training steps of Sequential, recorded from torch {torch.__version__}: 1>"
    assert [repr(dense), repr(whole)] == [said, said]
    verdict = judge_step(whole)
    assert verdict.agrees
    assert repr(verdict) == str(verdict)
    with pytest.raises(UnreadableError, match="expected both alike"):
        judge_step(whole, against=dense)
