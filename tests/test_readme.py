"""The documents are true: every block is run, or checked in another way, and every link leads somewhere."""

import doctest
import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import PurePosixPath

import documents
import pytest
import readme_picture
import yaml
from documents import ANY, BUILD, ROOT, blocks, is_shown

from adapters.registry import ENTRY_POINT_GROUP, default_names
from cases import SHIPPED, load_cases
from reference import tape, worked_example
from reports import build, diff, judge, new, options, results_file, vector_form, vectors
from reports.sweep import __main__ as sweep
from reports.sweep.store import COLUMNS
from reports.writers import latex

DOCUMENTS = documents.documents()
BLOCKS = [block for path, text in DOCUMENTS.items() for block in blocks(path, text)]

CONSTRAINTS = ".ci/constraints.txt"
# The exact version of each package, by name.
PINNED = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / CONSTRAINTS).read_text("utf-8"), re.MULTILINE))

# What can be typed behind `python -m`.
PROGRAMS = {"reports.build": build, "reports.judge": judge, "reports.diff": diff, "reports.new": new}
PROGRAMS |= {"reports.sweep": sweep, "reports.vectors": vectors}

# What each block is, by which the test that holds it true finds it.
KINDS = {
    "the whole build": lambda one: one.language == "console" and f"$ {BUILD}\n" in one.text,
    "commands": lambda one: one.language == "console" and f"$ {BUILD}\n" not in one.text,
    "a reader's file": lambda one: (
        one.file[:1] not in ("", ".")
        and not (ROOT / one.file).exists()
        and one.language in {"python", "yaml"}
    ),
    "a part of a file": lambda one: one.language == "yaml" and one.file[:6] == "cases/",
    "python's prompt": lambda one: one.language == "pycon",
    "installation": lambda one: one.language == "sh" and one.text.startswith("python3 -m venv "),
    "what a port is told": lambda one: one.language == "text" and one.text.startswith("jax "),
    "the tape": lambda one: one.language == "text" and one.text.startswith("z1 = "),
    "the architecture": lambda one: one.language == "text" and one.text.startswith("cases/ "),
    "an entry point": lambda one: one.language == "toml",
    "a flow chart": lambda one: one.language == "mermaid",
    "a paper": lambda one: one.language == "latex",
    "steps of a workflow": lambda one: one.text.startswith("      - uses: "),
    "a workflow": lambda one: one.file.startswith(".github/") or one.text.startswith("parity:\n"),
    "commands that take minutes": lambda one: re.fullmatch(r"(\.venv/bin/.*\n)+", one.text) is not None,
    "two releases": lambda one: one.language == "text" and one.text.startswith("Versions and platform:\n"),
    "two releases side by side": lambda one: one.language == "text" and one.text.startswith("$ python3 "),
    "right programs": lambda one: one.language == "text" and one.text.startswith("certified digits"),
    "wrong programs": lambda one: one.language == "text" and one.text.startswith("off by "),
    "a long sweep": lambda one: one.language == "text" and one.text.startswith("adapter "),
    "a reader of results": lambda one: one.language == "python" and 'open("results.json"' in one.text,
}


def kinds(block):
    return [name for name, is_one in KINDS.items() if is_one(block)]


def of(kind):
    return [block for block in BLOCKS if KINDS[kind](block)]


def test_every_block_is_held_true_by_one_test():
    assert len(BLOCKS) > 15
    assert [f"{block} is {kinds(block)}" for block in BLOCKS if len(kinds(block)) != 1] == []
    assert [kind for kind in KINDS if not of(kind)] == []
    text = "# Title\n```\n$ ls\n```\n```sh\nrm -rf /\n```\n```python\n1 + 1\n```\n```yaml\nabout: x\n```\n"
    others = blocks("README.md", text)
    assert [(block.line, kinds(block)) for block in others] == [(line, []) for line in (2, 5, 8, 11)]


