"""What each program of each adapter promises and states, name by name: less would go unnoticed otherwise."""

import mpmath
import numpy as np
import pytest
from networks import network

from adapters import Adapter, Unavailable, find_adapters
from cases.problem import Rule
from cases.stacks import stacked
from reference import judge

FRAMEWORKS = ["torch", "jax"]


def programs(name):
    (adapter,) = find_adapters([name])
    assert isinstance(adapter, Adapter), adapter
    return adapter.programs


def failures(problem, program):
    steps = judge(problem, program.run, program.promises(problem.depth))
    return [finding for step in steps for finding in step.failures]


OUTCOME = set("loss dL/dW1 dL/db1 dL/dW2 dL/db2 W1_new b1_new W2_new b2_new".split())
INSIDE = set("z1 a1 z2 a2 dL/dz1 dL/da1 dL/dz2 dL/da2".split())
SLOPES = {"da1/dz1", "da2/dz2"}
PROMISED = {
    "numpy": {"": OUTCOME | INSIDE | SLOPES},
    "torch": {"": OUTCOME | INSIDE},
    "jax": {"plain": OUTCOME, "observed": OUTCOME | INSIDE},
    "torch-func": {"": OUTCOME},
    "torch-compile": {"": OUTCOME},
    "jax-eager": {"": OUTCOME},
    "jax-forward": {"": OUTCOME},
    "jax-vmap": {"": OUTCOME},
    "torch-cuda": {"": OUTCOME | INSIDE},
    "jax-cuda": {"plain": OUTCOME, "observed": OUTCOME | INSIDE},
}
"""What each program of each adapter promises of a network of two layers, name by name."""


@pytest.mark.parametrize("name", PROMISED)
def test_each_program_promises_what_it_is_known_to_show_and_no_less(name):
    (adapter,) = find_adapters([name])
    if isinstance(adapter, Unavailable):
        pytest.skip(adapter.reason)
    assert {one.name: set(one.promises(2)) for one in adapter.programs} == PROMISED[name]


EXTRAS = set("rate norm".split()) | {
    f"{kind}{name}{end}"
    for name in ("W1", "b1", "W2", "b2")
    for kind, end in (("m_", "_new"), ("v_", "_new"), ("dL/d", "_clipped"))
}
"""What can be seen of Adam with a schedule and clipping, beside what is promised."""
OF_ITS_OWN = {
    "clip",
    "correction1",
    "correction2",
    *(f"direction_{name}" for name in ("W1", "b1", "W2", "b2")),
}
RULES = {
    "optimizer": Rule("adam", (("beta1", 0.5), ("beta2", 0.75), ("eps", 0.25))),
    "schedule": Rule("step", (("every", 1), ("factor", 0.5))),
}


@pytest.mark.parametrize("name", ["numpy", *FRAMEWORKS, "torch-func"])
def test_each_program_states_what_it_promises_and_all_that_can_be_seen_of_an_update(name):
    eps = {"torch": 1e-6, "torch-func": 1e-6}.get(name, 0.0)
    clipping = Rule("global_norm", (("max_norm", 0.125), ("clip_eps", eps)))
    problem = network(steps=2, clipping=clipping, **RULES)
    for program in programs(name):
        own = OF_ITS_OWN if name == "numpy" else set()
        for claim in program.run(problem.copy()):
            assert set(claim) == PROMISED[name][program.name] | EXTRAS | own
        assert failures(problem, program) == []


@pytest.mark.parametrize("name", ["numpy", *FRAMEWORKS])
def test_a_stack_states_of_each_case_what_the_case_alone_is_right_to_state(name):
    """Adam and clipping, and cases of which some are clipped and others not, each by its own norm."""
    eps = 1e-6 if name == "torch" else 0.0
    clipping = Rule("global_norm", (("max_norm", 0.5), ("clip_eps", eps)))
    alone = [
        network(seed=i, scale=scale, steps=3, clipping=clipping, **RULES)
        for i, scale in enumerate((1, 4, 0.1))
    ]
    for program in programs(name):
        claims = list(program.stacked.run(stacked(alone)))
        assert [claim["rate"].shape for claim in claims] == [()] * 3  # the same for all, so stated once
        factors = [claim["dL/dW1_clipped"][:, 0, 0] / claim["dL/dW1"][:, 0, 0] for claim in claims]
        assert np.ptp(factors, axis=1).min() > 0.05
        for i, problem in enumerate(alone):
            own = [
                {key: array[i] if array.ndim else array for key, array in claim.items()} for claim in claims
            ]
            assert all(program.promises(2) | EXTRAS <= set(claim) for claim in own)
            steps = list(judge(problem, lambda _, own=own: iter(own), program.promises(2)))
            assert [finding for step in steps for finding in step.failures] == []


@pytest.mark.needs("jax")
def test_jaxs_binary_cross_entropy_is_right_where_xlas_log1p_is_not():
    """XLA's log1p(−a) is off by 200 u of itself near a = 0.41 in float64; log(1 − a) is not."""
    import jax
    import jax.numpy as jnp

    from adapters.jax_functions import loss_of

    a = np.linspace(0.3, 0.5, 64)
    with jax.enable_x64(True):
        one = jax.jit(
            lambda p: loss_of(("binary_cross_entropy", "sum", ()), p[None, None], jnp.zeros((1, 1)))
        )
        stated = np.array([one(p) for p in a])
        other = np.asarray(jax.jit(lambda p: -jnp.log1p(-p))(jnp.asarray(a)))
    with mpmath.workdps(40):
        exact = [-mpmath.log(1 - mpmath.mpf(float(p))) for p in a]
        off, far = (
            [
                float(abs(s - e) / (12 * e + 1)) / 2.0**-53
                for s, e in zip(map(float, each), exact, strict=True)
            ]
            for each in (stated, other)
        )
    assert max(off) <= 1
    assert max(far) > 2  # or XLA has mended it, and the adapter may take log1p


@pytest.mark.needs("torch")
def test_torch_func_differentiates_tensors_that_record_nothing():
    """Parameters that require a gradient of their own would be recorded as well as transformed."""
    import torch

    from adapters import torch_engines
    from adapters.torch_autograd import to_torch

    problem = network()
    parameters = {name: to_torch(array).requires_grad_() for name, array in problem.parameters.items()}
    seen, gradients = torch_engines.functional(problem, parameters, to_torch(problem.x), to_torch(problem.y))
    tensors = [*seen.values(), *gradients.values()]
    assert gradients.keys() == parameters.keys()
    assert all(isinstance(tensor, torch.Tensor) and not tensor.requires_grad for tensor in tensors)
