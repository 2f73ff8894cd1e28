"""All pictures for which a report has the numbers, in the order in which a page shows them."""

from collections.abc import Iterator

from reference import parts
from reference.parts import FailedPart
from reports.pictures import activations, drift, heat_map, histogram, losses, power
from reports.pictures.picture import Picture
from reports.report import Report


def pictures(report: Report) -> tuple[Picture | FailedPart, ...]:
    """Draw what there are numbers for; a report of nothing has no picture. One may fail alone."""
    return tuple(one for one in _drawn(report) if one is not None)


def _drawn(report: Report) -> Iterator[Picture | FailedPart | None]:
    results = report.results
    yield parts.tried(_named(heat_map.TITLE), heat_map.picture, results)
    histograms = parts.tried(_named(histogram.TITLE), histogram.picture, results)
    yield from (histograms,) if isinstance(histograms, FailedPart) else histograms
    yield parts.tried(_named(activations.TITLE), activations.picture, results)
    yield parts.tried(_named(losses.TITLE), lambda: losses.picture(results, learning_rates(report)))
    yield parts.tried(_named(drift.TITLE), drift.picture, results)
    yield parts.tried(_named(power.TITLE), power.picture, report.power)


def _named(title: str) -> str:
    return f"the picture “{title}”"


def learning_rates(report: Report) -> dict[str, float]:
    """Return each case's learning rate, at the first step and before any rounding to a number format."""
    return {
        case.name: case.file.optimizer.learning_rate.rounded("float64") for case in report.selection.cases
    }
