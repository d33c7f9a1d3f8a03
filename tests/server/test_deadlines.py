"""Deadlines of many connections: their order, and when they are due."""

import pytest

from satmint.server.deadlines import Deadlines


@pytest.fixture
def deadlines() -> Deadlines[str]:
    """Entries that are due after ten seconds."""
    return Deadlines(10.0)


def expired(deadlines: Deadlines[str], now: float) -> list[str]:
    return list(deadlines.expire(now))


def test_entry_is_due_so_many_seconds_after_it_was_added(deadlines: Deadlines[str]) -> None:
    deadlines.add("a", 100.0)
    assert expired(deadlines, 109.9) == []
    assert "a" in deadlines
    assert expired(deadlines, 110.0) == ["a"]
    assert "a" not in deadlines
    assert expired(deadlines, 1000.0) == []


def test_entries_are_due_in_the_order_in_which_they_were_added(deadlines: Deadlines[str]) -> None:
    for number, entry in enumerate("cab"):
        deadlines.add(entry, 100.0 + number)
    assert deadlines.oldest(200.0) == "c"
    assert expired(deadlines, 111.0) == ["c", "a"]
    assert deadlines.oldest(200.0) == "b"
    assert expired(deadlines, 112.0) == ["b"]
    assert deadlines.oldest(200.0) is None


def test_oldest_entry_is_there_from_a_certain_age_on(deadlines: Deadlines[str]) -> None:
    deadlines.add("a", 100.0)
    deadlines.add("b", 100.5)
    assert deadlines.oldest(100.0) == "a"
    assert deadlines.oldest(100.9, 1.0) is None
    assert deadlines.oldest(101.0, 1.0) == "a"
    deadlines.discard("a")
    assert deadlines.oldest(101.4, 1.0) is None
    assert deadlines.oldest(101.5, 1.0) == "b"


def test_entries_are_listed_in_order_while_they_change(deadlines: Deadlines[str]) -> None:
    for entry in "cab":
        deadlines.add(entry, 100.0)
    listed = []
    for entry in deadlines:
        listed.append(entry)
        deadlines.discard(entry)
    assert listed == ["c", "a", "b"]
    assert len(deadlines) == 0


def test_deadline_that_is_set_stays(deadlines: Deadlines[str]) -> None:
    deadlines.add("a", 100.0)
    deadlines.add("b", 105.0)
    deadlines.add("a", 109.0)
    assert deadlines.oldest(200.0) == "a"
    assert expired(deadlines, 110.0) == ["a"]


def test_deadline_that_was_lifted_begins_anew(deadlines: Deadlines[str]) -> None:
    deadlines.add("a", 100.0)
    deadlines.add("b", 101.0)
    deadlines.discard("a")
    deadlines.discard("unknown")
    assert len(deadlines) == 1
    deadlines.add("a", 102.0)
    assert deadlines.oldest(200.0) == "b"
    assert expired(deadlines, 111.0) == ["b"]
    assert expired(deadlines, 112.0) == ["a"]


def test_entries_may_come_and_go_while_some_expire(deadlines: Deadlines[str]) -> None:
    for entry in "abcd":
        deadlines.add(entry, 100.0)
    found = []
    for entry in deadlines.expire(110.0):
        found.append(entry)
        deadlines.discard("c")
        deadlines.add(entry, 110.0)
    assert found == ["a", "b", "d"]
    assert len(deadlines) == 3
    assert expired(deadlines, 119.9) == []


def test_entry_that_is_seen_to_expire_is_in_no_more(deadlines: Deadlines[str]) -> None:
    deadlines.add("a", 100.0)
    for entry in deadlines.expire(110.0):
        assert entry not in deadlines
