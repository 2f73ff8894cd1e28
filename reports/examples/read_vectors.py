"""Checks every vector of a vectors.json, with Python alone: python3 read_vectors.py vectors.json."""

import json
import sys
from pathlib import Path


def is_outside(claimed: dict[str, dict[str, list[str]]], right: dict[str, dict[str, list[str]]]) -> bool:
    lists = ((claimed[name]["hex"], right[name]["hex"], right[name]["within"]) for name in right)
    known = [texts for each in lists for texts in zip(*each, strict=True) if None not in texts]
    return any(
        c != r and not abs(float.fromhex(c) - float.fromhex(r)) <= float(within) for c, r, within in known
    )


if __name__ == "__main__":
    content = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    steps = {
        (v["case"], v["dtype"], i): step for v in content["vectors"] for i, step in enumerate(v["steps"], 1)
    }
    bad = [key for key, step in steps.items() if is_outside(step, step)]  # put your program's step first
    bad += [
        w for w in content["invalid"] if not is_outside(w["values"], steps[w["case"], w["dtype"], w["step"]])
    ]
    print(
        f"{len(steps)} steps accepted, {len(content['invalid'])} rejected, {len(bad)} not as they should be"
    )
    sys.exit(bool(bad))
