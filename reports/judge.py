"""Judge a recorded training step: `python -m reports.judge step.npz --activations tanh,identity …`.

Files are npz, npy, safetensors, PyTorch's (tensors alone), JSON, CSV, or text in which arrays were printed as
NAME = …. Arrays are known by their names: W1, dL/dW1, W1_new, or fc1.weight, fc1.weight.grad,
new.fc1.weight; --name says what is not clear. Exit codes: 0 all that is recorded agrees; 1 something does
not; 2 the files or the options cannot be read.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from reports.options import DTYPES, command_parser

PRINTED = (".txt", ".log", ".out")


def command(arguments: Sequence[str] | None = None) -> int:
    """Judge the files that are named on a command line, print the verdict, and return the exit code."""
    options = _parser().parse_args(arguments)
    from cases.errors import CaseErrors  # noqa: PLC0415 - so that --help answers at once
    from cases.recording import UnreadableError  # noqa: PLC0415 - the same

    try:
        return _judge(options)
    except (UnreadableError, CaseErrors, FileExistsError) as error:
        print(error, file=sys.stderr)
        return 2


def _judge(options: argparse.Namespace) -> int:
    from reports.judge_step import judge_recorded  # noqa: PLC0415 - after parsing, as the rest

    paths: list[Path] = options.file
    if any(path.suffix.lower() in PRINTED for path in paths):
        from reports.judge_printed import judge_printed  # noqa: PLC0415 - the same

        verdict = judge_printed(paths, described(options), _case_of(options))
        print(verdict)
        return 0 if verdict.agrees else 1
    from adapters.recordings.recorded_step import read_recording  # noqa: PLC0415 - the same

    known = _case_of(options)
    problem = known.problem(options.computed_in or known.dtypes[0]) if known else None
    recording = read_recording(
        _arrays(paths), described(options), ", ".join(path.name for path in paths), problem
    )
    verdict = judge_recorded(recording)
    if options.to_case:
        verdict.to_case(options.to_case)
    print(verdict)
    return 0 if verdict.agrees else 1


def _arrays(paths: Sequence[Path]) -> dict[str, Any]:
    from adapters.recordings.array_files import read_arrays  # noqa: PLC0415 - the same
    from cases.recording import UnreadableError  # noqa: PLC0415 - the same

    together: dict[str, Any] = {}
    for path in paths:
        arrays = read_arrays(path)
        if twice := together.keys() & arrays.keys():
            raise UnreadableError(f"{path}: holds {min(twice)!r}, as another file does")
        together |= arrays
    return together


def _case_of(options: argparse.Namespace) -> Any:  # noqa: ANN401 - its type would load the reader
    from cases import load_case  # noqa: PLC0415 - the same

    return load_case(options.case) if options.case else None


def described(options: argparse.Namespace) -> Any:  # noqa: ANN401 - the same
    """Return the `Description` that the options give."""
    from adapters.recordings.recorded_step import Description  # noqa: PLC0415 - the same

    return Description(
        activations=tuple(filter(None, options.activations.split(","))),
        loss=options.loss,
        reduction=options.reduction,
        optimizer=options.optimizer,
        learning_rate=options.learning_rate,
        numbers=dict(options.set),
        options=frozenset(options.flag),
        not_trained=frozenset(options.not_trained),
        called=dict(options.name),
        ignored=frozenset(options.ignore),
        kernels=options.kernels,
        computed_in=options.computed_in,
        steps_before=options.steps_before,
    )


def _pair(text: str) -> tuple[str, str]:
    ours, separator, theirs = text.partition("=")
    if not (ours and separator and theirs):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return ours, theirs


def _number(text: str) -> tuple[str, float]:
    key, value = _pair(text)
    try:
        return key, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number") from None


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("reports.judge", "Judge every number of a recorded training step.", __doc__)
    add = parser.add_argument
    several = partial(add, action="append", default=[])
    add("file", metavar="FILE", type=Path, nargs="+", help="files that hold the step together")
    add("--case", metavar="CASE", default="", help="the problem: a shipped case's name, or a case file")
    _add_problem(add, several)
    name = "what the file calls a quantity: dL/dW1=grad_of_first; may be repeated"
    several("--name", metavar="OURS=THEIRS", type=_pair, help=name)
    several("--ignore", metavar="THEIRS", help="leave an array out; may be repeated")
    add("--kernels", choices=("in-out", "out-in"), default="", help="the axes of a square weight")
    add("--computed-in", choices=DTYPES, default="", help="the number format (default: that of the weights)")
    add("--to-case", metavar="FILE.yaml", type=Path, help="also write the problem as a case file")
    return parser


def _add_problem(add: Callable[..., object], several: Callable[..., object]) -> None:
    """Add what says of which problem the step is, if not of a case's."""
    add("--activations", metavar="A,B,…", default="", help="one for each layer: tanh,identity")
    add("--loss", metavar="NAME", default="", help="the loss, by its name in case files")
    add("--reduction", choices=("sum", "mean"), default="", help="over the examples")
    add("--optimizer", metavar="NAME", default="sgd", help="by its name in case files (default: sgd)")
    add("--learning-rate", metavar="NUMBER", type=float, help="its learning rate")
    number = "another number of the optimizer or the loss: beta1=0.9; may be repeated"
    several("--set", metavar="KEY=NUMBER", type=_number, help=number)
    several("--flag", metavar="KEY", help="a flag of the optimizer: nesterov")
    several("--not-trained", metavar="NAME", help="a parameter that is left as it is")
    before = "the training steps before the first that is recorded"
    add("--steps-before", metavar="COUNT", type=int, default=0, help=before)


if __name__ == "__main__":
    sys.exit(command())
