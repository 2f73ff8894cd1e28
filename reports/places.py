"""Where files go that nobody has placed: never beside installed modules, and none replaces another's."""

from pathlib import Path

# Where these packages lie; a checkout, if its pyproject.toml lies there too.
CHECKOUT = Path(__file__).resolve().parent.parent

# In the report's folder the one for runs of a part: none of them replaces the report of the whole.
NARROWED = "narrowed"

# The same for the report of a run that was kept.
AGAIN = "again"


def out_folder(*, narrows: object = False, again: object = False) -> Path:
    """Return where a report goes: `reports/out` of the checkout that this is run in, or here `parity-report`.

    `narrows` is true of a run that leaves something out, and `again` of a report of a run that was kept.
    """
    is_checkout = (CHECKOUT / "pyproject.toml").exists() and Path.cwd().is_relative_to(CHECKOUT)
    folder = CHECKOUT / "reports" / "out" if is_checkout else Path("parity-report")
    return folder / AGAIN if again else folder / NARROWED if narrows else folder
