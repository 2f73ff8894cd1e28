"""What explains a finding, in words: apart from `reference.diagnosis`, which loads every known mistake."""

from dataclasses import dataclass
from typing import Final

from reference.findings import Finding

# Mistakes that are named where several give the same numbers; of more only their number is said.
MAX_NAMED: Final = 3


@dataclass(frozen=True)
class Explanation:
    """A mistake that predicts what was claimed, to the last digit that a bound certifies.

    `mistake` is its name, one of `reference.mistakes.MISTAKES` or a relation's ("transposed"), `sentence`
    what happened, as a clause, and `lines` those that are wrong: the finding's own, or hidden ones before it.
    """

    mistake: str
    sentence: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Diagnosis:
    """Everything that explains one finding; several explanations where they give the same numbers.

    `follows` is the quantity, wrong before it, whose explanation gives this number too; "" where this one is
    wrong in its own right. `hint` says in a sentence what else to look at, or to show, where there is more.
    """

    finding: Finding
    explanations: tuple[Explanation, ...] = ()
    follows: str = ""
    hint: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        each = (name for explanation in self.explanations for name in explanation.mistake.split(" and "))
        return tuple(dict.fromkeys(each))

    def __str__(self) -> str:
        if not self.explanations:
            return "No known mistake explains it."
        clauses = [explanation.sentence for explanation in self.explanations]
        if len(clauses) > MAX_NAMED + 1:
            clauses[MAX_NAMED:] = [f"{len(clauses) - MAX_NAMED} more that give the same numbers"]
        return f"Explained by: {'; or: '.join(clauses)}."
