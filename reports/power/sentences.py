"""What a measurement comes to, in a few sentences, each made from its numbers."""

from collections.abc import Iterator

from reports.power.results import Power
from reports.power.tables import share
from reports.power.words import KINDS, OURS, PRECISION, SHOWN, TOOLS

LEGEND = (
    "Every tool has its defaults. The two that compare values hold each quantity against the NumPy "
    "reference's own run in the same number format, and see everything that is shown of up to three steps. "
    "The checks of gradients see the gradients of the first step beside the right loss, so they cannot see a "
    "wrong loss or update; gradcheck is run where there are few enough parameters. Counted are the mistakes "
    "that change any number at all; a tool that objects to the right numbers too is given every catch. A "
    "false alarm is an objection to a correct claim: to the loss, gradients and updates that PyTorch and JAX "
    "compute (by this suite, to all that they show), or, by a check of gradients, to its framework's own."
)

FAULTS = (
    "One element of one quantity is multiplied by 1 + 10⁻ᵏ, in a correct claim that shows everything; the "
    "smallest 10⁻ᵏ that is caught is told as “median (worst)” over the elements tried. “none” means that not "
    "even twice the value is caught: such an element is itself of the size of rounding, or of a tool's "
    "absolute tolerance. This suite is asked about that quantity alone, not about the lines that follow."
)

FIRST = (
    "For each mistake and case the line at which this suite catches it first, with the step if it is not the "
    "first. “–”: the mistake cannot be made there; “same numbers”: it changes nothing there, so there is "
    "nothing to catch. Without a number format, it is the same in each in which the mistake can be made."
)

# More misses than this are left to the tables.
MANY = 5


def sentences(power: Power) -> Iterator[str]:
    """Say what is caught, what is missed, what the usual tools miss, what alarms are false, what is spare."""
    yield _caught(power)
    yield from _precision(power)
    yield _false_alarms(power)
    yield from _coverage(power)
    yield from power.not_run


def uncaught(power: Power) -> tuple[str, ...]:
    """Name the mistakes that can be made, and are caught in no case: "sum-for-mean (float32)"."""
    met = [met for met in power.meetings if not met.inexpressible]
    caught = {(one.mistake, one.dtype) for one in met if one.caught_by(SHOWN)}
    names = dict.fromkeys((one.mistake, one.dtype) for one in met)
    return tuple(f"{mistake} ({dtype})" for mistake, dtype in names if (mistake, dtype) not in caught)


def impossible(power: Power) -> tuple[str, ...]:
    """Name the mistakes that can be made in no case and no number format."""
    possible = {met.mistake for met in power.meetings if not met.inexpressible}
    return tuple(dict.fromkeys(met.mistake for met in power.meetings if met.mistake not in possible))


def _caught(power: Power) -> str:
    changing = [met for met in power.meetings if met.changes]
    told = f"Over all cases this suite catches {share([met.by(SHOWN) for met in changing])}{_misses(power)}."
    nowhere = impossible(power)
    if nowhere:
        told += f" Not possible in any of these cases: {', '.join(nowhere)}."
    if uncaught(power):
        return f"Caught in no case: {', '.join(uncaught(power))}. {told}"
    mistakes = len({met.mistake for met in power.meetings}) - len(nowhere)
    each = f"Each of {mistakes} mistakes is caught by at least one case"
    return f"{each}, in each number format in which it can be made. {told}"


def _misses(power: Power) -> str:
    """Name what is missed somewhere, unless that is too much for a sentence."""
    missed = [met for met in power.meetings if met.changes and not met.caught_by(SHOWN)]
    named = [f"{met.mistake} in {met.case} {met.dtype}" for met in missed]
    return f"; missed: {', '.join(named)}" if 0 < len(named) <= MANY else ""


def _precision(power: Power) -> Iterator[str]:
    """Compare the tools where they differ most."""
    met = [met for met in power.meetings if met.kind == PRECISION and met.changes and met.dtype == "float64"]
    if met:
        told = [f"{tool} {share([one.by(tool) for one in met])}" for tool in (*OURS, *TOOLS)]
        yield f"Of the mistakes of {KINDS[PRECISION]} in float64 are caught: {'; '.join(told)}."


def _false_alarms(power: Power) -> str:
    heard = [alarm.answer for alarm in power.alarms if alarm.answer.tool == SHOWN]
    given = [answer for answer in heard if answer.objects is not None]
    return f"False alarms of this suite on correct claims by PyTorch and JAX: {share(given)}."


def _coverage(power: Power) -> Iterator[str]:
    spare = [one.case for one in power.coverage if one.redundant]
    needed = [one.case for one in power.coverage if one.needed]
    yield f"{len(needed)} of {len(power.coverage)} cases together catch all of this: {', '.join(needed)}."
    if spare:
        which = "every single case" if len(spare) == len(power.coverage) else ", ".join(spare)
        yield (
            f"Redundant for these mistakes, because other cases catch all that it does: {which}. Each could "
            "be left out, but not all at once; a case may be there for another reason, which its description "
            "gives."
        )
