"""The releases that pyproject.toml admits: what an old one lacks, and the table that .ci/releases printed."""

import re
import tomllib
from pathlib import Path

import pytest
from networks import network
from packaging.requirements import Requirement
from packaging.version import Version

from cases.protocol import NoEquivalent

ROOT = Path(__file__).parent.parent
SCRIPT = (ROOT / ".ci/releases").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LINES = re.findall(r"^\| (.*) \|$", (ROOT / "reports/docs/upgrade.md").read_text("utf-8"), re.MULTILINE)
HEAD, _, *ROWS = [line.split(" | ") for line in LINES if line.count(" | ") == 11]


@pytest.mark.needs("torch")
@pytest.mark.parametrize(
    ("message", "declines"),
    [
        ("\"smooth_l1_backward_cpu_out\" not implemented for 'Half'", True),  # PyTorch 2.6.0
        ("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)", False),
    ],
)
def test_what_a_release_has_not_in_a_format_has_no_equivalent_and_any_other_error_stays(message, declines):
    from adapters.torch_autograd import train

    def failing(*_):
        raise RuntimeError(message)

    with pytest.raises(NoEquivalent if declines else RuntimeError) as raised:
        next(train(network(), differentiate=failing))
    assert message in str(raised.value)


def bounds():
    """Give the lower bound of each package that the table shows."""
    extras = PROJECT["optional-dependencies"]
    stated = map(Requirement, [*PROJECT["dependencies"], *extras["torch"], *extras["jax"], *extras["test"]])
    return {one.name: Version(str(one.specifier)[2:]) for one in stated if one.name in HEAD}


def test_the_table_has_been_printed_with_the_bounds_that_are_stated():
    """Who changes a bound runs `.ci/releases lowest` again, with a Python that has wheels of them all."""
    shown = re.search(r"^SHOWN=\((.*)\)$", SCRIPT, re.MULTILINE)[1].split()
    assert HEAD[:2] == ["releases", "Python"]
    assert HEAD[2:-3] == shown
    rows = [dict(zip(HEAD, row, strict=True)) for row in ROWS]
    lowest = [row for row in rows if row["releases"] == "lowest"]
    for name, bound in bounds().items():
        assert bound in {Version(Version(row[name]).public) for row in lowest}, name
    pythons = {row["Python"].rpartition(".")[0] for row in rows}
    assert PROJECT["requires-python"] == f">={min(pythons, key=Version)}"
    assert all(
        "failed" not in row["test_parity"] and row["the build says"].startswith("All agree") for row in rows
    )


def test_the_script_names_no_registry():
    assert "://" not in SCRIPT
