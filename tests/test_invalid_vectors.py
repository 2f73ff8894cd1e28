"""Invalid vectors: a step with a mistake is outside, and readers in other languages reject it."""

import gzip
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from cases import load_case, load_cases
from cases.load import SHIPPED
from reference.mistakes import MISTAKES, mistaken_steps
from reports import vector_lines
from reports.vector_file import document
from reports.vector_form import plain
from reports.vectors import MAX_PARAMETERS, main

READERS = SHIPPED.parent / "reports" / "examples"
SOME = ("worked/document", "worked/mazur", "worked/quadratic-adam", "formats/small")


@pytest.fixture(scope="module")
def made():
    cases = [case for case in load_cases(SHIPPED) if case.name.startswith(SOME)]
    return document(cases, (), (MAX_PARAMETERS, 3))


@pytest.fixture(scope="module")
def some(made):
    return plain(made)


def numbers_of(stated):
    return np.array([float.fromhex(text or "nan") for text in stated["hex"]])


def test_each_invalid_step_is_outside_where_it_says_and_is_what_a_program_with_the_mistake_computes(some):
    """By the sentence of the mistake, as plain NumPy makes it."""
    assert len(some["invalid"]) > 100
    steps_of = {(one["case"], one["dtype"]): one["steps"] for one in some["vectors"]}
    for wrong in some["invalid"]:
        mistake, label = MISTAKES[wrong["mistake"]], (wrong["case"], wrong["mistake"])
        assert wrong["why"] == mistake.sentence
        right = steps_of[wrong["case"], wrong["dtype"]][wrong["step"] - 1]
        program = [*mistaken_steps(load_case(wrong["case"]).problem(wrong["dtype"]), mistake)][
            wrong["step"] - 1
        ]
        outside = []
        for name, stated in right.items():
            claimed, near = numbers_of(wrong["values"][name]), numbers_of(stated)
            is_out = np.abs(claimed - near) > np.array([float(text or "nan") for text in stated["within"]])
            outside += [name] * bool(is_out.any())
            assert np.array_equal(claimed[~is_out], near[~is_out], equal_nan=True), label
            digits = 8 if wrong["dtype"] == "float64" else np.log10(0.1 / ml_dtypes.finfo(wrong["dtype"]).eps)
            mine = np.asarray(program[name], np.float64).ravel()
            assert np.allclose(claimed[is_out], mine[is_out], rtol=10.0**-digits, atol=0), (*label, name)
        assert outside == wrong["outside"] != [], label


def test_an_invalid_step_is_a_small_one_without_flags_where_there_is_one(some):
    by_name = {wrong["mistake"]: wrong for wrong in some["invalid"]}
    assert by_name["already-updated-weights"]["case"] == "worked/document"
    assert len(by_name) == len(some["invalid"])


# Readers in other languages


def run(*command):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def files(made, tmp_path):
    """The vectors as JSON and as lines, and each again with the first invalid step made right."""
    first, others = made.invalid[0], made.invalid[1:]
    (step,) = [
        one.steps[first.step - 1]
        for one in made.vectors
        if (one.case, one.dtype) == (first.case, first.dtype)
    ]
    mended = replace(made, invalid=(replace(first, values=step), *others))
    for name, content in (("right", made), ("mended", mended)):
        (tmp_path / f"{name}.json").write_text(json.dumps(plain(content)), encoding="utf-8")
        (tmp_path / f"{name}.txt").write_text(vector_lines.text(content), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("program", "suffix"), [("python3", "py"), ("node", "js"), ("cc", "c")])
def test_readers_accept_each_valid_step_and_reject_each_invalid_one(program, suffix, files, made):
    reader = READERS / f"read_vectors.{suffix}"
    assert len(reader.read_text(encoding="utf-8").splitlines()) <= 20
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    command, form = (program, reader), "json"
    if program == "cc":
        run("cc", "-std=c99", "-Wall", "-Werror", reader, "-lm", "-o", files / "reader")
        command, form = (files / "reader",), "txt"
    counts = re.findall(r"\d+", run(*command, files / f"right.{form}"))
    invalid = len(made.invalid)
    assert counts[0] == counts[1]
    assert counts[2:] == ([str(invalid)] * 2)
    assert sorted(re.findall(r"\d+", run(*command, files / f"mended.{form}"))[2:]) == [
        str(invalid - 1),
        str(invalid),
    ]


def test_a_release_has_a_name_with_versions_and_the_same_bytes_each_time(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    chosen, packed = ["--select", "worked/document", "--release"], []
    for name in ("a.json.gz", "b.json.gz", "c.json"):
        assert main([*chosen, "--out", name]) == 0
    assert Path("a.json.gz").read_bytes() == Path("b.json.gz").read_bytes()
    assert gzip.decompress(Path("a.json.gz").read_bytes()) == Path("c.json").read_bytes()
    monkeypatch.setattr("reports.vector_file.make", lambda *given: packed.append(given[-1].name))
    main(chosen)
    assert re.fullmatch(r"backprop-parity-vectors-.+-schema-1\.json\.gz", packed[0])
    assert "MB)" in capsys.readouterr().out
