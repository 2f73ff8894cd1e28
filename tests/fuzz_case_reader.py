"""Fuzzes the reader of cases with coverage as its guide. It is run by hand, for as long as one likes.

Any bytes must give a case or its defects, each on a line of its own: never a traceback, never more than two
seconds or 500 MB (libFuzzer ends the run then, and keeps the input).

    .venv/bin/pip install atheris
    .venv/bin/python tests/fuzz_case_reader.py /tmp/corpus -max_total_time=600 -timeout=2 -rss_limit_mb=500

It starts from the shipped cases, which it copies into the folder; there it puts all that it finds new.
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))

with atheris.instrument_imports(include=["cases"]):
    from test_case_reader import WORDS, reads_or_refuses

    from cases import SHIPPED, case_schema

MEMORY = Path("/dev/shm")  # noqa: S108 - a disk may stall, and the time limit would be blamed on the reader
_PATH = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None)) / "case.yaml"
MORE = [
    *case_schema.File.model_fields,
    *"sum mean adam huber .inf .nan 1e999999999 [[ ]] > | & * !! << ?".split(),
]


def main() -> None:
    """Fuzz until libFuzzer's own options end it."""
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    for folder in folders[:1]:
        folder.mkdir(parents=True, exist_ok=True)
        for path in SHIPPED.rglob("*.yaml"):
            (folder / path.stem).write_bytes(path.read_bytes())
    words = _PATH.with_name("words")
    quoted = (
        word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\x0A") for word in [*WORDS, *MORE]
    )
    words.write_text("".join(f'"{word}"\n' for word in quoted), encoding="utf-8")
    atheris.Setup(
        [*sys.argv, f"-dict={words}", "-max_len=8192"], lambda content: reads_or_refuses(_PATH, content)
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
