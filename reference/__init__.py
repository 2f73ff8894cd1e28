"""The truth: the document's equations, the tape of a training step, derived bounds, and the checker.

The worked example, in three lines:

>>> from reference import training_steps, worked_example
>>> first = next(training_steps(worked_example()))
>>> print(first["loss"], first["dL/dW2"], first["W2_new"])
0.013961695393597427 [[-0.0223024]] [[0.60223024]]
"""

from cases import Problem, load_case
from cases.protocol import Accumulators, Verdict
from reference.arithmetic import Bounded
from reference.checker import judge
from reference.findings import Claim, Finding, JudgedStep, Subject, sentence
from reference.line import Line, evaluate
from reference.printed_numbers import judge_published
from reference.training import tape, training_steps

__all__ = ["Accumulators", "Bounded", "Claim", "Finding", "JudgedStep", "Line", "Subject", "Verdict"]
__all__ += ["evaluate", "judge", "judge_published", "sentence", "tape", "training_steps", "worked_example"]


def worked_example(dtype: str = "float64") -> Problem:
    """Return the document's worked example: one input, one hidden unit, one output."""
    return load_case("worked/document").problem(dtype)
