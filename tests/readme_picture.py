"""Draw the README's picture from a real run: `python tests/readme_picture.py`.

It judges a training step with a known mistake in it, and draws its lines as boxes: what agrees, what is not
stated, and the first line that differs, with its sentence.
"""

import json
import sys
import tempfile
from html import escape
from pathlib import Path
from textwrap import wrap

import numpy as np

from reference import tape, worked_example
from reports import build
from reports.runs.rows import PUBLISHED

PICTURE = Path(__file__).parent.parent / "reports" / "docs" / "training-step.svg"
ROWS = (
    ("forward →", ("z1", "a1", "z2", "a2", "loss")),
    ("← backward", ("dL/dz1", "dL/da1", "dL/dz2", "dL/da2")),
    ("gradients", ("dL/dW1", "dL/db1", "dL/dW2", "dL/db2")),
    ("update", ("W1_new", "b1_new", "W2_new", "b2_new")),
)
WIDTH, HEIGHT, LEFT, TOP, BOX, GAP = 900, 372, 100, 16, 150, 8
GREEN, RED, GREY = ("#eaf5ec", "#2d7d46"), ("#fdeaea", "#c0262d"), ("#f4f4f4", "#777777")


def train(problem):
    """The worked example by hand, without the factor W2 on the way to the hidden layer."""
    p, x, y = problem.parameters, problem.x, problem.y
    z1 = x @ p["W1"].T + p["b1"]
    a1 = 1 / (1 + np.exp(-z1))
    z2 = a1 @ p["W2"].T + p["b2"]
    a2 = 1 / (1 + np.exp(-z2))
    dz2 = (a2 - y) * a2 * (1 - a2)
    dz1 = dz2 * a1 * (1 - a1)
    g = {"W1": dz1.T @ x, "b1": dz1.sum(0), "W2": dz2.T @ a1, "b2": dz2.sum(0)}
    step = {"z1": z1, "a1": a1, "z2": z2, "a2": a2, "loss": np.square(a2 - y).sum() / 2}
    step |= {"dL/da2": a2 - y, "dL/dz2": dz2, "dL/dz1": dz1} | {f"dL/d{name}": g[name] for name in g}
    yield step | {f"{name}_new": p[name] - problem.learning_rate * g[name] for name in g}


def drawn() -> str:
    """Return the picture as SVG."""
    with tempfile.TemporaryDirectory() as out:
        chosen = "--adapter readme_picture:train --select worked/document --dtype float64 --format json --out"
        build.main([*chosen.split(), out])
        run = json.loads((Path(out) / "results.json").read_text(encoding="utf-8"))
    own = [row["finding"] for row in run["results"]["rows"] if row["subject"]["adapter"] != PUBLISHED]
    verdicts = {finding["quantity"]: finding["verdict"] for finding in own}
    (sentence,) = run["conclusion"]["failures"]
    boxes = [piece for k, (title, names) in enumerate(ROWS) for piece in _row(k, title, names, verdicts)]
    words = sentence.replace("readme_picture:train, float64, worked/document", "a program by hand, float64")
    lines = [_text(LEFT, 292 + 20 * k, line, RED[1], 13) for k, line in enumerate(wrap(words, 112))]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
    background = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    return "\n".join([head, f"<title>{escape(words)}</title>", background, *boxes, *lines, "</svg>\n"])


def _row(k: int, title: str, names: tuple[str, ...], verdicts: dict[str, str]) -> list[str]:
    y = TOP + 64 * k
    return [_text(8, y + 32, title, "#333333", 14)] + [
        piece
        for column, name in enumerate(names)
        for piece in _box(LEFT + column * (BOX + GAP), y, name, verdicts.get(name, "not stated"))
    ]


def _box(x: int, y: int, name: str, verdict: str) -> list[str]:
    fill, line = {"agrees": GREEN, "differs": RED}.get(verdict, GREY)
    sign = {"agrees": "✓ ", "differs": "✗ "}.get(verdict, "")
    equation = next(one.equation for one in tape(worked_example()) if one.name == name)
    place = f'x="{x}" y="{y}" width="{BOX}" height="52" rx="4"'
    return [
        f'<rect {place} fill="{fill}" stroke="{line}" stroke-width="{3 if verdict == "differs" else 1}"/>',
        _text(x + 10, y + 20, f"{name}  {sign}{verdict}", line, 14),
        _text(x + 10, y + 41, f"= {equation}", "#333333", 11),
    ]


def _text(x: int, y: int, words: str, colour: str, size: int) -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" font-size="{size}">{escape(words)}</text>'


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    PICTURE.write_text(drawn(), encoding="utf-8")
