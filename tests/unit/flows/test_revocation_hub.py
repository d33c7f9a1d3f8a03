"""The listeners of one process: what a poll tells them, how far behind they are, who is cut off."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from satmint.flows import revocation_hub
from satmint.flows.revocation_cursor import parse_cursor
from satmint.flows.revocation_hub import RevocationHub
from satmint.flows.revocation_listener import FeedBatch, FeedState, RevocationListener
from satmint.flows.revocation_status import FeedStatus, ListenerStatus, feed_status
from satmint.flows.revoke import revoke_project, revoke_subscriber
from satmint.model.events import Event, EventCursor, EventKind
from satmint.model.refusals import RateLimited, StoreUnavailable
from satmint.model.revocations import Revocation, RevokedKind
from tests.kit.clock import NOW
from tests.kit.gateway import Ticker
from tests.kit.service import ORIGIN, Server

TOKEN = UUID(int=1)
INCARNATION = UUID(int=2)
FIRST = EventCursor(0), 0
BEGIN = 5
"""Where a poll has read to."""


@pytest.fixture
def ticker() -> Ticker:
    return Ticker()


@pytest.fixture
def hub(server: Server, ticker: Ticker) -> RevocationHub:
    return RevocationHub(server.services, INCARNATION, ticker)


def ended(server: Server, number: int = 1, project: UUID | None = None) -> list[Event]:
    """Events that end sessions."""
    owner = project or server.tenant.id
    return [
        server.services.new_event(
            EventKind.SESSION_REVOKED, owner, ORIGIN, NOW, session=UUID(int=100 + one)
        )
        for one in range(number)
    ]


async def polled(hub: RevocationHub, ticker: Ticker, events: Sequence[Event] = ()) -> None:
    await hub.publish(events, BEGIN, ticker())


async def begun(hub: RevocationHub, server: Server) -> RevocationListener:
    """A listener that was told how its feed begins; a poll has succeeded."""
    listener = await hub.listen(server.tenant.id, TOKEN, None)
    assert await told(listener) == []
    return listener


async def batch(listener: RevocationListener) -> FeedBatch:
    found = await listener.next(0)
    assert found is not None
    return found


async def told(listener: RevocationListener) -> list[str]:
    return [one.id for one in (await batch(listener)).revocations]


async def test_feed_begins_with_a_cursor_of_this_moment(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    before = parse_cursor(hub.cursor(server.tenant.id))
    await polled(hub, ticker)
    listener = await hub.listen(server.tenant.id, TOKEN, None, "192.0.2.7")
    assert (listener.state, listener.address) == (FeedState.START, "192.0.2.7")
    first = await batch(listener)
    cursor = parse_cursor(first.cursor)
    assert before is not None
    assert cursor is not None
    assert (before.position, cursor.position, cursor.at) == (0, BEGIN, NOW)
    assert (first.state, first.revocations) == (FeedState.START, ())
    assert hub.outcomes == {FeedState.START: 1}


async def test_listener_is_told_of_its_project_alone(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    await polled(hub, ticker)
    listener = await begun(hub, server)
    await polled(hub, ticker, ended(server, project=UUID(int=9)))
    await polled(hub, ticker, ended(server, 2))
    found = await batch(listener)
    assert found.revocations == tuple(
        Revocation(RevokedKind.SESSION, str(UUID(int=100 + one)), NOW, None, "session_revoked")
        for one in range(2)
    )
    assert (found.state, found.cursor) == (None, hub.cursor(server.tenant.id))
    # Where nothing follows, the cursor alone is told.
    assert (await batch(listener)).revocations == ()


async def test_cursor_is_told_when_its_time_has_come_and_not_before(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    await polled(hub, ticker)
    listener = await begun(hub, server)
    waiting = asyncio.ensure_future(listener.next(0.5))
    done, _ = await asyncio.wait({waiting}, timeout=0.01)
    assert not done
    ticker.at += 0.5
    assert await waiting == FeedBatch((), hub.cursor(server.tenant.id))


async def test_polls_are_wanted_while_somebody_listens(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    assert not hub.wanted
    await polled(hub, ticker)
    one, two = await begun(hub, server), await begun(hub, server)
    for listener, wanted in ((one, True), (one, True), (two, False), (two, False)):
        listener.close()
        assert hub.wanted is wanted
    assert list(hub.listeners) == []


async def test_who_listens_while_nothing_polls_is_refused_after_a_while(
    hub: RevocationHub, server: Server, ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation_hub, "READY_SECONDS", 0.01)
    with pytest.raises(StoreUnavailable, match="revocations_not_polled"):
        await begun(hub, server)
    await polled(hub, ticker)
    (await begun(hub, server)).close()
    hub.suspend()
    with pytest.raises(StoreUnavailable, match="revocations_not_polled"):
        await begun(hub, server)
    assert not hub.wanted


async def test_age_of_the_last_poll_is_told(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    assert (hub.read_seconds, hub.lag_seconds, hub.is_fresh) == (None, 0.0, False)
    await polled(hub, ticker)
    ticker.at += 1.0
    assert (hub.read_seconds, hub.lag_seconds, hub.is_fresh) == (1.0, 0.0, True)
    await begun(hub, server)
    assert (hub.read_seconds, hub.lag_seconds, hub.is_fresh) == (1.0, 1.0, True)
    ticker.at += 0.5
    assert (hub.read_seconds, hub.lag_seconds, hub.is_fresh) == (1.5, 1.5, False)
    hub.suspend()
    assert (hub.read_seconds, hub.lag_seconds, hub.is_fresh) == (None, 0.0, False)


async def test_listener_is_behind_from_what_waits_until_it_was_sent(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    await polled(hub, ticker)
    quick, slow = await begun(hub, server), await begun(hub, server)
    ticker.at += 10
    assert (quick.behind_seconds, hub.behind_seconds) == (0.0, 0.0)
    await polled(hub, ticker, ended(server, 2))
    ticker.at += 3
    await polled(hub, ticker, ended(server))
    assert (quick.pending, quick.sent, quick.behind_seconds) == (3, 0, 3.0)
    await batch(quick)
    assert (quick.pending, quick.sent, quick.behind_seconds) == (1, 0, 3.0)
    await batch(quick)
    assert (quick.pending, quick.sent, quick.behind_seconds) == (0, 2, 0.0)
    ticker.at += 1
    assert (quick.behind_seconds, slow.behind_seconds, hub.behind_seconds) == (1.0, 4.0, 4.0)
    await batch(quick)
    assert (quick.sent, quick.behind_seconds) == (3, 0.0)


async def test_status_tells_each_listener(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    assert feed_status(hub) == FeedStatus(None, False, False, [])
    await polled(hub, ticker)
    listener = await hub.listen(server.tenant.id, TOKEN, None, "192.0.2.7")
    await batch(listener)
    ticker.at += 2
    await polled(hub, ticker, ended(server))
    ticker.at += 0.5
    of = server.tenant.id, TOKEN
    shown = ListenerStatus(*of, "192.0.2.7", 2.5, "start", 0, 1, 0.5, 0)
    assert feed_status(hub) == FeedStatus(0.5, True, True, [shown])
    listener.state = None
    assert feed_status(hub).listeners[0].began is None


async def test_listeners_of_a_project_and_of_all_are_limited(
    hub: RevocationHub, server: Server, ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await polled(hub, ticker)
    monkeypatch.setattr(revocation_hub, "MAX_LISTENERS_PER_PROJECT", 2)
    monkeypatch.setattr(revocation_hub, "MAX_LISTENERS", 3)
    last = [await begun(hub, server) for _ in range(2)][-1]
    with pytest.raises(RateLimited, match="revocation_listeners") as refused:
        await begun(hub, server)
    assert refused.value.retry_after == 10
    await hub.listen(UUID(int=9), TOKEN, None)
    with pytest.raises(RateLimited, match="revocation_listeners"):
        await hub.listen(UUID(int=8), TOKEN, None)
    last.close()
    await hub.listen(UUID(int=8), TOKEN, None)


async def test_listener_that_does_not_read_is_cut_off_and_counted(
    hub: RevocationHub, server: Server, ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.flows.revocation_listener.MAX_PENDING", 2)
    await polled(hub, ticker)
    slow, quick = await begun(hub, server), await begun(hub, server)
    await polled(hub, ticker, ended(server, 2))
    assert (await told(quick), slow.pending, slow.is_cut) == (
        [str(UUID(int=100)), str(UUID(int=101))],
        2,
        False,
    )
    await polled(hub, ticker, ended(server))
    assert (slow.is_cut, slow.pending, slow.behind_seconds) == (True, 0, 0.0)
    assert await slow.next(60) is None
    assert list(hub.listeners) == [quick]
    assert (hub.outcomes["cut"], hub.cuts_of(server.tenant.id, TOKEN)) == (1, 1)
    assert hub.cuts_of(server.tenant.id, UUID(int=5)) == 0
    slow.close()
    assert list(hub.listeners) == [quick]


async def test_cuts_of_so_many_tokens_as_may_listen_are_remembered(
    hub: RevocationHub, server: Server, ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.flows.revocation_listener.MAX_PENDING", 0)
    monkeypatch.setattr(revocation_hub, "MAX_LISTENERS", 2)
    await polled(hub, ticker)
    for token in range(3):
        await hub.listen(server.tenant.id, UUID(int=token), None)
        await polled(hub, ticker, ended(server))
    cuts = [hub.cuts_of(server.tenant.id, UUID(int=token)) for token in range(3)]
    assert cuts == [0, 1, 1]


async def test_removed_key_is_told_every_five_seconds_for_a_minute(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    cipher = server.services.cipher
    old = cipher.keyring.active.id
    both = cipher.keyring.rotate(server.services.entropy, NOW)
    cipher.reload(both)
    await polled(hub, ticker)
    listener = await begun(hub, server)
    server.clock.advance(5)
    cipher.reload(both.remove(old))
    at = list[float]()
    begin = ticker.at
    for _ in range(70):
        await polled(hub, ticker)
        if found := (await batch(listener)).revocations:
            assert found == (Revocation(RevokedKind.KEY, f"key:{old}", NOW + 5),)
            at.append(ticker.at - begin)
        ticker.at += 1
    assert at == [5.0 * number for number in range(13)]


async def test_key_that_comes_back_is_told_no_more(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    cipher = server.services.cipher
    old = cipher.keyring.active.id
    both = cipher.keyring.rotate(server.services.entropy, NOW)
    cipher.reload(both)
    await polled(hub, ticker)
    listener = await begun(hub, server)
    for keyring, told_of in ((both.remove(old), 1), (both, 0), (both, 0)):
        cipher.reload(keyring)
        await polled(hub, ticker)
        assert len((await batch(listener)).revocations) == told_of
        ticker.at += 6


@pytest.mark.parametrize(("most", "known"), [(2, True), (1, False)])
async def test_epochs_are_told_unless_they_are_too_many(
    hub: RevocationHub,
    server: Server,
    ticker: Ticker,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    known: bool,
) -> None:
    monkeypatch.setattr(revocation_hub, "_MAX_EPOCHS", most)
    subscriber = UUID((await server.sign_in("ada"))["subscriber_id"])
    await polled(hub, ticker)
    listener = await begun(hub, server)
    kinds = (EventKind.SUBSCRIBER_REVOKED, subscriber), (EventKind.PROJECT_REVOKED, None)
    new = server.services.new_event
    events = [
        new(kind, server.tenant.id, ORIGIN, NOW, subscriber=of) for kind, of in (*kinds, *kinds)
    ]
    await polled(hub, ticker, events)
    found = (await batch(listener)).revocations
    assert [(one.type, one.epoch) for one in found] == [
        (RevokedKind.SUBSCRIBER, 0 if known else None),
        (RevokedKind.PROJECT, 0 if known else None),
    ] * 2


async def test_epoch_of_a_subscriber_that_is_gone_is_left_out(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    await polled(hub, ticker)
    listener = await begun(hub, server)
    kind, gone = EventKind.SUBSCRIBER_REVOKED, UUID(int=77)
    event = server.services.new_event(kind, server.tenant.id, ORIGIN, NOW, subscriber=gone)
    await polled(hub, ticker, [event])
    assert (await batch(listener)).revocations == (
        Revocation(RevokedKind.SUBSCRIBER, str(gone), NOW, None, kind.value),
    )


@pytest.mark.parametrize("page", [1, 2, 3, 4, 1000])
async def test_client_that_was_away_is_told_all_it_has_missed_in_order(
    hub: RevocationHub,
    server: Server,
    ticker: Ticker,
    monkeypatch: pytest.MonkeyPatch,
    page: int,
) -> None:
    monkeypatch.setattr(revocation_hub, "_PAGE_SIZE", page)
    await hub.publish((), 0, ticker())
    cursor = hub.cursor(server.tenant.id)
    for event in ended(server, 3):
        await server.services.store.events.record(event)
    for most, state, number in ((3, FeedState.RESUMED, 3), (2, FeedState.RESET, 0)):
        monkeypatch.setattr(revocation_hub, "MAX_PENDING", most)
        listener = await hub.listen(server.tenant.id, TOKEN, cursor)
        assert (listener.state, listener.pending) == (state, number)
        assert await told(listener) == [str(UUID(int=100 + one)) for one in range(number)]
    assert hub.outcomes == {FeedState.RESUMED: 1, FeedState.RESET: 1}


async def test_client_that_was_away_is_told_the_epochs(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    subscriber = UUID((await server.sign_in("ada"))["subscriber_id"])
    await hub.publish((), 0, ticker())
    cursor = hub.cursor(server.tenant.id)
    services, project = server.services, server.tenant.id
    await revoke_subscriber(services, project, subscriber, ORIGIN)
    await revoke_subscriber(services, project, subscriber, ORIGIN)
    await revoke_project(services, project, ORIGIN)
    listener = await hub.listen(project, TOKEN, cursor)
    found = [(one.type, one.epoch) for one in (await batch(listener)).revocations]
    known = await services.store.subscribers.get(project, subscriber)
    assert known is not None
    epoch = await services.store.projects.epoch(project)
    assert found == [(RevokedKind.SUBSCRIBER, known.epoch)] * 2 + [(RevokedKind.PROJECT, epoch)]
    assert known.epoch != epoch


async def test_listener_that_cannot_be_told_what_it_has_missed_is_none(
    hub: RevocationHub, server: Server, ticker: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await polled(hub, ticker)
    cursor = hub.cursor(server.tenant.id)

    async def away(*_: object) -> None:
        raise StoreUnavailable("planted")

    monkeypatch.setattr(type(server.services.store.events), "revocations_of", away)
    with pytest.raises(StoreUnavailable, match="planted"):
        await hub.listen(server.tenant.id, TOKEN, cursor)
    assert not hub.wanted


async def test_cursor_ahead_of_the_database_begins_anew(
    hub: RevocationHub, server: Server, ticker: Ticker
) -> None:
    """A database that was put back without being recognised has lower positions."""
    newest = (await server.services.store.events.revocations_of(server.tenant.id, *FIRST)).newest
    for position, state in ((newest, FeedState.RESUMED), (newest + 1, FeedState.RESET)):
        await hub.publish((), position, ticker())
        cursor = hub.cursor(server.tenant.id)
        assert (await hub.listen(server.tenant.id, TOKEN, cursor)).state is state
