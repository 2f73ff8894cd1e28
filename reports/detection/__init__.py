"""Detection power: which mistakes this suite catches that the usual tools miss, and its false alarms.

>>> from cases import load_case
>>> from reports.detection import measure, to_frames
>>> power = measure([load_case("nets/square")], ["float64"])
>>> to_frames(power)["tools"][["tool", "caught: too low a precision"]].head(1).to_string(header=False)
'0  this suite  5 of 5 (100%)'
"""

from reports.detection.answers import Alarm, Answer, Coverage, FaultResult, MistakeResult, Power
from reports.detection.detection_tables import TITLE, sentences, to_frames, to_page, to_sections, uncaught
from reports.detection.measurement import measure

__all__ = [
    "TITLE",
    "Alarm",
    "Answer",
    "Coverage",
    "FaultResult",
    "MistakeResult",
    "Power",
    "measure",
    "sentences",
    "to_frames",
    "to_page",
    "to_sections",
    "uncaught",
]
