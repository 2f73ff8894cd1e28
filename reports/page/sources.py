"""A case as its file has it: the YAML, and its network in one line."""

from typing import Final

from cases import Case

# Characters of one file that are shown; the largest of the shipped ones has a third of that.
MOST: Final = 6_000


def yaml(case: Case) -> str:
    """Return the text of a case's file as it was run, cut where it is very long."""
    more = len(case.text) - MOST
    return case.text if more <= 0 else f"{case.text[:MOST]}\n# … and {more:,} more characters in {case.path}"


def network(case: Case) -> str:
    """Say a case in one line: "2 → 3 tanh → 1 sigmoid · 2 examples · huber, sum · sgd · 1 step"."""
    units = [f"{case.shapes[f'b{k}'][0]} {layer.activation}" for k, layer in enumerate(case.file.layers, 1)]
    examples, inputs = case.shapes["x"]
    shown = units if len(units) <= FEW else [*units[:2], f"… {len(units) - 3} more …", units[-1]]
    loss = f"{case.file.loss.name}, {case.file.loss.reduction}"
    return " · ".join(
        [
            " → ".join([str(inputs), *shown]),
            _counted(examples, "example"),
            loss,
            case.file.optimizer.name,
            _counted(case.steps, "step"),
        ]
    )


# Layers that are told one by one.
FEW: Final = 5


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
