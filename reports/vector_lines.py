"""The vectors as lines of text, for languages without a reader of JSON: one number in each line.

reports/README.md says what a line holds.
"""

from collections.abc import Iterator, Sequence

from reports.vector_form import FORMAT, SCHEMA, Document, InvalidStep, Quantity, Values, Vector


def text(content: Document) -> str:
    vectors = {(vector.case, vector.dtype): vector for vector in content.vectors}
    lines = [f"{FORMAT} {SCHEMA}"]
    for vector in content.vectors:
        lines += _valid(vector)
    for invalid in content.invalid:
        lines += _invalid(invalid, vectors[invalid.case, invalid.dtype].steps[invalid.step - 1])
    return "\n".join(lines) + "\n"


def _valid(vector: Vector) -> Iterator[str]:
    about = vector.case, vector.dtype
    for name, given in (vector.inputs | vector.numbers).items():
        yield from _lines("given", given.hex, ["0"] * len(given.hex), given, (*about, "0", name))
    for number, step in enumerate(vector.steps, start=1):
        for name, right in step.items():
            yield from _lines("right", right.hex, right.within, right, (*about, str(number), name))


def _invalid(invalid: InvalidStep, step: dict[str, Quantity]) -> Iterator[str]:
    about = invalid.case, invalid.dtype
    for name, right in step.items():
        claimed = invalid.values[name]
        yield from _lines("wrong", right.hex, right.within, claimed, (*about, str(invalid.step), name))
    yield "\t".join(("end", *about, invalid.mistake))


def _lines(
    kind: str,
    right: Sequence[str | None],
    within: Sequence[str | None],
    claimed: Values,
    about: tuple[str, ...],
) -> Iterator[str]:
    for i, texts in enumerate(zip(right, within, claimed.hex, strict=True)):
        yield "\t".join((kind, *(text or "nan" for text in texts), *about, str(i)))
