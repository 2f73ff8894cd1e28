"""What a case expects of an engine that it does not name: what it expects of the framework, if it shows.

An engine that states fewer quantities than its framework's own programs cannot fail where it hides. It then
agrees, or fails first at a later line, from where the expectation is taken to be met.
"""

from collections.abc import Sequence

from adapters import Adapter
from cases import Case
from cases.case_schema import Expectation
from reference import tape
from reports.rows import Row, first_failure


def expects(case: Case, dtype: str, adapter: Adapter) -> bool:
    """Whether a case expects of an adapter, or of the framework that it is an engine of, not to agree."""
    return any(case.expectation(name, dtype) for name in (adapter.name, adapter.framework))


def expectation_of(case: Case, dtype: str, adapter: Adapter, rows: Sequence[Row]) -> Expectation | None:
    """Return what is expected of an adapter that gave these rows; None where it is to agree."""
    own = case.expectation(adapter.name, dtype)
    expected = own or case.expectation(adapter.framework, dtype)
    if expected is None or expected is own or expected.kind == "no_equivalent":
        return expected
    if any(row.finding.quantity == expected.quantity for row in rows):
        return expected
    first = first_failure(rows)
    if first is None:
        return None
    places = {line.name: place for place, line in enumerate(tape(case.problem(dtype)))}
    if (first.finding.step, first.place) < (expected.step, places[expected.quantity]):
        return expected
    return expected.model_copy(
        update={expected.kind: first.finding.quantity, "step": first.finding.step},
    )
