"""Fuzzes the reader of cases with coverage as its guide. It is run by hand, for as long as one likes.

Any bytes must give a case or its defects, each on a line of its own: never a traceback, never more than two
seconds or 500 MB (libFuzzer ends the run then, and keeps the input).

    .venv/bin/pip install atheris
    .venv/bin/python tests/fuzz_case_reader.py /tmp/corpus -max_total_time=600 -timeout=2 -rss_limit_mb=500

It starts from the shipped cases, which it copies into the folder; there it puts all that it finds new.
"""

import math
import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["cases"]):
    from cases import SHIPPED, CaseErrors, load_case

MAX_BUILT = 10_000  # a case with more numbers is read, and its arrays are not built

WORDS = (
    "about layers W b activation sigmoid tanh x y loss name reduction sum mean optimizer sgd adam rmsprop "
    "momentum nesterov learning_rate weight_decay beta1 beta2 eps eps_in_sqrt schedule step every factor "
    "cosine over final clipping max_norm steps until not_trained dtypes float64 float32 bfloat16 float16 "
    "forms stated defaults expect jax differs errs undecided no_equivalent because see tolerance rtol atol "
    "why published source values rejected walk part title section quantities normal uniform constant classes "
    "of scale seed low high value huber delta smooth_l1 l1 softmax_cross_entropy label_smoothing null true "
    ".inf .nan 0x1p-3 1e999999999 {} [] [[ ]] : - > | ' & * !! << ? %YAML --- ... #"
).split()

MEMORY = Path("/dev/shm")  # noqa: S108 - a disk may stall, and the time limit would be blamed on the reader
_PATH = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None)) / "case.yaml"


def check(lines: list[str], errors: CaseErrors) -> None:
    """Check the message: a line for each defect, and on each what was expected."""
    assert lines == [str(defect) for defect in errors.defects]
    assert lines[0]
    assert all(", expected " in line and line.isprintable() for line in lines), lines


def read(content: bytes) -> None:
    """Read one file, and build its arrays; anything raised but `CaseErrors` ends the run."""
    _PATH.write_bytes(content)
    try:
        case = load_case(_PATH)
    except CaseErrors as errors:
        check(str(errors).split("\n"), errors)
        return
    if sum(map(math.prod, case.shapes.values())) <= MAX_BUILT:
        for dtype in case.dtypes:
            problem = case.problem(dtype)
            assert problem.x.dtype == dtype
            assert {name: array.shape for name, array in problem.inputs.items()} == case.shapes


def main() -> None:
    """Fuzz until libFuzzer's own options end it."""
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    for folder in folders[:1]:
        folder.mkdir(parents=True, exist_ok=True)
        for path in SHIPPED.rglob("*.yaml"):
            (folder / path.stem).write_bytes(path.read_bytes())
    words = _PATH.with_name("words")
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in WORDS)
    words.write_text("".join(f'"{word}"\n' for word in quoted), encoding="utf-8")
    atheris.Setup([*sys.argv, f"-dict={words}", "-max_len=8192"], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
