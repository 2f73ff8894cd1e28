"""All pictures for which a report has the numbers, in the order in which a page shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.pictures import activations, drift, heat_map, histogram, losses, power

if TYPE_CHECKING:
    from reports.pictures.picture import Picture
    from reports.report import Report


def pictures(report: Report) -> tuple[Picture, ...]:
    """Draw what there are numbers for; a report of nothing has no picture."""
    results = report.results
    drawn = (
        heat_map.picture(results),
        *histogram.picture(results),
        activations.picture(results),
        losses.picture(results, learning_rates(report)),
        drift.picture(results),
        power.picture(report.power),
    )
    return tuple(one for one in drawn if one is not None)


def learning_rates(report: Report) -> dict[str, float]:
    """Return each case's learning rate, at the first step and before any rounding to a number format."""
    return {case.name: case.file.optimizer.learning_rate.rounded("float64") for case, _ in report.quantities}
