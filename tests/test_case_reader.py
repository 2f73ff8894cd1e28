"""Reading files: any folder, link, device or bytes give cases or their defects, and never a traceback."""

import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import TWO_LAYERS as GOOD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases import SHIPPED, CaseErrors, load_case, load_cases

ROOT = Path(__file__).parent.parent


def complaints(load, *arguments):
    """Return the defects that are raised, one a line."""
    with pytest.raises(CaseErrors) as caught:
        load(*arguments)
    lines = str(caught.value).splitlines()
    assert lines == [str(defect) for defect in caught.value.defects]
    return lines


def write(folder, *names, text=GOOD):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def huge(path):
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: reading it would take all memory


def zero(path):
    if os.geteuid():
        pytest.skip("only root can make a device")
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))


MISSING = "the file cannot be read: No such file or directory, expected a readable file"
UNREADABLE = {
    "over 1 MiB": (huge, f"the file has {2**40} bytes, expected at most {2**20} bytes (1 MiB)"),
    "a folder": (Path.mkdir, "this is a folder, expected a regular file"),
    "a broken link": (lambda path: path.symlink_to("nowhere"), MISSING),
    "a loop of links": (
        lambda path: path.symlink_to(path),
        "the file cannot be read: Too many levels of symbolic links, expected a readable file",
    ),
    "a pipe": (os.mkfifo, "this is no regular file, expected a regular file"),
    "a device": (zero, "this is no regular file, expected a regular file"),
}


