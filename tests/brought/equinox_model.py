import equinox
import jax
import jax.numpy as jnp
import optax
from backprop_parity import judge_step


def activation(z):
    return jnp.tanh(z)


def loss(output, y):
    return optax.softmax_cross_entropy_with_integer_labels(output, y).mean()


model = equinox.nn.MLP(3, 2, 4, 1, activation=activation, key=jax.random.key(0))
x, y = jax.random.normal(jax.random.key(1), (5, 3)), jnp.array([0, 1, 1, 0, 1])

verdict = judge_step(model, x, y, loss=loss, optimizer=optax.adamw(1e-3))
print(verdict)
raise SystemExit(not verdict.agrees)
