"""The feed of revocations as server-sent events: their order, their cursor and their end."""

from collections import deque
from typing import Any, cast

import pytest

from satmint.flows.revocation_listener import FeedBatch, FeedState, RevocationListener
from satmint.http.event_stream import ServerSentEvent
from satmint.http.revocation_events import RevocationEvents
from satmint.model.revocations import Revocation, RevokedKind

ONE = Revocation(RevokedKind.SESSION, "id-1", 5)
TWO = Revocation(RevokedKind.SUBSCRIBER, "id-2", 6, 3, "subscriber_revoked")
ONE_AS_EVENT = ServerSentEvent('{"type":"session","id":"id-1","at":5}', "revoked")
TWO_AS_EVENT = ServerSentEvent(
    '{"type":"subscriber","id":"id-2","at":6,"epoch":3,"reason":"subscriber_revoked"}', "revoked"
)


class Listener:
    """Has the batches of a test; None: it was cut off."""

    def __init__(self, *batches: FeedBatch | None) -> None:
        self.batches = deque(batches)
        self.waited: list[float] = []
        self.closed = False

    async def next(self, seconds: float) -> FeedBatch | None:
        """See `RevocationListener.next`."""
        self.waited.append(seconds)
        return self.batches.popleft()

    def close(self) -> None:
        """See `RevocationListener.close`."""
        self.closed = True


def events_of(listener: Listener, *, authorized: bool = True) -> RevocationEvents:
    async def is_authorized() -> bool:
        return authorized

    return RevocationEvents(cast("RevocationListener", listener), is_authorized)


async def all_of(events: RevocationEvents) -> list[ServerSentEvent]:
    """The events until they end."""
    found = []
    while True:
        try:
            found.append(await events.__anext__())
        except StopAsyncIteration:
            return found


def with_id(event: ServerSentEvent, cursor: str) -> ServerSentEvent:
    return ServerSentEvent(event.data, event.event, cursor)


@pytest.mark.parametrize(
    ("batch", "events"),
    [
        (FeedBatch((), "c1"), [ServerSentEvent("{}", "heartbeat", "c1")]),
        (FeedBatch((ONE,), "c1"), [with_id(ONE_AS_EVENT, "c1")]),
        (FeedBatch((ONE, TWO), "c1"), [ONE_AS_EVENT, with_id(TWO_AS_EVENT, "c1")]),
        (FeedBatch((), "c1", FeedState.START), [ServerSentEvent("{}", "start", "c1")]),
        (
            FeedBatch((ONE, TWO), "c1", FeedState.RESUMED),
            [ServerSentEvent("{}", "resumed"), ONE_AS_EVENT, with_id(TWO_AS_EVENT, "c1")],
        ),
    ],
)
async def test_last_event_of_a_batch_has_its_cursor(
    batch: FeedBatch, events: list[ServerSentEvent]
) -> None:
    assert await all_of(events_of(Listener(batch, None))) == events


async def test_batches_follow_each_other_and_a_heartbeat_comes_after_three_seconds() -> None:
    listener = Listener(FeedBatch((ONE,), "c1"), FeedBatch((TWO,), "c2"), None)
    assert await all_of(events_of(listener)) == [
        with_id(ONE_AS_EVENT, "c1"),
        with_id(TWO_AS_EVENT, "c2"),
    ]
    assert listener.waited == [3.0] * 3


async def test_listener_without_permission_gets_nothing_more() -> None:
    listener = Listener(FeedBatch((ONE,), "c1"), FeedBatch((TWO,), "c2"))
    assert await all_of(events_of(listener, authorized=False)) == []
    assert len(listener.batches) == 1


async def test_permission_is_asked_for_with_each_batch() -> None:
    answers: deque[bool] = deque([True, False])

    async def is_authorized() -> bool:
        return answers.popleft()

    listener: Any = Listener(FeedBatch((ONE, TWO), "c1"), FeedBatch((TWO,), "c2"))
    events = RevocationEvents(listener, is_authorized)
    assert await all_of(events) == [ONE_AS_EVENT, with_id(TWO_AS_EVENT, "c1")]


async def test_end_of_the_events_closes_the_listener() -> None:
    listener = Listener()
    await events_of(listener).aclose()
    assert listener.closed
