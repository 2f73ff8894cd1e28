"""Finding case files and reading their bytes, with nothing taken on trust."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cases.defects import START, Report, printable
from cases.yaml_reader import mark_at

MAX_BYTES: Final = 2**20
SUFFIXES: Final = (".yaml", ".yml")


def find(folder: Path, report: Report, *, closed: bool = True) -> dict[str, list[Path]]:
    """Return the YAML files below a folder by case name: the path under the folder, without the suffix.

    Hidden files and folders (editors' own) are passed over. Two files may have one name: a.yaml and a.yml.
    Links to folders are not followed. With `closed`, a link to a file outside the folder is a defect: what
    such a file says would be told by its defects.
    """
    if not folder.is_dir():
        report.add(START, "no such folder", "a folder of YAML files")
        return {}
    found: dict[str, list[Path]] = {}
    for path in _walk(folder, report):
        if closed and path.is_symlink() and not _is_within(path, folder):
            report.add(START, f"the link {printable(str(path))} leads out of the folder", "a file within")
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        found.setdefault(name, []).append(path)
    if not found and not report.found:
        report.add(START, "no case in this folder", f"files named *{' or *'.join(SUFFIXES)}")
    return found


def _is_within(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links, which reading tells
        return True


def _walk(folder: Path, report: Report) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        wrong = f"the folder {printable(str(error.filename))} cannot be read: {error.strerror}"
        report.add(START, wrong, "a readable folder")

    for here, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(folders + files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(here, name)


def read_text(path: Path, report: Report) -> str | None:
    """Return the text of a file, or None after reporting why it cannot be read."""
    try:
        content = _read_bytes(path, report)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        report.add(START, f"the file cannot be read: {reason}", "a readable file")
        return None
    return None if content is None else _decode(content, report)


def _read_bytes(path: Path, report: Report) -> bytes | None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would never end
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        report.add(START, f"this is {what}", "a regular file")
    elif status.st_size > MAX_BYTES:
        report.add(START, f"the file has {status.st_size} bytes", f"at most {MAX_BYTES} bytes (1 MiB)")
    else:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) <= MAX_BYTES:
            return content
        report.add(START, "the file grows while it is read", f"at most {MAX_BYTES} bytes (1 MiB)")
    return None


def _decode(content: bytes, report: Report) -> str | None:
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8").removeprefix("\ufeff")
        byte = content[error.start]
        report.add(mark_at(before, len(before)), f"the byte 0x{byte:02x} is not UTF-8", "text in UTF-8")
        return None
