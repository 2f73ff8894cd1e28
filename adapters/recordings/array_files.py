"""Files of arrays: npz, npy, safetensors, PyTorch's, JSON and CSV, each read into arrays by name.

A file is somebody's: nothing in it is run, nothing is believed of its own sizes, and what is wrong with it is
an `UnreadableError` of one line.
"""

import csv
import json
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import ml_dtypes  # noqa: F401 - gives NumPy the name bfloat16
import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cases.recording import UnreadableError

Arrays: TypeAlias = dict[str, NDArray[Any]]

# All arrays of a file together: a network of a few million parameters and its optimizer's state, many times.
MAX_BYTES: Final = 2**30
# Of text; JSON takes about 20 characters for a number.
MAX_TEXT_BYTES: Final = 2**28
MAX_AXES: Final = 8
NUMBERS: Final = "fiub"  # kinds of dtypes: floating, whole, and truth values
COLUMNS: Final = ("name", "value")


def read_arrays(path: Path) -> Arrays:
    """Return the arrays of a file by their names, nested names joined by dots: "layers.0.weight".

    Its suffix says what it is: .npz, .npy, .safetensors, .pt, .pth, .json, .csv. Raises `UnreadableError`.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableError(
            f"{path}: no file of arrays ends in {path.suffix!r}, expected {', '.join(READERS)}"
        )
    try:
        arrays = reader(path)
    except UnreadableError as error:
        raise UnreadableError(f"{path}: {error}") from None
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        RecursionError,
        MemoryError,
        OverflowError,
        csv.Error,
        zipfile.BadZipFile,
    ) as error:
        raise UnreadableError(f"{path}: is damaged: {_in_one_line(error)}") from None
    if not arrays:
        raise UnreadableError(f"{path}: holds no array")
    return arrays


def _in_one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else f"{text[:160]}…"  # noqa: PLR2004 - a line


def _npz(path: Path) -> Arrays:
    with _archive(path) as archive:
        members = archive.infolist()
        named = [member.filename for member in members]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise UnreadableError(f"holds {twice[0]!r} twice")
        _check_unpacked(archive)
        arrays = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                raise UnreadableError(f"holds {name!r}, expected arrays alone, each named NAME.npy")
            try:
                with archive.open(member) as file:
                    arrays[name] = _npy_array(file, member.file_size, name)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:  # damaged, or encrypted
                raise UnreadableError(f"{name} cannot be unpacked: {_in_one_line(error)}") from None
        return arrays


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableError(f"is damaged: {_in_one_line(error)}") from None


def _check_unpacked(archive: zipfile.ZipFile) -> None:
    if (size := sum(member.file_size for member in archive.infolist())) > MAX_BYTES:
        raise UnreadableError(f"unpacks to {size:,} bytes, expected at most {MAX_BYTES:,}")


def _npy(path: Path) -> Arrays:
    with path.open("rb") as file:
        return {path.stem: _npy_array(file, path.stat().st_size, path.stem)}


def _npy_array(file: IO[bytes], size: int, name: str) -> NDArray[Any]:
    """Read one array in NumPy's format, of a stream that holds `size` bytes."""
    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise UnreadableError(f"{name} is of NumPy's format {version}, expected 1.0 or 2.0")
    shape, is_fortran, dtype = readers[version](file)
    check_kind(name, dtype, shape)
    count = math.prod(shape)
    if count * dtype.itemsize > size:
        raise UnreadableError(
            f"{name} claims the shape {shape} of {dtype}, which is more than the file holds"
        )
    content = file.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        raise UnreadableError(f"{name} ends after {len(content):,} of {count * dtype.itemsize:,} bytes")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")


