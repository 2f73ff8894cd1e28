"""What becomes of a program that ended the process: it is isolated, told, and fails."""

from collections.abc import Sequence
from dataclasses import replace

from adapters.registry import third_party
from cases import errors
from cases.errors import printable
from reference import Finding, Subject, Verdict
from reports.environment import Selection
from reports.rows import Results, Row
from reports.running import Doing, Ended


def apart(ended: Sequence[Ended], names: Sequence[str]) -> tuple[str, ...]:
    """Return which adapters run in a process of their own, after what has ended so far.

    They are those that were at work, and all that are not built in: one of these may have begun what ended
    the process while another was at work, as by a thread.
    """
    suspects = [one.doing.adapter for one in ended if one.doing]
    return tuple(dict.fromkeys((*suspects, *third_party(names)))) if ended else ()


def told(ended: Ended) -> str:
    """Say who ended the process, and how, while it did what: in one line."""
    doing = ended.doing
    if doing is None:
        return printable(f"Something {errors.exit_reason(ended.status)} while no program ran.")
    who = f"{doing.adapter} {doing.program}".strip()
    where = f"on {doing.case} in {doing.dtype}" if doing.case else "while it was loaded"
    return printable(f"{who} {errors.exit_reason(ended.status)} {where}.")


def again(ended: Ended, what: str) -> str:
    """Say what has ended, and that so much begins again."""
    isolated = ", with it in a process of its own" if ended.doing else ""
    return f"{told(ended)} {what} begins again{isolated}."


def with_ended(results: Results, selection: Selection, ended: Sequence[Ended]) -> Results:
    """Return results that tell of each adapter that ended the process; in one of its own it may not have."""
    told_already = {row.subject.adapter for row in results.rows if _tells(row)}
    left = [one for one in ended if one.doing and one.doing.adapter not in told_already]
    if told_already:  # by one of these the process was ended while a built-in one was at work
        left = [one for one in left if one.doing and third_party([one.doing.adapter])]
    return replace(results, rows=(*results.rows, *(_row(one, selection) for one in left)))


def _tells(row: Row) -> bool:
    return row.finding.verdict is Verdict.ERROR and row.finding.reason.startswith(errors.ENDED)


def _row(one: Ended, selection: Selection) -> Row:
    """Return the error; of what is done on no case, such as loading, it stands with the first."""
    doing, runs = one.doing or Doing(""), [(case.name, dtype) for case, dtype in selection.runs]
    at = runs.index((doing.case, doing.dtype)) if (doing.case, doing.dtype) in runs else 0
    program = doing.program if doing.case == runs[at][0] else ""
    subject = Subject(runs[at][0], doing.adapter, program, runs[at][1])
    reason = f"{errors.exit_reason(one.status)}, though not again in a process of its own"
    return Row(subject, Finding(0, "", Verdict.ERROR, reason))
