import keras
import numpy as np
from backprop_parity import judge_step
from keras import layers


def activation(z):
    return keras.ops.tanh(z)


keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation), layers.Dense(2)])
x, y = np.random.default_rng(0).normal(size=(5, 3)).astype("float32"), np.array([0, 1, 1, 0, 1])
loss, optimizer = keras.losses.SparseCategoricalCrossentropy(from_logits=True), keras.optimizers.Adam()

verdict = judge_step(model, x, y, loss=loss, optimizer=optimizer)
print(verdict)
raise SystemExit(not verdict.agrees)
