import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
W1, b1, W2, b2 = rng.normal(size=(3, 2)), np.zeros(3), rng.normal(size=(1, 3)), np.zeros(1)
a1 = np.tanh(x @ W1.T + b1)
error = a1 @ W2.T + b2 - y
hidden = (error @ W2) * (1 - a1**2)
arrays = {"x": x, "y": y, "W1": W1, "b1": b1, "W2": W2, "b2": b2, "loss": (error**2).sum() / 2}
arrays |= {"dW2": error.T @ a1, "db2": error.sum(0), "dW1": hidden.T @ x, "db1": hidden.sum(0)}
np.savez("step.npz", **arrays)
