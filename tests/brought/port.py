import jax
import jax.numpy as jnp
import optax
import torch
from backprop_parity import judge_step, read_step
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2))
x, y = torch.randn(5, 3), torch.randn(5, 2)
original = read_step(model, x, y, loss=nn.MSELoss(), optimizer=torch.optim.AdamW(model.parameters()))


def port(tree, x):
    W1, b1, W2, b2 = tree
    return jax.nn.gelu(x @ W1.T + b1, approximate=False) @ W2.T + b2


def loss(output, y):
    return jnp.square(output - y).mean()


tree = [jnp.asarray(parameter.detach().numpy()) for parameter in model.parameters()]
x, y, optimizer = jnp.asarray(x.numpy()), jnp.asarray(y.numpy()), optax.adamw(1e-3, weight_decay=0.01)

verdict = judge_step(port, x, y, parameters=tree, loss=loss, optimizer=optimizer, against=original)
print(verdict)
raise SystemExit(not verdict.agrees)
