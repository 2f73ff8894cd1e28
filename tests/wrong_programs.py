"""Wrong derivatives and wrong ports, judged, and beside it what the usual tests say, by their defaults.

.venv/bin/python tests/wrong_programs.py
"""

import inspect
import linecache
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
import wrong_jax
import wrong_layers  # noqa: F401 - its ports are among those of wrong_ports
import wrong_torch
from jax.test_util import check_grads
from wrong_ports import PORTS

from reports.certify import FunctionVerdict, GradientVerdict, certify_gradients, same_function

HERE = Path(__file__).parent
DERIVATIVES = wrong_torch.DERIVATIVES | wrong_jax.DERIVATIVES
HEADS = {
    "derivatives": ("off by", "gradcheck", "certify_gradients names", "the mistake, in PyTorch and JAX"),
    "ports": ("off by", "assert_close", "same_function names", "the mistake"),
}


@dataclass(frozen=True)
class Custom:
    """A function with a derivative of its own, and its arguments; `name` is what it is called."""

    name: str
    function: Callable[..., Any]
    args: list[Any]

    @property
    def loss(self) -> Callable[..., Any]:
        """The sum of what it returns, in which no two elements count the same."""

        def summed(*args):
            y = self.function(*args)
            weights = np.linspace(1, 2, y.numel() if isinstance(y, torch.Tensor) else y.size).reshape(y.shape)
            return (y * (torch.from_numpy(weights) if isinstance(y, torch.Tensor) else weights)).sum()

        return summed

    @property
    def gradients(self):
        """What its framework returns."""
        if not isinstance(self.args[0], torch.Tensor):
            return jax.grad(self.loss, argnums=tuple(range(len(self.args))))(*self.args)
        own = self.leaves()
        made = torch.autograd.grad(self.loss(*own), own, materialize_grads=True, allow_unused=True)
        return [one.numpy() for one in made]

    def leaves(self):
        return [one.clone().requires_grad_() for one in self.args]

    def passes_usual_test(self) -> bool:
        """Whether `gradcheck` or `check_grads` accepts it, at the same arguments."""
        try:
            if isinstance(self.args[0], torch.Tensor):
                return torch.autograd.gradcheck(self.function, self.leaves(), raise_exception=False)
            modes = ("rev",) if isinstance(self.function, jax.custom_vjp) else ("fwd", "rev")
            check_grads(self.function, self.args, order=1, modes=modes)
        except AssertionError:
            return False
        return True


def custom(mistake: str, *, wrong: bool) -> Custom:
    function, args = DERIVATIVES[mistake](wrong)
    is_jax = mistake in wrong_jax.DERIVATIVES
    name = getattr(function, "__self__", function).__name__

    def call(*given):  # `apply` is looked up with each call, as programs do that do not keep it
        return function.apply(*given)

    return Custom(
        name,
        call if inspect.isclass(function) else function,
        [jnp.asarray(one) if is_jax else torch.from_numpy(one) for one in args],
    )


@cache
def certified(mistake: str, *, wrong: bool) -> GradientVerdict:
    made = custom(mistake, wrong=wrong)
    return certify_gradients(made.loss, *made.args)


def is_named(verdict: GradientVerdict, mistake: str) -> bool:
    """Whether the function, and no other, is named, with where it is called."""
    name = custom(mistake, wrong=True).name.lower()
    places = [call.place for call in verdict.wrong if call.name.lower() == name]
    return len(places) == len(verdict.wrong) == 1 and bool(re.fullmatch(r"wrong_\w+\.py:\d+", places[0]))


def relative_error(mistake: str) -> float:
    """Return by how much of the largest element of a gradient that of the wrong twin is off, at most."""
    pairs = zip(custom(mistake, wrong=False).gradients, custom(mistake, wrong=True).gradients, strict=True)
    return max(float(np.abs(right - wrong).max() / np.abs(right).max()) for right, wrong in pairs)


@cache
def compared(mistake: str, *, wrong: bool) -> FunctionVerdict:
    return same_function(*PORTS[mistake].make(wrong))


def named_line(verdict: FunctionVerdict, mistake: str) -> str:
    """Return the line that is named, if it is the right one: the operation, on the line of the mistake."""
    row = PORTS[mistake]
    for line in verdict.difference.lines if verdict.difference else ():
        place = re.search(r"(wrong_\w+\.py):(\d+)", line)
        text = linecache.getline(str(HERE / place[1]), int(place[2])) if place else ""
        if line.startswith(row.operation) and row.line in text:
            return line
    return ""


def row_of_derivative(mistake: str) -> tuple[str, ...]:
    made = custom(mistake, wrong=True)
    verdict = certified(mistake, wrong=True)
    seen = "another place" if not verdict.agrees else "nothing"
    usual = "passes" if made.passes_usual_test() else "fails"
    named = made.name if is_named(verdict, mistake) else seen
    return f"{relative_error(mistake):.1e}", usual, named, mistake


def row_of_port(mistake: str) -> tuple[str, ...]:
    verdict = compared(mistake, wrong=True)
    left, right = (float(run.output) for run in verdict.runs)
    try:
        torch.testing.assert_close(right, left)
        usual = "passes"
    except AssertionError:
        usual = "fails"
    seen = "nothing" if verdict.is_same else "another line"
    named = PORTS[mistake].operation if named_line(verdict, mistake) else seen
    return f"{abs(right - left) / abs(left):.1e}", usual, named, mistake


def written(row: tuple[str, ...]) -> str:
    return f"{row[0]:8} {row[1]:13} {row[2]:24} {row[3]}"


def summary(kind: str, rows: list[tuple[str, ...]], usual: str) -> str:
    found = [row for row in rows if row[2] != "nothing"]
    named = [row for row in found if not row[2].startswith("another ")]
    passed = sum(row[1] == "passes" for row in rows)
    return f"{len(rows)} wrong {kind}: {len(found)} seen, {len(named)} named; {usual} pass {passed}."


def main() -> None:
    warnings.simplefilter("ignore")
    with jax.enable_x64(True):
        for kind, mistakes, row_of, usual in (
            ("derivatives", DERIVATIVES, row_of_derivative, "gradcheck and check_grads"),
            ("ports", PORTS, row_of_port, "assert_close lets"),
        ):
            print(written(HEADS[kind]))
            rows = []
            for mistake in mistakes:
                rows.append(row_of(mistake))
                print(written(rows[-1]), flush=True)
            print(summary(kind, rows, usual), end="\n\n")


if __name__ == "__main__":
    main()
