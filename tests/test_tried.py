"""The guarded call of a part: what it returns, what is collected, and what it lets pass."""

import re
from pathlib import Path

import pytest

from reference import parts
from reports import parity

pytestmark = pytest.mark.usefixtures("parts_may_fail")


class Broken(Exception):  # noqa: N818 - what is raised on purpose
    """Raised in the place of a part."""


def breaks(*_, **__):
    raise Broken("no such luck")


def test_a_reason_names_the_exception_and_the_last_place_of_this_project():
    """A KeyError of a library is found where this project asked for what is not there."""
    with parts.collected() as failed:
        assert parts.tried("a part", divmod, 7, 2) == (3, 1)
        assert failed == []
        one = parts.tried("the drift", parts.FailedPart, "too", "many", "arguments")
        other = parts.tried("a ball", parity.properties, [None])
        own = parts.tried("nothing", breaks)
    assert failed == [one, other, own]
    reasons = [one.reason for one in failed]
    assert reasons[0].startswith("TypeError: ")
    assert re.fullmatch(r"AttributeError: .* \(reports/parity\.py:\d+\)", reasons[1])
    assert re.fullmatch(rf"Broken: no such luck \({Path(__file__).name}:\d+\)", reasons[2])
    assert str(own) == f"nothing failed: {reasons[2]}"
    with parts.collected() as failed:  # a message of several lines becomes one
        parts.tried("nothing", lambda: (_ for _ in ()).throw(ValueError("a\nb")))
    assert failed[0].reason.startswith("ValueError: a b (")


def test_a_junit_file_has_what_failed(request, monkeypatch):
    monkeypatch.setattr("reports.parity.properties", breaks)
    before = len(request.node.user_properties)
    with parts.collected() as failed:
        parity.record(request.node, [])
    assert len(failed) == 1
    added = request.node.user_properties[before:]
    assert not added or [name for name, _ in added] == ["failed"]  # xunit2 has no place for it


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_program_is_not_held_up(interrupt):
    def ends():
        raise interrupt

    with parts.collected() as failed, pytest.raises(interrupt):
        parts.tried("a part", ends)
    assert not failed


def test_where_nobody_collects_a_part_raises():
    with pytest.raises(Broken):
        parts.tried("a part", breaks)
    with parts.collected() as outer:
        with parts.collected() as inner:
            assert isinstance(parts.tried("a part", breaks), parts.FailedPart)
        assert parts.so_far() == ()
    assert (len(outer), len(inner)) == (0, 1)


def test_parts_are_counted_once_with_their_reasons():
    one, other = parts.FailedPart("the drift", "KeyError: 1 (a.py:1)"), parts.FailedPart("b", "c (d.py:2)")
    assert parts.counted([]) == ""
    assert parts.counted([one, one]) == "1 part of the report failed: the drift, KeyError: 1 (a.py:1)."
    assert parts.counted([one, other]).startswith("2 parts of the report failed: the drift, KeyError")
