"""What pip installs: the four packages under one name, `backprop_parity`, with their imports rewritten.

Hatchling runs this, as pyproject.toml says. The checkout stays as it is: an editable install holds one small
package, `.ci/editable.py`, whose submodules are the checkout's own.
"""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME: Final = "backprop_parity"
PACKAGES: Final = ("cases", "reference", "adapters", "reports")
LEFT_OUT: Final = ("__pycache__", "out", "README.md", ".*")
LOADERS: Final = {"import_module", "PackageLoader", "files"}  # they take a package by its bare name

_ONE: Final = rf"(?:{'|'.join(PACKAGES)})"
LOCATION: Final = re.compile(rf"({_ONE}(?:\.[A-Za-z_]\w*)*)(?::\w+)?")
# In docstrings, in comments, and in the templates of files that a person goes on with.
COMMAND: Final = re.compile(rf"python -m ({_ONE}(?:\.\w+)+)")
SHOWN_IMPORT: Final = re.compile(rf"^((?: *>>>)? *(?:from|import) )(?={_ONE}[. ])", re.MULTILINE)

Place: TypeAlias = tuple[int, int]  # a line, from 1, and a column in bytes, as `ast` counts them


class RewriteError(Exception):
    """A module names another in a way that cannot be rewritten; the message says how to write it."""


class WheelHook(BuildHookInterface[Any]):
    """Makes what the wheel holds, in a temporary folder."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._folder = TemporaryDirectory()
        made = Path(self._folder.name)
        is_editable = version == "editable"
        (write_editable if is_editable else write_packages)(Path(self.root), made)
        build_data["force_include_editable" if is_editable else "force_include"][str(made)] = NAME

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        self._folder.cleanup()


def write_editable(root: Path, made: Path) -> None:
    """Write a package whose submodules are those of the checkout."""
    text = (root / ".ci" / "editable.py").read_text(encoding="utf-8")
    (made / "__init__.py").write_text(text, encoding="utf-8")


def write_packages(root: Path, made: Path) -> None:
    """Write the four packages with all that they read, and what is exported of them; raises RewriteError."""
    commands = _table(root / "reports" / "cli.py", "COMMANDS")
    for name in PACKAGES:
        shutil.copytree(root / name, made / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    templates = sorted(path for path in (made / "reports" / "templates").rglob("*") if path.is_file())
    for path in {*made.rglob("*.py"), *templates}:
        text = path.read_text(encoding="utf-8")
        try:
            code = text if path in templates else rewritten(text, made)
        except RewriteError as error:
            raise RewriteError(f"{path.relative_to(made)}:{error}") from None
        path.write_text(shown(code, commands), encoding="utf-8")
    public = _table(root / "reports" / "public.py", "PUBLIC")
    (made / "__init__.py").write_text(exports(public), encoding="utf-8")
    (made / "py.typed").touch()


def _table(path: Path, name: str) -> dict[str, str]:
    """Return a module's table; the module is not run: what it imports may not be installed yet."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name and node.value:
            table: dict[str, str] = ast.literal_eval(node.value)
            return table
    raise RewriteError(f"{path}: has no table {name}")


# The package's `__init__`: public names are looked up when they are used, and a type checker knows them.
EXPORTS: Final = '''\
"""Checks that a training step is right, to tolerances that are derived from rounding analysis."""

from typing import TYPE_CHECKING, Any

from {package}.reports.public import PUBLIC, public

if TYPE_CHECKING:
{imports}
else:

    def __getattr__(name: str) -> Any:
        return public(name)

    def __dir__() -> list[str]:
        return sorted(PUBLIC)


__all__ = {names!r}
'''


def exports(public: dict[str, str]) -> str:
    """Return the text of the package's `__init__`."""
    rows = [(name, *location.split(":")) for name, location in sorted(public.items())]
    imports = [f"    from {NAME}.{module} import {attribute} as {name}" for name, module, attribute in rows]
    return EXPORTS.format(package=NAME, imports="\n".join(imports), names=sorted(public))


def shown(text: str, commands: dict[str, str]) -> str:
    """Rewrite what a person reads and types: commands, and imports in examples."""
    typed = {module.partition(":")[0]: f"backprop-parity {name}" for name, module in commands.items()}
    typed |= {module.removesuffix(".__main__"): words for module, words in typed.items()}
    text = COMMAND.sub(lambda found: typed.get(found[1], f"python -m {NAME}.{found[1]}"), text)
    return SHOWN_IMPORT.sub(rf"\1{NAME}.", text)


def rewritten(text: str, root: Path) -> str:
    """Put the one name before each of the four packages that a module's code names; raises RewriteError."""
    lines = text.encode().splitlines(keepends=True)
    for line, column in sorted(set(_places(ast.parse(text), lines, root)), reverse=True):
        before, after = lines[line - 1][:column], lines[line - 1][column:]
        lines[line - 1] = before + f"{NAME}.".encode() + after
    return b"".join(lines).decode()


def _places(module: ast.Module, lines: list[bytes], root: Path) -> Iterator[Place]:
    """Give the places of the packages' names: in imports, in `"module:attribute"`, where one is loaded."""
    for node in _outside_f_strings(module):
        if isinstance(node, ast.ImportFrom) and not node.level and _is_one(node.module):
            yield node.lineno, node.col_offset + len("from ")
        elif isinstance(node, ast.Import):
            yield from _of_import(node)
        elif isinstance(node, ast.JoinedStr) and _begins_with_a_package(node):
            raise RewriteError(
                f"{node.lineno}: {ast.unparse(node)} cannot be rewritten: write it in plain quotes"
            )
        elif isinstance(node, ast.Constant) and _is_location(node.value, root):
            yield _inside_quotes(node, lines)
        elif isinstance(node, ast.Call) and _called(node) in LOADERS:
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and argument.value in PACKAGES:
                    yield _inside_quotes(argument, lines)


def _begins_with_a_package(text: ast.JoinedStr) -> bool:
    first = text.values[0] if text.values else None
    return isinstance(first, ast.Constant) and str(first.value).startswith(
        tuple(f"{one}." for one in PACKAGES)
    )


def _outside_f_strings(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.JoinedStr):
            yield from _outside_f_strings(child)


def _is_one(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in PACKAGES


def _of_import(node: ast.Import) -> Iterator[Place]:
    for alias in filter(lambda alias: _is_one(alias.name), node.names):
        if alias.asname is None:
            raise RewriteError(
                f"{node.lineno}: `import {alias.name}` cannot be rewritten: use `from … import`"
            )
        yield alias.lineno, alias.col_offset


def _is_location(value: object, root: Path) -> bool:
    """Whether it is a text that names a module in a package, perhaps with an attribute."""
    if not isinstance(value, str) or "." not in value or not (named := LOCATION.fullmatch(value)):
        return False
    path = root.joinpath(*named[1].split("."))
    return path.is_dir() or path.with_suffix(".py").is_file() or ":" in value


def _inside_quotes(node: ast.Constant, lines: list[bytes]) -> Place:
    line, start = node.lineno, node.col_offset
    quoted = lines[line - 1][start : node.end_col_offset].decode()
    if node.end_lineno != line or quoted[1:-1] != node.value:
        raise RewriteError(f"{line}: the text {node.value!r} cannot be rewritten: write it in plain quotes")
    return line, start + 1


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
