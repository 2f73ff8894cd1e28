"""The checkout's packages by the names that they have when they are installed: `backprop_parity.cases`, ….

Each submodule is the checkout's own module, so nothing exists twice.
"""

import sys
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import CodeType, ModuleType
from typing import Any

try:
    from reports.public import PUBLIC, public
except ImportError as error:
    raise ImportError(
        f"{error}: an editable install takes the names cases, reference, adapters and reports; beside a "
        "project that has its own, install without -e"
    ) from error

PACKAGES = ("cases", "reference", "adapters", "reports")


class _Same(InspectLoader):
    """Loads the module that another name has."""

    def __init__(self, own: ModuleSpec) -> None:
        self._own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002
        return import_module(self._own.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # which importing it by this name has replaced

    def get_code(self, fullname: str) -> CodeType | None:  # noqa: ARG002 - `python -m` asks
        return self._own.loader.get_code(self._own.name)  # type: ignore[union-attr, no-any-return]

    def get_source(self, fullname: str) -> str | None:  # noqa: ARG002
        return self._own.loader.get_source(self._own.name)  # type: ignore[union-attr, no-any-return]


class _Checkout(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ANN401, ARG002
        above, _, name = fullname.partition(".")
        if above != __name__ or name.partition(".")[0] not in PACKAGES or not (own := find_spec(name)):
            return None
        is_package = own.submodule_search_locations is not None
        return ModuleSpec(fullname, _Same(own), origin=own.origin, is_package=is_package)


sys.meta_path.insert(0, _Checkout())


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever it exports
    return public(name)


def __dir__() -> list[str]:
    return sorted(PUBLIC)
