"""What the frameworks are known to do differently: an entry for each case and adapter."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cases import Case
from reports import outcome
from reports.outcome import at_step, group_by
from reports.page.rendering import thread
from reports.report import claimed_and_derived
from reports.runs.rows import Row

NAMES: Final = {"torch": "PyTorch", "jax": "JAX", "numpy": "NumPy"}
IMPORTS: Final = "import numpy as np, torch, torch.nn.functional as F, jax, jax.numpy as jnp, optax"


@dataclass(frozen=True)
class Difference:
    """One known difference; `code` shows it, by framework, and `address` is "" where `see` is no thread."""

    case: str
    adapter: str
    formats: str
    cause: str
    numbers: str
    see: str
    address: str
    code: Mapping[str, str]


def title(adapters: Iterable[str]) -> str:
    """Return the heading: which frameworks are compared, and that they agree but for these."""
    names = [NAMES[name] for name in dict.fromkeys(adapters) if name in NAMES and name != "numpy"]
    return f"{' and '.join(names) if len(names) > 1 else 'The frameworks'} agree, but for these"


def differences(rows: Iterable[Row], cases: Mapping[str, Case]) -> tuple[Difference, ...]:
    expected = outcome.expected_differences(rows)
    alike = group_by(expected, lambda row: (row.subject.case, row.subject.adapter)).values()
    return tuple(_difference(group, cases[group[0].subject.case]) for group in alike)


def _difference(rows: list[Row], case: Case) -> Difference:
    row = rows[0]
    subject, finding = row.subject, row.finding
    stated = case.expectation(subject.adapter, subject.dtype)
    numbers = finding.reason
    if row.compared:
        numbers = "{} where {} is right".format(*claimed_and_derived(row))
    at = f"{finding.element}{at_step(row)}: {numbers}"
    formats = ", ".join(each.subject.dtype for each in rows)
    cause, see = (stated.cause, stated.see) if stated else ("", "")
    code = {NAMES.get(name, name): text for name, text in stated.shown_by.items()} if stated else {}
    return Difference(case.name, subject.adapter, formats, cause, at, see, thread(see), code)
