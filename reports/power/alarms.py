"""False alarms: what each tool says of correct claims, PyTorch's and JAX's own."""

from collections.abc import Iterator

from adapters import Program, Unavailable, find_adapters
from reference import JudgedStep, Verdict, judge
from reports.power.mistakes import CAUGHT, compared
from reports.power.results import Alarm, Answer
from reports.power.setting import Setting, only
from reports.power.tools import OWNERS, NotRun, Toolbox, on_the_right_program
from reports.power.words import SHOWN


def hear(setting: Setting, toolbox: Toolbox) -> Iterator[Alarm]:
    """Put every correct claim to every tool; whoever the case expects not to agree makes none."""
    about = (setting.case, setting.dtype)
    for adapter in find_adapters(tuple(name for name in OWNERS.values() if name not in setting.unlike)):
        if isinstance(adapter, Unavailable):
            for tool in (SHOWN, *toolbox.comparisons):
                yield Alarm(
                    *about, adapter.name, Answer(tool, None, reason=f"{adapter.verdict}: {adapter.reason}")
                )
            continue
        for program in adapter.programs:
            for answer in _answers(setting, program, toolbox):
                yield Alarm(*about, f"{adapter.name} {program.name}".strip(), answer)
    for tool, said in on_the_right_program(setting.problem, setting.unlike).items():
        reason = said.reason if isinstance(said, NotRun) else ""
        yield Alarm(
            *about, OWNERS[tool], Answer(tool, None if isinstance(said, NotRun) else said, reason=reason)
        )


def _answers(setting: Setting, program: Program, toolbox: Toolbox) -> Iterator[Answer]:
    """Run a program once; judge everything it shows, as the report does, and compare its outcome.

    A program that has no equivalent claims nothing, so nothing is asked about it.
    """
    problem = setting.problem
    promises, accumulators = program.promises(problem.depth), program.accumulators
    steps = list(judge(problem, program.run, promises, accumulators=accumulators))
    if any(finding.verdict is Verdict.NO_EQUIVALENT for step in steps for finding in step.findings):
        return
    yield _ours(steps)
    claims = [only(step.claim, setting.outcome) for step in steps]
    for tool, objects in toolbox.comparisons.items():
        yield compared(setting, claims, tool, objects)


def _ours(steps: list[JudgedStep]) -> Answer:
    for step in steps:
        for finding in step.findings:
            if finding.verdict in CAUGHT:
                return Answer(SHOWN, objects=True, step=finding.step, quantity=finding.quantity)
    return Answer(SHOWN, objects=False)
