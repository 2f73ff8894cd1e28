"""Files of up to 1 MiB that are made to cost time or memory, and what reading each of them takes.

    .venv/bin/python tests/hostile_files.py [NAME …]   prints how reading each ends: bytes, seconds, message

Each is read in a process of its own, which is ended at 20 s of processor or 500 MB beyond what the package
takes (with NAME@BYTES beyond these).
"""

import json
import os
import resource
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAX_BYTES = 2**20
VALUES = 100_000  # as `cases.yaml_reader.MAX_VALUES`: a file with more is refused there

SECONDS, MEMORY = 20, 500 * 10**6

LAYER = "  - {W: [[1]], b: [1], activation: tanh}\n"
GOOD = (
    f"about: a\nlayers:\n{LAYER}x: [[1]]\ny: [[1]]\nloss: {{name: half_squared_error, reduction: sum}}\n"
    "optimizer: {name: sgd, learning_rate: 0.1}\n"
)
FORMATS = "dtypes: [float16, bfloat16, float32, float64]\n"
PRINTED = f"{GOOD}published:\n  source: a\n  steps:\n"
ONE_STEP = f"{PRINTED}   - step: 1\n     values:"
DEEP = GOOD.replace(LAYER, LAYER * 900)
BY_CLASS = GOOD.replace("half_squared_error", "softmax_cross_entropy_with_integer_labels")


