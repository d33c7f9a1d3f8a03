"""The leases of a process by themselves: what is written when, and what is kept for later."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from satmint.flows.live import LEASE_SECONDS
from satmint.flows.service_context import ServiceContext
from satmint.gateway import presence_tracker
from satmint.gateway.client_socket import ClientSocket
from satmint.gateway.presence_tracker import PresenceTracker
from satmint.gateway.protocol import SessionRevoked
from satmint.model.events import Origin
from satmint.model.live import Admission
from satmint.model.refusals import StoreUnavailable
from tests.gateway.protocol_setup import PROJECT, START, admission, live, played, waiting
from tests.kit.clock import NOW, FrozenClock
from tests.kit.gateway import Ticker

OTHER_PROJECT = UUID(int=1)
RENEW_SECONDS = LEASE_SECONDS / 3


def a_socket(number: int, project: UUID = PROJECT) -> ClientSocket:
    """A connected client, who is online as far as its own connection knows."""

    async def send(_: object) -> None:
        raise NotImplementedError

    socket = ClientSocket(UUID(int=number), Origin("", "", ""), send, START)
    socket.connection = msgspec.structs.replace(
        live(msgspec.structs.replace(admission(), project=project)), id=UUID(int=number)
    )
    return socket


class Written:
    """What a tracker writes to the store; nothing of it while `down`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.down = False
        monkeypatch.setattr(presence_tracker, "set_online", self._set_online)
        monkeypatch.setattr(presence_tracker, "set_offline", self._set_offline)

    async def _set_online(self, _: object, leases: Sequence[tuple[UUID, Admission, int]]) -> None:
        self._note("online", sorted((id_.int, since) for id_, _, since in leases))

    async def _set_offline(self, _: object, project: UUID, ids: Sequence[UUID]) -> None:
        self._note("offline", project, [id_.int for id_ in ids])

    def _note(self, *call: object) -> None:
        if self.down:
            raise StoreUnavailable("planted")
        self.calls.append(call)

    def since(self) -> list[tuple[Any, ...]]:
        """What was written since the last time."""
        calls, self.calls = self.calls, []
        return calls


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    return Written(monkeypatch)


def a_tracker() -> tuple[PresenceTracker, Ticker]:
    """A tracker that needs nothing but a clock, and its monotonic clock."""
    monotonic, services = Ticker(), SimpleNamespace(clock=FrozenClock(), store=None)
    return PresenceTracker(cast("ServiceContext", services), monotonic), monotonic


async def test_arrival_and_departure_are_written_once(written: Written) -> None:
    tracker, _ = a_tracker()
    socket, now = a_socket(1), NOW
    tracker.go_online(socket)
    since = [socket.online_since]
    await tracker.flush()
    assert written.since() == [("online", [(1, now)])]
    await tracker.flush()
    assert written.since() == []
    tracker.go_offline(socket)
    assert [*since, socket.online_since] == [now, None]
    await tracker.flush()
    assert written.since() == [("offline", PROJECT, [1])]
    await tracker.flush()
    assert written.since() == []


async def test_newer_session_is_written_with_the_time_of_the_first(written: Written) -> None:
    tracker, _ = a_tracker()
    socket, began = a_socket(1), NOW
    tracker.go_online(socket)
    await tracker.flush()
    cast("FrozenClock", tracker._services.clock).advance(5)
    tracker.go_online(socket)
    await tracker.flush()
    assert written.since() == [("online", [(1, began)])] * 2


async def test_who_leaves_before_the_next_flush_was_never_online(written: Written) -> None:
    tracker, _ = a_tracker()
    socket = a_socket(1)
    tracker.go_online(socket)
    socket.connection, _ = played(socket.connection, SessionRevoked())
    tracker.go_offline(socket)
    await tracker.flush()
    assert written.since() == [("offline", PROJECT, [1])]


async def test_socket_whose_session_has_ended_gets_no_lease(written: Written) -> None:
    """Its departure is on its way, and follows with the next flush."""
    tracker, _ = a_tracker()
    ended, shown = a_socket(1), a_socket(2)
    for socket in (ended, shown):
        tracker.go_online(socket)
    ended.connection, _ = played(ended.connection, SessionRevoked())
    await tracker.flush()
    assert written.since() == [("online", [(2, NOW)])]


async def test_leases_are_renewed_three_times_in_their_life(written: Written) -> None:
    tracker, monotonic = a_tracker()
    early, late, now = a_socket(1), a_socket(2), NOW
    tracker.go_online(early)
    await tracker.flush()
    written.since()
    monotonic.at += 5
    tracker.go_online(late)
    await tracker.flush()
    assert written.since() == [("online", [(2, now)])]
    for seconds, renewed in ((RENEW_SECONDS - 5.25, False), (0.25, True), (0, False)):
        monotonic.at += seconds
        await tracker.flush()
        assert written.since() == ([("online", [(1, now), (2, now)])] if renewed else [])
    for seconds, renewed in ((RENEW_SECONDS - 0.25, False), (0.25, True)):
        monotonic.at += seconds
        await tracker.flush()
        assert bool(written.since()) is renewed


async def test_renewal_begins_anew_after_nobody_was_online(written: Written) -> None:
    tracker, monotonic = a_tracker()
    socket = a_socket(1)
    tracker.go_online(socket)
    await tracker.flush()
    tracker.go_offline(socket)
    await tracker.flush()
    monotonic.at += 10 * RENEW_SECONDS
    tracker.go_online(socket)
    await tracker.flush()
    written.since()
    await tracker.flush()
    assert written.since() == []
    monotonic.at += RENEW_SECONDS
    await tracker.flush()
    assert len(written.since()) == 1


async def test_who_was_never_admitted_leaves_no_departure(written: Written) -> None:
    tracker, _ = a_tracker()
    socket = a_socket(1)
    socket.connection = waiting()
    tracker.go_offline(socket)
    await tracker.flush()
    assert written.since() == []


async def test_departures_are_written_for_each_project_in_batches(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_tracker, "_BATCH_SIZE", 2)
    tracker, _ = a_tracker()
    for number, project in enumerate((PROJECT, PROJECT, OTHER_PROJECT, PROJECT)):
        tracker.go_offline(a_socket(number, project))
    await tracker.flush()
    assert written.since() == [
        ("offline", PROJECT, [0, 1]),
        ("offline", PROJECT, [3]),
        ("offline", OTHER_PROJECT, [2]),
    ]


async def test_what_could_not_be_written_is_written_later(written: Written) -> None:
    tracker, _ = a_tracker()
    gone, lost, shown = a_socket(1), a_socket(2), a_socket(3)
    for socket in (lost, shown):
        tracker.go_online(socket)
    written.down = True
    await tracker.flush()
    tracker.go_offline(gone)
    await tracker.flush()
    tracker.go_offline(lost)
    written.down = False
    await tracker.flush()
    assert written.since() == [
        ("offline", PROJECT, [1, 2]),
        ("online", [(3, NOW)]),
    ]
    await tracker.flush()
    assert written.since() == []


async def test_departures_are_kept_up_to_a_number(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases of further ones expire by themselves."""
    monkeypatch.setattr(presence_tracker, "_MAX_DEPARTURES", 2)
    tracker, _ = a_tracker()
    for number in range(4):
        tracker.go_offline(a_socket(number))
    await tracker.flush()
    assert written.since() == [("offline", PROJECT, [0, 1])]
