import torch
from backprop_parity import certify_gradients, judge_step, same_function
from torch import nn


class Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x / 2

    @staticmethod
    def backward(ctx, g):
        return g / 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv1d(1, 2, 3), nn.LayerNorm(8), nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.norm(Halved.apply(self.conv(x)).flatten(1)))


torch.manual_seed(0)
model, x, y = Net(), torch.randn(5, 1, 6), torch.tensor([0, 1, 1, 0, 1])
loss, optimizer = nn.CrossEntropyLoss(), torch.optim.AdamW(model.parameters())

verdict = judge_step(model, x, y, loss=loss, optimizer=optimizer)
print(verdict)
program = (lambda model, x, y: loss(model(x), y)), (model, x, y)
print(same_function(program, program).is_same)
print(certify_gradients(program[0], *program[1]))
raise SystemExit(not verdict.agrees)