@pytest.mark.needs("torch", "jax")
@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if any(b.document == path for b in of("commands"))]
)
def test_each_command_prints_what_is_shown(document, tmp_path, monkeypatch, capsys):
    """A reader's files lie in a folder of their own, from where the commands are typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(options, "CHECKOUT", tmp_path.resolve())
    (tmp_path / "pyproject.toml").touch()
    typed = [command for one in of("commands") if one.document == document for command, _ in one.commands]
    for block in (one for one in BLOCKS if one.document == document):
        if KINDS["a reader's file"](block):
            path = PurePosixPath(block.file)
            used = path.stem if path.suffix == ".py" else path.parts[0]
            assert any(used in command for command in typed), f"{block}: no command uses {block.file}"
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(block.text, encoding="utf-8")
        elif KINDS["commands"](block):
            for command, shown in block.commands:
                output = documents.printed(command, tmp_path, capsys)
                assert is_shown(shown, output), f"{block} shows\n{shown}\nbut {command} prints\n{output}"


def test_the_whole_build_is_of_these_cases_and_versions():
    """CI runs it, and sets BUILD_OUTPUT to the file with what it printed."""
    (block,) = of("the whole build")
    ((_, shown),) = block.commands
    cases = load_cases(SHIPPED)
    names = ("numpy", "torch", "jax")
    each = [(case, dtype, name) for case in cases for dtype in case.dtypes for name in names]
    expected = [case.expectation(name, dtype) for case, dtype, name in each]
    known = sum(one is not None and one.kind != "no_equivalent" for one in expected)
    assert f"but for {known} expected differences as their cases say.\n{len(cases)} cases in " in shown
    for name in names:
        assert re.search(rf"\b{name} {re.escape(PINNED[name])}\b", shown)
    if "BUILD_OUTPUT" in os.environ:
        with open(os.environ["BUILD_OUTPUT"], encoding="utf-8") as file:  # noqa: PTH123 - a name, no path of ours
            assert is_shown(shown, file.read())


class Shown(doctest.OutputChecker):
    def check_output(self, want, got, optionflags):
        return is_shown(want.replace("<BLANKLINE>\n", ""), got)


@pytest.mark.parametrize("block", of("python's prompt"), ids=str)
def test_python_prints_what_its_prompt_shows(block):
    for framework in ("torch", "jax"):
        if f"import {framework}" in block.text or f", {framework}" in block.text:
            pytest.importorskip(framework)
    text = re.sub(r"\n\n(?!>>>|\Z)", "\n<BLANKLINE>\n", block.text)
    test = doctest.DocTestParser().get_doctest(text, {}, str(block), block.document, block.line)
    assert doctest.DocTestRunner(checker=Shown()).run(test).failed == 0


def is_part(part, whole):
    if not isinstance(part, dict):
        return part == whole
    return all(key in whole and is_part(value, whole[key]) for key, value in part.items())


def test_a_part_of_a_file_is_one():
    for block in of("a part of a file"):
        whole = yaml.safe_load((ROOT / block.file).read_text(encoding="utf-8"))
        part = yaml.safe_load(block.text)
        assert is_part(part, whole), block


def test_two_commands_of_one_line_each_install_all():
    """CI runs them, word for word."""
    first, second = (block.text for block in of("installation"))
    assert first.count("\n") == second.count("\n") == 1
    assert first.endswith("-m reports.build\n")
    assert "/pytest " in second
    assert "^python3 -m venv " in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_what_a_port_is_told_is_from_the_whole_example():
    (block,) = of("what a port is told")
    whole = DOCUMENTS["reports/docs/port-a-model.md"].splitlines()
    assert [line for line in block.text.splitlines() if line not in whole] == []


def test_the_versions_that_the_readme_states_are_those_of_the_code():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    forms = f"Results have format {results_file.SCHEMA}, vectors format {vector_form.SCHEMA}."
    assert f"Version {project['version']} (" in DOCUMENTS["README.md"]
    assert forms in " ".join(DOCUMENTS["README.md"].split())
    assert f"## Unreleased: {project['version']}" in DOCUMENTS["reports/docs/CHANGELOG.md"]
    assert project["requires-python"] == ">=3.11"


def test_the_picture_is_drawn_from_a_run():
    assert is_shown(readme_picture.PICTURE.read_text(encoding="utf-8"), readme_picture.drawn())


def test_the_lines_of_the_tape_are_those_of_the_code():
    (block,) = of("the tape")
    equations = {line.name: line.equation for line in tape(worked_example())}
    pieces = [piece for piece in re.split(r"\n|\s{2,}", block.text.strip()) if piece != ANY]
    shown = [piece.removesuffix(" = ŷ").split(" = ", 1) for piece in pieces]
    assert len(shown) == 12
    for name, equation in shown:
        code = re.sub(r"da\d/dz\d", lambda slope: equations[slope[0]], equations[name])
        assert code.replace("sigmoid", "σ").replace(" ", "") == equation.replace(" ", ""), name


def test_the_packages_are_as_they_are_described():
    (block,) = of("the architecture")
    listed = [line.split("/")[0] for line in block.text.splitlines()]
    assert listed == ["cases", "reference", "adapters", "reports", "tests"]


def test_the_complete_adapter_is_offered_by_its_entry_point_and_agrees_wherever_it_can_train(
    tmp_path, monkeypatch, capsys
):
    (block,) = of("an entry point")
    entries = tomllib.loads(block.text)["project"]["entry-points"]
    assert set(entries) == {ENTRY_POINT_GROUP}
    ((name, target),) = entries[ENTRY_POINT_GROUP].items()
    adapter = next(one for one in of("a reader's file") if one.document == block.document)
    assert adapter.text.count("\n") <= 30
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (tmp_path / adapter.file).write_text(adapter.text, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{name} = {target}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert default_names()[-1] == name
    chosen = ["--adapter", name, "--select", "nets/", "--format", "csv", "--verbose"]
    assert build.main([*chosen, "--out", str(tmp_path / "out")]) == 0
    output = capsys.readouterr().out
    for dtype in ("float64", "float32"):
        assert len(re.findall(rf"^ nets/\S+ +{dtype} +✓", output, re.MULTILINE)) >= 15


def test_the_flow_chart_leads_from_its_start_to_every_end():
    (block,) = of("a flow chart")
    first, *lines = block.text.splitlines()
    assert first == "flowchart TD"
    edge = re.compile(r" +(\w+)(\S.*?\S)? --(?: (?:yes|no) --)?> (\w+)(\S.*)?")
    edges = [edge.fullmatch(line) for line in lines]
    assert all(edges), block.text
    leads = [(one[1], one[3]) for one in edges]
    described = {one[place] for one in edges for place in (1, 3) if one[place + 1]}
    reached = {"start"}
    for _ in leads:
        reached |= {end for start, end in leads if start in reached}
    assert reached == described
    starts = [start for start, _ in leads]
    questions = {start for start in starts if starts.count(start) > 1}
    assert questions == set(re.findall(r'(\w+)\{"[^"{}]+\?"\}', block.text))


def test_the_paper_loads_what_its_tables_need():
    (block,) = of("a paper")
    needed = latex.HEAD.split(r"\usepackage{{")[1].split("}}")[0]
    assert rf"\usepackage{{{needed}}}" in block.text
    assert r"\input{tables}" in block.text


def test_two_releases_are_compared_in_the_form_that_is_printed():
    """They are not both here, so what is tested is the headings, the newer release, and the last line."""
    (block,) = of("two releases")
    lines = set(map(tuple, cells_of(block.text)))
    golden = (ROOT / "tests" / "golden" / "changes.md").read_text(encoding="utf-8")
    for title in ("Versions and platform", "Moved bits, by kind of quantity", "Headroom lost"):
        (head,) = re.findall(rf"^## {title}\n(?:.*\n)*?\| (.*) \|$", golden, re.MULTILINE)
        assert tuple(head.split(" | ")) in lines
        assert (f"{title}:",) in lines
    released = {(line[0], line[2]) for line in lines if line[0].startswith("jax")}
    assert released == {(name, PINNED[name]) for name in ("jax", "jaxlib")}
    moved = r"\d+ of [\d,]+ quantities have moved, by up to \d+ ulps in the values that are kept"
    assert re.search(rf"^Nothing is worse; {moved}\.$", block.text, re.MULTILINE)


@pytest.mark.needs("jax")
def test_two_releases_side_by_side_are_shown_as_this_one_alone_is(tmp_path, capsys):
    """The other one is not here, so what is tested is all that stands in this one's own report."""
    (block,) = of("two releases side by side")
    (_, installed), (typed, shown) = block.commands
    assert installed == ""
    words = shlex.split(typed)
    build.main([*words[3 : words.index("jax") + 1], "--out", str(tmp_path)])
    head, *lines = (row for row in cells_of(shown) if len(row) > 1 and "─" not in row[0])
    older = head.pop()
    assert re.fullmatch(r"jax@\d+\.\d+\.\d+", older)
    alone = cells_of(capsys.readouterr().out)
    assert all(row in alone for row in (head, *(line[:-1] for line in lines)))
    assert f" by jax {PINNED['jax']}, {older}: " in shown


