"""Count the files of the four packages whose functions a command enters, by a trace of every call.

    python tests/files_entered.py                                   one case by one adapter
    python tests/files_entered.py --select worked/mazur --adapter jax

Arguments are those of `python -m reports.build`. What a module runs when it is imported does not count.
"""

import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parent.parent
PACKAGES = ("cases", "reference", "adapters", "reports")
ONE_CASE = ("--select", "worked/document", "--dtype", "float64", "--adapter", "numpy")


def entered(arguments: list[str]) -> Counter[str]:
    """Run the build in this process; return how often functions of each file were called."""
    calls: Counter[str] = Counter()
    folders = tuple(str(ROOT / package) for package in PACKAGES)

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(folders) and not _imports(frame):
            calls[frame.f_code.co_filename] += 1

    from reports.build import main

    with tempfile.TemporaryDirectory() as out:
        threading.setprofile(count)
        sys.setprofile(count)
        try:
            main([*(arguments or ONE_CASE), "--out", out])
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
    return calls


def _imports(frame: FrameType) -> bool:
    """Whether a module is being imported, of which this is a part."""
    above: FrameType | None = frame
    while above and above.f_code is not entered.__code__:
        if above.f_code.co_name == "<module>":
            return True
        above = above.f_back
    return False


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    ours = entered(sys.argv[1:])
    for name, count in ours.most_common():
        print(f"{count:9,}  {Path(name).relative_to(ROOT)}")
    print(f"{len(ours)} files")
