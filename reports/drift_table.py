"""The table of drifts, and drift.csv: a line for each pair, or for each step at which it was compared."""

from collections.abc import Sequence

import pandas as pd

from reports import texts
from reports.runs.parameter_drift import Drift, by_pair

TITLE = "For information: how far the trainings have come apart"

ABOUT = (
    "No verdict rests on this. All start at the same parameters and run free, each with its own roundings; "
    "what is told is the largest difference between any two parameters after a step, in units in the last "
    "place (ulps) of the largest parameter. “certified” is the training without any rounding, in balls, from "
    "the inputs alone. Where each step spreads differences apart, as at a rate that is too large, correct "
    "trainings part for good."
)

COLUMNS = ["case", "dtype", "implementation", "against", "step", "difference", "ulps", "not known because"]


def records(drifts: Sequence[Drift]) -> pd.DataFrame:
    """Return one line for each pair and step, every number as it is."""
    return pd.DataFrame([tuple(vars(one).values()) for one in drifts], columns=COLUMNS, dtype=object)


def csv(drifts: Sequence[Drift]) -> str:
    """Return drift.csv: NaN is "nan"; where a difference is not known, the reason stands beside it."""
    return texts.csv(records(drifts))


def table(drifts: Sequence[Drift]) -> pd.DataFrame:
    """Return one line for each pair: the course of its drift in ulps, and the difference at the end."""
    columns = ["case", "dtype", "implementation", "against", "ulps after step", "difference at the end"]
    return pd.DataFrame([_line(course) for course in by_pair(drifts)], columns=columns)


def _line(course: Sequence[Drift]) -> tuple[str, ...]:
    last = course[-1]
    told = " · ".join(f"{one.step}: {one.ulps:.3g}" for one in course if not one.not_known)
    end = f"not known: {last.not_known}" if last.not_known else f"{last.difference:.2g}"
    return last.case, last.dtype, last.implementation, last.against, told, end
