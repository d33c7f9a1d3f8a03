"""The store's contract for registered devices."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from satmint.model.records import RegisteredDevice


class NotRegistered(StrEnum):
    """Why a device was not registered; nothing was written."""

    TOO_MANY = "too_many_devices"
    """The session has as many devices as it may."""
    UNKNOWN_SESSION = "unknown_session"


class RegisteredDeviceStore(Protocol):
    """The devices that the holders of SATs register.

    They are deleted with their session: in the step of `Store.purge` that deletes it.
    """

    async def add(self, device: RegisteredDevice, limit: int) -> RegisteredDevice | NotRegistered:
        """Register a device of a session, at most `limit` for each session.

        If several callers reach the limit at once, none exceeds it.

        Returns:
            The stored device: the given one, or that of the same session, type and token, if it was
            registered before.
        """
        ...

    async def of_sessions(
        self, project: UUID, sessions: Collection[UUID]
    ) -> Sequence[RegisteredDevice]:
        """The devices of some sessions, the oldest first."""
        ...

    async def delete(self, project: UUID, subscriber: UUID, device: UUID) -> bool:
        """Delete a device of any session of a subscriber. Returns whether it existed."""
        ...
