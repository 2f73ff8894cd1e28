"""What is asked: the cases, and a strict reader for their YAML files.

>>> from cases import load_case
>>> load_case("worked/document").problem("float64").learning_rate
0.1
"""

from contextlib import suppress

from cases.problem import Problem
from cases.update_rules import Rule

# An adapter under another interpreter has NumPy alone, and reads no files.
with suppress(ModuleNotFoundError):
    from cases.case import Case
    from cases.errors import CaseErrors
    from cases.load import SHIPPED, case_of, load_case, load_cases

__all__ = ["SHIPPED", "Case", "CaseErrors", "Problem", "Rule", "case_of", "load_case", "load_cases"]
