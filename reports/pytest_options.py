"""pytest's options (`--cases PATH`, `--adapter NAME`, …), checked before any test is collected.

A plugin, and no conftest.py, because pytest must know its options before it looks for one. This repository
asks for it by `-p` in its pyproject.toml, and so may any other; it is installed in no other's pytest. pytest
looks for pyproject.toml above whatever may be a path: a PATH outside the project would pass for the project,
so that is reported, with what to write instead: `--cases=PATH`.

Another repository asks by `-p backprop_parity.reports.pytest_options`, and then each option is called
`--parity-…`: pytest reads a plugin's options before a conftest.py, and would refuse a `--device` there.
"""

import math
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from reports.options import add_cases, add_common, add_programs

PROJECT = Path(__file__).parent.parent


# By this name a repository asks whose own options are not to be touched.
INSTALLED = "backprop_parity.reports.pytest_options"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    add = parser.getgroup("parity", "the cases, and what is judged on them").addoption
    is_guest = pluginmanager.get_name(sys.modules[__name__]) == INSTALLED
    if is_guest:
        add = _prefixed(add)
    add_cases(add, also="; if outside the project: --cases=PATH")
    add_programs(add, also="; if outside the project: --programs=PATH")
    add_common(add, rows="tests")
    own = "run adapters that are not built in in pytest's process too, which they may end; so does --pdb"
    add("--no-isolate", action="store_true", help=own)
    slow = "judge every step of the longest cases, too, and not only the first 100 that their ids say"
    add("--slow", action="store_true", help=slow)
    if is_guest:
        return
    dense = "measure the accuracy of each framework's functions over a dense grid, and print the table"
    add("--dense", action="store_true", help=dense)
    random = "how many random networks, and random correct variants, must raise no false alarm (default: 60)"
    add("--random", metavar="COUNT", type=int, default=60, help=random)


def _prefixed(add: Callable[..., None]) -> Callable[..., None]:
    return lambda name, **given: add(f"--parity-{name.removeprefix('--')}", **given)


def given(config: pytest.Config) -> Namespace:
    """Return the options by their names without `--parity-`, for whatever tests read them."""
    options = vars(config.option)
    prefixed = {name.removeprefix("parity_"): options[name] for name in options if name.startswith("parity_")}
    return Namespace(**{**options, **prefixed})


def pytest_configure(config: pytest.Config) -> None:
    """Check the options; `pytest.UsageError` has a line for each defect of each case, or what is wrong."""
    options = given(config)
    if options.programs:
        _add_programs(config, options)
    names = "cases", "adapter", "dtype", "select"
    cases, adapters, dtypes, select = (tuple(vars(options)[name]) for name in names)
    engines, device = options.engines, options.device
    if not any((cases, adapters, dtypes, select, engines, device != "cpu")):
        return
    if config.rootpath != PROJECT and not is_host(config):
        raise pytest.UsageError(
            f"pytest takes {config.rootpath} for the project and finds no tests of parity there. "
            f"Run it in {PROJECT}, and write what lies elsewhere with an equals sign: --cases=PATH"
        )
    here = str(config.invocation_params.dir)
    if here not in sys.path:  # as with `python -m`, so that package.module:function can be imported from here
        sys.path.insert(0, here)
    from adapters.registry import Choice  # noqa: PLC0415 - heavy, and not every test needs the cases
    from reports.parity import Unusable, asked_for  # noqa: PLC0415 - the same

    try:
        asked_for(cases, Choice(adapters, engines, device).names, dtypes, select)
    except Unusable as error:
        raise pytest.UsageError(str(error)) from None


def is_host(config: pytest.Config) -> bool:
    """Whether this is the pytest of another repository, whose own tests run too."""
    return hasattr(config.option, "parity_cases")


# The files of programs that were asked for, by their paths.
PROGRAMS: Final = pytest.StashKey[Mapping[Path, Any]]()


def _add_programs(config: pytest.Config, options: Namespace) -> None:
    """Have pytest collect files of programs too; here alone, where no other tests are named."""
    from cases.errors import CaseErrors  # noqa: PLC0415 - seldom wanted
    from reports.user_programs.program_files import programs_asked_for  # noqa: PLC0415 - the same

    try:
        files = programs_asked_for(options.programs)
    except CaseErrors as errors:
        raise pytest.UsageError(str(errors)) from None
    config.stash[PROGRAMS] = {file.path.resolve(): file for file in files}
    if config.args_source is not pytest.Config.ArgsSource.ARGS and not is_host(config):
        config.args.clear()
    folders = [
        (config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in config.args
    ]
    config.args += [
        str(file.path) for file in files if not any(map(file.path.resolve().is_relative_to, folders))
    ]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    file = parent.config.stash.get(PROGRAMS, {}).get(file_path.resolve())
    if file is None:
        return None
    from reports.user_programs.program_tests import ProgramTests  # noqa: PLC0415 - seldom wanted

    seconds = given(parent.config).time_limit or math.inf
    is_inside = file_path.is_relative_to(parent.config.rootpath)  # any other would have no id
    node = None if is_inside else f"{file.name}{file_path.suffix}"
    return ProgramTests.from_parent(parent, path=file_path, nodeid=node, file=file, seconds=seconds)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Keep pytest from running a file of programs, which it would where that is named like a test."""
    if module_path.resolve() not in parent.config.stash.get(PROGRAMS, {}):
        return None
    from reports.user_programs.program_tests import NoModule  # noqa: PLC0415 - seldom wanted

    return NoModule.from_parent(parent, path=module_path)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Write into the JUnit file, if there is one, for what its numbers hold.

    With pytest-xdist that file is written by the one process that runs no test, where the fixture
    `record_testsuite_property` does nothing (pytest #7767). So this goes to the file's writer itself.
    """
    writers = session.config.pluginmanager.get_plugins() if session.config.rootpath == PROJECT else ()
    for add in [writer.add_global_property for writer in writers if hasattr(writer, "add_global_property")]:
        from reports.environment import describe  # noqa: PLC0415 - the same

        here = describe("")
        for name, value in {"python": here.python, **here.versions, "platform": here.platform}.items():
            add(name, value)
        add("cpu", here.cpu)


# The type is a string, because pytest names it from 8.4 on.
def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Say once what explains many failures of parity, and of how many tests; annotate them in a workflow."""
    failed = terminalreporter.stats.get("failed", ())
    judged = [test for test in failed if "verdict" in dict(test.user_properties)]
    if judged and os.environ.get("GITHUB_ACTIONS") == "true":
        from reports.writers import annotations  # noqa: PLC0415 - heavy, and seldom wanted

        messages = (
            (str(test.longrepr).partition("\n")[0], test.nodeid.rpartition("::")[2]) for test in judged
        )
        annotations.print_all(annotations.error(text, title) for text, title in messages)
    if any("mistake" in dict(test.user_properties) for test in failed):
        from reports.parity import explained_together  # noqa: PLC0415 - the same

        terminalreporter.section("what explains several failures")
        for line in explained_together(failed):
            terminalreporter.write_line(line)