def fill(unit, before="", after="", values=1):
    """Repeat a unit that has so many values; § in it stands for its number."""
    count = (MAX_BYTES - len((before + after).encode())) // len(unit.replace("§", "100000").encode())
    count = min(count, (VALUES - 50) // values) if values else count
    # Where no number is asked for, one product: a million replacements take seconds of every run.
    numbered = "§" in unit
    return (
        before
        + ("".join(unit.replace("§", str(i)) for i in range(count)) if numbered else unit * count)
        + after
    )


def instead(key, unit, before="", after="", values=1, good=GOOD):
    """Put repeated units in the place of what stands under a key of the good case."""
    lines = [line for line in good.splitlines(keepends=True) if not line.startswith(f"{key}:")]
    if key == "layers":
        lines.remove(LAYER)
    return fill(unit, f"{''.join(lines)}{key}: {before}", f"{after}\n", values)


# Those that take long enough to be measured; each but one has as many values as a file may have.
COSTLY = {
    "numbers in one row": instead("x", "1,", "[[", "1]]"),
    "numbers in rows": instead("x", "[1],", "[", "[1]]", 2),
    "words in one row": instead("x", "a,", "[[", "1]]"),
    "too many values": GOOD + "z: [" + "1," * 500_000 + "1]\n",
    "numbers at infinity": FORMATS + instead("x", "[65520.],", "[", "[1]]", 2),
    "hexadecimal numbers": instead("x", "[0x1p-1074],", "[", "[1]]", 2),
    "vast exponents": instead("x", "1e999999999,", "[[", "1]]"),
    "tiny exponents": instead("x", "1e-999999999,", "[[", "1]]"),
    "unknown keys": fill("k§: 1\n", GOOD, "", 2),
    "keys twice": fill("x: 1\n", GOOD, "", 2),
    "keys that are numbers": fill("1: 1\n", GOOD, "", 2),
    "layers of misspelt keys": instead(
        "layers", "{" + "".join(f"aktivation{j}: 1," for j in range(50)) + "},", "[", "]", 101
    ),
    "formats that are none": fill("a,", f"{GOOD}dtypes: [", "float64]\n"),
    "formats again and again": fill("float64,", f"{GOOD}dtypes: [", "float64]\n"),
    "parameters that are none": fill("W1§,", f"{GOOD}not_trained: [", "b1]\n"),
    "adapters with misspelt ones": fill("  a§: {diffres: z1}\n", f"{GOOD}expect:\n", "", 4),
    "printed steps without values": fill("    - {stp: 1}\n", PRINTED, "", 3),
    "printed steps of a deep network": fill(
        "    - {step: 1§, values: {q: 1}}\n", PRINTED.replace(GOOD, DEEP), "", 8
    ),
    "printed names of a deep network": fill("      q§: 1\n", f"{ONE_STEP}\n".replace(GOOD, DEEP), "", 3),
    "printed numbers": fill("1,", f"{ONE_STEP} {{z1: [[", "1]]}\n"),
    "parts of a walk": fill(
        "      - {title: a, quantities: [z§]}\n", f"{ONE_STEP} {{z1: 1}}\n     walk:\n", "", 6
    ),
    "classes that are none": instead("y", "9,", "{of: 3, classes: [", "1]}"),
    "rows that are no classes": instead("y", "[1],", "[", "[2]]", 2, BY_CLASS),
    "lengths of a shape": instead("x", "1,", "{seed: 1, scale: 1, normal: [", "1]}"),
    "anchors": fill("&a 1,", "x: [", "1]\n"),
    "aliases": fill("*a ,", "x: [", "1]\n"),
    "tags": fill("!a 1,", "x: [", "1]\n"),
    "merge keys": fill("<<: 1,", "x: {", "a: 1}\n", 2),
}
CHEAP = {
    "a bomb of aliases": "a: &a [1,1,1,1,1,1,1,1,1]\n"
    + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "instructions to YAML readers": fill("%TAG !§! b\n", "", f"---\n{GOOD}", 0),
    "lists in lists": fill("[", "x: ", "", 0),
    "mappings in mappings": fill("{a: ", "x: ", "", 0),
    "keys of keys": fill("? ", "", "\n", 0),
    "steps to the right": "".join(" " * i + "a:\n" for i in range(1400)),
    "a number of a million digits": fill("1", "x: ", "\n", 0),
    "what is nearly a number": fill("1", "x: ", "e1e\n", 0),
    "numbers of a thousand digits": FORMATS + instead("x", f"[{'9' * 1190}],", "[", "[1]]", 2),
    "fractions of a thousand digits": FORMATS + instead("x", f"[0.{'9' * 1190}],", "[", "[1]]", 2),
    "a long key": fill("a", "", ": 1\n", 0),
    "a long text": fill("\\u0041", 'about: "', f'"\n{GOOD[9:]}', 0),
    "a text in many lines": fill("  a\n\n", "about: >\n", GOOD[9:], 0),
    "lines of comments": fill("#\n", "", GOOD, 0),
    "documents": fill("---\na\n", GOOD, "", 0),
    "colons": fill("b: ", "a: ", "", 0),
    "zeros": fill("\0", values=0),
    "UTF-16": GOOD.encode("utf-16"),
    "a surrogate": GOOD.encode() + b"z: \xed\xa0\x80\n",
    "a byte order mark in the midst": f"{GOOD}z: \ufeff\n",
    "a matrix of 80 GB": GOOD.replace("x: [[1]]", "x: {seed: 1, scale: 1, normal: [100000, 100000]}"),
    "classes of 80 GB": GOOD.replace(LAYER, LAYER.replace("[[1]]", "{constant: [100000, 1], value: 1}"))
    .replace("[1], act", "{constant: [100000], value: 1}, act")
    .replace("y: [[1]]", "y: {classes: [1], of: 100000}"),
}


def reading(path):
    """Read a file, and build its arrays where they are few; return the first message."""
    from cases import CaseErrors, load_case

    try:
        case = load_case(path)
    except CaseErrors as errors:
        return str(errors.defects[0]).removeprefix(f"{path}:")
    if path.stat().st_size < 1000:
        case.problem("float64")
    return "a case"


def ended(name, folder, memory):
    """Read one in a process of its own, within the limits, and return how that ends."""
    path, result = folder / "case.yaml", folder / "result"
    made = {**COSTLY, **CHEAP}[name]
    path.write_bytes(made if isinstance(made, bytes) else made.encode())
    result.write_text("", encoding="utf-8")
    child = os.fork()
    if not child:
        data = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_DATA, (data + memory,) * 2)
        try:
            message = reading(path)
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            message = f"raised {type(error).__name__}: {error}"
        result.write_text(message[:300], encoding="utf-8")
        os._exit(0)
    _, status, taken = os.wait4(child, 0)
    seconds, message = round(taken.ru_utime + taken.ru_stime, 2), result.read_text(encoding="utf-8")
    size = path.stat().st_size
    return {"name": name, "bytes": size, "status": status, "seconds": seconds, "message": message}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    import cases  # noqa: F401 - before anything is read

    with tempfile.TemporaryDirectory() as folder:
        for argument in sys.argv[1:] or [*COSTLY, *CHEAP]:
            name, _, memory = argument.partition("@")
            print(json.dumps(ended(name, Path(folder), int(memory or MEMORY))), flush=True)