@pytest.mark.parametrize(("make", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_readable_file(make, message, tmp_path):
    path = tmp_path / "x.yaml"
    make(path)
    assert complaints(load_case, path) == complaints(load_cases, tmp_path) == [f"{path}:1:1: {message}"]


def test_a_missing_file(tmp_path):
    path = tmp_path / "missing.yaml"
    assert complaints(load_case, path) == [f"{path}:1:1: {MISSING}"]
    assert complaints(load_case, "null\0.yaml")[0].startswith(r"null\x00.yaml:1:1: the file cannot be read")
    [line] = complaints(load_case, "worked/dokument")
    assert "no shipped case 'worked/dokument', " in line
    assert line.endswith("; did you mean 'worked/document'?")


def test_a_file_that_grows_is_not_read_to_its_end(tmp_path, monkeypatch):
    path = tmp_path / "case.yaml"
    path.write_bytes(b"#" * 2**20)
    small = path.stat()
    path.write_bytes(b"#" * (2**20 + 5))
    monkeypatch.setattr(Path, "stat", lambda *_, **__: small)
    message = "the file has 1048577 bytes, expected at most 1048576 bytes (1 MiB)"
    assert complaints(load_case, path) == [f"{path}:1:1: {message}"]


def test_a_file_or_a_folder_without_permission(tmp_path, monkeypatch):
    def refuse(*_):  # a file's mode does not keep root from reading it
        raise PermissionError(13, "Permission denied", "sub")

    write(tmp_path, "case.yaml")
    monkeypatch.setattr(Path, "open", refuse)
    denied = "1:1: the file cannot be read: Permission denied, expected a readable file"
    assert complaints(load_case, tmp_path / "case.yaml") == [f"{tmp_path}/case.yaml:{denied}"]
    monkeypatch.setattr(os, "scandir", refuse)
    denied = "1:1: the folder sub cannot be read: Permission denied, expected a readable folder"
    assert complaints(load_cases, tmp_path) == [f"{tmp_path}:{denied}"]


def test_a_link_that_leaves_its_folder_is_not_read(tmp_path):
    folder = tmp_path / "cases"
    write(tmp_path, "secret", text="password: 12345\n")
    write(tmp_path, "other/b.yaml", "cases/a.yaml", "cases/sub/c.yaml")
    (folder / "sub" / "linked.yaml").symlink_to("../a.yaml")
    (folder / "folder").symlink_to("../other")  # which is not followed
    (folder / "loop").symlink_to("..")
    assert [case.name for case in load_cases(folder)] == ["a", "sub/c", "sub/linked"]
    for name, target in (("secret", "../secret"), ("zero", "/dev/zero"), ("b", "loop/other/b.yaml")):
        (folder / f"{name}.yaml").symlink_to(target)
    assert complaints(load_cases, folder) == [
        f"{folder}:1:1: the link {folder}/{name}.yaml leads out of the folder, expected a file within"
        for name in ("b", "secret", "zero")
    ]


OPENED = """
import sys
from pathlib import Path
from cases import CaseErrors, SHIPPED, load_cases

opened = []
def hear(event, arguments):
    if event in ('open', 'os.open', 'socket.connect'):
        opened.append((event, str(arguments[0])))

sys.addaudithook(hear)
try:
    load_cases(Path(sys.argv[1]), SHIPPED)
except CaseErrors:
    pass
assert len(opened) > 50
print({(event, path) for event, path in opened if not path.endswith('.yaml') or 'other' in path})
"""


def test_reading_a_case_opens_that_file_and_no_other(tmp_path):
    text = GOOD.replace("Two layers", "!include /etc/passwd")
    write(tmp_path, "case.yaml", text=f"{text}file: /etc/passwd\nx-ref: {{$ref: 'other.yaml#/x'}}\n")
    command = [sys.executable, "-c", OPENED, tmp_path]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout == b"set()\n"


def test_folders(tmp_path):
    write(tmp_path, "sub/b.yml", "notes.txt")
    write(tmp_path, "a.yaml", text="\ufeff" + GOOD.replace("\n", "\r\n"))
    (tmp_path / ".#a.yaml").symlink_to("an editor's lock")
    cases = load_cases(tmp_path, tmp_path)
    assert [case.name for case in cases] == ["a", "sub/b"]
    assert [case.path for case in cases] == [tmp_path / "a.yaml", tmp_path / "sub" / "b.yml"]


def test_the_defects_of_all_files_and_folders_are_reported_at_once(tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path, "one/a.yaml", "one/sub/b.yaml", "two/a.yaml")
    write(tmp_path, "one/c.yaml", text="")
    write(tmp_path, "one/d.yaml", text=GOOD.replace("sgd", "adan"))
    write(tmp_path, "one/e\n.yaml")
    folders = [tmp_path / name for name in ("two", "one", "empty", "missing")]
    assert [
        line.removeprefix(f"{tmp_path}/").partition(", expected ")[0]
        for line in complaints(load_cases, *folders)
    ] == [
        "empty:1:1: no case in this folder",
        "missing:1:1: no such folder",
        f"one/a.yaml:1:1: the case 'a' is also in {tmp_path}/two/a.yaml",
        "one/c.yaml:1:1: the file is empty",
        "one/d.yaml:9:19: optimizer.name is the text 'adan'",
        r"one/e\n.yaml:1:1: the name 'e\n'",
    ]


def reads_or_refuses(path, content):
    """Load a case and build its arrays, or check its defects; anything else that is raised passes through."""
    path.write_bytes(content)
    try:
        case = load_case(path)
    except CaseErrors as errors:
        is_helpful(str(errors).split("\n"), errors)
        return
    if sum(map(math.prod, case.shapes.values())) <= MAX_BUILT:
        for dtype in case.dtypes:
            problem = case.problem(dtype)
            assert problem.x.dtype == dtype
            assert {name: array.shape for name, array in problem.inputs.items()} == case.shapes


def is_helpful(lines, errors):
    assert lines == [str(defect) for defect in errors.defects]
    assert all(", expected " in line and line.isprintable() for line in lines), lines
    jargon = ("Input should", "Number(", "https://", "Extra inputs")
    assert not any(words in line for words in jargon for line in lines)


MAX_BUILT = 10_000  # a case with more numbers is read, and its arrays are not built
VALID = [path.read_bytes() for path in sorted(SHIPPED.rglob("*.yaml")) if path.stem != "digits"]
ALPHABET = "abWxy01.-+eE:{}[],#&*!|>'\"% \n\t~?@`\\é\u2028\ud7ff"
WORDS = [
    *"about layers W b activation sigmoid x y loss name optimizer published steps step values".split(),
    *"rejected normal scale seed dtypes float32 not_trained".split(),
    *"{ } [ ] , 1 -1 1e999 .nan true null '' 0x1p3".split(),
    *(": ", "\n", "\n  ", "- "),
]
ENCODED = st.sampled_from(WORDS).map(str.encode)
fuzz = settings(settings.get_profile("reader"), suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(st.one_of(st.binary(), st.text(ALPHABET).map(str.encode), st.lists(ENCODED).map(b"".join)))
def test_any_bytes_give_a_case_or_its_defects(tmp_path, content):
    reads_or_refuses(tmp_path / "case.yaml", content)


@fuzz
@given(st.data())
def test_any_damage_to_a_valid_file_gives_a_case_or_its_defects(tmp_path, data):
    content = data.draw(st.sampled_from(VALID))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        stop = min(start + data.draw(st.sampled_from([0, 1, 2, 5, 20])), len(content))
        content = content[:start] + data.draw(st.binary(max_size=3) | ENCODED) + content[stop:]
    reads_or_refuses(tmp_path / "case.yaml", content)


SINGLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS)
ANY = st.recursive(
    SINGLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
)


@fuzz
@given(ANY, st.sampled_from(list(yaml.safe_load(GOOD))))
def test_any_value_under_any_key_gives_a_case_or_its_defects(tmp_path, value, key):
    text = yaml.safe_dump({**yaml.safe_load(GOOD), key: value}, allow_unicode=True)
    reads_or_refuses(tmp_path / "case.yaml", text.encode("utf-8", "replace"))
