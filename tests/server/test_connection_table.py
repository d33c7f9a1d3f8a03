"""The connections of a process: how many, from where, which one makes room, and until when."""

import asyncio
from collections.abc import Iterable
from typing import Final

import pytest

from satmint.server.connection_table import ConnectionLimits, ConnectionTable

ADDRESS: Final = "192.0.2.1"
OF_ADDRESS: Final = "too_many_connections_of_address"
OF_ALL: Final = "too_many_connections"
YOUNG_SECONDS: Final = 1.0


class OpenConnection:
    """A connection that records what is done to it."""

    def __init__(self, name: str, done: list[str], unsent: int = 0) -> None:
        self.name, self.unsent = name, unsent
        self._done = done

    def unsent_bytes(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self._done.append(f"abort {self.name}")

    def stop(self) -> None:
        self._done.append(f"stop {self.name}")

    def close_unless_answering(self) -> None:
        self._done.append(f"close_unless_answering {self.name}")

    def close_idle(self) -> None:
        self._done.append(f"close_idle {self.name}")

    def on_arrival_timeout(self) -> None:
        self._done.append(f"on_arrival_timeout {self.name}")


class TableUnderTest:
    """A table whose time a test decides."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limits: ConnectionLimits) -> None:
        self.table = ConnectionTable(limits)
        self.now = 1000.0
        self.done: list[str] = []
        """What was done to connections, in order."""
        monkeypatch.setattr(self.table, "_loop", self)

    def time(self) -> float:
        """Stand in for that of the event loop."""
        return self.now

    def open(self, name: str, unsent: int = 0) -> OpenConnection:
        return OpenConnection(name, self.done, unsent)

    def admit(self, *addresses: str | None) -> list[str | None]:
        """Have a new connection from each address; returns the verdicts."""
        return [self.table.admit(self.open(str(found)), found) for found in addresses]

    def admitted(self, name: str, unsent: int = 0) -> OpenConnection:
        """A connection that counts for no address."""
        connection = self.open(name, unsent)
        assert self.table.admit(connection, None) is None
        return connection

    def swept(self, seconds: float) -> list[str]:
        """What a sweep does after so many seconds."""
        self.now += seconds
        self.done.clear()
        self.table.sweep()
        return self.done


def with_limits(monkeypatch: pytest.MonkeyPatch, **limits: float) -> TableUnderTest:
    return TableUnderTest(monkeypatch, ConnectionLimits(**limits))  # type: ignore[arg-type]


def names(connections: Iterable[object]) -> list[str]:
    return [found.name for found in connections if isinstance(found, OpenConnection)]


async def test_one_address_has_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_limits(monkeypatch, connections=100, per_address=3)
    assert table.admit(*[ADDRESS] * 3) == [None] * 3
    assert table.admit(ADDRESS, "192.0.2.2") == [OF_ADDRESS, None]
    assert len(table.table) == 4
    assert table.done == []


@pytest.mark.parametrize(("connections", "allowed"), [(100, 50), (11, 5), (3, 1), (2, 1), (1, 1)])
async def test_one_address_has_half_of_all_connections_at_most(
    monkeypatch: pytest.MonkeyPatch, connections: int, allowed: int
) -> None:
    table = with_limits(monkeypatch, connections=connections, per_address=500)
    verdicts = table.admit(*[ADDRESS] * (allowed + 1))
    assert verdicts == [*[None] * allowed, OF_ADDRESS]


async def test_connection_that_is_closed_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_limits(monkeypatch, per_address=2)
    first, second = table.open("first"), table.open("second")
    assert table.table.admit(first, ADDRESS) is None
    assert table.table.admit(second, ADDRESS) is None
    table.table.remove(first)
    table.table.remove(first)
    assert table.admit(ADDRESS, ADDRESS) == [None, OF_ADDRESS]
    table.table.remove(second)
    assert table.admit(ADDRESS, ADDRESS) == [None, OF_ADDRESS]
    for connection in table.table:
        table.table.remove(connection)
    assert table.table._by_network == {}


async def test_network_of_64_bits_counts_as_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_limits(monkeypatch, per_address=2)
    assert table.admit("2001:db8::1", "2001:db8:0:0:ffff::2", "2001:db8::3") == [
        *(None, None, OF_ADDRESS)
    ]
    assert table.admit("2001:db8:0:1::1", "2001:db8:0:1::1") == [None, None]


async def test_connections_of_trusted_proxies_count_for_no_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = with_limits(monkeypatch, connections=10, per_address=1)
    assert table.admit(*[None] * 10) == [None] * 10
    assert table.admit(None) == [OF_ALL]


async def test_connection_that_is_counted_elsewhere_counts_for_no_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = with_limits(monkeypatch, per_address=1)
    live = table.open("live")
    assert table.table.admit(live, ADDRESS) is None
    table.table.release_address(live)
    table.table.release_address(live)
    table.table.release_address(table.open("unknown"))
    assert table.admit(ADDRESS, ADDRESS) == [None, OF_ADDRESS]
    table.table.remove(live)
    assert table.admit(ADDRESS) == [OF_ADDRESS]


async def test_connection_that_another_object_takes_over_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = with_limits(monkeypatch, per_address=1)
    pending, request = table.open("pending"), table.open("request")
    assert table.table.admit(pending, ADDRESS) is None
    table.table.arriving.add(pending, table.now)
    assert table.table.replace(pending, request)
    assert not table.table.replace(pending, table.open("late"))
    assert names(table.table) == ["request"]
    assert pending not in table.table.arriving
    table.table.remove(pending)
    assert table.admit(ADDRESS) == [OF_ADDRESS]
    table.table.remove(request)
    assert table.admit(ADDRESS) == [None]


async def test_connection_that_made_room_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_limits(monkeypatch, connections=1)
    pending = table.admitted("pending")
    table.table.arriving.add(pending, table.now)
    table.now += YOUNG_SECONDS
    table.admitted("new")
    assert table.done == ["abort pending"]
    assert not table.table.replace(pending, table.open("request"))
    assert names(table.table) == ["new"]


async def test_connection_that_does_least_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_limits(monkeypatch, connections=9)
    tables = table.table
    named = {
        name: table.admitted(name, unsent=9)
        for name in ("busy", "a1", "a2", "s1", "s2", "i1", "i2", "c1", "c2")
    }
    for name in ("a1", "a2"):
        tables.arriving.add(named[name], table.now)
    for name in ("s1", "s2"):
        tables.stall(named[name])
    table.now += YOUNG_SECONDS
    for name in ("i1", "i2"):
        tables.idle.add(named[name], table.now)
    for name in ("c1", "c2"):
        tables.closing.add(named[name], table.now)
    for number in range(8):
        table.admitted(f"new {number}")
    assert [done.removeprefix("abort ") for done in table.done] == [
        *("c1", "c2", "i1", "i2", "s1", "s2", "a1", "a2")
    ]
    assert table.admit("192.0.2.2") == [OF_ALL]
    assert names(tables) == ["busy", *[f"new {number}" for number in range(8)]]
    assert (len(tables.closing), len(tables.idle), len(tables.arriving)) == (0, 0, 0)
    assert tables._unsent == {}


@pytest.mark.parametrize(
    ("seconds", "aborted"),
    [
        (YOUNG_SECONDS - 0.1, ["192.0.2.1", "slow"]),
        (YOUNG_SECONDS, ["unread", "slow", "192.0.2.1"]),
    ],
)
async def test_request_and_reader_have_a_second_before_they_make_room(
    monkeypatch: pytest.MonkeyPatch, seconds: float, aborted: list[str]
) -> None:
    """Before them goes a crowd; but before a new caller goes, even a new request does."""
    table = with_limits(monkeypatch, connections=4)
    assert table.admit("192.0.2.1", "192.0.2.1") == [None, None]
    slow, unread = table.admitted("slow"), table.admitted("unread", unsent=9)
    table.table.arriving.add(slow, table.now)
    table.table.stall(unread)
    table.now += seconds
    for _ in aborted:
        assert table.admit(None) == [None]
    assert table.admit(None) == [OF_ALL]
    assert table.done == [f"abort {name}" for name in aborted]


async def test_idle_connection_of_an_address_makes_room_for_its_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = with_limits(monkeypatch, per_address=3)
    named = {name: table.open(name) for name in ("busy", "idle", "idle too", "of another")}
    for name, connection in named.items():
        address = "192.0.2.2" if name == "of another" else "192.0.2.1"
        assert table.table.admit(connection, address) is None
    for name in ("of another", "idle too", "idle"):
        table.table.idle.add(named[name], table.now)
    assert table.admit("192.0.2.1", "192.0.2.1", "192.0.2.1") == [None, None, OF_ADDRESS]
    assert table.done == ["abort idle too", "abort idle"]


async def test_oldest_connection_of_the_largest_crowd_makes_room_where_all_are_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = with_limits(monkeypatch, connections=7, per_address=3)
    proxied, crowd = table.admitted("proxied"), ("192.0.2.9", "2001:db8::1", "2001:db8::2")
    assert table.admit("192.0.2.1", *crowd, "192.0.2.3", "192.0.2.3") == [None] * 6
    table.admitted("live")
    assert table.done == ["abort 2001:db8::1"]
    assert table.admit("192.0.2.4", "192.0.2.5") == [None, OF_ALL]
    assert table.done == ["abort 2001:db8::1", "abort 192.0.2.3"]
    assert proxied in list(table.table)


async def test_accepting_waits_while_many_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_limits(monkeypatch, connections=100)
    idle = [table.admitted(str(number)) for number in range(100)]
    for connection in idle:
        table.table.idle.add(connection, table.now)
    for number in range(16):
        assert not table.table.eviction_limit_reached
        table.admitted(f"new {number}")
    assert table.table.eviction_limit_reached
    table.table.remove(idle[0])
    assert not table.table.eviction_limit_reached


async def test_no_connection_makes_room_while_there_is_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = with_limits(monkeypatch, connections=2)
    table.table.idle.add(table.admitted("idle"), table.now)
    table.admitted("second")
    assert table.done == []
    table.admitted("third")
    assert table.done == ["abort idle"]


async def test_caller_who_is_refused_for_its_address_takes_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = with_limits(monkeypatch, connections=2, per_address=1)
    assert table.admit(ADDRESS) == [None]
    table.table.idle.add(table.admitted("idle"), table.now)
    assert table.admit(ADDRESS) == [OF_ADDRESS]
    assert table.done == []


async def test_room_is_made_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_limits(monkeypatch)
    assert not table.table.evict_one()
    busy = table.admitted("busy")
    assert not table.table.evict_one()
    table.table.idle.add(busy, table.now)
    assert table.table.evict_one()
    assert len(table.table) == 0


async def test_connections_are_closed_when_they_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_limits(
        monkeypatch, keep_alive_seconds=75, arrival_seconds=10, stall_seconds=20, closing_seconds=2
    )
    named = {name: table.admitted(name, unsent=9) for name in ("i", "a", "s", "c", "busy")}
    table.table.idle.add(named["i"], table.now)
    table.table.arriving.add(named["a"], table.now)
    table.table.stall(named["s"])
    table.table.closing.add(named["c"], table.now)
    assert table.swept(1.9) == []
    assert table.swept(0.1) == ["abort c"]
    assert table.swept(7.9) == []
    assert table.swept(0.1) == ["on_arrival_timeout a"]
    assert table.swept(9.9) == []
    assert table.swept(0.1) == ["abort s"]
    assert table.swept(54.9) == []
    assert table.swept(0.1) == ["close_idle i"]
    assert table.swept(1000.0) == []


async def test_slow_reader_that_makes_progress_is_not_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = with_limits(monkeypatch, stall_seconds=20)
    slow, still = table.admitted("slow", unsent=1000), table.admitted("still", unsent=1000)
    for connection in (slow, still):
        table.table.stall(connection)
    slow.unsent = 999
    assert table.swept(20.0) == ["abort still"]
    assert names(table.table._unsent) == ["slow"]
    slow.unsent = 1
    assert table.swept(19.9) == []
    assert table.swept(0.1) == []
    assert table.swept(20.0) == ["abort slow"]


async def test_reader_that_is_sent_more_than_it_reads_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = with_limits(monkeypatch, stall_seconds=20)
    connection = table.admitted("a", unsent=1000)
    table.table.stall(connection)
    connection.unsent = 1001
    assert table.swept(20.0) == ["abort a"]


async def test_reader_that_has_read_everything_has_no_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = with_limits(monkeypatch, stall_seconds=20)
    connection = table.admitted("a", unsent=1000)
    table.table.stall(connection)
    table.table.resume(connection)
    assert table.table._unsent == {}
    assert table.swept(1000.0) == []


async def test_connection_that_is_closed_has_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_limits(monkeypatch)
    connection = table.admitted("a", unsent=9)
    for deadlines in (table.table.idle, table.table.arriving, table.table.closing):
        deadlines.add(connection, table.now)
    table.table.stall(connection)
    table.table.remove(connection)
    assert table.swept(1000.0) == []
    assert not table.table.evict_one()


async def test_table_is_waited_for_until_it_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_limits(monkeypatch)
    assert await table.table.wait_until_empty(0)
    first, second = table.admitted("first"), table.admitted("second")
    assert not await table.table.wait_until_empty(0)
    waiting = asyncio.create_task(table.table.wait_until_empty(20))
    table.table.remove(first)
    await asyncio.sleep(0)
    assert not waiting.done()
    table.table.remove(second)
    assert await waiting
    table.admitted("third")
    assert not await table.table.wait_until_empty(0)
