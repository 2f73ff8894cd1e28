"""What a diagnosis says: the mistakes that explain a finding, all of them, or that none is known."""

from dataclasses import dataclass

from reference.findings import Finding


@dataclass(frozen=True)
class Explanation:
    """A mistake that predicts what was claimed, to the last digit that a bound certifies.

    Attributes
    ----------
    mistake
        Its name: one of `reference.mistakes.MISTAKES`, or a relation's ("transposed").
    sentence
        What happened, as a clause.
    lines
        The lines of the tape that are wrong with it; the finding's own, or hidden ones before it.
    """

    mistake: str
    sentence: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Diagnosis:
    """Everything that explains one finding."""

    finding: Finding
    explanations: tuple[Explanation, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the mistakes."""
        return tuple(explanation.mistake for explanation in self.explanations)

    def __str__(self) -> str:
        """Tell it in one sentence, which follows the finding's own."""
        if not self.explanations:
            return "No known mistake explains it."
        return f"Explained by: {'; or: '.join(one.sentence for one in self.explanations)}."
