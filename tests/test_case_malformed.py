"""Malformed case files: the line, column and message of every defect, by the table in malformed.txt."""

import json
import re
from pathlib import Path

import pytest
import yaml

from cases import CaseErrors, catalog, load_case
from cases import yaml_reader as reader
from cases.errors import MAX_DEFECTS
from cases.write_schema import schema_text


def spelled(text):
    text = re.sub(r"⟨(.+?)×(\d+)⟩", lambda repeated: repeated[1] * int(repeated[2]), text)
    return text.replace("⏎", "\n").replace(r"\x01", "\x01")


def table():
    """Give each entry of malformed.txt by section and name: a file's text, and its defects."""
    text = Path(__file__).with_name("malformed.txt").read_text(encoding="utf-8")
    lists = re.findall(r"^(\{.+\}) = (.+)$", text.replace("\n    ", " "), re.MULTILINE)
    for section in text.split("\n### ")[1:]:
        good, *entries = section.split("\n= ")
        title, good = good.split("\n", 1)
        for entry in entries:
            head, *lines = re.sub(r"\n {8}", " ", entry).rstrip().split("\n    ")
            name, old, new = (spelled(part) for part in f"{head} ".split(" | "))
            assert old in good, head
            for short, words in lists:
                lines = [line.replace(short, words) for line in lines]
            yield f"{title}: {name}", (good.rstrip() + "\n").replace(old, new.removesuffix(" "), 1), lines


MALFORMED = {name: (text, defects) for name, text, defects in table()}
GOOD = MALFORMED["reading: unknown key"][0].replace(", bias: 1", "")
ENTRIES = pytest.mark.parametrize(("text", "defects"), MALFORMED.values(), ids=MALFORMED)
BY_PARSER = ("duplicate key", "alias", "anchor", "tag", "deep nesting", "second document")


@pytest.fixture(name="complaints")
def _complaints(tmp_path):
    def read(content):
        path = tmp_path / "case.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(CaseErrors) as caught:
            load_case(path)
        lines = str(caught.value).splitlines()
        assert lines == [str(defect) for defect in caught.value.defects]
        assert all(line.startswith(f"{path}:") for line in lines)
        return [line.removeprefix(f"{path}:") for line in lines]

    return read


def test_the_table_is_read_whole():
    assert len(MALFORMED) == 107


@ENTRIES
def test_malformed(text, defects, complaints):
    assert complaints(text) == defects


def test_malformed_for_pyyamls_parser_in_python(complaints, monkeypatch):
    monkeypatch.setattr(reader, "_LOADER", yaml.SafeLoader)
    for text, defects in (MALFORMED[f"reading: {name}"] for name in BY_PARSER):
        assert complaints(text) == defects


# Good values and bad ones under a key of each kind, and what is expected there.
KINDS = {
    "positive": ("0.5", ["0", "-0.1", ".inf", "text", ""], "a finite number above 0"),
    "share": ("0", ["-1e-6", "1e999", "true"], "a finite number of at least 0"),
    "fraction": ("0.9", ["0", "1", "1.0"], "a number above 0 and below 1"),
    "smoothing": ("0", ["-0.1", "1"], "a number from 0 to below 1"),
    "count": ("3", ["0", "0.5", "1.0", "1000001"], "a whole number from 1 to 1000000"),
    "flag": ("true", ["1", "inside"], "true or false"),
}
RECORDS = [
    *(("optimizer", name, kind, ["name", "learning_rate"]) for name, kind in catalog.OPTIMIZERS.items()),
    *(("schedule", name, kind, ["name"]) for name, kind in catalog.SCHEDULES.items()),
    *(("loss", name, kind, ["name", "reduction"]) for name, kind in catalog.LOSSES.items() if kind.keys),
    ("clipping", "", catalog.GLOBAL_NORM, []),
]


@pytest.mark.parametrize(
    ("section", "name", "kind", "first"), RECORDS, ids=[name or section for section, name, *_ in RECORDS]
)
def test_each_key_of_each_record_is_held_to_its_kind(section, name, kind, first, complaints):
    head = {"name": name, "reduction": "sum", "learning_rate": "0.1"}
    good = {key: head[key] for key in first}
    good |= {key: KINDS[stated.kind][0] for key, stated in kind.keys.items() if stated.default is ...}
    keys = f"the keys {', '.join([*first, *kind.keys])}"

    def read(stated):
        above = GOOD[: GOOD.index(f"\n{section}:") + 1] if section in ("loss", "optimizer") else GOOD
        inside = ", ".join(f"{key}: {value}" for key, value in stated.items())
        below = GOOD.partition("\noptimizer")[1:] if section == "loss" else ()
        return complaints(f"{above}{section}: {{{inside}}}{''.join(below)}")

    where = rf"\d+:\d+: {section}"
    for key, stated in kind.keys.items():
        for bad in KINDS[stated.kind][1]:
            lines = read(good | {key: bad})
            is_optional = stated.default is None and not bad
            expected = "a value, or no such key at all" if is_optional else KINDS[stated.kind][2]
            defect = rf"{where}\.{key} is (the text ')?{bad or 'empty'}'?, expected {expected}"
            assert any(re.fullmatch(defect, line) for line in lines), lines
        if stated.default is ...:
            (line,) = read({other: value for other, value in good.items() if other != key})
            assert re.fullmatch(rf"{where} has no key '{key}', expected {keys}", line)
    (line,) = read(good | {"gamma": 1})
    assert re.fullmatch(rf"\d+:\d+: unknown key 'gamma' in {section}, expected {keys}", line)