def check_kind(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Raise UnreadableError unless an array's dtype and shape are those of numbers."""
    if dtype.hasobject:
        raise UnreadableError(f"{name} holds Python objects, which are never loaded; expected numbers")
    if dtype.kind not in NUMBERS and dtype.name != "bfloat16":
        raise UnreadableError(f"{name} holds {dtype}, expected numbers")
    if len(shape) > MAX_AXES or math.prod(shape) * dtype.itemsize > MAX_BYTES:
        raise UnreadableError(f"{name} claims the shape {shape}, expected at most {MAX_BYTES:,} bytes")


def _safetensors(path: Path) -> Arrays:
    try:
        from safetensors import SafetensorError, numpy  # noqa: PLC0415 - seldom needed
    except ModuleNotFoundError:
        raise UnreadableError("needs the package safetensors, which is not installed") from None
    _check_size(path, MAX_BYTES)
    try:
        arrays: Arrays = numpy.load_file(path)
    except SafetensorError as error:
        raise UnreadableError(f"is damaged: {_in_one_line(error)}") from None
    return arrays


def _check_size(path: Path, most: int) -> None:
    if (size := path.stat().st_size) > most:
        raise UnreadableError(f"has {size:,} bytes, expected at most {most:,}")


def _torch(path: Path) -> Arrays:
    try:
        import torch  # noqa: PLC0415 - heavy, and seldom needed
    except ModuleNotFoundError:
        raise UnreadableError("needs PyTorch, which is not installed") from None
    from adapters.torch_autograd import to_numpy  # noqa: PLC0415 - the same

    _check_size(path, MAX_BYTES)
    with path.open("rb") as file:
        is_archive = file.read(2) == b"PK"
    if is_archive:
        with _archive(path) as archive:
            _check_unpacked(archive)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - PyTorch raises many kinds, of damage and of what is no tensor
        raise UnreadableError(f"PyTorch does not load it as tensors alone: {_in_one_line(error)}") from None
    leaves = ((name, leaf) for name, leaf in _leaves(loaded, "", path.stem))
    return {
        name: to_numpy(leaf) if isinstance(leaf, torch.Tensor) else np.asarray(leaf)
        for name, leaf in leaves
        if isinstance(leaf, torch.Tensor | int | float)
    }


def _leaves(value: Any, name: str, whole: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - what a file has
    """Give what is no dictionary and no list, by names joined with dots; a `whole` file may be one array."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{key}" if name else str(key), whole)
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            yield from _leaves(part, f"{name}.{i}" if name else str(i), whole)
    else:
        yield name or whole, value


def _json(path: Path) -> Arrays:
    """Read nested objects; a list of numbers, or of lists, is an array, and one of objects has steps."""
    _check_size(path, MAX_TEXT_BYTES)
    try:
        content = json.loads(path.read_text("utf-8"), object_pairs_hook=_each_once)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    return dict(_json_arrays(content, "", path.stem))


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        keys = [key for key, _ in pairs]
        raise UnreadableError(f"holds {next(key for key in keys if keys.count(key) > 1)!r} twice")
    return named


def _json_arrays(value: Any, name: str, whole: str) -> Iterator[tuple[str, NDArray[Any]]]:  # noqa: ANN401
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _json_arrays(part, f"{name}.{key}" if name else key, whole)
    elif isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        for i, part in enumerate(value):
            yield from _json_arrays(part, f"{name or 'step'}.{i}", whole)
    elif value is not None:
        yield name or whole, array_of(value, name or whole)


def array_of(value: Any, name: str) -> NDArray[Any]:  # noqa: ANN401 - what JSON can state
    """Return the array of nested lists of numbers; "NaN", "inf" and "0x1.8p+1" are numbers, too."""
    numbers = _numbers(value, name)
    try:
        array = np.asarray(numbers)
    except ValueError:
        raise UnreadableError(f"{name} has rows of unequal lengths") from None
    if array.dtype.hasobject:
        raise UnreadableError(f"{name} holds a whole number of more than 64 bits")
    return array


def _numbers(value: Any, name: str) -> Any:  # noqa: ANN401 - the same
    if isinstance(value, list):
        return [_numbers(part, name) for part in value]
    if isinstance(value, str):
        try:
            return float.fromhex(value) if "0x" in value.lower() else float(value)
        except (ValueError, OverflowError):
            raise UnreadableError(f"{name} holds {value!r:.40}, expected numbers") from None
    if isinstance(value, bool | int | float):
        return value
    raise UnreadableError(f"{name} holds {value!r:.40}, expected numbers")


def _csv(path: Path) -> Arrays:
    """Read a table of numbers, or with a head of `name`, indices and `value`, one number a row."""
    _check_size(path, MAX_TEXT_BYTES)
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    if not {*COLUMNS} <= {*head}:
        return {path.stem: array_of(rows, path.stem)}
    indices = [i for i, column in enumerate(head) if column not in COLUMNS]
    values: dict[str, dict[tuple[int, ...], str]] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(head):
            raise UnreadableError(f"row {number} has {len(row)} cells, expected {len(head)}")
        at = tuple(int(row[i]) for i in indices if row[i].strip())
        elements = values.setdefault(row[head.index("name")].strip(), {})
        if at in elements:
            raise UnreadableError(f"row {number} states an element twice")
        elements[at] = row[head.index("value")]
    return {name: _array_of_elements(elements, name) for name, elements in values.items()}


def _array_of_elements(elements: Mapping[tuple[int, ...], str], name: str) -> NDArray[Any]:
    places = list(elements)
    shape = tuple(max(axis) + 1 for axis in zip(*places, strict=True))
    if min((i for place in places for i in place), default=0) < 0 or len(places) != math.prod(shape):
        raise UnreadableError(f"{name} has {len(places)} elements, expected each of the shape {shape} once")
    array = np.empty(shape)
    for place, text in elements.items():
        array[place] = array_of(text, name)
    return array


READERS: Final[Mapping[str, Callable[[Path], Arrays]]] = {
    ".npz": _npz,
    ".npy": _npy,
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
    ".json": _json,
    ".csv": _csv,
}
