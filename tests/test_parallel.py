"""Cases in several processes at once: the same results in the same order, whatever becomes of a process."""

import os

import pytest

from adapters import Choice
from cases import load_case
from reports.build import main
from reports.environment import Selection
from reports.runs import parallel
from reports.runs.runner import run

CASES = ("nets/one-one-one", "worked/document", "nets/one-layer", "nets/square")
ENDING = """
import os
from pathlib import Path
from reference import training_steps

def train(problem):
    here = Path(os.environ["ENDING"])
    with open(here / "pids", "a") as told:
        told.write(f"{os.getpid()}\\n")
    if problem.case == "worked/document" and not (here / "ended").exists():
        (here / "ended").touch()
        os._exit(7)
    yield from training_steps(problem)
"""


@pytest.fixture
def ending(tmp_path, monkeypatch):
    """Give the folder of an adapter that ends its whole process on one case, once, and keeps who ran it."""
    (tmp_path / "ending.py").write_text(ENDING, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("ENDING", str(tmp_path))  # this process imports it once, for all tests
    return tmp_path


def selected(choice):
    return Selection(tuple(load_case(name) for name in CASES), choice.found, ("float64", "float32"))


def in_two_processes(choice, monkeypatch):
    """Return the results, and what the progress bar was told."""
    monkeypatch.setattr(parallel, "ENOUGH", 1)
    told = []
    return parallel.run_all(selected(choice), choice, 2, lambda *what: told.append(what)), told


def test_two_processes_find_what_one_finds_in_the_same_order(monkeypatch):
    choice = Choice(("numpy",))
    found, told = in_two_processes(choice, monkeypatch)
    alone = run(selected(choice))
    assert repr(found) == repr(alone)  # which NaN is equal in
    assert len(found.rows) > 100
    steps = [(case.name, dtype, case.steps) for case, dtype in selected(choice).runs]
    assert sorted((case.name, dtype, step) for case, dtype, step in told if step) == sorted(steps)


def test_what_ends_a_process_is_named_and_fails_and_all_else_is_done(ending, monkeypatch, capsys):
    found, _ = in_two_processes(Choice(("numpy", "ending:train")), monkeypatch)
    pids = set((ending / "pids").read_text().split())
    assert (ending / "ended").exists()
    assert str(os.getpid()) not in pids, "it would have ended this process too"
    told = "ending:train ended the process with exit code 7 on worked/document in float64."
    assert capsys.readouterr().err == f"{told} What is left begins again, with it in a process of its own.\n"
    (row,) = [row for row in found.rows if row.fails]
    assert (row.subject.case, row.subject.adapter, row.subject.dtype) == (
        "worked/document", "ending:train", "float64",
    )  # fmt: skip
    assert (
        row.finding.reason == "ended the process with exit code 7, though not again in a process of its own"
    )
    compared = {(row.subject.case, row.subject.adapter) for row in found.rows if row.compared}
    assert compared >= {(case, adapter) for case in CASES for adapter in ("numpy", "ending:train")}


def test_where_nothing_ran_in_a_process_that_ended_this_one_does_the_rest(monkeypatch):
    def broken(*_):
        raise parallel._BrokenError([])  # noqa: SLF001 - as where the system has ended it

    monkeypatch.setattr(parallel, "_run_in_pool", broken)
    monkeypatch.setattr(parallel, "ENOUGH", 1)
    choice = Choice(("numpy",))
    found = parallel.run_all(selected(choice), choice, 2, lambda *_: None)
    assert repr(found) == repr(run(selected(choice)))


def test_an_exception_ends_it_and_leaves_no_process(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(parallel, "ENOUGH", 1)
    choice = Choice(("numpy",))
    with pytest.raises(KeyboardInterrupt):
        parallel.run_all(selected(choice), choice, 2, interrupted)
    assert not parallel.multiprocessing.active_children()


@pytest.mark.parametrize(("workers", "enough"), [(1, 1), (2, 1000)])
def test_where_there_is_little_to_do_no_process_is_begun(workers, enough, ending, monkeypatch):
    (ending / "ended").touch()
    monkeypatch.setattr(parallel, "ENOUGH", enough)
    choice = Choice(("ending:train",))
    parallel.run_all(selected(choice), choice, workers, lambda *_: None)
    assert set((ending / "pids").read_text().split()) == {str(os.getpid())}


def test_a_number_of_processes_is_positive(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--workers", "0"])
    assert left.value.code == 2
    assert "--workers: '0' is not a positive number" in capsys.readouterr().err