NO_MAPPING = {
    "# only a comment\n": "1:1: the file is empty, expected a case",
    "- 1\n": "1:1: the file is a list, expected a mapping with the keys of a case",
    "just text": "1:1: the file is the text 'just text', expected a mapping with the keys of a case",
    b"a: 1\nb: \xff\n": "2:4: the byte 0xff is not UTF-8, expected text in UTF-8",
    GOOD.replace("y: [[1]]", "y: [[1}"): "6:7: not YAML: .*, expected well-formed YAML",
}


def test_no_mapping_at_all(complaints):
    for content, expected in NO_MAPPING.items():
        (line,) = complaints(content)
        assert re.fullmatch(expected, line)


def test_all_defects_of_a_file_are_reported_at_once(complaints):
    bad = GOOD.replace("sigmoid", "sigmod").replace("[1, 2], act", "[1, 2, 3], act").replace("0.1", "-1")
    lines = complaints(bad + "stps: 3\n")
    assert [line.split(" ")[0] for line in lines] == ["3:30:", "3:53:", "8:39:", "9:1:"]


def test_what_was_reported_is_not_reported_again(complaints):
    bad = GOOD.replace("layers:", "layers: *a\nlayer:").replace("y: [[1]]", "y: !!seq [[1, 2], [3]]")
    assert [line.split(" ", 1)[0] for line in complaints(bad)] == ["2:9:", "3:1:", "7:4:"]


def test_thousands_of_defects_are_counted_not_listed(complaints):
    lines = complaints(GOOD.replace("[[1]]", "[[" + "a, " * 9_000 + "1]]"))
    assert len(lines) == MAX_DEFECTS + 1
    assert lines[-1].endswith(f"{9_000 - MAX_DEFECTS + 1} more defects from here on, expected none")


def test_arrays_and_activations_beyond_memory_are_refused_before_they_are_drawn(complaints):
    good = MALFORMED["shapes: ragged"][0].replace("[3], [5, 6]]", "[3, 4], [5, 6]]")
    text = good.replace("[[1, 2], [3, 4], [5, 6]]", "{normal: [3, 1000000000000], scale: 1, seed: 7}")
    too_much = "one training step needs 1.34e+05 GiB, expected at most 4 GiB"
    assert f"3:8: with W1 of shape (3, 1000000000000) {too_much}" in complaints(text)
    layer = "  - {W: {constant: [10000, 1], value: 1}, b: {constant: [10000], value: 0}, activation: relu}\n"
    head, tail = GOOD[: GOOD.index("layers:")], GOOD[GOOD.index("loss:") :]
    data = "x: {constant: [10000, 1], value: 1}\ny: {constant: [10000, 10000], value: 1}\n"
    expected = "one training step needs 8.94 GiB, expected at most 4 GiB"
    assert complaints(f"{head}layers:\n{layer}{data}{tail}") == [
        f"5:4: with y of shape (10000, 10000) {expected}"
    ]


def test_more_layers_than_any_network_has(complaints):
    layers = "layers:\n" + "  - {W: [[1]], b: [1], activation: relu}\n" * 1001
    tail = "x: [[1]]\ny: [[1]]\n" + GOOD[GOOD.index("loss:") :]
    expected = "3:3: layers is a list, expected at most 1000 layers"
    assert complaints(f"about: deep\n{layers}{tail}") == [expected]


# What only the reader can judge.
NOT_IN_SCHEMA = {"a format twice", "a format that the case does not run in", "an adapter without a name"}
NOT_IN_SCHEMA |= {"a step that is not run", "an unknown quantity"}
NOT_IN_SCHEMA |= {"one that stands twice", "a printed number left out"}
# What a schema says of the other sections, for example.
IN_SCHEMA = ("reading: misspelt activation", "reading: unknown key", "reading: missing key")
IN_SCHEMA += ("reading: unknown reduction", "reading: array that is a number", "printed: an unknown quantity")


def test_an_editor_marks_what_a_schema_can_say():
    jsonschema = pytest.importorskip("jsonschema")
    is_valid = jsonschema.Draft202012Validator(json.loads(schema_text())).is_valid
    for name in (name for name in MALFORMED if name.startswith(("expectations: ", "walk: "))):
        accepted = is_valid(yaml.safe_load(MALFORMED[name][0]))
        assert accepted == (name.partition(": ")[2] in NOT_IN_SCHEMA), name
    assert [name for name in IN_SCHEMA if is_valid(yaml.safe_load(MALFORMED[name][0]))] == []
    assert is_valid(yaml.safe_load(f"{GOOD}expect: {{jax: {{differs: a1, because: x}}}}"))
    without_title = MALFORMED["walk: no title"][0]
    assert is_valid(yaml.safe_load(without_title.replace("{quantities", "{title: one, quantities")))
