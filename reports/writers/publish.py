"""Publishing files together: the folder always shows all files of one build.

The files of a build lie in a hidden folder, `.report-…`. The visible names are links through one link,
`.report`, to the build that is current: `index.html` → `.report/index.html` → `.report-…/index.html`. A build
is published by putting a new `.report` in the place of the old one, which POSIX does in one step, so a build
that is killed at any time leaves the files of one build; the next one clears away what it left. Of two builds
into one folder the second finds a lock until the first is done, or has died.

Where a file system has no links (FAT, Windows without the right to make them) the files are moved one by one,
each whole; a build that is killed between two of them then leaves files of both. Where there are no locks
(Windows), two builds at once differ by their folders' names, and the later one stays.
"""

import os
import shutil
from contextlib import contextmanager, suppress
from uuid import uuid4

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # there is no such module

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

LOCK = ".lock"


def publish(
    texts: Mapping[str, str], folder: Path, kind: str = "report", others: Collection[str] = ()
) -> None:
    """Put files into a folder, all at once, which is made if it is not there; what else lies there stays.

    Files that an earlier build of this `kind` put there, and this one does not, go; those named by `others`
    go too where they are no links. What cannot be written raises `OSError`; the files are then as they were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        current = folder / f".{kind}"
        _clear(current)
        build = _unique(current)
        try:
            _write(texts, build)
            if _has_links(build):
                names = (*texts, *(name for name in others if _is_plain(folder / name)))
                _adopt(names, current)
                for name in names:
                    if not _leads_through(current, folder / name):
                        _replace_by_link(folder / name, f"{current.name}/{name}", current)
                _replace_by_link(current, build.name, current)
            else:
                for name in texts:
                    (build / name).replace(folder / name)
                for name in others:
                    (folder / name).unlink(missing_ok=True)
        finally:
            _clear(current)
        _synchronize(folder)


def _unique(current: Path) -> Path:
    return current.with_name(f"{current.name}-{uuid4().hex[:12]}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait until nobody else publishes here; the system lets go of the lock of a process that has died."""
    with (folder / LOCK).open("a", encoding="utf-8") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear(current: Path) -> None:
    """Remove all builds but the current one, and every link to a file that is not there."""
    kept = os.readlink(current) if current.is_symlink() else ""  # noqa: PTH115 - the text of the link itself
    for path in sorted(current.parent.glob(f"{current.name}-*")):
        if path.name != kept:
            path.unlink() if path.is_symlink() else shutil.rmtree(path, ignore_errors=True)
    for path in sorted(current.parent.iterdir()):
        if _leads_through(current, path) and not path.exists():
            path.unlink()


def _leads_through(current: Path, path: Path) -> bool:
    return path.is_symlink() and os.readlink(path) == f"{current.name}/{path.name}"  # noqa: PTH115 - the same


def _write(texts: Mapping[str, str], build: Path) -> None:
    """Write the files down to the disk, so that a power failure loses none that is published."""
    build.mkdir()
    for name, text in texts.items():
        with (build / name).open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    _synchronize(build)


def _adopt(names: Iterable[str], current: Path) -> None:
    """Make a build of the files that an older version of the suite left, so that they too go all at once."""
    there = [path for path in map(current.with_name, names) if _is_plain(path)]
    if there and not current.is_symlink():
        adopted = _unique(current)
        adopted.mkdir()
        for path in there:
            shutil.copy2(path, adopted)
        _replace_by_link(current, adopted.name, current)


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _replace_by_link(path: Path, target: str, current: Path) -> None:
    new = _unique(current)
    new.symlink_to(target)
    new.replace(path)


def _has_links(build: Path) -> bool:
    probe = build.with_name(f"{build.name}-link")
    try:
        probe.symlink_to(build.name)
    except (OSError, NotImplementedError):
        return False
    probe.unlink()
    return True


def _synchronize(folder: Path) -> None:
    """Write a folder's names down to the disk, where the system can."""
    with suppress(OSError):  # Windows opens no folders
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
