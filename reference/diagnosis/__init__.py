"""Diagnosis: which known mistake explains what was claimed, to the last digit that a bound certifies.

Never a guess: where a line differs, each mistake of its formula is tried on the implementation's own inputs,
and it is named only if it predicts what was claimed and the right formula does not. A state that the
implementation hides is followed from the start of its run, as the mistake would have left it. Of published
numbers, which may come from a program that nobody sees, each mistake is also run from the inputs to the end.

>>> from reference import judge, worked_example
>>> from reference.diagnosis import diagnose
>>> from reference.mistakes import MISTAKES, mistaken_steps
>>> problem, mistake = worked_example(), MISTAKES["update-with-the-wrong-sign"]
>>> judged = list(judge(problem, lambda given: mistaken_steps(given, mistake), frozenset()))
>>> print(next(diagnose(problem, judged)))
Explained by: the update has the wrong sign.
"""

from reference.diagnosis.diagnose import Inheritance, diagnose, explain_step, inherited
from reference.diagnosis.printed import explain_published
from reference.explanations import Diagnosis, Explanation

__all__ = ["Diagnosis", "Explanation", "Inheritance"]
__all__ += ["diagnose", "explain_published", "explain_step", "inherited"]
