"""Mistakes in the schedule of the learning rate."""

from cases import Problem, names
from reference.formulas import unchanged
from reference.line import Line
from reference.mistakes.mistake import Inexpressible, mistake
from reference.mistakes.operations import one_more
from reference.mistakes.rewiring import changed
from reference.tape import tape

NO_SCHEDULE = Inexpressible("there is no schedule")


@mistake("the schedule is one step ahead: the steps were counted from 1, not from 0")
def schedule_off_by_one(problem: Problem) -> list[Line] | Inexpressible:
    """The rate of step t + 1 in step t."""
    return [
        changed(line, names.STEP, one_more, line.equation.replace("(t − 1)", "t"))
        for line in tape(problem)
        if line.name == names.RATE
    ] or NO_SCHEDULE


@mistake("the schedule was ignored: the learning rate stayed what it was at first")
def schedule_ignored(problem: Problem) -> list[Line] | Inexpressible:
    """η in every step."""
    if problem.schedule is None:
        return NO_SCHEDULE
    if problem.steps == 1:
        return Inexpressible("there is only one step")
    return [Line(names.RATE, unchanged, (names.LEARNING_RATE,), "η")]
