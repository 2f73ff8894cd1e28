"""What a picture is: a drawing that stands in a page as it is, its words, and its numbers."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a report.

    Attributes
    ----------
    name
        What its link and the ids inside it begin with: "heat-map".
    title
        A heading.
    caption
        What the axes and signs mean, for somebody who has seen none of this before.
    alternative
        What is to be seen, in a sentence or two made from the numbers: the text alternative.
    svg
        An `<svg>` element that stands in HTML as it is, and is a file of its own as well. Its text and axes
        have the colour of the text around it.
    table
        The numbers it is drawn from.
    shown
        The same for people to read: in few lines, with a column for each implementation, rounded; of a curve
        some of its points.
    """

    name: str
    title: str
    caption: str
    alternative: str
    svg: str
    table: pd.DataFrame
    shown: pd.DataFrame