def cells_of(text):
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


def test_what_a_long_sweep_printed_has_its_form_and_adds_up():
    """It takes minutes, so it is not run here: its columns, its cases and its last line are held."""
    (block,) = of("a long sweep")
    head, *lines = block.text.splitlines()
    assert re.split(r" {2,}", head) == list(COLUMNS.values())
    stacked = [line for line in lines if " over one more axis " in line or ".vmap of " in line]
    counts = [int(re.findall(r" ([\d,]+) ", line)[0].replace(",", "")) for line in stacked]
    alone = [int(count) for count in re.findall(r" alone +(\d+) ", block.text)]
    form = r"([\d,]+) cases, ([\d,]+) trials, ([\d,]+) quantities compared: no findings; .*"
    (last,) = re.findall(form, lines[-1])
    cases, trials, _ = (int(number.replace(",", "")) for number in last)
    assert counts[0] == counts[1] == counts[2] + counts[3] == cases
    assert sum(counts) + sum(alone) == trials


@pytest.mark.needs("jax")
def test_a_program_reads_results_with_nothing_but_python(tmp_path, capsys):
    (block,) = of("a reader of results")
    chosen = "--select divergences/hardtanh-at-one --dtype float64 --adapter jax --format json --out".split()
    assert build.main([*chosen, str(tmp_path)]) == 0
    output = capsys.readouterr().out
    command = [sys.executable, "-I", "-S", "-c", block.text]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "divergences/hardtanh-at-one dL/dz1 differs" in done.stdout.splitlines()
    assert "Expected by its case: jax.nn.hard_tanh" in output


