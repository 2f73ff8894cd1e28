"""The mutation run itself: its faults can be planted, it plants into a copy, and it fails where it should.

The run takes minutes: `python tests/mutation.py`. With --slow the first fault of each place is planted here.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mutation
import pytest
from mutants import MUTANTS, TESTS, Mutant

HERE = Path(__file__).parent


def test_every_fault_can_be_planted():
    """Where this fails the code has changed: write the fault anew for what stands there now, or drop it."""
    assert [reason for mutant in MUTANTS if (reason := mutation.stale(mutant))] == []
    assert all(mutant.old != mutant.new for mutant in MUTANTS)
    assert len(set(MUTANTS)) == len(MUTANTS)


def test_every_place_has_tests_and_faults():
    assert {mutant.place for mutant in MUTANTS} == set(TESTS)
    assert all((HERE / f"{name}.py").exists() for names in TESTS.values() for name in names)
    assert len(MUTANTS) >= 96


@pytest.fixture
def fault():
    return Mutant("bounded", "reference/agreement.py", "EXACT = 0.0\n", "EXACT = 1.0\n")


def test_a_fault_is_planted_into_the_copy_alone(tmp_path, fault):
    (tmp_path / "reference" / "__pycache__").mkdir(parents=True)
    (tmp_path / fault.file).write_text("A = 1\nEXACT = 0.0\n")
    stale = tmp_path / "reference" / "__pycache__" / "agreement.cpython-311.pyc"
    stale.write_bytes(b"compiled")
    before = (mutation.ROOT / fault.file).read_bytes()
    mutation.plant(fault, tmp_path)
    assert (tmp_path / fault.file).read_text() == "A = 1\nEXACT = 1.0\n"
    assert not stale.exists()
    assert (mutation.ROOT / fault.file).read_bytes() == before


@pytest.mark.parametrize(("text", "count"), [("A = 1\n", 0), ("EXACT = 0.0\n" * 2, 2)])
def test_a_fault_whose_text_is_gone_or_stands_twice_is_stale(tmp_path, fault, text, count):
    (tmp_path / "reference").mkdir()
    (tmp_path / fault.file).write_text(text)
    with pytest.raises(mutation.StaleError, match=f"stands there {count} times, expected once"):
        mutation.plant(fault, tmp_path)


def test_what_is_seen_by_nobody_fails_the_run_and_so_does_a_harmless_fault_that_is_seen(fault):
    harmless = replace(fault, harmless="it is a spare")
    assert mutation.outcome_of(fault, "tests/test_bounded.py::test_x") == (
        True,
        "caught by test_bounded.py::test_x",
    )
    assert mutation.outcome_of(fault, "") == (False, "survived: SEEN BY NOBODY")
    assert mutation.outcome_of(harmless, "") == (True, "survived: it is a spare")
    assert mutation.outcome_of(harmless, "tests/test_bounded.py::test_x")[0] is False


def test_few_are_the_first_of_each_place():
    few = mutation.chosen((), few=True)
    assert sorted(mutant.place for mutant in few) == sorted(TESTS)
    assert mutation.chosen(["truth"], few=True) == [next(one for one in MUTANTS if one.place == "truth")]
    assert mutation.chosen((), few=False) == MUTANTS


def test_a_handful_is_caught_by_the_tests_of_its_place(request):
    if not request.config.getoption("--slow"):
        pytest.skip("takes a minute: with --slow")
    done = subprocess.run(
        [sys.executable, str(HERE / "mutation.py"), "--few"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(TESTS)} planted, {len(TESTS)} caught by the tests of their place" in done.stdout
