"""Checks every vector of a vectors.json, with Python alone: python3 read_vectors.py vectors.json."""

import json
import sys
from typing import Any


def is_outside(claimed: dict[str, Any], right: dict[str, Any]) -> bool:
    lists = ((claimed[name]["hex"], right[name]["hex"], right[name]["within"]) for name in right)
    known = (texts for each in lists for texts in zip(*each, strict=True) if None not in texts)
    numbers = ((float.fromhex(mine), float.fromhex(value), float(within)) for mine, value, within in known)
    return any(mine != value and not abs(mine - value) <= within for mine, value, within in numbers)


content = json.load(open(sys.argv[1], encoding="utf-8"))  # noqa: PTH123, SIM115 - a script of a few lines
right = {(one["case"], one["dtype"]): one["steps"] for one in content["vectors"]}
accepted = [not is_outside(step, step) for steps in right.values() for step in steps]  # yours first
wrong = [(one["values"], right[one["case"], one["dtype"]][one["step"] - 1]) for one in content["invalid"]]
print("accepted", sum(accepted), "of", len(accepted), "valid steps, rejected", end=" ")
print(sum(is_outside(*pair) for pair in wrong), "of", len(wrong), "invalid steps")
