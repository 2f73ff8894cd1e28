"""JAX programs' own training steps, read from their equations and judged; and Keras's on two backends."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from cases.recording import UnreadableError
from reference import judge

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy

from adapters.jax_grad import use_compilation_cache  # noqa: E402 - where JAX is installed
from adapters.tracing.jax_program import read_jax  # noqa: E402 - the same

X = np.float32([[0.3, -1.2, 0.8], [1.1, 0.4, -0.5], [-0.7, 0.9, 0.2], [0.1, -0.3, 1.4]])
CLASSES = np.array([0, 1, 1, 0])
TABLE = np.float32([[0.2, 0.8], [0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
SGD = optax.sgd(0.1)


@pytest.fixture(autouse=True, scope="module")
def compiled_once():
    use_compilation_cache()


def parameters():
    """Give a kernel that is (in, out), and a weight that is (out, in)."""
    random = np.random.default_rng(1)
    kernel, weight = random.normal(size=(3, 4)), random.normal(size=(2, 4))
    tree = {"params": {"dense1": {"kernel": kernel, "bias": np.full(4, 0.1)}}, "last": (weight, np.ones(2))}
    return jax.tree.map(jnp.float32, tree)


def net(activation=jnp.tanh, last=lambda z: z):
    def apply(parameters, x):
        dense = parameters["params"]["dense1"]
        hidden = activation(x @ dense["kernel"] + dense["bias"])
        return last(hidden @ parameters["last"][0].T + parameters["last"][1])

    return apply


def cross_entropy(output, y):
    return optax.softmax_cross_entropy_with_integer_labels(output, y).mean()


def read(model, y=CLASSES, loss=cross_entropy, optimizer=SGD, **given):
    return read_jax(model, X, y, loss=loss, optimizer=optimizer, parameters=parameters(), **given)


def failures(recording, problem=None):
    steps = [*judge(problem or recording.problem, lambda _: iter(recording.claims), recording.promises)]
    assert len(steps) == recording.problem.steps
    return [finding.quantity for step in steps for finding in step.failures]


def test_a_function_of_trees_is_read_whatever_way_round_its_kernels_are():
    recording = read(net(jax.nn.gelu), optimizer=optax.adam(0.01), steps=3)
    assert recording.problem.activations == ("gelu_tanh", "identity")
    assert recording.called("W1_new") == "params/dense1/kernel_new (W1_new)"
    called = {"W1": "params/dense1/kernel", "b1": "params/dense1/bias", "W2": "last/0", "b2": "last/1"}
    assert dict(recording.names) == called
    own = parameters()
    assert recording.problem.parameters["W1"].tolist() == own["params"]["dense1"]["kernel"].T.tolist()
    assert recording.problem.parameters["W2"].tolist() == own["last"][0].tolist()
    assert {"z1", "a1", "dL/dz1", "dL/da1", "dL/dW1", "m_W1_new", "v_b2_new"} <= recording.promises
    assert failures(recording) == []


def nnx_module():
    nnx = pytest.importorskip("flax.nnx")
    rngs = nnx.Rngs(0)
    model = nnx.Sequential(nnx.Linear(3, 4, rngs=rngs), nnx.silu, nnx.Linear(4, 2, rngs=rngs))
    optimizer = nnx.Optimizer(model, optax.adamw(0.01), wrt=nnx.Param)
    optimizer.update(model, nnx.state(model))  # it has taken a step before
    return model, None, optimizer, "layers/0/kernel"


def linen_module():
    linen = pytest.importorskip("flax.linen")
    model = linen.Sequential([linen.Dense(4, use_bias=False), linen.silu, linen.Dense(2)])
    return model.apply, model.init(jax.random.key(0), X), SGD, "params/layers_0/kernel"


def equinox_module():
    equinox = pytest.importorskip("equinox")
    model = equinox.nn.MLP(3, 2, 4, 1, activation=jax.nn.silu, key=jax.random.key(0))
    return model, None, optax.sgd(0.1, momentum=0.9, nesterov=True), "layers/0/weight"


def square_equinox_module():  # of which only the examples say which axis is which
    equinox = pytest.importorskip("equinox")
    kinds = {"use_bias": False, "use_final_bias": False, "activation": jax.nn.silu}
    return equinox.nn.MLP(3, 3, 3, 1, **kinds, key=jax.random.key(0)), None, SGD, "layers/0/weight"


@pytest.mark.parametrize("make", [nnx_module, linen_module, equinox_module, square_equinox_module])
def test_a_module_is_read_and_stays_as_it_was(make):
    model, given, optimizer, called = make()
    before = [np.array(leaf) for leaf in jax.tree.leaves((model, given)) if hasattr(leaf, "shape")]
    x, y = (X[:3], CLASSES[:3]) if make is square_equinox_module else (X, CLASSES)
    recording = read_jax(model, x, y, loss=cross_entropy, optimizer=optimizer, parameters=given, steps=2)
    assert recording.problem.activations == ("silu", "identity")
    assert recording.names["W1"] == called
    assert failures(recording) == []
    after = [leaf for leaf in jax.tree.leaves((model, given)) if hasattr(leaf, "shape")]
    assert all(map(np.array_equal, before, after))


BY_HAND = {
    "sigmoid": lambda z: 1 / (1 + jnp.exp(-z)),
    "relu": lambda z: jnp.where(z > 0, z, jnp.zeros_like(z)),
    "leaky_relu": lambda z: jnp.maximum(z, 0.01 * z),
    "tanh": lambda z: jnp.tanh(z.T).T,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_activations_written_out_are_recognized(name):
    recording = read(net(BY_HAND[name]))
    assert recording.problem.activations == (name, "identity")
    assert failures(recording) == []


LOSSES = {
    ("half_squared_error", "sum"): (TABLE, lambda output, y: ((output - y) ** 2).sum() / 2),
    ("mean_squared_error", "mean"): (TABLE, lambda output, y: optax.squared_error(output, y).mean()),
    ("binary_cross_entropy_with_logits", "sum"): (
        TABLE,
        lambda output, y: optax.sigmoid_binary_cross_entropy(output, y).sum(),
    ),
    ("huber", "mean"): (TABLE, lambda output, y: optax.huber_loss(output, y, delta=0.3).mean()),
    ("softmax_cross_entropy", "mean"): (TABLE, "softmax_cross_entropy"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_read(name):
    y, loss = LOSSES[name]
    recording = read(net(), y, loss)
    assert (recording.problem.loss, recording.problem.reduction) == name
    assert dict(recording.problem.loss_numbers) == ({"delta": 0.3} if name[0] == "huber" else {})
    assert failures(recording) == []


def test_log_softmax_at_the_end_belongs_to_the_loss():
    recording = read(
        net(last=jax.nn.log_softmax), loss=lambda output, y: -output[jnp.arange(len(y)), y].mean()
    )
    assert recording.problem.loss == "softmax_cross_entropy_with_integer_labels"
    assert "a2" not in recording.promises
    assert failures(recording) == []


OPTIMIZERS = {
    "adamw": optax.chain(optax.clip_by_global_norm(0.1), optax.adamw(0.01, weight_decay=0.1)),
    "adagrad": optax.adagrad(0.1, initial_accumulator_value=0.5),
    "rmsprop": optax.rmsprop(0.01, centered=True),
    "sgd": optax.chain(optax.add_decayed_weights(0.1), optax.sgd(optax.cosine_decay_schedule(0.1, 10), 0.9)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_read_from_its_closures(name):
    recording = read(net(), optimizer=OPTIMIZERS[name], steps=3)
    assert recording.problem.optimizer.name == name
    assert (recording.problem.clipping is not None) == (name == "adamw")
    assert (recording.problem.schedule is not None) == (name == "sgd")
    assert failures(recording) == []


@pytest.mark.parametrize(
    ("optimizer", "rule"),
    [(optax.adamw(0.01, weight_decay=0.0), "adam"), (optax.sgd(0.1, momentum=0.0, nesterov=True), "sgd")],
)
def test_a_decay_or_a_momentum_of_0_is_none(optimizer, rule):
    recording = read(net(), optimizer=optimizer, steps=2)
    stated = recording.problem.optimizer
    assert (stated.name, "weight_decay" in dict(stated.numbers), stated.options) == (rule, False, frozenset())
    assert failures(recording) == []


def test_a_run_is_looked_at_from_its_middle_on():
    adam = optax.adam(0.01)
    state = adam.init(parameters())
    for _ in range(4):
        _, state = adam.update(jax.tree.map(jnp.ones_like, parameters()), state)
    recording = read(net(), optimizer=adam, state=state)
    assert recording.problem.steps_before == 4
    before = state[0].mu["params"]["dense1"]["kernel"]
    assert recording.problem.state_before["m_W1"].tolist() == before.T.tolist()
    assert failures(recording) == []


def test_a_port_with_the_other_gelu_differs_there():
    original, port = (read(net(lambda z, is_near=near: jax.nn.gelu(z, is_near))) for near in (False, True))
    assert failures(port, original.problem) == ["a1", "dL/dz1"]  # its derivative is another, too


def with_derivative(function, derivative):
    wrong = jax.custom_vjp(function)
    wrong.defvjp(lambda *given: (function(*given), given), derivative)
    return wrong


def test_a_wrong_derivative_by_hand_is_located():
    tanh = with_derivative(jnp.tanh, lambda given, at: (at * (1 - jnp.tanh(given[0])),))
    assert failures(read(net(tanh))) == ["dL/dz1"]
    dense = with_derivative(
        lambda x, kernel, bias: x @ kernel + bias,
        lambda given, at: (at @ given[1].T, given[0].T @ at, at.mean(axis=0)),
    )
    recording = read(
        lambda tree, x: dense(x, *reversed(tree["params"]["dense1"].values())) @ tree["last"][0].T
    )
    assert failures(recording) == ["dL/db1"]


def test_what_is_compiled_is_judged_as_it_is():
    recording = read(jax.jit(net(jax.nn.gelu)))
    assert {"loss", "dL/dW1", "W1_new"} <= recording.promises
    assert "dL/dz1" in recording.promises or "jax.jit" in recording.notes[0]
    assert failures(recording) == []


def skipping(tree, x):
    hidden = jnp.tanh(x @ tree["params"]["dense1"]["kernel"])
    return hidden[:, :2] + hidden @ tree["last"][0].T


REFUSED = {
    r"layer 1 \(reduce_max.*\) does not go element by element \(test_tracing_jax.py:\d+\)": (
        net(jax.nn.softmax),
        {},
    ),
    r"leaky_relu.*identity is the nearest": (net(lambda z: jax.nn.leaky_relu(z, 0.3)), {}),
    r"mul is applied to the parameter params/dense1/kernel": (
        lambda tree, x: x @ (2 * tree["params"]["dense1"]["kernel"]),
        {},
    ),
    r"last/0 is the weight of two layers": (
        lambda tree, x: x[:, :2] @ tree["last"][0] @ tree["last"][0].T,
        {},
    ),
    r"add is applied to the result of an earlier layer": (skipping, {}),
    r"dropout has to be off": (
        net(lambda z: jnp.where(jax.random.bernoulli(jax.random.key(0), 0.5, z.shape), z, 0)),
        {},
    ),
    r"JAX cannot trace": (net(lambda z: z if z.sum() > 0 else -z), {}),
    r"array of shape \(4,\), expected a single number": (net(), {"loss": lambda output, y: output[:, 0]}),
    r"the loss is none": (net(), {"loss": lambda output, y: jnp.cosh(output).mean()}),
    r"loss is none .*; the nearest is mean": (
        net(),
        {"y": TABLE, "loss": lambda output, y: 0.5 * ((output - y) ** 2).mean()},
    ),
    r"masked": (net(), {"optimizer": optax.adamw(0.1, mask=lambda tree: jax.tree.map(jnp.ndim, tree))}),
    r"whose updates are others": (net(), {"optimizer": optax.nadam(0.1)}),
    r"schedule of your own": (net(), {"optimizer": optax.sgd(lambda step: 0.1 / (step + 1))}),
    r"scale_by_lion": (net(), {"optimizer": optax.lion(0.1)}),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(words):
    model, given = REFUSED[words]
    with pytest.raises(UnreadableError, match=words) as error:
        read(model, **given)
    assert "\n" not in str(error.value)


# Keras looks for two packages that it needs for other things, which takes half of what loading it takes.
KERAS = """
import numpy as np, keras
from adapters.tracing.keras_model import read_keras
from reference import judge
keras.utils.set_random_seed(0)
layers, optimizers = keras.layers, keras.optimizers
if keras.backend.backend() == "jax":
    __import__("adapters.jax_grad").jax_grad.use_compilation_cache()
