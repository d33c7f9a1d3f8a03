"""The feed of revocations as server-sent events."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import msgspec

from satmint.flows.revocation_listener import FeedBatch, RevocationListener
from satmint.http.event_stream import HEARTBEAT_SECONDS, ServerSentEvent

_encode: Final = msgspec.json.Encoder().encode


class RevocationEvents:
    """The events for one listener, who must stay authorized; see `event_stream.Events`."""

    def __init__(
        self, listener: RevocationListener, is_authorized: Callable[[], Awaitable[bool]]
    ) -> None:
        self._listener = listener
        self._is_authorized = is_authorized
        self._events: deque[ServerSentEvent] = deque()

    async def __anext__(self) -> ServerSentEvent:
        """See `Events`. The end: the client was too slow, or lost its permission."""
        while not self._events:
            batch = await self._listener.next(HEARTBEAT_SECONDS)
            if batch is None or not await self._is_authorized():
                raise StopAsyncIteration
            self._events += _events_of(batch)
        return self._events.popleft()

    async def aclose(self) -> None:
        """See `Events`."""
        self._listener.close()


def _events_of(batch: FeedBatch) -> Iterator[ServerSentEvent]:
    """The events of a batch. Only the last one has a cursor, which is that of all of them.

    A client that is cut off before it has all of them asks for them again.
    """
    events = [ServerSentEvent(_encode(one).decode(), "revoked") for one in batch.revocations]
    if batch.state is not None:
        events.insert(0, ServerSentEvent("{}", batch.state.value))
    elif not events:
        events.append(ServerSentEvent("{}", "heartbeat"))
    *before, last = events
    yield from before
    yield msgspec.structs.replace(last, id=batch.cursor)
