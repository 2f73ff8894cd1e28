"""What is asked: the cases, and a strict reader for their YAML files.

>>> from cases import load_case
>>> load_case("worked/document").problem("float64").learning_rate
0.1
"""

from cases.case import Case
from cases.defects import CaseErrors
from cases.load import SHIPPED, case_of, load_case, load_cases
from cases.problem import Problem, Rule

__all__ = ["SHIPPED", "Case", "CaseErrors", "Problem", "Rule", "case_of", "load_case", "load_cases"]
