"""pytest's JUnit file says of each parity test what was found, the same by one process and by several."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from reference import Finding, Subject, Verdict
from reports.environment import PACKAGES
from reports.parity import properties
from reports.runs.rows import Row

ROOT = Path(__file__).parent.parent
IMPLEMENTATIONS = ("honest", "forgets_the_factor", "nan", "raises", "declines")

Written = ET.Element


@pytest.fixture
def write(implementations: Path, folder: Path, tmp_path: Path) -> Callable[..., Written]:
    """Give a function that runs the parity tests of one case, and returns the testsuite of the JUnit file."""

    def write(*options: str) -> Written:
        code = (
            f"import sys; sys.path.append({str(implementations)!r}); import pytest; sys.exit(pytest.main())"
        )
        adapters = [f"--adapter=programs:{name}" for name in IMPLEMENTATIONS]
        file = tmp_path / "junit.xml"
        run = [sys.executable, "-c", code, "-p", "no:cacheprovider", "tests/test_parity.py", "-q", *adapters]
        run += [f"--cases={folder}", "-k", "mine/ and float64", f"--junitxml={file}", *options]
        done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stdout + done.stderr
        suite = ET.parse(file).getroot().find("testsuite")  # noqa: S314 - pytest wrote it just now
        assert suite is not None
        return suite

    return write


def told(element: Written) -> dict[str, str]:
    return {one.attrib["name"]: one.attrib["value"] for one in element.iterfind("properties/property")}


def cases(suite: Written) -> dict[str, dict[str, str]]:
    found = {one.attrib["name"].split("implementations:")[1]: told(one) for one in suite.iterfind("testcase")}
    return {name.removesuffix("-float64]"): properties for name, properties in found.items()}


def test_each_test_carries_what_was_found_by_one_process_and_by_two(write: Callable[..., Written]) -> None:
    alone, together = write(), write("-n", "2", "--dist=load")
    found = cases(alone)
    assert found == cases(together)
    assert set(found) == set(IMPLEMENTATIONS)
    assert told(alone) == told(together)
    assert {*PACKAGES, "python", "platform", "cpu"} <= set(told(alone))
    assert {name: one["verdict"] for name, one in found.items()} == {
        "honest": "agrees",
        "forgets_the_factor": "differs",
        "nan": "differs",
        "raises": "error",
        "declines": "no equivalent",
    }
    honest = found["honest"]
    assert 0 < float(honest["used"]) <= 1
    assert 10 < float(honest["digits"]) < 16
    assert "first difference" not in honest
    assert honest["dL/dW1"].startswith("agrees ")
    assert list(honest)[4:6] == ["z1", "a1"]
    assert found["forgets_the_factor"]["first difference"] == "dL/da1, step 2"
    assert found["forgets_the_factor"]["dL/da1"] == "differs, step 2"
    assert float(found["forgets_the_factor"]["used"]) > 1
    assert (found["nan"]["first difference"], found["nan"]["used"]) == ("loss", "inf")


def test_the_strict_schema_is_kept_where_it_is_asked_for(write: Callable[..., Written]) -> None:
    """xunit2 is Jenkins's junit-10.xsd, where properties stand in a suite and in no test case."""
    suite = write("-o", "junit_family=xunit2")
    assert suite.findall("testcase/properties") == []
    assert len(suite.findall("testcase")) == len(IMPLEMENTATIONS)
    assert all(
        set(one.attrib) <= {"name", "classname", "time", "group"} for one in suite.iterfind("testcase")
    )
    assert set(PACKAGES) <= set(told(suite))


def row(
    quantity: str,
    verdict: Verdict,
    used: float,
    step: int = 1,
    place: int = 0,
    program: str = "",
    **more: bool,
) -> Row:
    index = None if math.isnan(used) and not quantity else (0,)
    finding = Finding(step, quantity, verdict, "why", index, used=used, digits=14.0 - step)
    return Row(Subject("mine", "they", program, "float64"), finding, place, **more)


def test_the_worst_of_all_steps_and_programs_is_told_in_the_order_of_computation() -> None:
    rows = [
        row("loss", Verdict.AGREES, 0.25, place=1),
        row("z1", Verdict.AGREES, 0.5),
        row("loss", Verdict.AGREES, 0.75, place=1, step=3),
        row("loss", Verdict.AGREES, 0.5, place=1, program="plain"),
    ]
    assert properties(rows) == [
        ("verdict", "agrees"), ("used", "0.75"), ("digits", "11"), ("compared", "4"),
        ("z1", "agrees 0.50 (13.0)"), ("loss", "agrees 0.75 (11.0), step 3"),
    ]  # fmt: skip


def test_a_failure_is_told_before_what_is_expected_and_the_first_of_all() -> None:
    rows = [
        row("z1", Verdict.DIFFERS, 9.0, expected=True),
        row("a1", Verdict.DIFFERS, 5.0, place=1, step=2),
        row("loss", Verdict.DIFFERS, 7.0, place=2, step=2),
    ]
    found = dict(properties(rows))
    assert (found["verdict"], found["first difference"], found["used"]) == ("differs", "a1, step 2", "9")
    assert found["z1"] == "differs as expected"
    assert dict(properties(rows[:1]))["first difference"] == "z1"


def test_where_nothing_was_compared_it_says_so() -> None:
    assert properties([]) == [("verdict", "nothing compared")]
    assert properties([row("", Verdict.ERROR, math.nan)]) == [("verdict", "error")]