def test_the_steps_for_another_repository_can_be_typed():
    (block,) = of("steps of a workflow")
    checkout, install, report = yaml.safe_load(block.text)
    assert f"'./{checkout['with']['path']}[torch,jax,test]'" in install["run"]
    words = shlex.split(report["run"])
    assert words[:2] == [".venv/bin/backprop-parity", "build"]
    assert build._parser().parse_args(words[2:]).adapter == ["my_backprop:train"]  # noqa: SLF001 - it exits


def commands():
    """Return what stands in running text, in workflows, in the flow chart, and what takes minutes."""
    listed = [command for text in DOCUMENTS.values() for command in documents.inline_commands(text)]
    listed += [line for block in of("commands that take minutes") for line in block.text.splitlines()]
    for block in of("a workflow"):
        job = yaml.safe_load(block.text)
        job = job["jobs"]["parity"] if "jobs" in job else job["parity"]
        lines = job["script"] if "script" in job else [step.get("run", "") for step in job["steps"]]
        listed += [line.partition(" || ")[0] for line in lines if line.startswith(".venv/")]
    return listed + [f".venv/bin/{one}" for one in re.findall(r'pytest [^"]*', of("a flow chart")[0].text)]


@pytest.mark.parametrize("command", dict.fromkeys(commands()))
def test_each_command_in_running_text_can_be_typed(command, pytestconfig):
    """They take minutes, so they are not run here; what they do is tested elsewhere."""
    words = shlex.split(command)
    if words[:2] == [".venv/bin/python", "-m"]:
        PROGRAMS[words[2]]._parser().parse_args(words[3:])  # noqa: SLF001 - it exits with what is wrong
    elif words[:3] == [".venv/bin/pip", "install", "-q"]:
        options = ("-c", CONSTRAINTS, "--upgrade", "-e", ".[torch,jax,sweep]")
        assert {word.partition("==")[0] for word in words[3:] if word not in options} <= PINNED.keys()
    elif words[0] == ".venv/bin/python":
        assert (ROOT / words[1]).exists(), command
    else:
        assert words[0] == ".venv/bin/pytest", command
        actions = pytestconfig._parser.optparser._actions  # noqa: SLF001
        known = {name for action in actions for name in action.option_strings}
        for word in words[1:]:
            is_option = word.partition("=")[0] in known
            assert is_option or (ROOT / word).exists() or word.isdigit(), word


