"""Presence: leases in the store, written in batches for the whole process, never per request."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar
from uuid import UUID

import structlog

from satmint.flows.live import LEASE_SECONDS, set_offline, set_online
from satmint.flows.service_context import ServiceContext
from satmint.gateway.client_socket import ClientSocket
from satmint.model.clock import StepDetector
from satmint.model.refusals import StoreUnavailable

T = TypeVar("T")

FLUSH_INTERVAL_SECONDS: Final = 0.5
_RENEW_INTERVAL_SECONDS: Final = LEASE_SECONDS / 3
_BATCH_SIZE: Final = 500
_MAX_DEPARTURES: Final = 100_000
"""Departures kept while the store is unavailable; beyond that, leases expire by themselves."""


class PresenceTracker:
    """Maintains the leases of this process's online connections."""

    def __init__(self, services: ServiceContext, monotonic: Callable[[], float]) -> None:
        self._services = services
        self._monotonic = monotonic
        self._online: set[ClientSocket] = set()
        self._unrecorded: set[ClientSocket] = set()
        self._departed: dict[tuple[UUID, UUID], None] = {}
        """Project and connection of those that went offline, each once, in order."""
        self._renew_at = 0.0
        self._steps = StepDetector(services.clock)
        self._flush_lock = asyncio.Lock()

    def go_online(self, socket: ClientSocket) -> None:
        """Mark a connection online, or record its newer session."""
        if socket.online_since is None:
            socket.online_since = self._services.clock.now()
        self._online.add(socket)
        self._unrecorded.add(socket)

    def go_offline(self, socket: ClientSocket) -> None:
        """Mark a connection offline."""
        admission = socket.connection.admission
        socket.online_since = None
        self._online.discard(socket)
        self._unrecorded.discard(socket)
        if admission is not None and len(self._departed) < _MAX_DEPARTURES:
            self._departed[admission.project, socket.id] = None

    async def flush(self) -> None:
        """Write changes to the store, and renew leases that are due."""
        async with self._flush_lock:
            await self._flush()

    async def _flush(self) -> None:
        if self._steps.has_stepped():
            # Leases end at times of the clock.
            self._renew_at = self._monotonic()
        if not self._online:
            self._renew_at = 0.0
        elif not self._renew_at:
            self._renew_at = self._monotonic() + _RENEW_INTERVAL_SECONDS
        elif self._monotonic() >= self._renew_at:
            self._renew_at = self._monotonic() + _RENEW_INTERVAL_SECONDS
            self._unrecorded |= self._online
        try:
            await self._record_departures()
            await self._record_arrivals()
        except StoreUnavailable as unavailable:
            # What was not written is retried with the next flush.
            structlog.get_logger("satmint.gateway").debug(
                "presence_not_stored", cause=unavailable.cause
            )

    async def _record_departures(self) -> None:
        by_project: defaultdict[UUID, list[UUID]] = defaultdict(list)
        for project, connection in self._departed:
            by_project[project].append(connection)
        for project, connections in by_project.items():
            for batch in _batches(connections):
                await set_offline(self._services.store, project, batch)
                for connection in batch:
                    self._departed.pop((project, connection), None)

    async def _record_arrivals(self) -> None:
        for batch in _batches(list(self._unrecorded)):
            leases = [
                (socket.id, admission, socket.online_since)
                for socket in batch
                if (admission := socket.admission) is not None and socket.online_since is not None
            ]
            self._unrecorded.difference_update(batch)
            if leases:
                try:
                    await set_online(self._services, leases)
                except BaseException:
                    self._unrecorded |= self._online.intersection(batch)
                    raise


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _BATCH_SIZE):
        yield items[start : start + _BATCH_SIZE]
