"""The pictures of a report, drawn by matplotlib from a report and nothing else.

A plot is one record in its own module, and stands in `PLOTS`, in the order of the page.

>>> from reports.plots import PLOTS
>>> [plot.name for plot in PLOTS][:2]
['activations', 'histogram-float64']
"""

from typing import Final

from reference import parts
from reports.plots.accuracy_plots import HISTOGRAM, HISTOGRAM_OF_16_BITS
from reports.plots.activation_plot import ACTIVATIONS
from reports.plots.detection_plot import DETECTION
from reports.plots.plot import Picture, Plot
from reports.plots.training_plots import DRIFT, LOSSES
from reports.report import Report

__all__ = ["PLOTS", "Picture", "Plot", "pictures"]

PLOTS: Final = (ACTIVATIONS, HISTOGRAM, HISTOGRAM_OF_16_BITS, LOSSES, DRIFT, DETECTION)


def pictures(report: Report) -> tuple[Picture | parts.FailedPart, ...]:
    """Draw what there are numbers for; one may fail alone. The same report gives the same bytes."""
    drawn = (parts.tried(f"the picture “{plot.title}”", plot.picture, report) for plot in PLOTS)
    return tuple(picture for picture in drawn if picture is not None)
