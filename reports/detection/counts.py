"""A part of a number, as the tables write it."""


def part_of(part: int, whole: int) -> str:
    """Return "29 of 170 (17%)"; of none only that."""
    return f"{part:,} of {whole:,} ({percentage(part, whole)})" if whole else "0 of 0"


def percentage(part: int, whole: int) -> str:
    """Return a percentage that is 100 only if all are meant, and 0 only if none."""
    if part in {0, whole}:
        return "100%" if part else "0%"
    return f"{min(max(100 * part / whole, 0.1), 99.9):.1f}%"