model = keras.Sequential(
    [keras.Input((3,)), layers.Dense(4, "gelu"), layers.Dropout(0.5), layers.Dense(2, "softmax")]
)
model.compile(optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy")
before = model.get_weights()
x, y = np.linspace(-1, 1.5, 12, dtype="float32").reshape(4, 3), np.array([0, 1, 1, 0])
for optimizer, steps in (None, 2), (optimizers.AdamW(), 1):
    recording = read_keras(model, x, y, optimizer=optimizer, steps=steps)
    assert recording.problem.activations == ("gelu_erf", "identity"), recording
    assert recording.problem.loss == "softmax_cross_entropy_with_integer_labels", recording
    assert recording.names["W1"] == "sequential/dense/kernel", recording
    judged = judge(recording.problem, lambda _: iter(recording.claims), recording.promises)
    assert [step.failures for step in judged] == [()] * steps, recording
    assert all(map(np.array_equal, before, model.get_weights()))
"""


SLOW = pytest.mark.skipif("not config.getoption('--slow')", reason="it takes a process of its own: --slow")


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")  # Keras's own arrays
@pytest.mark.parametrize("backend", ["jax", pytest.param("torch", marks=SLOW)])
def test_a_keras_model_is_read_on_its_backend(backend, tmp_path):
    """Keras has one backend in a process."""
    for needed in ("keras", backend):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    path = tmp_path / "reads_keras.py"
    path.write_text(KERAS, encoding="utf-8")
    chosen = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(Path(__file__).parent.parent)}
    without = "import sys; sys.modules['sklearn'] = sys.modules['matplotlib'] = None"
    run = f"{without}; import runpy; runpy.run_path({str(path)!r})"
    subprocess.run([sys.executable, "-c", run], check=True, env=chosen)
