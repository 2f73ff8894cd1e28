"""The mutation run itself: its faults can be planted, it plants into a copy, and it fails where it should.

The run takes minutes: `python tests/mutation.py`. With --slow the first fault of each place is planted here.
"""

import subprocess
import sys
from pathlib import Path

import mutation
import pytest
from mutants import MUTANTS, TESTS, Mutant

HERE = Path(__file__).parent
FAULT = Mutant("bounded", "reference/agreement.py", "EXACT = 0.0\n", "EXACT = 1.0\n")


def test_every_fault_can_be_planted_and_every_place_has_tests():
    """Where this fails the code has changed: write the fault anew for what stands there now, or drop it."""
    assert [reason for mutant in MUTANTS if (reason := mutation.stale(mutant))] == []
    assert all(mutant.old != mutant.new for mutant in MUTANTS)
    assert len(set(MUTANTS)) == len(MUTANTS) >= 96
    assert {mutant.place for mutant in MUTANTS} == set(TESTS)
    assert all((HERE / f"{name}.py").exists() for names in TESTS.values() for name in names)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_fault_is_planted_into_the_copy_alone_where_its_text_stands_once(tmp_path, count):
    compiled = tmp_path / "reference" / "__pycache__" / "agreement.cpython-311.pyc"
    compiled.parent.mkdir(parents=True)
    compiled.write_bytes(b"compiled")
    (tmp_path / FAULT.file).write_text("A = 1\n" + "EXACT = 0.0\n" * count)
    before = (mutation.ROOT / FAULT.file).read_bytes()
    if count == 1:
        mutation.plant(FAULT, tmp_path)
        assert (tmp_path / FAULT.file).read_text() == "A = 1\nEXACT = 1.0\n"
        assert not compiled.exists()
    else:
        with pytest.raises(mutation.StaleError, match=f"stands there {count} times, expected once"):
            mutation.plant(FAULT, tmp_path)
    assert (mutation.ROOT / FAULT.file).read_bytes() == before


def test_what_is_seen_by_nobody_fails_the_run_and_so_does_a_harmless_fault_that_is_seen():
    harmless, test = FAULT._replace(harmless="it is a spare"), "tests/test_bounded.py::test_x"
    assert mutation.outcome_of(FAULT, test) == (True, "caught by test_bounded.py::test_x")
    assert mutation.outcome_of(FAULT, "") == (False, "survived: SEEN BY NOBODY")
    assert mutation.outcome_of(harmless, "") == (True, "survived: it is a spare")
    assert mutation.outcome_of(harmless, test)[0] is False


def test_few_are_the_first_of_each_place():
    few = mutation.chosen((), few=True)
    assert sorted(mutant.place for mutant in few) == sorted(TESTS)
    assert mutation.chosen(["truth"], few=True) == [next(one for one in MUTANTS if one.place == "truth")]
    assert mutation.chosen((), few=False) == MUTANTS


@pytest.mark.skipif("not config.getoption('--slow')", reason="takes a minute: with --slow")
def test_a_handful_is_caught_by_the_tests_of_its_place():
    command = [sys.executable, str(HERE / "mutation.py"), "--few"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(TESTS)} planted, {len(TESTS)} caught by the tests of their place" in done.stdout
