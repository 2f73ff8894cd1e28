"""No false alarm: 300 random networks, in both formats, through every program of every framework.

`pytest tests/test_random_networks.py --random 2000` runs as many as one likes, `--engines` the other engines.
"""

from collections import Counter

import numpy as np
import pytest
from networks import ACTIVATIONS, LOSSES, network

from adapters import find_adapters
from adapters.choice import ENGINES
from reference import Subject, Verdict, judge, sentence

DRAWS = 6  # of each structure, so that JAX compiles 50 structures and not 300


def pytest_generate_tests(metafunc):
    engines = ENGINES if metafunc.config.getoption("--engines") else ()
    metafunc.parametrize("name", ["numpy", "torch", "jax", *engines])
    metafunc.parametrize("structure", range(-(-metafunc.config.getoption("--random") // DRAWS)))


def random_problems(structure, dtype):
    """1 to 4 layers, widths 1 to 64, batches 1 to 32; widths and batches are as often small as large."""
    rng = np.random.default_rng([2024, structure])
    depth = int(rng.integers(1, 5))
    widths = np.exp(rng.uniform(0, np.log(65), depth + 1)).astype(int)
    batch = int(np.exp(rng.uniform(0, np.log(33))))
    activations = rng.choice(ACTIVATIONS, depth)
    loss = LOSSES[rng.integers(len(LOSSES))]
    for draw in range(DRAWS):
        yield network(
            widths.tolist(),
            batch,
            activations=activations.tolist(),
            loss=loss,
            dtype=dtype,
            scale=float(rng.choice([0.1, 1, 4])),
            seed=1000 * structure + draw,
            learning_rate=float(rng.choice([0.01, 0.3])),
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_correct_framework_differs(name, structure, dtype):
    (adapter,) = find_adapters([name])
    verdicts, alarms = Counter(), []
    for problem in random_problems(structure, dtype):
        for program in adapter.programs:
            subject = Subject(problem.case, name, program.name, dtype)
            for step in judge(problem, program.run, program.promises(problem.depth)):
                verdicts.update(finding.verdict for finding in step.findings)
                alarms += [
                    sentence(finding, subject)
                    for finding in step.failures
                    if finding.verdict not in {Verdict.UNDECIDED, Verdict.NO_EQUIVALENT}
                ]
    assert not alarms, "\n".join(alarms)
    assert verdicts[Verdict.AGREES] > 0 or name == "jax-forward"  # it declines the largest
