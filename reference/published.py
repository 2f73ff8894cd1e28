"""Published numbers as a claim: each held against the exact run and the numbers printed above it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cases import Problem, names
from cases.published_values import Published, PublishedStep
from reference.above import Above, Standing
from reference.claims import JudgedStep
from reference.exact import ExactStep, exact_run
from reference.judged_print import JudgedArray, judge_array
from reference.tape import tape


@dataclass(frozen=True)
class JudgedPrint(JudgedStep):
    """One training step of which numbers are printed.

    Attributes
    ----------
    arrays
        Each printed quantity with a verdict on each of its numbers, by name, in the order computed.
    exact
        The exact run's step.
    """

    arrays: Mapping[str, JudgedArray] = field(default_factory=dict)
    exact: ExactStep | None = field(default=None, repr=False)


def judge_published(problem: Problem, published: Published) -> Iterator[JudgedPrint]:
    """Judge published numbers as a claim.

    A printed number stands for every number that rounds to it. It agrees if the exact value, of the run from
    the inputs alone, is one of those; or if it follows from the numbers printed above it in the same step,
    each known to half a unit in its last place, and those leave at most its own last digit open. What crosses
    to the next step is the state: as printed where it was printed of the step before, else the exact one.

    Parameters
    ----------
    problem
        The published example, in float64 or in the format that computed the numbers.
    published
        The printed numbers, by step.

    Yields
    ------
    One judged step for each training step that has printed numbers, with the state that leads to it.
    """
    run, before = exact_run(problem, published), None
    for entry in published.steps:
        exact = run[entry.step]
        crossing = before if before and before.step == entry.step - 1 else None
        judged = _judge_step(problem, entry, exact, {} if crossing is None else _crossed(problem, crossing))
        yield judged
        before = judged


def _crossed(problem: Problem, before: JudgedPrint) -> dict[str, Standing]:
    """Return the state that was printed of the step before, by the names it has in this one."""
    updated = {name: before.arrays.get(names.updated(name)) for name in problem.state}
    return {name: _standing(one) for name, one in updated.items() if one is not None}


def _standing(judged: JudgedArray) -> Standing:
    return Standing(judged.printed.value, judged.left_open, judged.printed.text)


def _judge_step(
    problem: Problem, entry: PublishedStep, exact: ExactStep, crossed: Mapping[str, Standing]
) -> JudgedPrint:
    above, arrays = Above(problem, exact, dict(crossed)), {}
    state = {name: above.values[name] for name in (*problem.state, names.STEP)}
    for line in tape(problem):
        above.derive(line.name)
        if line.name in entry.values:
            arrays[line.name] = judge_array(line.name, entry, above)
            above.take(line.name, _standing(arrays[line.name]))
    findings = tuple(judged.finding() for judged in arrays.values())
    return JudgedPrint(entry.step, findings=findings, state=state, arrays=arrays, exact=exact)
