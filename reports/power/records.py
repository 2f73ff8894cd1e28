"""The measurements in full, by pandas: a line for each, for whoever wants to count otherwise."""

import pandas as pd

from reports.power.results import Alarm, Answer, Fault, Meeting, Power
from reports.power.words import KINDS, OURS, OUTCOME, SHOWN, TOOLS


def records(power: Power) -> dict[str, pd.DataFrame]:
    """Return every mistake on every case, every fault, and every tool's word on every right claim."""
    return {
        "mistakes": pd.DataFrame([_meeting(met) for met in power.meetings]),
        "faults": pd.DataFrame([_fault(fault) for fault in power.faults]),
        "false_alarms": pd.DataFrame([_alarm(alarm) for alarm in power.alarms]),
    }


def _meeting(met: Meeting) -> dict[str, object]:
    shown, outcome_only = met.by(SHOWN), met.by(OUTCOME)
    row: dict[str, object] = {
        "case": met.case, "dtype": met.dtype, "mistake": met.mistake, "kind": KINDS[met.kind],
        "cannot be made because": met.inexpressible, "changes a number": met.changes,
        "first at": shown.where if shown else "",
        "first at, outcome only": outcome_only.where if outcome_only else "",
    }  # fmt: skip
    return row | {tool: _said(met.by(tool)) for tool in (*OURS, *TOOLS)}


def _said(answer: Answer | None) -> str:
    if answer is None:
        return ""
    return answer.reason or ("caught" if answer.objects else "missed")


def _fault(fault: Fault) -> dict[str, object]:
    return {
        "case": fault.case, "dtype": fault.dtype, "quantity": fault.quantity, "tool": fault.tool,
        "elements": len(fault.smallest), "median": fault.median, "worst": fault.worst, "reason": fault.reason,
    }  # fmt: skip


def _alarm(alarm: Alarm) -> dict[str, object]:
    said = alarm.answer
    verdict = said.reason or ("false alarm" if said.objects else "silent")
    return {
        "case": alarm.case, "dtype": alarm.dtype, "implementation": alarm.implementation, "tool": said.tool,
        "verdict": verdict, "first at": said.where,
    }  # fmt: skip
