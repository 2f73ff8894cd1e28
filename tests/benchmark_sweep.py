"""What a case of a sweep costs: by the size of its network, for each program, compiled and judged in stacks.

`pytest tests/benchmark_sweep.py` measures; nothing here is asserted. The figure to look at is the mean over
the cases of a round, which `extra_info` has in milliseconds, with the cost of each parameter in microseconds.
"""

from itertools import pairwise

import pytest

from adapters import find_adapters
from reports.sweep.engine import run_task
from reports.sweep.plan import Plan, tasks

WIDTHS = {"1-1-1": 1024, "2-3-1": 1024, "8-8-8": 1024, "32-32-8": 512, "784-100-10": 16}
"""Networks, and how many cases of each a round has: of the first block of a thousand, whole stacks."""

FIRST = 1184


@pytest.mark.parametrize("adapter", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("widths", WIDTHS)
def test_a_case_of_a_sweep(benchmark, widths, adapter):
    shape = tuple(map(int, widths.split("-")))
    plan = Plan(0, FIRST + WIDTHS[widths], dtypes=("float32",), widths=shape, adapters=(adapter,))
    (task,) = [one for one in tasks(plan) if one.block.start + one.cases.start == FIRST][:1]
    adapters = find_adapters([adapter])
    run_task(task, adapters)  # compiles
    benchmark.pedantic(run_task, (task, adapters), rounds=3)
    parameters = sum((before + 1) * after for before, after in pairwise(shape))
    each = benchmark.stats.stats.mean / task.count
    benchmark.extra_info |= {
        "cases": task.count,
        "ms a case": round(1e3 * each, 4),
        "µs a parameter": round(1e6 * each / parameters, 4),
    }
