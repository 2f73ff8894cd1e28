"""The suite's own power: what it catches that the usual tools miss, and what it costs in false alarms.

>>> from cases import load_case
>>> from reports.power import measure, to_frames
>>> power = measure([load_case("nets/square")], ["float64"])
>>> to_frames(power)["tools"][["tool", "caught: too low a precision"]].head(1).to_string(header=False)
'0  this suite  5 of 5 (100%)'
"""

from reports.power.measure import measure
from reports.power.results import Alarm, Answer, Coverage, Fault, Meeting, Power
from reports.power.sentences import sentences, uncaught
from reports.power.telling import TITLE, to_frames, to_page, to_sections

__all__ = [
    "TITLE",
    "Alarm",
    "Answer",
    "Coverage",
    "Fault",
    "Meeting",
    "Power",
    "measure",
    "sentences",
    "to_frames",
    "to_page",
    "to_sections",
    "uncaught",
]
