"""Measuring the suite's own power: every mistake, many faults and correct claims, put to it and to others."""

from collections.abc import Callable, Sequence

from cases import Case
from reports.power import alarms, faults, mistakes, tools
from reports.power.coverage import cover
from reports.power.results import Alarm, Fault, Meeting, Power
from reports.power.setting import Setting

SEED, TRIALS = 0, 20


def measure(
    cases: Sequence[Case],
    dtypes: Sequence[str] = (),
    watch: Callable[[str, int, int], None] = lambda *_: None,
    *,
    seed: int = SEED,
    trials: int = TRIALS,
) -> Power:
    """Measure on these cases; the same seed gives the same numbers.

    Parameters
    ----------
    dtypes
        Narrows each case's own number formats; empty means all of them.
    watch
        Called with what comes next, how much is done, and how much there is to do.
    trials
        In how many elements of each quantity faults are planted, at most.
    """
    runs = [(case, dtype) for case in cases for dtype in case.dtypes if not dtypes or dtype in dtypes]
    meetings: list[Meeting] = []
    planted: list[Fault] = []
    heard: list[Alarm] = []
    for done, (case, dtype) in enumerate(runs):
        watch(f"{case.name} {dtype}", done, len(runs))
        setting = Setting.of(case, dtype)
        toolbox = tools.toolbox(setting.problem, setting.unlike)
        meetings += mistakes.meet(setting, toolbox)
        planted += faults.plant(setting, toolbox, trials, seed)
        heard += alarms.hear(setting, toolbox)
    watch("", len(runs), len(runs))
    records = tuple(meetings), tuple(planted), tuple(heard)
    return Power(seed, trials, *records, cover(meetings), tools.missing())