@pytest.mark.parametrize("document", DOCUMENTS)
def test_headings_are_in_order_and_every_link_leads_somewhere(document):
    levels = [level for level, _ in documents.headings(DOCUMENTS[document])]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for link in documents.links(DOCUMENTS[document]):
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.exists(), f"{document}: {link}"
        if anchor:
            assert anchor in documents.anchors(target.read_text(encoding="utf-8")), f"{document}: {link}"


def test_every_document_is_reached_from_the_readme():
    reached, waiting = set(), ["README.md"]
    while waiting:
        document = waiting.pop()
        reached.add(document)
        linked = (link.partition("#")[0] for link in documents.links(DOCUMENTS[document]))
        paths = {os.path.relpath((ROOT / document).parent / path, ROOT) for path in linked if path}
        waiting += (paths & DOCUMENTS.keys()) - reached
    assert reached == DOCUMENTS.keys()


# What a document shows and a command prints, and whether it is that.
SHOWN = [
    ("a\n…\nd\n…", "a\nb\nc\nd", True),
    ("a\nb", "a\nb\nc", False),
    ("a\n…\nc", "a\nb\nc\nd", False),
    ("x  agrees 0.42 (14.9) ", "x agrees 0.43 (14.8)", True),
    ("x agrees 0.42 (14.9)", "x differs at z1", False),
    ("uses 0.00042 of it; 13.0 digits certified", "uses 0.00032 of it; 12.9 digits certified", True),
    ("equal to 4.8 digits only", "equal to 4.7 digits only", False),
    ("off by 0.0019", "off by 0.0020", False),
    ("is -0.0047454765078661", "is -0.0047454765078662", True),
    ("758,316 quantities", "758,320 quantities", True),
    ("6 passed, … in …", "6 passed, 1 deselected in 2.31s", True),
    ("6 passed, … in …", "5 passed, 1 deselected in 2.31s", False),
]


def test_what_is_shown_is_compared_strictly_but_for_roundings():
    assert [(shown, output, is_shown(shown, output)) for shown, output, _ in SHOWN] == SHOWN


@pytest.mark.parametrize("module", ["cases", "reference", "reference.mistakes"])
def test_the_examples_in_the_packages_own_words_are_true(module):
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert (failed, tried > 0) == (0, True)
