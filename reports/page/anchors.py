"""The names of the places on the page that links lead to."""

from urllib.parse import quote


def anchor(kind: str, *parts: str) -> str:
    """Return the id of a place, which is its link after "#" too: "failure:nets/square:float64:torch".

    Different parts give different ids, because what joins them is escaped within each.
    """
    return ":".join((kind, *(quote(part, safe="/", errors="backslashreplace") for part in parts)))


def case_anchor(name: str) -> str:
    """Return the id of a case's section."""
    return anchor("case", name)


def failure_anchor(case: str, dtype: str, adapter: str) -> str:
    """Return the id of a failure's section: there is one for each case, number format and adapter."""
    return anchor("failure", case, dtype, adapter)
