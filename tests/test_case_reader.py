"""Reading files: any folder, link, device or bytes give cases or their defects, and never a traceback."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases import SHIPPED, CaseErrors, load_case, load_cases

ROOT = Path(__file__).parent.parent

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


def complaints(path: Path) -> list[str]:
    """Return the defects of one file, each as `line:column: message`."""
    with pytest.raises(CaseErrors) as caught:
        load_case(path)
    assert str(caught.value).splitlines() == [str(defect) for defect in caught.value.defects]
    assert all(
        str(defect).startswith(f"{path}:{defect.line}:{defect.column}: ") for defect in caught.value.defects
    )
    return [f"{defect.line}:{defect.column}: {defect.message}" for defect in caught.value.defects]


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_case(path).name == "case"


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
    *"about layers W b activation sigmoid x y loss name optimizer published steps step values".split(),
    *"rejected normal scale seed dtypes float32 not_trained".split(),
    *"{ } [ ] , 1 -1 1e999 .nan true null '' 0x1p3".split(),
    *(": ", "\n", "\n  ", "- "),
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
