"""Every way in which a file can be malformed: its place and its message, and never a traceback."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases import SHIPPED, CaseErrors, load_case, load_cases
from cases import yaml_reader as reader
from cases.errors import MAX_DEFECTS

ROOT = Path(__file__).parent.parent

ACTIVATIONS = (
    "'sigmoid', 'tanh', 'relu', 'identity', 'softplus', 'gelu_erf', 'gelu_tanh', 'silu', 'leaky_relu', "
    "'elu', 'selu', 'hardtanh', 'relu6', 'softsign' or 'log_sigmoid'"
)

GOOD = """\
about: a test
layers:
  - {W: [[1, 2], [3, 4]], b: [1, 2], activation: sigmoid}
  - {W: [[1, 2]], b: [1], activation: tanh}
x: [[1, 2]]
y: [[1]]
loss: {name: half_squared_error, reduction: sum}
optimizer: {name: sgd, learning_rate: 0.1}
"""
LOSS_KEYS = "the keys name, reduction, label_smoothing, delta, beta"
LOSSES = (
    "'half_squared_error', 'mean_squared_error', 'softmax_cross_entropy', "
    "'softmax_cross_entropy_with_integer_labels', 'binary_cross_entropy_with_logits', "
    "'binary_cross_entropy', 'huber', 'smooth_l1' or 'l1'"
)


def complaints(path: Path) -> list[str]:
    """Return the defects of one file, each as `line:column: message`."""
    with pytest.raises(CaseErrors) as caught:
        load_case(path)
    assert str(caught.value).splitlines() == [str(defect) for defect in caught.value.defects]
    assert all(
        str(defect).startswith(f"{path}:{defect.line}:{defect.column}: ") for defect in caught.value.defects
    )
    return [f"{defect.line}:{defect.column}: {defect.message}" for defect in caught.value.defects]


@pytest.fixture(name="complain")
def _complain(tmp_path: Path) -> Callable[[str | bytes], list[str]]:
    def read(content: str | bytes) -> list[str]:
        path = tmp_path / "case.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return complaints(path)

    return read


@pytest.fixture(params=["the C parser", "the Python parser"])
def _each_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "the Python parser":
        monkeypatch.setattr(reader, "_LOADER", yaml.SafeLoader)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("this PyYAML was built without libyaml")


# What is replaced in the good file, by what, and every defect that must then be found.
MALFORMED = {
    "unknown key": (
        "activation: tanh",
        "activation: tanh, bias: 1",
        ["4:45: unknown key 'bias' in layer 2, expected the keys W, b, activation"],
    ),
    "misspelt key": (
        "activation: tanh",
        "activaton: tanh",
        [
            (
                "4:27: unknown key 'activaton' in layer 2, expected the keys W, b, activation; "
                "did you mean 'activation'?"
            )
        ],
    ),
    "missing key": (
        "b: [1], ",
        "",
        ["4:5: layer 2 has no key 'b', expected the keys W, b, activation"],
    ),
    "duplicate key": (
        "y: [[1]]",
        "y: [[1]]\nx: [[5]]",
        ["7:1: duplicate key 'x', expected it once (it stands in line 5 too)"],
    ),
    "key that is a number": ("y: [[1]]", "y: [[1]]\n1: 2", ["7:1: a key that is 1, expected text"]),
    "key that is a list": ("y: [[1]]", "y: [[1]]\n[a]: 2", ["7:1: a key that is a list, expected text"]),
    "key that is empty": ("y: [[1]]", "y: [[1]]\n~: 2", ["7:1: a key that is empty, expected text"]),
    "alias": ("y: [[1]]", "y: *other", ["6:4: the alias '*other', expected the value written out"]),
    "anchor": ("y: [[1]]", "y: &other [[1]]", ["6:4: the anchor '&other', expected a value without anchors"]),
    "tag": (
        "sgd",
        "!!str sgd",
        ["8:19: the tag 'tag:yaml.org,2002:str', expected a value without tags"],
    ),
    "tag on a list": ("y: [[1]]", "y: !list [[1]]", ["6:4: the tag '!list', expected a value without tags"]),
    "long number": ("0.1", "0." + "1" * 1200, ["8:39: a number of 1202 characters, expected at most 1200"]),
    "deep nesting": (
        "y: [[1]]",
        "y: " + "[" * 100_000,
        ["6:19: lists and mappings nested more than 16 deep, expected a depth of at most 16"],
    ),
    "second document": (
        "0.1}\n",
        "0.1}\n---\nx: 1\n",
        ["9:1: a second document, expected one case in one file"],
    ),
    "misspelt activation": (
        "tanh",
        "tahn",
        [(f"4:39: activation of layer 2 is the text 'tahn', expected {ACTIVATIONS}; did you mean 'tanh'?")],
    ),
    "activation that is false": (
        "tanh",
        "false",
        [f"4:39: activation of layer 2 is false, expected {ACTIVATIONS}"],
    ),
    "loss as text": (
        "{name: half_squared_error, reduction: sum}",
        "half_squared_error",
        [f"7:7: loss is the text 'half_squared_error', expected a mapping with {LOSS_KEYS}"],
    ),
    "loss without a name": (
        "name: half_squared_error, ",
        "",
        [f"7:7: loss has no key 'name', expected {LOSS_KEYS}"],
    ),
    "unknown loss": (
        "half_squared_error",
        "half_square_error",
        [
            (
                f"7:14: loss.name is the text 'half_square_error', expected {LOSSES}; "
                "did you mean 'half_squared_error'?"
            )
        ],
    ),
    "loss without its reduction": (
        ", reduction: sum",
        "",
        ["7:7: loss has no key 'reduction', expected the keys name, reduction"],
    ),
    "loss with a reduction too many": (
        "half_squared_error",
        "mean_squared_error",
        ["7:34: unknown key 'reduction' in loss, expected the key name"],
    ),
    "unknown reduction": (
        "reduction: sum",
        "reduction: no",
        ["7:45: loss.reduction is the text 'no', expected 'sum' or 'mean'"],
    ),
    "unknown optimizer": (
        "sgd",
        "adan",
        [
            (
                "8:19: optimizer.name is the text 'adan', expected 'sgd', 'adam', 'adamw', 'adamax', "
                "'rmsprop' or 'adagrad'; did you mean 'adam'?"
            )
        ],
    ),
    "rate of zero": (
        "0.1",
        "0",
        ["8:39: optimizer.learning_rate is 0, expected a finite number above 0"],
    ),
    "rate without end": (
        "0.1",
        "1e999999999",
        ["8:39: optimizer.learning_rate is 1e999999999, expected a finite number above 0"],
    ),
    "rate in quotes": (
        "0.1",
        "'0.1'",
        ["8:39: optimizer.learning_rate is the text '0.1', expected a finite number above 0"],
    ),
    "rate beyond float32": (
        "0.1",
        "1e39",
        [
            (
                "8:39: learning_rate is 1e39, expected at most 3.40282347e+38 in magnitude, the largest "
                "float32 (or other dtypes)"
            )
        ],
    ),
    "rate that float32 loses": (
        "0.1",
        "1e-50",
        ["8:39: learning_rate is 1e-50, which float32 rounds to 0, expected more than 0"],
    ),
    "no threshold": (
        "y: [[1]]",
        "y: [[1]]\nuntil: {}",
        ["7:8: until has no key 'loss', expected the key loss"],
    ),
    "a bare threshold": (
        "y: [[1]]",
        "y: [[1]]\nuntil: 0.01",
        ["7:8: until is 0.01, expected a mapping with the key loss"],
    ),
    "a blank threshold": (
        "y: [[1]]",
        "y: [[1]]\nuntil:",
        ["7:7: until is empty, expected a value, or no such key at all"],
    ),
    "a threshold of zero": (
        "y: [[1]]",
        "y: [[1]]\nuntil: {loss: 0}",
        ["7:15: until.loss is 0, expected a finite number above 0"],
    ),
    "a threshold without end": (
        "y: [[1]]",
        "y: [[1]]\nuntil: {loss: .inf}",
        ["7:15: until.loss is .inf, expected a finite number above 0"],
    ),
    "a threshold of another name": (
        "y: [[1]]",
        "y: [[1]]\nuntil: {los: 0.01}",
        ["7:9: unknown key 'los' in until, expected the key loss; did you mean 'loss'?"],
    ),
    "a threshold that float32 loses": (
        "y: [[1]]",
        "y: [[1]]\nuntil: {loss: 1e-50}",
        ["7:15: until.loss is 1e-50, which float32 rounds to 0, expected more than 0"],
    ),
    "no steps": (
        "y: [[1]]",
        "y: [[1]]\nsteps: 0",
        ["7:8: steps is 0, expected a whole number from 1 to 1000000"],
    ),
    "steps that are true": (
        "y: [[1]]",
        "y: [[1]]\nsteps: true",
        ["7:8: steps is true, expected a whole number from 1 to 1000000"],
    ),
    "steps that are no integer": (
        "y: [[1]]",
        "y: [[1]]\nsteps: 1.0",
        ["7:8: steps is 1.0, expected a whole number from 1 to 1000000"],
    ),
    "too many steps": (
        "y: [[1]]",
        "y: [[1]]\nsteps: " + "9" * 50,
        [f"7:8: steps is {'9' * 29}…, expected a whole number from 1 to 1000000"],
    ),
    "unknown dtype": (
        "y: [[1]]",
        "y: [[1]]\ndtypes: [float64, float23]",
        [
            (
                "7:19: dtypes[1] is the text 'float23', "
                "expected 'float64', 'float32', 'bfloat16' or 'float16'; did you mean 'float32'?"
            ),
        ],
    ),
    "no dtypes": (
        "y: [[1]]",
        "y: [[1]]\ndtypes: []",
        ["7:9: dtypes is an empty list, expected at least one entry"],
    ),
    "dtype as text": (
        "y: [[1]]",
        "y: [[1]]\ndtypes: float64",
        ["7:9: dtypes is the text 'float64', expected a list"],
    ),
    "one dtype twice": (
        "y: [[1]]",
        "y: [[1]]\ndtypes: [float64, float64]",
        ["7:19: dtypes has 'float64' twice, expected it once"],
    ),
    "unknown parameter": (
        "y: [[1]]",
        "y: [[1]]\nnot_trained: [b1, W22]",
        ["7:19: unknown parameter 'W22', expected one of W1, b1, W2, b2; did you mean 'W2'?"],
    ),
    "half a tolerance": (
        "y: [[1]]",
        "y: [[1]]\ntolerance: {rtol: 1e-5}",
        [
            "7:12: tolerance has no key 'atol', expected the keys rtol, atol, why",
            "7:12: tolerance has no key 'why', expected the keys rtol, atol, why",
        ],
    ),
    "negative tolerance": (
        "y: [[1]]",
        "y: [[1]]\ntolerance: {rtol: -1e-5, atol: 0, why: ' '}",
        [
            "7:19: tolerance.rtol is -1e-5, expected a finite number of at least 0",
            "7:40: tolerance.why is the text ' ', expected text",
        ],
    ),
    "blank tolerance": (
        "y: [[1]]",
        "y: [[1]]\ntolerance:",
        ["7:11: tolerance is empty, expected a value, or no such key at all"],
    ),
    "about that is a number": ("a test", "12", ["1:8: about is 12, expected text"]),
    "layer that is a number": (
        "{W: [[1, 2]], b: [1], activation: tanh}",
        "12",
        ["4:5: layer 2 is 12, expected a mapping with the keys W, b, activation"],
    ),
    "array that is a number": (
        "y: [[1]]",
        "y: 3",
        [
            (
                "6:4: y is 3, expected nested lists of numbers, or a mapping "
                "with 'normal', 'uniform', 'constant' or 'classes'"
            )
        ],
    ),
    "too many values": (
        "y: [[1]]",
        "y: [[1]]\nz: [" + "1," * 100_000 + "]",
        ["7:199921: more than 100,000 values, expected fewer, or arrays that are drawn"],
    ),
    "an instruction to YAML readers": (
        "y: [[1]]",
        "y: [[1]]\n...\n%TAG ! b",
        ["8:1: a line that begins with %, expected no instructions to YAML readers"],
    ),
    "control character": ("a test", "a \x01test", ["1:10: the character '\\x01', expected printable text"]),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(what: str, complain: Callable[[str | bytes], list[str]]) -> None:
    old, new, expected = MALFORMED[what]
    assert old in GOOD
    assert complain(GOOD.replace(old, new)) == expected


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize(
    "what", ["duplicate key", "alias", "anchor", "tag", "deep nesting", "second document"]
)
def test_malformed_for_each_of_pyyamls_parsers(
    what: str, complain: Callable[[str | bytes], list[str]]
) -> None:
    old, new, expected = MALFORMED[what]
    assert complain(GOOD.replace(old, new)) == expected


@pytest.mark.usefixtures("_each_parser")
def test_a_syntax_error_has_the_place_that_the_parser_gives(
    complain: Callable[[str | bytes], list[str]],
) -> None:
    [defect] = complain(GOOD.replace("y: [[1]]", "y: [[1}"))
    assert defect.startswith("6:7: not YAML: ")
    assert defect.endswith(", expected well-formed YAML")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ["1:1: the file is empty, expected a case"]),
        (b"# only a comment\n", ["1:1: the file is empty, expected a case"]),
        (b"- 1\n", ["1:1: the file is a list, expected a mapping with the keys of a case"]),
        (b"just text", ["1:1: the file is the text 'just text', expected a mapping with the keys of a case"]),
        (b"a: 1\nb: \xff\n", ["2:4: the byte 0xff is not UTF-8, expected text in UTF-8"]),
        ("é: 1".encode("utf-16"), ["1:1: the byte 0xff is not UTF-8, expected text in UTF-8"]),
    ],
)
def test_what_is_no_mapping_at_all(
    content: bytes, expected: list[str], complain: Callable[[str | bytes], list[str]]
) -> None:
    assert complain(content) == expected


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_case(path).name == "case"


def test_all_defects_of_one_file_are_told_at_once(complain: Callable[[str | bytes], list[str]]) -> None:
    bad = GOOD.replace("sigmoid", "sigmod").replace("[1, 2], act", "[1, 2, 3], act").replace("0.1", "-1")
    places = [line.split(" ")[0] for line in complain(bad + "stps: 3\n")]
    assert places == ["3:30:", "3:53:", "8:39:", "9:1:"]


def test_what_was_reported_is_not_reported_again(complain: Callable[[str | bytes], list[str]]) -> None:
    bad = GOOD.replace("layers:", "layers: *a\nlayer:").replace("y: [[1]]", "y: !!seq [[1, 2], [3]]")
    assert [line.split(" ", 1)[0] for line in complain(bad)] == ["2:9:", "3:1:", "7:4:"]


def test_ninety_thousand_defects_are_counted_not_listed(
    complain: Callable[[str | bytes], list[str]],
) -> None:
    found = complain(GOOD.replace("[[1]]", "[[" + "a, " * 90_000 + "1]]"))
    assert len(found) == MAX_DEFECTS + 1
    assert found[-1].endswith(f"{90_000 - MAX_DEFECTS + 1} more defects from here on, expected none")


def test_a_file_over_one_mebibyte_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: reading it would take all memory
    assert complaints(path) == [f"1:1: the file has {2**40} bytes, expected at most {2**20} bytes (1 MiB)"]


def test_a_folder_named_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    assert complaints(tmp_path / "x.yaml") == ["1:1: this is a folder, expected a regular file"]
    with pytest.raises(CaseErrors, match=r"x\.yaml:1:1: this is a folder"):
        load_cases(tmp_path)


def test_a_broken_link_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "link.yaml").symlink_to("nowhere")
    expected = ["1:1: the file cannot be read: No such file or directory, expected a readable file"]
    assert complaints(tmp_path / "link.yaml") == expected
    assert complaints(tmp_path / "missing.yaml") == expected
    with pytest.raises(CaseErrors, match=r"link\.yaml:1:1"):
        load_cases(tmp_path)


def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    with pytest.raises(CaseErrors) as caught:
        load_cases(tmp_path)
    assert [Path(defect.path).name for defect in caught.value.defects] == ["a.yaml", "b.yaml"]


def test_a_link_that_leaves_its_folder_is_not_read(tmp_path: Path) -> None:
    for folder in ("cases", "cases/sub", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "secret").write_text("password: 12345\n")
    (tmp_path / "other" / "b.yaml").write_text(GOOD)
    (tmp_path / "cases" / "a.yaml").write_text(GOOD)
    (tmp_path / "cases" / "sub" / "linked.yaml").symlink_to("../a.yaml")
    (tmp_path / "cases" / "folder").symlink_to("../other")  # which is not followed
    (tmp_path / "cases" / "loop").symlink_to("..")
    assert [case.name for case in load_cases(tmp_path / "cases")] == ["a", "sub/linked"]
    for name, target in (("secret", "../secret"), ("zero", "/dev/zero"), ("b", "loop/other/b.yaml")):
        (tmp_path / "cases" / f"{name}.yaml").symlink_to(target)
    with pytest.raises(CaseErrors) as caught:
        load_cases(tmp_path / "cases")
    assert [str(defect) for defect in caught.value.defects] == [
        f"{tmp_path}/cases:1:1: the link {tmp_path}/cases/{name}.yaml leads out of the folder, "
        "expected a file within"
        for name in ("b", "secret", "zero")
    ]


def test_reading_a_case_opens_that_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(
        GOOD.replace("a test", "!include /etc/passwd") + "file: /etc/passwd\nx-ref: {$ref: 'other.yaml#/x'}\n"
    )
    code = (
        "import sys\nfrom cases import CaseErrors, SHIPPED, load_cases\nopened = []\n"
        "def hear(event, arguments):\n"
        "    if event in ('open', 'os.open', 'socket.connect'): opened.append((event, str(arguments[0])))\n"
        "sys.addaudithook(hear)\n"
        "try: load_cases(*map(__import__('pathlib').Path, sys.argv[1:]), SHIPPED)\n"
        "except CaseErrors: pass\n"
        "assert len(opened) > 50\n"
        "print({(event, path) for event, path in opened if not path.endswith('.yaml') or 'other' in path})"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b"set()\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_not_read(tmp_path: Path) -> None:
    os.mknod(tmp_path / "zero.yaml", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    assert complaints(tmp_path / "zero.yaml") == ["1:1: this is no regular file, expected a regular file"]


def test_a_file_that_grows_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "case.yaml"
    path.write_bytes(b"#" * 2**20)
    small = path.stat()
    path.write_bytes(b"#" * (2**20 + 5))
    monkeypatch.setattr(Path, "stat", lambda *_, **__: small)
    assert complaints(path) == [
        "1:1: the file grows while it is read, expected at most 1048576 bytes (1 MiB)"
    ]


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert complaints(tmp_path / "pipe.yaml") == ["1:1: this is no regular file, expected a regular file"]


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(GOOD)

    def refuse(*_: object) -> None:  # a file's mode does not keep root from reading it
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert complaints(path) == ["1:1: the file cannot be read: Permission denied, expected a readable file"]


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(CaseErrors, match="1:1: the file cannot be read"):
        load_case("null\0.yaml")


def test_a_name_that_cannot_be_printed(tmp_path: Path) -> None:
    (tmp_path / "a\nb.yaml").write_text(GOOD)
    with pytest.raises(CaseErrors) as caught:
        load_cases(tmp_path)
    assert str(caught.value).endswith(
        r"a\nb.yaml:1:1: the name 'a\nb', expected a file name that can be printed"
    )


def test_an_unknown_shipped_case() -> None:
    with pytest.raises(
        CaseErrors, match=r"no shipped case 'worked/dokument', .* did you mean 'worked/document'\?"
    ):
        load_case("worked/dokument")


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.yml").write_text(GOOD)
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / ".#a.yaml").symlink_to("an editor's lock")
    (tmp_path / "notes.txt").write_text("not a case")
    cases = load_cases(tmp_path, tmp_path)
    assert [case.name for case in cases] == ["a", "sub/b"]
    assert [case.path for case in cases] == [tmp_path / "a.yaml", tmp_path / "sub" / "b.yml"]


def test_an_empty_and_a_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CaseErrors) as caught:
        load_cases(tmp_path / "missing", tmp_path / "empty")
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/empty:1:1: no case in this folder, expected files named *.yaml or *.yml",
        f"{tmp_path}/missing:1:1: no such folder, expected a folder of YAML files",
    ]


def test_two_folders_with_one_name_between_them(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_text(GOOD)
    with pytest.raises(CaseErrors) as caught:
        load_cases(tmp_path / "one", tmp_path / "two")
    one, two = tmp_path / "one" / "a.yaml", tmp_path / "two" / "a.yaml"
    assert str(caught.value) == f"{two}:1:1: the case 'a' is also in {one}, expected different names"


def test_the_defects_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("")
    (tmp_path / "b.yaml").write_text(GOOD)
    (tmp_path / "c.yaml").write_text(GOOD.replace("sgd", "adan"))
    with pytest.raises(CaseErrors) as caught:
        load_cases(tmp_path, tmp_path / "missing")
    assert [defect.path.name for defect in caught.value.defects] == ["a.yaml", "c.yaml", "missing"]


def refusal(path: Path) -> CaseErrors | None:
    """Load a case and build its arrays; anything raised but `CaseErrors` passes through."""
    try:
        case = load_case(path)
    except CaseErrors as errors:
        return errors
    assert all(case.problem(dtype).x.dtype == dtype for dtype in case.dtypes)
    return None


def reads_or_refuses(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    if errors := refusal(path):
        assert errors.defects
        assert str(errors).split("\n") == [str(defect) for defect in errors.defects]
        assert all(", expected " in defect.message for defect in errors.defects)
        assert not any(
            jargon in str(errors) for jargon in ("Input should", "Number(", "https://", "Extra inputs")
        )


VALID = [path.read_bytes() for path in sorted(SHIPPED.rglob("*.yaml")) if path.stem != "digits"]
ALPHABET = "abWxy01.-+eE:{}[],#&*!|>'\"% \n\t~?@`\\é\u2028\ud7ff"
WORDS = [
    *(
        "about",
        "layers",
        "W",
        "b",
        "activation",
        "sigmoid",
        "x",
        "y",
        "loss",
        "name",
        "optimizer",
        "published",
    ),
    *("steps", "step", "values", "rejected", "normal", "scale", "seed", "dtypes", "float32", "not_trained"),
    *(
        "{",
        "}",
        "[",
        "]",
        ",",
        ": ",
        "\n",
        "\n  ",
        "- ",
        "1",
        "-1",
        "1e999",
        ".nan",
        "true",
        "null",
        "''",
        "0x1p3",
    ),
]
fuzz = settings(settings.get_profile("reader"), suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(
    st.one_of(
        st.binary(),
        st.text(ALPHABET).map(str.encode),
        st.lists(st.sampled_from(WORDS)).map("".join).map(str.encode),
    )
)
def test_any_bytes_give_a_case_or_its_defects(tmp_path: Path, content: bytes) -> None:
    reads_or_refuses(tmp_path / "case.yaml", content)


@fuzz
@given(st.data())
def test_any_damage_to_a_valid_file_gives_a_case_or_its_defects(tmp_path: Path, data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(VALID))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        stop = min(start + data.draw(st.sampled_from([0, 1, 2, 5, 20])), len(content))
        new = data.draw(st.one_of(st.binary(max_size=3), st.sampled_from(WORDS).map(str.encode)))
        content = content[:start] + new + content[stop:]
    reads_or_refuses(tmp_path / "case.yaml", content)


@fuzz
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(WORDS)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(WORDS), inner, max_size=6)
        ),
    ),
    st.sampled_from(list(yaml.safe_load(GOOD))),
)
def test_any_value_in_the_place_of_another_gives_a_case_or_its_defects(
    tmp_path: Path, value: object, key: str
) -> None:
    text = yaml.safe_dump({**yaml.safe_load(GOOD), key: value}, allow_unicode=True)
    reads_or_refuses(tmp_path / "case.yaml", text.encode("utf-8", "replace"))
