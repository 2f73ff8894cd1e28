"""Checks every vector of a vectors.json: `python read_vectors.py vectors.json`. Needs Python alone."""

import json
import sys
from pathlib import Path


def is_outside(claimed: dict, right: dict) -> bool:
    """Say whether any value of a step is farther from the right one than its bound."""
    triples = ((claimed[q]["hex"], right[q]["hex"], right[q]["within"]) for q in right)
    known = [three for lists in triples for three in zip(*lists, strict=True) if None not in three]
    mine = [(float.fromhex(c), float.fromhex(r), float(w)) for c, r, w in known]
    return any(c != r and not abs(c - r) <= w for c, r, w in mine)


content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
steps = {(v["case"], v["dtype"], i): s for v in content["vectors"] for i, s in enumerate(v["steps"], 1)}
bad = [key for key, step in steps.items() if is_outside(step, step)]  # put your program's step first
bad += [
    w["why"]
    for w in content["invalid"]
    if not is_outside(w["values"], steps[w["case"], w["dtype"], w["step"]])
]
print(f"{len(steps)} steps accepted, {len(content['invalid'])} rejected, {len(bad)} not as they should be")
sys.exit(bool(bad))
