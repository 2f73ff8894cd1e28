"""What is asked: the cases, and a strict reader for their YAML files.

>>> from cases import load_case
>>> load_case("worked/document").problem("float64").learning_rate
0.1
"""

from contextlib import suppress

from cases.catalog import Rule
from cases.problem import Problem

# Under another interpreter there may be NumPy alone: an adapter reads no files.
with suppress(ImportError):
    from cases.case import Case
    from cases.errors import CaseErrors
    from cases.load import SHIPPED, case_of, load_case, load_cases

__all__ = ["SHIPPED", "Case", "CaseErrors", "Problem", "Rule", "case_of", "load_case", "load_cases"]
