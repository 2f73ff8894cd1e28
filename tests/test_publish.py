"""Publishing files together: whatever happens, a folder shows the files of one build."""

import subprocess
import sys
from pathlib import Path

import pytest

from reports.writers import publish as publishing
from reports.writers.publish import publish

ROOT = Path(__file__).parent.parent
NAMES = ("index.html", "results.json", "summary.md")

KILLED = """
import os, shutil, signal, sys
from pathlib import Path

from reports.writers.publish import publish

NAMES = ("index.html", "results.json", "summary.md")
left = -1  # operations until this process is killed


def count(event, arguments):
    global left
    if left >= 0 and (event == "open" or event.startswith(("os.", "shutil.", "fcntl."))):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


def texts(build, *names):
    return {name: build * 9 for name in names}


def visible(folder):
    there = [path for path in folder.iterdir() if path.name[0] != "." and path.exists()]
    return {path.name: path.read_text()[:1] for path in there}


os.fsync = lambda opened: None  # a kill is no power failure
sys.addaudithook(count)
before, here, seen = sys.argv[1], Path(sys.argv[2]), set()
for k in range(1000):
    folder = here / str(k)
    folder.mkdir()
    if before == "links":
        publish(texts("a", *NAMES), folder)
    elif before == "files":  # as an older version of the suite left them
        for name, text in texts("a", *NAMES).items():
            Path(folder, name).write_text(text)
    child = os.fork()
    if not child:
        left = k
        publish(texts("b", *NAMES, "new.csv"), folder)
        os._exit(0)
    killed = os.waitpid(child, 0)[1]
    found = visible(folder)
    assert len(set(found.values())) <= 1, f"files of two builds after operation {k}: {found}"
    assert before == "nothing" or set(NAMES) <= set(found), f"a file is gone after operation {k}: {found}"
    seen |= set(found.values())
    publish(texts("c", *NAMES), folder)
    assert visible(folder) == dict.fromkeys(NAMES, "c")
    assert len(list(folder.glob(".*"))) == 3, "something was left behind"
    shutil.rmtree(folder)
    if not killed:
        break
print(k, *sorted(seen))
"""


def texts(build, names=NAMES):
    return dict.fromkeys(names, build)


def visible(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if not path.name.startswith(".")}


def start(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, text=True, **options)


@pytest.mark.skipif(not hasattr(publishing.os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("before", "seen"), [("links", "a b"), ("files", "a b"), ("nothing", "b")])
def test_a_build_killed_at_any_operation_leaves_the_files_of_one(tmp_path, before, seen):
    run = start(KILLED, before, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    printed, errors = run.communicate()
    assert run.returncode == 0, errors
    operations, _, found = printed.strip().partition(" ")
    assert found == seen
    assert int(operations) > 20


MANY = """
import os, sys
from pathlib import Path
from reports.writers.publish import publish
os.fsync = lambda opened: None
for number in range(60):
    text = f"{sys.argv[1]}{number} " * 999
    publish(dict.fromkeys(("index.html", "results.json", "summary.md"), text), Path(sys.argv[2]))
"""


def test_builds_at_once_into_one_folder_do_not_mix(tmp_path):
    publish(texts("first 0"), tmp_path)
    running = [start(MANY, name, tmp_path) for name in "abc"]
    looks = 0
    while any(one.poll() is None for one in running):
        looks += one_look(tmp_path)
    assert [one.returncode for one in running] == [0, 0, 0]
    assert looks > 0
    assert len({text.split()[0] for text in visible(tmp_path).values()}) == 1
    assert len(list(tmp_path.glob(".*"))) == 3  # the lock, the link, and the one build


def one_look(folder):
    """Read all files of the build that is current now, unless the next one has come before they were read."""
    build = (folder / ".report").resolve()
    try:
        (found,) = {(build / name).read_text() for name in NAMES}
    except FileNotFoundError:
        return False
    assert len({*found.split()}) <= 2  # whole, however long
    return True


def test_other_files_stay_and_those_no_longer_made_go(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "more").mkdir()
    publish(texts("a", (*NAMES, "power.csv")), tmp_path)
    publish({"diff.md": "d"}, tmp_path, "diff")
    publish(texts("b"), tmp_path)
    (tmp_path / "more").rmdir()
    assert visible(tmp_path) == texts("b") | {"notes.txt": "mine", "diff.md": "d"}


@pytest.mark.parametrize("has_links", [True, False])
def test_files_of_an_older_version_go_where_not_made_now(tmp_path, monkeypatch, *, has_links):
    for name in (*NAMES, "notes.txt"):
        (tmp_path / name).write_text("old")
    monkeypatch.setattr(publishing, "_has_links", lambda _: has_links)
    publish(texts("a", ["results.json"]), tmp_path, others={*NAMES} - {"results.json"})
    assert visible(tmp_path) == {"results.json": "a", "notes.txt": "old"}


def test_a_copy_of_the_folder_is_whole(tmp_path):
    publish(texts("a"), tmp_path / "out")
    subprocess.run(["cp", "-r", tmp_path / "out", tmp_path / "copy"], check=True)
    publish(texts("b"), tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")
    assert (visible(tmp_path / "copy"), visible(tmp_path / "moved")) == (texts("a"), texts("b"))


def test_without_links_each_file_is_moved_whole(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    publish(texts("a"), tmp_path)
    publish(texts("b"), tmp_path)
    assert visible(tmp_path) == texts("b")
    assert not any(path.is_symlink() for path in tmp_path.iterdir())
    assert [path.name for path in tmp_path.glob(".*")] == [".lock"]


def test_a_failed_write_leaves_the_last_build(tmp_path):
    publish(texts("a"), tmp_path)
    with pytest.raises(UnicodeEncodeError):
        publish(texts("b") | {"new.csv": "\ud800"}, tmp_path)
    assert visible(tmp_path) == texts("a")
    assert len(list(tmp_path.glob(".*"))) == 3
