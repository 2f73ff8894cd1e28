"""The parity tests: every case by every adapter in every number format, and every printed number."""

import os.path

import pytest

from adapters import Choice
from adapters.registry import third_party
from reference import parts
from reports.options import limits_of
from reports.parity import (
    Unusable,
    asked_for,
    command,
    failure_of,
    id_of,
    published_failure_of,
    record,
    with_failed,
)
from reports.runs.rows import RowKeeper


def choice(config):
    adapters = tuple(config.getoption("--adapter"))
    return Choice(
        adapters, config.getoption("--engines"), config.getoption("--device"), limits_of(config.option)
    )


def is_debugged(config):
    """Whether adapters that are not built in run here too; else what ends their process would end pytest."""
    return bool(config.getoption("--no-isolate") or config.getoption("usepdb") or config.getoption("trace"))


def asked(config):
    cases, dtypes, select = (tuple(config.getoption(f"--{name}")) for name in ("cases", "dtype", "select"))
    try:
        return asked_for(cases, choice(config).names, dtypes, select)
    except Unusable as error:
        raise pytest.Collector.CollectError(str(error)) from error


def pytest_generate_tests(metafunc):
    if metafunc.function is test_parity:
        runs = asked(metafunc.config).runs
        slow = metafunc.config.getoption("--slow")
        ids = [id_of(*run, slow=slow) for run in runs]
        metafunc.parametrize(("case", "adapter", "dtype"), runs, ids=ids)
    if metafunc.function is test_published:
        cases = asked(metafunc.config).published
        metafunc.parametrize("case", cases, ids=[case.name for case in cases])


@pytest.fixture
def conclude(request):
    """Fail with the reason and how to repeat this test; skip where a framework is absent or declines."""

    def conclude(failure, adapter=""):
        was_asked_for = adapter in choice(request.config).required
        if failure is None:
            return
        if failure.no_equivalent or (failure.not_run and not was_asked_for):
            pytest.skip(failure.text)
        file = os.path.relpath(request.path, request.config.invocation_params.dir)
        again = command(
            f"{file}::{request.node.name}",
            request.config.getoption("--cases"),
            adapter if was_asked_for or adapter not in Choice().names else "",
            slow=request.config.getoption("--slow"),
            limits=limits_of(request.config.option),
            isolates=not request.config.getoption("--no-isolate"),
        )
        pytest.fail(f"{failure.text}\n\nTo repeat this test alone:\n  {again}", pytrace=False)

    return conclude


def test_parity(case, adapter, dtype, conclude, request):
    slow = request.config.getoption("--slow")
    limits = limits_of(request.config.option)
    keeper, apart = RowKeeper(), () if is_debugged(request.config) else third_party([adapter])
    failure = failure_of(case, adapter, dtype, slow=slow, limits=limits, apart=apart, watch=keeper.add)
    with parts.collected() as failed:
        record(request.node, keeper.rows)
    conclude(with_failed(failure, failed), adapter)


def test_published(case, conclude, request):
    with parts.collected() as failed:
        failure = published_failure_of(case, lambda rows: record(request.node, rows))
    conclude(with_failed(failure, failed))
