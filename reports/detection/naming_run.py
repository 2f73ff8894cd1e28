"""All that is measured of the diagnosis, in several processes where there is enough to do."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, reduce
from itertools import chain, groupby, product
from operator import add, attrgetter
from typing import Any, Final, Self, TypeAlias, TypeVar

from cases import Case
from reference import parts
from reference.mistakes import MISTAKES
from reference.parts import FailedPart
from reports.detection import SHOWN, Naming, Pairs, RightRuns
from reports.detection.naming import DTYPES, NETWORKS, naming_of, possible
from reports.detection.naming_pairs import PAIRS, PROGRAMS, measure_pairs, measure_right
from reports.runs.parallel import can_fork, collect_seldom

NETWORKS_OF_A_PART: Final = 1
AT_ONCE: Final = 20  # pairs, or right programs, that are one task of a process

Watch: TypeAlias = Callable[[str, int, int], None]  # what comes next, how much is done, of how much
Task: TypeAlias = Callable[[], Any]
Each: TypeAlias = Callable[..., Iterable[Any]]  # as `map` does, in the order of what is given
Count = TypeVar("Count", Pairs, RightRuns)


@dataclass(frozen=True)
class Extent:
    """How much is measured: by default all there is, in the formats in which mistakes are measured."""

    mistakes: tuple[str, ...] = tuple(MISTAKES)
    dtypes: tuple[str, ...] = DTYPES
    networks: int = NETWORKS
    pairs: int = PAIRS
    programs: int = PROGRAMS

    @classmethod
    def of(cls, cases: Sequence[Case], dtypes: Sequence[str], *, is_part: bool) -> Self:
        """Return the whole; of a part of the cases, a glance at the mistakes that can be made on them."""
        formats = tuple(dtype for dtype in DTYPES if not dtypes or dtype in dtypes)
        if not is_part:
            return cls(dtypes=formats)
        runs = ((case, dtype) for case in cases for dtype in case.dtypes if dtype in formats)
        made = set(chain.from_iterable(possible(case.problem(dtype)) for case, dtype in runs))
        few = NETWORKS_OF_A_PART
        return cls(tuple(name for name in MISTAKES if name in made), formats, few, few, few)


def measure_naming(
    extent: Extent, watch: Watch = lambda *_: None, *, seed: int = 0, workers: int = 1
) -> Naming:
    """Measure on random networks of a seed; the numbers do not depend on how many processes share the work.

    `watch` is called with what comes next, how much is done, and how much there is to do.
    """
    about = list(product(extent.mistakes, extent.dtypes))
    pairs, programs = _tasks(extent.dtypes, extent.pairs), _tasks(extent.dtypes, extent.programs)
    tasks: list[partial[Any]] = [
        *(partial(naming_of, *task, seed=seed, networks=extent.networks) for task in about),
        *(partial(measure_pairs, *task, seed=seed, among=extent.mistakes) for task in pairs),
        *(partial(measure_right, *task, seed=seed) for task in programs),
    ]
    with _processes(workers) as each:
        texts = [" ".join(map(str, task.args[:2])) for task in tasks]
        results, failed = zip(*_watched(each(_call, tasks), texts, watch), strict=True) if texts else ((), ())
    first, second = len(about), len(about) + len(pairs)
    named = tuple(chain.from_iterable(results[:first]))
    counts = _added(results[first:second]), _added(results[second:])
    return Naming(seed, extent.networks, named, *counts, tuple(dict.fromkeys(map(str, chain(*failed)))))


def _tasks(dtypes: Sequence[str], count: int) -> list[tuple[str, str, range]]:
    starts = range(0, count, AT_ONCE)
    parts = [range(start, min(start + AT_ONCE, count)) for start in starts]
    return [(dtype, shown, part) for dtype, shown in product(dtypes, SHOWN) for part in parts]


@contextmanager
def _processes(workers: int) -> Iterator[Each]:
    """Give what does each of many tasks: one after the other here, or in so many processes."""
    if workers == 1:
        yield map
        return
    context = multiprocessing.get_context("forkserver" if can_fork else "spawn")
    pool = ProcessPoolExecutor(workers, context, collect_seldom)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _call(task: Task) -> tuple[Any, list[FailedPart]]:
    """Return what a task returns, and what failed in it: a mistake that fails is not named."""
    with parts.collected() as failed:
        return task(), failed


def _watched(made: Iterable[Any], texts: Sequence[str], watch: Watch) -> list[Any]:
    """Return what is made, as it comes; before each `watch` is called."""
    results, coming = list[Any](), iter(made)
    for done, text in enumerate(texts):
        watch(text, done, len(texts))
        results.append(next(coming))
    watch("", len(texts), len(texts))
    return results


def _added(results: Iterable[Count]) -> tuple[Count, ...]:
    """Add up what was counted in the same number format, with the same shown; these lie together."""
    groups = groupby(results, attrgetter("dtype", "shown"))
    return tuple(reduce(add, group) for _, group in groups)
