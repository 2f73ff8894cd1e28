import torch
from backprop_parity import judge_step
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        z = self.fc1(x)
        return self.fc2(torch.tanh(z))


torch.manual_seed(0)
model, x, y = Net(), torch.randn(5, 3), torch.tensor([0, 1, 1, 0, 1])
optimizer = torch.optim.AdamW(model.parameters())

verdict = judge_step(model, x, y, loss=nn.CrossEntropyLoss(), optimizer=optimizer)
print(verdict)
raise SystemExit(not verdict.agrees)
