"""Closes the live sessions that were revoked on any node.

Four times a second each process reads the new events that may end sessions from the store. An event
is only a hint: every session that it names is rechecked with the query that a connect uses. The
listeners of the feed of revocations share these reads.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final
from uuid import UUID

import structlog

from satmint.flows.event_feed import revocation_feed
from satmint.flows.live import is_session_active
from satmint.flows.revocation_hub import RevocationHub
from satmint.flows.service_context import ServiceContext
from satmint.gateway.client_socket import ClientSocket
from satmint.model.events import Event
from satmint.model.live import Admission
from satmint.model.refusals import StoreUnavailable

POLL_SECONDS: Final = 0.25
_RECHECK_INTERVAL_SECONDS: Final = 60.0
"""Every session is rechecked at this interval even without an event."""
_RECHECK_BATCH_SIZE: Final = 256
_OVERDUE_BATCH_SIZE: Final = 128
_FAILURES_UNTIL_DOWN: Final = 2


class RevocationWatcher:
    """Watches for revocations of this process's live sessions."""

    def __init__(
        self,
        services: ServiceContext,
        sockets: Collection[ClientSocket],
        end: Callable[[ClientSocket], None],
        monotonic: Callable[[], float],
        hub: RevocationHub,
    ) -> None:
        """Prepare to poll.

        Args:
            services: The services of this process.
            sockets: All open sockets; the owner keeps the collection up to date.
            end: Called with each socket whose session is no longer active.
            monotonic: A monotonic clock, in seconds.
            hub: The listeners of the feed of revocations, which are told of every poll.
        """
        self.polls = 0
        """Successful polls so far: a connect during which it changed must be rechecked."""
        self._services = services
        self._sockets = sockets
        self._end = end
        self._monotonic = monotonic
        self._hub = hub
        self._pending: set[ClientSocket] = set()
        self._feed = revocation_feed(services, monotonic)
        self._failures = 0
        self._log = structlog.get_logger("satmint.gateway")

    @property
    def store_is_down(self) -> bool:
        """Whether the last polls failed, so that new clients cannot be authenticated."""
        return self._failures >= _FAILURES_UNTIL_DOWN

    def recheck(self, socket: ClientSocket) -> None:
        """Recheck a session with the next poll."""
        self._pending.add(socket)

    def note_store_down(self) -> None:
        """Record that an authentication ran out of time because the store did not answer."""
        self._count_failures(_FAILURES_UNTIL_DOWN)

    async def poll(self) -> None:
        """Poll once. If the store is unavailable, pending rechecks stay pending."""
        if (
            not self._failures
            and not self._hub.wanted
            and not any(socket.admission for socket in self._sockets)
        ):
            self._feed.stop()
            self._hub.suspend()
            self._pending.clear()
            return
        started, began_at = self._feed.started, self._monotonic()
        try:
            events = await self._feed.poll()
        except StoreUnavailable:
            self._count_failures(1)
            return
        if self.store_is_down:
            self._log.info("store_up")
        self._failures = 0
        await self._hub.publish(events, self._feed.position, began_at)
        if started:
            self._pending |= _affected(self._sockets, events)
        else:
            # What was revoked since they were admitted is not among the events.
            self._pending.update(socket for socket in self._sockets if socket.admission)
        self.polls += 1
        self._pending.update(self._overdue())
        await self._recheck_all()

    def _count_failures(self, count: int) -> None:
        before = self.store_is_down
        self._failures += count
        if self.store_is_down and not before:
            self._log.warning(
                "store_down", meaning="new clients are rejected, connected clients stay"
            )

    def _overdue(self) -> list[ClientSocket]:
        """A batch of sessions whose periodic recheck is due."""
        monotonic = self._monotonic()
        due = (
            socket
            for socket in self._sockets
            if socket.recheck_at <= monotonic and socket.admission
        )
        found = [socket for socket, _ in zip(due, range(_OVERDUE_BATCH_SIZE), strict=False)]
        for socket in found:
            socket.recheck_at = monotonic + _RECHECK_INTERVAL_SECONDS
        return found

    async def _recheck_all(self) -> None:
        sockets = tuple(self._pending)
        for start in range(0, len(sockets), _RECHECK_BATCH_SIZE):
            await asyncio.gather(*map(self._recheck, sockets[start : start + _RECHECK_BATCH_SIZE]))

    async def _recheck(self, socket: ClientSocket) -> None:
        admission = socket.admission
        try:
            active = admission is None or await is_session_active(self._services.store, admission)
        except StoreUnavailable:
            return  # it stays pending
        if socket.admission is not admission:
            return  # re-authenticated meanwhile: the result is out of date
        self._pending.discard(socket)
        if not active:
            self._end(socket)


def next_recheck_at(monotonic: float) -> float:
    """When a session that was checked at `monotonic` is due for its periodic recheck."""
    return monotonic + _RECHECK_INTERVAL_SECONDS


def _affected(sockets: Iterable[ClientSocket], events: Iterable[Event]) -> set[ClientSocket]:
    """The connected sockets that any of `events` may have ended."""
    named: set[UUID] = set()
    """Ids of sessions, subscribers, addresses and projects: all random, so they cannot be mixed."""
    for event in events:
        named.add(event.session or event.subscriber or event.subject or event.project)
    if not named:
        return set()
    return {
        socket
        for socket in sockets
        if (admission := socket.admission) is not None
        and not named.isdisjoint(_depends_on(admission))
    }


def _depends_on(admission: Admission) -> Iterator[UUID]:
    """The ids of everything whose revocation or deletion may end a live session."""
    yield from (admission.project, admission.session, admission.subscriber)
    yield from admission.addresses or ()
    yield from admission.address_owners
    if admission.inviter is not None:
        yield from (admission.inviter.session, admission.inviter.subscriber)
