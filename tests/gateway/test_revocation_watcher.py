"""What a process reads of revocations, and which of its sessions it rechecks because of them."""

from types import SimpleNamespace
from typing import cast
from uuid import UUID

import msgspec
import pytest
from structlog.testing import capture_logs

from satmint.flows.revocation_hub import RevocationHub
from satmint.flows.service_context import ServiceContext
from satmint.gateway import revocation_watcher
from satmint.gateway.client_socket import ClientSocket
from satmint.gateway.protocol import ConnectionState, SessionRevoked
from satmint.gateway.revocation_watcher import RevocationWatcher, next_recheck_at
from satmint.model.events import Event, EventCursor, EventKind, Origin
from satmint.model.live import Admission
from satmint.model.records import Inviter
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import EventBatch
from tests.gateway.protocol_setup import PROJECT, START, admission, live, played, waiting
from tests.kit.clock import NOW, FrozenClock
from tests.kit.gateway import Ticker

NAMED = UUID(int=9)
"""What the events of these tests name."""


def event(
    number: int,
    *,
    project: UUID = PROJECT,
    session: UUID | None = None,
    subscriber: UUID | None = None,
    subject: UUID | None = None,
) -> Event:
    """The event with a number, which its id is, so that events sort by it."""
    return Event(
        number.to_bytes(16, "big"),
        project,
        EventKind.SESSION_REVOKED,
        NOW,
        Origin("", "", ""),
        subscriber,
        session,
        subject,
    )


def a_socket(number: int, connection: ConnectionState | None = None) -> ClientSocket:
    """A connected client whose recheck is not due."""

    async def send(_: object) -> None:
        raise NotImplementedError

    socket = ClientSocket(UUID(int=number), Origin("", "", ""), send, START)
    socket.connection = connection or live()
    socket.recheck_at = 1e9
    return socket


def with_names(**names: object) -> ConnectionState:
    """A connection of an admission with other members."""
    return live(msgspec.structs.replace(admission(), **names))


class NoListeners:
    """The feed of revocations while nobody listens to it."""

    wanted = False

    def __init__(self) -> None:
        self.suspended = 0

    def suspend(self) -> None:
        """See `RevocationHub.suspend`."""
        self.suspended += 1

    async def publish(self, *_: object) -> None:
        """See `RevocationHub.publish`."""


