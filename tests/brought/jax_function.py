import jax
import jax.numpy as jnp
import optax
from backprop_parity import judge_step


def apply(tree, x):
    z = x @ tree["W1"] + tree["b1"]
    return jnp.tanh(z) @ tree["W2"]


def loss(output, y):
    return optax.softmax_cross_entropy_with_integer_labels(output, y).mean()


one, two, three = jax.random.split(jax.random.key(0), 3)
tree = {"W1": jax.random.normal(one, (3, 4)), "b1": jnp.zeros(4), "W2": jax.random.normal(two, (4, 2))}
x, y = jax.random.normal(three, (5, 3)), jnp.array([0, 1, 1, 0, 1])

verdict = judge_step(apply, x, y, parameters=tree, loss=loss, optimizer=optax.adamw(1e-3))
print(verdict)
raise SystemExit(not verdict.agrees)
