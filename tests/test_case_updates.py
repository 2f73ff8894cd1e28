"""The updates of case files: optimizers, schedules, clipping, `until`: the message of each defect."""

from pathlib import Path

import pytest

from cases import CaseErrors, load_case

GOOD = """\
about: a test
layers:
  - {W: [[1, 2]], b: [1], activation: identity}
x: [[1, 2], [3, 4]]
y: [[1], [2]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.1}
"""
SGD = "optimizer: {name: sgd, learning_rate: 0.1}\n"
ADAM = "{name: adam, learning_rate: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8}"

MALFORMED = {
    "no name": (
        "{learning_rate: 0.1}",
        [
            (
                "7:12: optimizer has no key 'name', "
                "expected the keys name, learning_rate, momentum, nesterov, dampening, weight_decay, beta1, "
                "beta2, eps, eps_in_sqrt, alpha, centered, initial_accumulator"
            )
        ],
    ),
    "momentum of one": (
        "{name: sgd, learning_rate: 0.1, momentum: 1}",
        ["7:54: optimizer.momentum is 1, expected a number above 0 and below 1"],
    ),
    "momentum of nothing": (
        "{name: sgd, learning_rate: 0.1, momentum: 0}",
        ["7:54: optimizer.momentum is 0, expected a number above 0 and below 1"],
    ),
    "momentum left empty": (
        "{name: sgd, learning_rate: 0.1, momentum: }",
        ["7:54: optimizer.momentum is empty, expected a value, or no such key at all"],
    ),
    "nesterov that is no flag": (
        "{name: sgd, learning_rate: 0.1, momentum: 0.9, nesterov: 1}",
        ["7:69: optimizer.nesterov is 1, expected true or false"],
    ),
    "nesterov alone": (
        "{name: sgd, learning_rate: 0.1, nesterov: true}",
        ["7:54: nesterov is true without a momentum, expected a momentum beside it"],
    ),
    "dampening alone": (
        "{name: sgd, learning_rate: 0.1, dampening: 0.5}",
        ["7:55: a dampening without a momentum, expected a momentum beside it"],
    ),
    "nesterov dampened": (
        "{name: sgd, learning_rate: 0.1, momentum: 0.9, nesterov: true, dampening: 0.5}",
        ["7:86: a dampening with Nesterov's momentum, expected one of the two"],
    ),
    "another optimizer's number": (
        "{name: sgd, learning_rate: 0.1, beta1: 0.9}",
        [
            (
                "7:44: unknown key 'beta1' in optimizer, "
                "expected the keys name, learning_rate, momentum, nesterov, dampening, weight_decay"
            )
        ],
    ),
    "weight decay below zero": (
        "{name: sgd, learning_rate: 0.1, weight_decay: -0.1}",
        ["7:58: optimizer.weight_decay is -0.1, expected a finite number above 0"],
    ),
    "a default relied on": (
        "{name: adam, learning_rate: 0.1}",
        [
            (
                "7:12: optimizer has no key 'beta1', "
                "expected the keys name, learning_rate, beta1, beta2, eps, eps_in_sqrt, weight_decay"
            ),
            (
                "7:12: optimizer has no key 'beta2', "
                "expected the keys name, learning_rate, beta1, beta2, eps, eps_in_sqrt, weight_decay"
            ),
            (
                "7:12: optimizer has no key 'eps', "
                "expected the keys name, learning_rate, beta1, beta2, eps, eps_in_sqrt, weight_decay"
            ),
        ],
    ),
    "beta of one": (
        ADAM.replace("0.999", "1.0"),
        ["7:64: optimizer.beta2 is 1.0, expected a number above 0 and below 1"],
    ),
    "epsilon below zero": (
        ADAM.replace("1e-8", "-1e-8"),
        ["7:76: optimizer.eps is -1e-8, expected a finite number of at least 0"],
    ),
    "epsilon inside by a word": (
        ADAM.replace("}", ", eps_in_sqrt: inside}"),
        ["7:95: optimizer.eps_in_sqrt is the text 'inside', expected true or false"],
    ),
    "misspelt beta": (
        ADAM.replace("beta1", "beta_1"),
        [
            (
                "7:45: unknown key 'beta_1' in optimizer, "
                "expected the keys name, learning_rate, beta1, beta2, eps, eps_in_sqrt, weight_decay; "
                "did you mean 'beta1'?"
            )
        ],
    ),
    "adamw without its decay": (
        ADAM.replace("adam", "adamw"),
        [
            (
                "7:12: optimizer has no key 'weight_decay', "
                "expected the keys name, learning_rate, beta1, beta2, eps, eps_in_sqrt, weight_decay"
            )
        ],
    ),
    "epsilon inside adamax": (
        ADAM.replace("adam", "adamax").replace("}", ", eps_in_sqrt: true}"),
        [
            (
                "7:84: unknown key 'eps_in_sqrt' in optimizer, "
                "expected the keys name, learning_rate, beta1, beta2, eps, weight_decay"
            )
        ],
    ),
    "rmsprop without alpha": (
        "{name: rmsprop, learning_rate: 0.1, eps: 0.1}",
        [
            (
                "7:12: optimizer has no key 'alpha', "
                "expected the keys name, learning_rate, alpha, eps, eps_in_sqrt, centered, weight_decay"
            )
        ],
    ),
    "adagrad's start below zero": (
        "{name: adagrad, learning_rate: 0.1, eps: 0.1, initial_accumulator: -1}",
        ["7:79: optimizer.initial_accumulator is -1, expected a finite number of at least 0"],
    ),
    "rate that float32 loses": (
        "{name: sgd, learning_rate: 1e-50}",
        ["7:39: learning_rate is 1e-50, which float32 rounds to 0, expected more than 0"],
    ),
    "rate beyond float32": (
        "{name: sgd, learning_rate: 1e39}",
        [
            (
                "7:39: learning_rate is 1e39, "
                "expected at most 3.40282347e+38 in magnitude, the largest float32 (or other dtypes)"
            )
        ],
    ),
}
BESIDE = {
    "unknown schedule": (
        "schedule: {name: linear, over: 3}",
        ["8:18: schedule.name is the text 'linear', expected 'step' or 'cosine'"],
    ),
    "schedule without a name": (
        "schedule: {every: 3, factor: 0.5}",
        ["8:11: schedule has no key 'name', expected the keys name, every, factor, over, final"],
    ),
    "schedule that is a word": (
        "schedule: cosine",
        [
            (
                "8:11: schedule is the text 'cosine', "
                "expected a mapping with the keys name, every, factor, over, final"
            )
        ],
    ),
    "schedule left empty": (
        "schedule:",
        ["8:10: schedule is empty, expected a value, or no such key at all"],
    ),
    "step every half": (
        "schedule: {name: step, every: 0.5, factor: 0.5}",
        ["8:31: schedule.every is 0.5, expected a whole number from 1 to 1000000"],
    ),
    "step every zero": (
        "schedule: {name: step, every: 0, factor: 0.5}",
        ["8:31: schedule.every is 0, expected a whole number from 1 to 1000000"],
    ),
    "step by one": (
        "schedule: {name: step, every: 3, factor: 1}",
        ["8:42: schedule.factor is 1, expected a number above 0 and below 1"],
    ),
    "cosine without its end": (
        "schedule: {name: cosine, over: 3}",
        ["8:11: schedule has no key 'final', expected the keys name, over, final"],
    ),
    "a step's factor in a cosine": (
        "schedule: {name: cosine, over: 3, final: 0.1, factor: 0.5}",
        ["8:47: unknown key 'factor' in schedule, expected the keys name, over, final"],
    ),
    "clipping by a number": (
        "clipping: 1",
        ["8:11: clipping is 1, expected a mapping with the keys max_norm, eps"],
    ),
    "clipping without epsilon": (
        "clipping: {max_norm: 1}",
        ["8:11: clipping has no key 'eps', expected the keys max_norm, eps"],
    ),
    "clipping to nothing": (
        "clipping: {max_norm: 0, eps: 0}",
        ["8:22: clipping.max_norm is 0, expected a finite number above 0"],
    ),
    "clipping with a name": (
        "clipping: {name: global_norm, max_norm: 1, eps: 0}",
        ["8:12: unknown key 'name' in clipping, expected the keys max_norm, eps"],
    ),
    "clipping by a negative epsilon": (
        "clipping: {max_norm: 1, eps: -1e-6}",
        ["8:30: clipping.eps is -1e-6, expected a finite number of at least 0"],
    ),
    "until that is a list": ("until: [0.1]", ["8:8: until is a list, expected a mapping with the key loss"]),
    "until below zero": ("until: {loss: -1}", ["8:15: until.loss is -1, expected a finite number above 0"]),
    "until a step": (
        "until: {loss: 0.1, steps: 3}",
        ["8:20: unknown key 'steps' in until, expected the key loss"],
    ),
    "no steps": ("steps: 0", ["8:8: steps is 0, expected a whole number from 1 to 1000000"]),
}


def complaints(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CaseErrors) as caught:
        load_case(path)
    told = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in told)
    return [line.removeprefix(f"{path}:") for line in told]


@pytest.mark.parametrize(("optimizer", "expected"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_optimizer_is_told(tmp_path: Path, optimizer: str, expected: list[str]) -> None:
    text = GOOD.replace(SGD, f"optimizer: {optimizer}\n")
    assert complaints(tmp_path / "case.yaml", text) == expected


@pytest.mark.parametrize(("line", "expected"), BESIDE.values(), ids=BESIDE)
def test_a_malformed_schedule_clipping_or_end_is_told(tmp_path: Path, line: str, expected: list[str]) -> None:
    assert complaints(tmp_path / "case.yaml", f"{GOOD}{line}\n") == expected