class Watching:
    """A watcher, and the store that it reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[Event] = []
        self.reads = 0
        """How often the store was asked for events."""
        self.checked: list[Admission] = []
        self.revoked = True
        """Whether sessions that are checked are no longer active."""
        self.down = False
        self.checks_down = False
        self.ended: list[ClientSocket] = []
        self.sockets: list[ClientSocket] = []
        self.clock, self.monotonic = FrozenClock(), Ticker()
        store = SimpleNamespace(events=SimpleNamespace(revocations=self._after))
        services = cast("ServiceContext", SimpleNamespace(clock=self.clock, store=store))
        self.hub = NoListeners()
        self.watcher = RevocationWatcher(
            services,
            self.sockets,
            self.ended.append,
            self.monotonic,
            cast("RevocationHub", self.hub),
        )
        monkeypatch.setattr(revocation_watcher, "is_session_active", self._is_active)

    async def _after(self, cursor: EventCursor, limit: int) -> EventBatch:
        if self.down:
            raise StoreUnavailable("planted")
        self.reads += 1
        end = len(self.events) + 1
        found = [
            (EventCursor(position, event.id), event)
            for position, event in enumerate(self.events, start=1)
            if (position, event.id) > cursor
        ]
        return EventBatch(found[:limit], end, end)

    async def _is_active(self, _: object, found: Admission) -> bool:
        if self.checks_down:
            raise StoreUnavailable("planted")
        self.checked.append(found)
        return not self.revoked

    async def start(self, *sockets: ClientSocket) -> None:
        """Admit these; what was revoked before is looked for once."""
        self.sockets += sockets
        self.revoked = False
        await self.poll()
        self.checked.clear()
        self.revoked = True

    async def poll(self, seconds: float = 0.25) -> None:
        """Poll after so many seconds."""
        self.monotonic.at += seconds
        await self.watcher.poll()


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Watching:
    return Watching(monkeypatch)


@pytest.mark.parametrize("connections", [[], [waiting()], [played(live(), SessionRevoked())[0]]])
async def test_store_is_not_read_without_a_session(
    watching: Watching, connections: list[ConnectionState]
) -> None:
    watching.sockets += [a_socket(1, connection) for connection in connections]
    watching.watcher.recheck(a_socket(2))
    await watching.poll()
    assert (watching.reads, watching.checked, watching.watcher.polls) == (0, [], 0)
    assert watching.hub.suspended == 1  # what it knows is soon not the latest
    await watching.start(a_socket(3))
    assert watching.reads
    assert watching.watcher.polls == 1
    await watching.poll()
    assert watching.watcher.polls == 2
    assert watching.hub.suspended == 1


async def test_first_session_is_rechecked_at_once_and_so_is_the_first_after_none(
    watching: Watching,
) -> None:
    """What was revoked between its admission and the first poll is not among the events."""
    first, second = a_socket(1), a_socket(2)
    watching.sockets.append(first)
    await watching.poll()
    assert watching.ended == [first]
    watching.sockets.clear()
    await watching.poll()
    watching.events.append(event(1))
    watching.sockets.append(second)
    await watching.poll()
    assert watching.ended == [first, second]


@pytest.mark.parametrize(
    ("names", "connection"),
    [
        ({"session": NAMED}, with_names(session=NAMED)),
        ({"subscriber": NAMED}, with_names(subscriber=NAMED)),
        ({"subject": NAMED}, with_names(addresses=(UUID(int=7), NAMED))),
        ({"project": NAMED}, with_names(project=NAMED)),
        ({"subscriber": NAMED}, with_names(address_owners=frozenset((NAMED,)))),
        ({"session": NAMED}, with_names(inviter=Inviter(UUID(int=7), NAMED))),
        ({"subscriber": NAMED}, with_names(inviter=Inviter(NAMED, UUID(int=7)))),
    ],
)
async def test_session_is_rechecked_if_an_event_names_what_it_depends_on(
    watching: Watching, names: dict[str, UUID], connection: ConnectionState
) -> None:
    named, beside, without = a_socket(1, connection), a_socket(2), a_socket(3, waiting())
    await watching.start(without, beside, named)
    watching.events.append(event(1, **names))
    await watching.poll()
    assert watching.ended == [named]
    assert watching.checked == [connection.admission]


@pytest.mark.parametrize(
    ("names", "narrower"),
    [
        ({"subscriber": NAMED, "session": UUID(int=7)}, "session"),
        ({"subject": NAMED, "subscriber": UUID(int=7)}, "subscriber"),
        ({"project": NAMED, "subject": UUID(int=7)}, "subject"),
    ],
)
async def test_event_concerns_the_narrowest_thing_that_it_names(
    watching: Watching, names: dict[str, UUID], narrower: str
) -> None:
    for wider in {"subscriber", "subject", "project"} - {narrower}:
        member = {"subject": "addresses"}.get(wider, wider)
        watching.sockets.append(
            a_socket(1, with_names(**{member: (NAMED,) if member == "addresses" else NAMED}))
        )
    await watching.start()
    watching.events.append(event(1, **names))
    await watching.poll()
    assert watching.checked == []


async def test_session_that_is_still_active_goes_on(watching: Watching) -> None:
    await watching.start(a_socket(1))
    watching.events.append(event(1))
    watching.revoked = False
    await watching.poll()
    await watching.poll()
    assert (len(watching.checked), watching.ended) == (1, []), "the event is known by then"
    watching.events.append(event(2))
    await watching.poll()
    assert len(watching.checked) == 2


async def test_store_is_down_after_two_polls_that_failed(watching: Watching) -> None:
    watching.sockets.append(a_socket(1))
    watching.down = True
    with capture_logs() as lines:
        await watching.poll()
        found = [watching.watcher.store_is_down]
        watching.sockets.clear()  # the store is asked until it answers, also without a session
        for down in (True, True, False, False):
            watching.down = down
            await watching.poll()
            found.append(watching.watcher.store_is_down)
    assert found == [False, True, True, False, False]
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("store_down", "warning"),
        ("store_up", "info"),
    ]
    assert watching.reads
    assert watching.watcher.polls == 1


async def test_store_is_down_once_an_authentication_waited_in_vain(watching: Watching) -> None:
    with capture_logs() as lines:
        watching.watcher.note_store_down()
        watching.watcher.note_store_down()
    assert watching.watcher.store_is_down
    assert [line["event"] for line in lines] == ["store_down"]


async def test_session_that_cannot_be_checked_is_checked_with_the_next_poll(
    watching: Watching,
) -> None:
    socket = a_socket(1)
    await watching.start(socket)
    watching.watcher.recheck(socket)
    watching.checks_down = True
    await watching.poll()
    assert watching.ended == []
    watching.checks_down = False
    await watching.poll()
    await watching.poll()
    assert (watching.ended, len(watching.checked)) == ([socket], 1)


async def test_result_for_a_session_that_was_replaced_meanwhile_does_not_count(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket, newer = a_socket(1), with_names(jti="newer")
    await watching.start(socket)
    watching.watcher.recheck(socket)

    async def slow(store: object, found: Admission) -> bool:
        active = await watching._is_active(store, found)
        socket.connection = newer
        return active

    monkeypatch.setattr(revocation_watcher, "is_session_active", slow)
    await watching.poll()
    assert watching.ended == []
    watching.revoked = False
    await watching.poll()
    assert watching.checked == [admission(), newer.admission]
    assert watching.ended == []


async def test_socket_without_a_session_is_not_checked(watching: Watching) -> None:
    gone = a_socket(1, played(live(), SessionRevoked())[0])
    await watching.start(a_socket(2), gone)
    watching.watcher.recheck(gone)
    await watching.poll()
    assert (watching.checked, watching.ended) == ([], [])
    assert not watching.watcher._pending


async def test_sessions_are_rechecked_every_minute_a_batch_at_a_time(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation_watcher, "_OVERDUE_BATCH_SIZE", 2)
    await watching.start(*(a_socket(number, with_names(jti=str(number))) for number in range(3)))
    watching.revoked = False
    watching.sockets.insert(0, a_socket(9, waiting()))
    begin = watching.monotonic.at
    for socket in watching.sockets:
        socket.recheck_at = next_recheck_at(begin)
    counts = []
    for seconds in (59.75, 0.25, 0, 0, 59.75, 0.25, 0, 0):
        await watching.poll(seconds)
        counts.append(len(watching.checked))
    assert counts == [0, 2, 3, 3, 3, 5, 6, 6]
    assert next_recheck_at(begin) == begin + 60


async def test_crowd_is_rechecked_whole(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation_watcher, "_RECHECK_BATCH_SIZE", 2)
    await watching.start(*(a_socket(number) for number in range(5)))
    watching.events.append(event(1))
    await watching.poll()
    assert set(watching.ended) == set(watching.sockets)
    assert len(watching.ended) == 5
