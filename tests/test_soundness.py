"""Soundness: no correct implementation is outside its bound, whatever its order, forms and accumulators."""

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import ACTIVATIONS, SQUARES, network
from variants import SLOPE, SUMS, Variant

from cases.names import outcome
from cases.protocol import DTYPES
from reference import Accumulators, Subject, Verdict, judge, sentence

variants = st.builds(
    Variant,
    summation=st.sampled_from([*SUMS, "fused", "wide"]),
    bias_first=st.booleans(),
    slope=st.sampled_from(SLOPE),
    mean=st.sampled_from(["in the error", "in the gradient"]),
    accumulator=st.sampled_from(["own", "float32"]),
    product=st.sampled_from(["kept", "rounded"]),
    functions=st.sampled_from(["own", "float32"]),
)


@st.composite
def problems(draw):
    depth, dtype = draw(st.integers(1, 3)), draw(st.sampled_from(DTYPES))
    known = ACTIVATIONS[:4] if dtype == "bfloat16" else ACTIVATIONS  # ml_dtypes makes 0.5 · z a float32
    return network(
        draw(st.lists(st.integers(1, 6), min_size=depth + 1, max_size=depth + 1)),
        draw(st.integers(1, 7)),
        activations=draw(st.lists(st.sampled_from(known), min_size=depth, max_size=depth)),
        loss=draw(st.sampled_from(SQUARES)),
        dtype=dtype,
        scale=draw(st.sampled_from([1e-3, 0.1, 1.0, 5.0, 30.0])),
        seed=draw(st.integers(0, 10**6)),
        learning_rate=draw(st.sampled_from([0.01, 0.3, 1.0, 10.0])),
    )


def never_outside(problem, variant, certify):
    if problem.dtype == "float16":  # a mean that is taken last overflows where nothing needs to: no right way
        variant = replace(variant, mean="in the error")

    def implementation(problem):
        with np.errstate(over="ignore", invalid="ignore"):  # float16 overflows where others do not
            yield variant.outcome(problem)

    declared = Accumulators(*[variant.accumulator] * 3)
    promises = outcome(problem.depth)
    (step,) = judge(problem, implementation, promises, certify=certify, accumulators=declared)
    subject = Subject(problem.case, str(variant), "", problem.dtype)
    alarms = [one for one in step.failures if one.verdict is not Verdict.UNDECIDED]
    assert not alarms, "\n".join(sentence(one, subject) for one in alarms)


def test_a_correct_variant_is_never_outside_its_bound(request):
    count = request.config.getoption("--random")
    many = settings(max_examples=count, suppress_health_check=[HealthCheck.too_slow])
    many(given(problems(), variants, st.booleans())(never_outside))()
