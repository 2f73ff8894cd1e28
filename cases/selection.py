"""Which cases are meant by what stands behind `--select`."""

import difflib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from cases.case import Case
from cases.errors import quoted

MAX_NEAREST: Final = 5


class UnknownCaseError(LookupError):
    """No case is meant by a text; the message says which names are near it."""


def selected(cases: Sequence[Case], texts: Iterable[str]) -> tuple[Case, ...]:
    """Return the cases that any of the texts means, in their order; all if there is no text.

    A text that is the name of a case means this one alone, a pattern of a shell (`nets/*`) all that it fits,
    and any other text each case that has it in its name. Raises `UnknownCaseError` for one that means none.
    """
    asked = list(dict.fromkeys(filter(None, texts)))
    if not asked:
        return tuple(cases)
    names = [case.name for case in cases]
    meant = {name for text in asked for name in _meant(text, names)}
    return tuple(case for case in cases if case.name in meant)


def _meant(text: str, names: Sequence[str]) -> list[str]:
    if text in names:
        return [text]
    is_pattern = not {*text}.isdisjoint("*?[")
    meant = [name for name in names if (fnmatchcase(name, text) if is_pattern else text in name)]
    if not meant:
        why = f"no case fits {quoted(text)}" if is_pattern else f"no case has {quoted(text)} in its name"
        raise UnknownCaseError(f"{why}; {_nearest(text, names)}")
    return meant


def _nearest(text: str, names: Sequence[str]) -> str:
    """Say which names are near a text, by the whole name or by its last part, or which there are."""
    parts = {name.rpartition("/")[2]: name for name in names}
    near = difflib.get_close_matches(text, names, n=MAX_NEAREST)
    near += [parts[part] for part in difflib.get_close_matches(text.rpartition("/")[2], parts, n=MAX_NEAREST)]
    if near:
        return f"the nearest are {', '.join([*dict.fromkeys(near)][:MAX_NEAREST])}"
    return f"there are {len(names)}: {', '.join(names[:MAX_NEAREST])}, …"
